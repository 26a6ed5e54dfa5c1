"""The one exception that a program turns into a line and exit code 2."""


class InputError(ValueError):
    """Something that the user gave (a file, a name, an option) cannot be used.

    The message is one line that names the file or argument and what was received. Programs in
    `applications/` and `tuning/` print it without a traceback and exit with code 2.
    """
