"""Words for reports about examples, files, and classes that are not used."""

SHOWN = 3


def counted(number, noun):
    """Returns "1 file" or "3 files"."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def first_few(names, count=SHOWN):
    """Returns the first names, and the number of the others."""
    names = list(names)
    more = f", and {len(names) - count:,} more" if len(names) > count else ""
    return ", ".join(names[:count]) + more


def left_out(names, noun, reason):
    """Returns a tuple with one line to report that files were left out, or an empty one.

    Args:
        names: Their names. The line has the first ones.
        noun: Word for one of them, such as "image".
        reason: Words after the number, such as "without annotation".
    """
    names = list(names)
    return (f"left out {counted(len(names), noun)} {reason}: {first_few(names)}",) if names else ()
