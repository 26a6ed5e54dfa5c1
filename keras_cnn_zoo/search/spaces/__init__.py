"""One file per search: its hyperparameters and their values."""
