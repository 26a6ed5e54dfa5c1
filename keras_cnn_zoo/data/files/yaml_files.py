"""Parses `data.yaml`, which describes YOLO data and may name the classes of other data."""

from keras_cnn_zoo.utils.errors import InputError

DATA_FILE = "data.yaml"
_NOTHING = ("", "~", "null", "none")


def parse(text, path):
    """Returns the mapping of a YAML document as a dict of texts, lists, and dicts.

    No scalar is converted: YAML would read a class `no` as False, and `1.10` as 1.1.

    Args:
        text: The document.
        path: Its file, for messages.

    Raises:
        InputError: It is not YAML, not a mapping, or names a key twice.
    """
    try:
        import yaml
    except ImportError as error:
        raise InputError(f"{path} needs the package pyyaml") from error

    class Loader(yaml.BaseLoader):
        """Makes only texts, lists, and dicts, as `yaml.safe_load` would, and refuses repeated keys."""

        def construct_mapping(self, node, deep=False):
            keys = [getattr(key, "value", None) for key, _ in node.value]
            doubled = [key for key in keys if isinstance(key, str) and keys.count(key) > 1]
            if doubled:
                raise InputError(f"{path} must have each key once. Received twice: {doubled[0]!r}")
            return super().construct_mapping(node, deep=deep)

    try:
        content = yaml.load(text, Loader=Loader)  # noqa: S506 (a base loader, which makes no objects)
    # A key that is a list cannot be hashed.
    except (yaml.YAMLError, RecursionError, TypeError, ValueError) as error:
        raise InputError(f"{path} is not YAML: {' '.join(str(error).split())[:200]}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} must have lines `key: value`. Received: {str(content)[:80]!r}")
    return content


def given(content, key):
    """Returns the value of a key, or None if it is missing, empty, or `null`."""
    value = content.get(key)
    return None if isinstance(value, str) and value.casefold() in _NOTHING else value or None


def class_names(content, path):
    """Returns the class names of a parsed document as a tuple, or None if it has none.

    Args:
        content: dict with `names`, a list or a dict from 0, 1, ... to names, and perhaps `nc`, their number.
        path: Its file, for messages.

    Raises:
        InputError: The names have another form, are not numbered from 0, or are not `nc` different ones.
    """
    names, count = given(content, "names"), given(content, "nc")
    if names is None:
        return None
    if isinstance(names, dict):
        numbers = {key: _number(key) for key in names}
        if sorted(numbers.values(), key=lambda number: (number is None, number)) != list(range(len(names))):
            raise InputError(
                f"{path}: names must number the classes 0 to {len(names) - 1}. "
                f"Received: {', '.join(map(str, names))[:80]}"
            )
        names = [names[key] for key in sorted(names, key=numbers.get)]
    if not isinstance(names, list) or not all(isinstance(name, str) and name.strip() for name in names):
        raise InputError(f"{path}: names must be a list or a dict of class names. Received: {names!r:.80}")
    names = tuple(name.strip() for name in names)
    doubled = [name for name in names if names.count(name) > 1]
    if doubled:
        raise InputError(f"{path} names a class twice. Received: {doubled[0]!r}")
    if count is not None and _number(count) != len(names):
        raise InputError(f"{path}: nc must be the number of names, {len(names)}. Received: {count!r:.80}")
    return names


def _number(text):
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() else None
