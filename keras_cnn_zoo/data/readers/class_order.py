"""The order of the classes of folders, labels, or files, for all readers of labeled examples."""

from keras_cnn_zoo.data.files.text import CLASSES_FILE, find_class_names
from keras_cnn_zoo.utils.errors import InputError


def class_order(path, found, options, *, noun, place, order):
    """Returns the class names, a dict from a class in the data to its number, and lines to report.

    The user's names, or those of `classes.txt`, set the order of the classes in the data. If none of them is
    in the data and their number is the same, they rename the classes in order. A model's names only order.

    Args:
        path: The data folder.
        found: List of the classes in the data, in order.
        options: The `ReadOptions`.
        noun: Word for examples in messages, such as "images".
        place: Word for the source of a class in the data, such as "folder".
        order: Words for the order of `found`, such as "sorted order of the folders".

    Raises:
        InputError: The names do not fit the data, or there is only one class.
    """
    given = find_class_names(path, options)
    names = tuple(found) if given is None else tuple(given)
    where = options.named_by(CLASSES_FILE)
    ordered, notes = names, ()
    if set(found) <= set(names):
        absent = [name for name in names if name not in found]
        if absent:
            notes = (f"no {noun} of {', '.join(absent)}",)
    elif len(found) == len(names) and not set(found) & set(names) and not options.names_of_model:
        ordered = found
        renamed = ", ".join(f"{old} = {new}" for old, new in zip(found, names, strict=True))
        notes = (f"classes named by {where} in {order}: {renamed}",)
    else:
        unnamed = next(name for name in found if name not in names)
        raise InputError(f"{where} must name the {place} {unnamed!r} of {path}. Received: {', '.join(names)}")
    if found and len(names) < 2:
        raise InputError(f"{path} must have two classes or more. Received: only {names[0]!r}")
    return names, {name: number for number, name in enumerate(ordered)}, notes
