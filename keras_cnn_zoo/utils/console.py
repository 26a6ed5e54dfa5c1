"""Output for the person at the terminal."""

import sys


def say(line):
    """Prints a line to standard error, because standard output is for results."""
    print(line, file=sys.stderr, flush=True)
