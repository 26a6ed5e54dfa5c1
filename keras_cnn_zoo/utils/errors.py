"""The exception that a program reports as one line with exit code 2."""


class InputError(ValueError):
    """Error in the user's input (a file, a name, an option).

    The message is one line that names the file or argument and what was received. Programs in
    `applications/` and `tuning/` print it without a traceback and exit with code 2.
    """
