"""The model that a run starts with: a new one, or a preset for the classes of the data."""

from keras_cnn_zoo import presets
from keras_cnn_zoo.utils.console import say
from keras_cnn_zoo.utils.errors import InputError


def starting_model(task, source, options):
    """Returns a model of `task` for `source` as the `FitOptions` ask for it.

    Raises:
        InputError: for an unknown model or argument, or a preset of another task.
    """
    if options.preset is None:
        return task.build(
            source, model=options.model, image_size=options.image_size, **_model_arguments(options)
        )
    card = presets.describe(options.preset)
    if card["class"] not in {cls.__name__ for cls in task.models.values()}:
        raise InputError(f"--preset {options.preset} is a {card['class']}, not a model of {task.name}")
    model = task.adapt(options.preset, source)
    channels = model.input_shape[-1] if source.channels is not None else None
    if channels != source.channels:
        say(f"pictures have {source.channels} channels, the preset takes {channels}: converted")
    return model


def _model_arguments(options):
    """Arguments of a new model: what `--set` gives, and the options that are arguments too."""
    arguments = dict(options.model_options)
    for name in ("source", "model", "image_size"):
        if name in arguments:
            raise InputError(f"--set {name}: a model has no such argument")
    for name in ("variant", "width", "backbone"):
        value = getattr(options, name)
        if value is not None and name in arguments:
            raise InputError(f"--{name} and --set {name} exclude each other. Received: {value!r} and --set")
        arguments.setdefault(name, value)
    return arguments
