"""Bad input as one line and exit code 2."""

import functools
import inspect
import re
import sys

from keras_cnn_zoo.utils.errors import InputError

# Arguments whose option has another name.
_FLAGS = {"model_options": "--set", "path": "--out"}
_QUOTED = re.compile(r"`(?:(task|recipe)\.)?(\w+)`")


def one_line_errors(function):
    """Returns a command that ends with one line and exit code 2 for bad input; bugs keep their traceback."""
    names = set(inspect.signature(function).parameters)

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except (InputError, OSError) as error:
            print("error: " + with_options(" ".join(str(error).split()), names), file=sys.stderr)
            sys.exit(2)

    return wrapper


def printable(path):
    """Returns a path for standard output, with escapes for what its encoding does not have."""
    encoding = sys.stdout.encoding or "utf-8"
    return str(path).encode(encoding, "backslashreplace").decode(encoding)


def with_options(message, names):
    """Returns a message of the library with options in place of the arguments in `names`.

    The library says "`batch_size` must be at least 1"; a command says "--batch-size must be at least 1".
    """

    def option(match):
        prefix, name = match.groups()
        if prefix:
            return f"--set {prefix}.{name}"
        return _FLAGS.get(name, f"--{name.replace('_', '-')}") if name in names else match.group(0)

    return _QUOTED.sub(option, message)
