"""Formatting of values as command-line options, for model cards and messages."""


def option_words(options):
    """Returns {argument: value} as options and their values; None and False are left out."""
    words = []
    for name, value in options.items():
        if value is None or value is False:
            continue
        words.append(f"--{name.replace('_', '-')}")
        if value is not True:
            words.append(",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value))
    return words
