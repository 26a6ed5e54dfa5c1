"""Functions on NumPy arrays before a network sees them."""
