"""The layers inside a layer or model."""

import keras


def nested_layers(root):
    """Every layer that is reachable from `root` through attributes, lists and dicts, `root` included."""
    found, waiting, seen = [], [root], set()
    while waiting:
        item = waiting.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, keras.layers.Layer):
            found.append(item)
            waiting.extend(vars(item).values())
        elif isinstance(item, dict):
            waiting.extend(item.values())
        elif isinstance(item, (list, tuple, set)):
            waiting.extend(item)
    return found
