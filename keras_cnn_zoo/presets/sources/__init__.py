"""Readers of the weights of other collections."""
