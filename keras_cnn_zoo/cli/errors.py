"""Bad input as one line and exit code 2."""

import functools
import sys

from keras_cnn_zoo.utils.errors import InputError


def one_line_errors(function):
    """Bad input and a full disk end with one line and exit code 2; bugs keep their traceback."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except (InputError, OSError) as error:
            print("error: " + " ".join(str(error).split()), file=sys.stderr)
            sys.exit(2)

    return wrapper
