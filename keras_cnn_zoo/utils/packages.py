"""Which packages are installed."""

import importlib.util


def is_installed(name):
    """Returns whether the top-level package `name` can be found; it is not imported."""
    try:
        return importlib.util.find_spec(name) is not None
    # An import hook may refuse a package instead of not finding it.
    except ModuleNotFoundError:
        return False
