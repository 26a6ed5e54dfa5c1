"""Weights of other collections, read from files."""
