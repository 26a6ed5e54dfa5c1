"""New models of a task."""

import inspect

from keras_cnn_zoo.models import backbones
from keras_cnn_zoo.utils.errors import InputError


def new_model(task, source, name, overrides, backbone, weights):
    """Returns a new model of a task with the classes of `source`.

    Args:
        task: a `Task`.
        source: the data.
        name: a name in `task.models`.
        overrides: dict of constructor arguments that replace those of the task.
        backbone: spec of the backbone, or None.
        weights: path of a file that replaces the download of `backbone`, or None.

    Raises:
        InputError: for an unknown model or argument, or a value that the model rejects.
    """
    if name not in task.models:
        known = ", ".join(sorted(task.models))
        raise InputError(f"`model`: unknown {task.name} model {name!r}. Known: {known}")
    arguments = {**task.model_arguments(source), **overrides}
    # Keras' base classes ignore unknown arguments without an error.
    known = set(inspect.signature(task.models[name].__init__).parameters) - {"self", "kwargs"}
    asked = {*arguments, *(() if backbone is None else ("backbone",))}
    if asked - known:
        unknown = ", ".join(sorted(asked - known))
        raise InputError(f"`model` {name} takes {', '.join(sorted(known))}. Received: {unknown}")
    try:
        arguments |= task.further_arguments(name, source, arguments)
        if backbone is not None:
            shape = backbones.check_input_shape(arguments["input_shape"])
            found = backbones.resolve(backbone, shape, weights)
            arguments["backbone"] = found
            if not isinstance(found, str):
                # Weights that were learned on colors need them: images are converted.
                arguments["input_shape"] = (*shape[:2], found.input_shape[-1])
        return task.models[name](**arguments)
    except InputError:
        raise
    except (TypeError, ValueError) as error:
        raise InputError(f"`model` {name}: {error}") from error
