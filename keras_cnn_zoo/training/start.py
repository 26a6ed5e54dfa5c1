"""The model that a run starts with: a new one, or a preset for the classes of the data."""

from keras_cnn_zoo import presets
from keras_cnn_zoo.presets.sources import collection_of
from keras_cnn_zoo.training import freezing
from keras_cnn_zoo.utils.console import say
from keras_cnn_zoo.utils.errors import InputError


def starting_model(task, source, options):
    """Returns a model of `task` for `source` as the `FitOptions` ask for it.

    Raises:
        InputError: for an unknown model or argument, a preset of another task, another image size than
            that of the preset, or a part to freeze that the model does not have.
    """
    model = _model_of(task, source, options)
    freezing.apply(model, freezing.check(options.freeze))
    if task.recipe.frozen_statistics:
        freezing.freeze_statistics(model)
    return model


def _model_of(task, source, options):
    if options.preset is None:
        return task.build(source, model=options.model, **_model_arguments(options))
    given = {} if options.weights is None else {"weights": options.weights}
    if collection_of(options.preset) is None:
        card = presets.describe(options.preset, **given)
        found = card["class"]
        if card["config"].get("features_only"):
            raise InputError(f"`preset` {options.preset} has no head: it is the `backbone` of a model")
    else:
        # Other collections have no cards.
        found = type(presets.load(options.preset, **given)).__name__
    if found not in {cls.__name__ for cls in task.models.values()}:
        raise InputError(f"`preset` {options.preset} is a {found}, not a model of {task.name}")
    model = task.adapt(options.preset, source, **given)
    _check_size(task, model)
    channels = model.input_shape[-1] if source.channels is not None else None
    if channels != source.channels:
        say(f"images have {source.channels} channels, the preset takes {channels}: converted")
    return model


def _check_size(task, model):
    """Refuses an image size that the network of a preset does not take."""
    given = getattr(task, "image_size", None)
    takes = getattr(model, "search_shape", model.input_shape)
    takes = takes[:2] if hasattr(model, "search_shape") else takes[1:3]
    if given is not None and None not in takes and tuple(takes) != given:
        raise InputError(
            f"`image_size`: the preset takes {takes[0]}x{takes[1]}. Received: {given[0]}x{given[1]}"
        )


def _model_arguments(options):
    """Returns the arguments of a new model: `model_options`, and the options that are arguments too."""
    arguments = dict(options.model_options)
    for name in ("num_classes", "class_names"):
        # Evaluation finds the classes of the data again: others would be measured in a different order.
        if name in arguments:
            raise InputError(
                f"`model_options` {name}: the data have the classes, and `class_names` names them"
            )
    for name in ("source", "model"):
        if name in arguments:
            raise InputError(f"`model_options`: a model has no argument {name}")
    for name in ("variant", "width", "backbone", "weights"):
        value = getattr(options, name)
        if value is not None and name in arguments:
            raise InputError(f"`{name}` and `model_options` {name} exclude each other. Received: {value!r}")
        arguments.setdefault(name, value)
    return arguments
