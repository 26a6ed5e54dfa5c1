"""Check for installed packages."""

import importlib.util


def is_installed(name):
    """Returns whether the top-level package `name` is installed, without importing it."""
    try:
        return importlib.util.find_spec(name) is not None
    # An import hook may raise for a package instead of not finding it.
    except ModuleNotFoundError:
        return False
