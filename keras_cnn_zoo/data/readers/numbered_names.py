"""Names of classes that are numbers in the data."""

from keras_cnn_zoo.utils.errors import InputError

# More names would fill the terminal.
_SHOWN = 10
_HINT = "To take the classes in the order of their numbers, name them with `class_names`"


def numbered_names(own, options, where):
    """Returns the names of classes that are numbers in the data: those given, or the data's own.

    The user's names rename the classes. Those of a model must be those of the data, because a number would
    otherwise be one class in the data and another in the model. Names that only count are not compared.

    Args:
        own: Tuple of the names that the data have, or None.
        options: The `ReadOptions`.
        where: What has the data's names, in messages.

    Raises:
        InputError: The data and the model have different names.
    """
    given = options.class_names
    if given is None or (options.names_of_model and own == given):
        return own
    if own is None or not options.names_of_model:
        return given
    if len(own) != len(given):
        raise InputError(
            f"{where} has {len(own)} classes ({_listed(own)}), the model has {len(given)} "
            f"({_listed(given)}). {_HINT}"
        )
    if not (_count(own) or _count(given)):
        number = next(i for i, name in enumerate(own) if name != given[i])
        raise InputError(
            f"class {number} is {own[number]!r} in {where}, but {given[number]!r} in the model. {_HINT}"
        )
    return given


def _count(names):
    """Returns whether names only count the classes."""
    return names == tuple(str(number) for number in range(len(names)))


def _listed(names):
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
