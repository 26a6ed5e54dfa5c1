"""Lists of the layers inside a layer or model."""

import keras


def nested_layers(root):
    """Returns every layer that is reachable from `root` by attributes, lists, and dicts, `root` included."""
    found, waiting, seen = [], [root], set()
    while waiting:
        item = waiting.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, keras.layers.Layer):
            found.append(item)
            waiting.extend(vars(item).values())
        else:
            waiting.extend(_contents(item))
    return found


def layers_by_path(root):
    """Returns `{path: layer}` of the layers inside `root`, outer ones first.

    It searches attributes, lists, tuples, and dicts. A path consists of layer names, such as
    "squeeze/reduce".
    """
    found, seen = {}, {id(root)}

    def visit(item, path):
        if not isinstance(item, keras.layers.Layer):
            for content in _contents(item):
                visit(content, path)
        elif id(item) not in seen:
            seen.add(id(item))
            found[path + item.name] = item
            visit(vars(item), f"{path}{item.name}/")

    visit(vars(root), "")
    return found


def _contents(item):
    if isinstance(item, dict):
        return list(item.values())
    return item if isinstance(item, (list, tuple, set)) else ()
