"""The order of classes, from folders, labels, or files: written once for the readers of labeled examples."""

from keras_cnn_zoo.data.files.text import CLASSES_FILE, find_class_names
from keras_cnn_zoo.utils.errors import InputError


def class_order(path, found, options, *, noun, place, order):
    """Returns the class names, a dict from what the data call a class to its number, and lines to report.

    Names that the user gives, or `classes.txt`, order the classes that the data name. If they share no name
    with the data and are as many, they rename the classes in their order.

    Args:
        path: The data folder.
        found: List of what the data call their classes, in order.
        options: The `ReadOptions`.
        noun: Plural of an example in messages, such as "pictures".
        place: Word for what names a class in the data, such as "folder".
        order: Words for the order of `found`, such as "sorted order of the folders".

    Raises:
        InputError: The names do not fit the data, or there is only one class.
    """
    given = find_class_names(path, options)
    names = tuple(found) if given is None else tuple(given)
    where = CLASSES_FILE if options.class_names is None else "--class-names"
    ordered, notes = names, ()
    if set(found) <= set(names):
        absent = [name for name in names if name not in found]
        if absent:
            notes = (f"no {noun} of {', '.join(absent)}",)
    elif len(found) == len(names) and not set(found) & set(names):
        ordered = found
        renamed = ", ".join(f"{old} = {new}" for old, new in zip(found, names, strict=True))
        notes = (f"classes named by {where} in {order}: {renamed}",)
    else:
        unnamed = next(name for name in found if name not in names)
        raise InputError(
            f"{where} does not name the {place} {unnamed!r} of {path}. It names: {', '.join(names)}"
        )
    if found and len(names) < 2:
        raise InputError(f"{path} has one class only, {names[0]!r}: a classifier needs two or more")
    return names, {name: number for number, name in enumerate(ordered)}, notes
