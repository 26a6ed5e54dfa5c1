"""Finds the packages of an extra that are missing."""

import re
from importlib import metadata

DISTRIBUTION = "keras-cnn-zoo"


def missing_packages(extra):
    """Returns the names of the extra's packages that are not installed, sorted.

    An import error would name whatever module came first, and could have another reason; what pip recorded
    tells which packages are there. Nothing is missing where the package itself was not installed by pip.
    """
    try:
        requirements = metadata.requires(DISTRIBUTION) or ()
    except metadata.PackageNotFoundError:
        return []
    names = [
        re.match(r"[\w.-]+", requirement)[0]
        for requirement in requirements
        if re.search(rf"""extra *== *['"]{extra}['"]""", requirement)
    ]
    return sorted(name for name in names if not _is_installed(name))


def _is_installed(name):
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True
