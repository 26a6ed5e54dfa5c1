"""Utilities for all other packages: argument checks, errors, and gradients on each backend."""
