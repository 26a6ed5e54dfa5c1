"""The version, at the bottom of the house so that every part may read it."""

__version__ = "0.1.0"
