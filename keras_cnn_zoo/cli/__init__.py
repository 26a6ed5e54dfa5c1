"""The `keras-cnn-zoo` command. Loading this loads nothing that a plain install does not have."""
