"""Functions on NumPy arrays before they are input to a network."""
