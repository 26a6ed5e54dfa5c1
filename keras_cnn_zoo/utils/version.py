"""The version, in the lowest layer so that every part may read it."""

__version__ = "0.2.0"
