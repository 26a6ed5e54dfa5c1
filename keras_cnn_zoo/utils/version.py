"""The version, in the lowest package so every other package can import it."""

__version__ = "0.2.0"
