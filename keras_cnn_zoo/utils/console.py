"""Output for the person at the terminal."""

import contextlib
import io
import logging
import sys
import warnings


def say(line):
    """Prints a line to standard error, because standard output is for results."""
    print(line, file=sys.stderr, flush=True)


@contextlib.contextmanager
def quiet():
    """Silences converters of other packages, which print, log, and warn of what is theirs to fix."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
