"""The version of the package, in `utils` so that every other subpackage can import it."""

__version__ = "0.2.0"
