"""The files of one export: where they go, and the two that describe the network."""

import json
import os
import tempfile

from keras_cnn_zoo.training.exports.formats import FORMATS
from keras_cnn_zoo.utils.errors import InputError

# Version of the layout of the JSON file.
FORMAT_VERSION = 1


class ExportFiles:
    """The paths of one export, which exist together or not at all.

    Args:
        path: file or folder that the user asked for. A file gets the suffix of its format unless it ends in
            it, in any case of letters.
        format: a `Format`.

    Raises:
        InputError: for an empty path, one with a suffix of another format, and one that exists.
    """

    def __init__(self, path, format):
        path = os.fspath(path)
        # With a separator at the end, what is written first would be in the folder itself.
        path = path.rstrip("/" + os.sep) or path
        if not path:
            raise InputError("`path` must not be empty")
        self.path = _with_suffix(path, format)
        self.folder = os.path.dirname(os.path.abspath(self.path))
        name = os.path.basename(os.path.abspath(self.path))
        self.stem = os.path.splitext(name)[0] if format.suffix else name
        self.described = () if format.self_contained else (f"{self.stem}.labels.txt", f"{self.stem}.json")
        # The network comes last: where it is, the others are.
        self.names = [*self.described, *(self.stem + suffix for suffix in format.more), name]
        self._check_free()

    def _check_free(self):
        *others, name = self.names
        if os.path.lexists(os.path.join(self.folder, name)):
            raise InputError(f"`path` {self.path} exists: choose another path")
        for other in others[::-1]:
            taken = os.path.join(self.folder, other)
            if os.path.lexists(taken):
                purpose = "to describe the network" if other in self.described else "for its weights"
                raise InputError(
                    f"`path` {self.path} needs the file {taken} {purpose}, and that file exists: "
                    "choose another name"
                )

    def write(self, write):
        """Calls `write` with a path in a new folder, and moves what it wrote there to its place.

        Nothing is left after an error, and no file is ever in its place before it is complete.
        """
        os.makedirs(self.folder, exist_ok=True)
        name = self.names[-1]
        # A new folder next to the file: nothing of others is there, and moving needs no copy.
        with tempfile.TemporaryDirectory(prefix=f"{name[:100]}.", dir=self.folder) as temporary:
            write(os.path.join(temporary, name))
            self._check_free()
            for written in self.names:
                if os.path.exists(os.path.join(temporary, written)):
                    os.rename(os.path.join(temporary, written), os.path.join(self.folder, written))


def describe(path, network, names, facts, **more):
    """Writes STEM.labels.txt and STEM.json next to a file or folder.

    Args:
        path: path of the network.
        network: the deployable network.
        names: names of the classes, or None for a network without classes.
        facts: what `Task.deployable_facts` returns.
        **more: further entries of the JSON file. `batch` is the only batch size, or None for any.
    """
    folder, name = os.path.split(path)
    stem = os.path.splitext(name)[0] if os.path.isfile(path) else name
    labels = None if names is None else f"{stem}.labels.txt"
    if labels is not None:
        with open(os.path.join(folder, labels), "w", encoding="utf-8", newline="\n") as file:
            # One line for each class, whatever its name contains.
            file.writelines(" ".join(one.splitlines()) + "\n" for one in names)
    content = described(network, facts, **more)
    content |= {"file": name, "labels": labels, "class_names": names}
    with open(os.path.join(folder, f"{stem}.json"), "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1, ensure_ascii=False)
        file.write("\n")


def class_names(model):
    """Returns the names of a model's classes as a list, their ids if they have no names, or None."""
    names = getattr(model, "class_names", None)
    if names is not None:
        return list(names)
    count = getattr(model, "num_classes", None)
    return None if count is None else [str(index) for index in range(count)]


def described(network, facts, *, batch=None, **more):
    """Returns the contents of STEM.json without the files and the classes, as a dict."""
    inputs = {tensor.name: tensor for tensor in network.inputs}
    outputs = outputs_of(network)
    known = {**facts.get("inputs", {}), **facts.get("outputs", {})}
    axes = {name: known.get(name, {}).get("axes") for name in (*inputs, *outputs)}
    described = {
        "format_version": FORMAT_VERSION,
        **more,
        "inputs": [_tensor(name, one, facts.get("inputs", {}), batch) for name, one in inputs.items()],
        "outputs": [_tensor(name, one, facts.get("outputs", {}), batch) for name, one in outputs.items()],
    }
    described["dynamic_axes"] = {
        one["name"]: {
            axes[one["name"]][place] if axes[one["name"]] else f"axis_{place}": place
            for place, edge in enumerate(one["shape"])
            if edge is None
        }
        for one in (*described["inputs"], *described["outputs"])
    }
    described["score_threshold"] = facts.get("score_threshold")
    return described


def outputs_of(network):
    """Returns a dict from name to symbolic output of a deployable network."""
    if isinstance(network.output, dict):
        return dict(network.output)
    return {network.layers[-1].name: network.output}


def _tensor(name, tensor, facts, batch):
    shape = [batch, *tensor.shape[1:]]
    return {"name": name, "dtype": tensor.dtype, "shape": shape, **facts.get(name, {})}


def _with_suffix(path, format):
    """Returns a path with the suffix of its format; refuses a suffix of another one."""
    suffix = os.path.splitext(path)[1].lower()
    if format.suffix and suffix == format.suffix:
        return path
    if suffix and any(suffix in (one.suffix, *one.more) for one in FORMATS.values()):
        rule = f"must end in {format.suffix}" if format.suffix else "must be the name of a folder"
        raise InputError(f"`path` {rule} for `format` {format.name}. Received: {path}")
    return path + format.suffix
