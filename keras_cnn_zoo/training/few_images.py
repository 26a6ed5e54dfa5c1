"""The recipe for few training images on pretrained weights."""

from keras_cnn_zoo.models import backbones
from keras_cnn_zoo.utils.console import say

# With more training images, the usual recipe of a task is used.
FEW = 200


def configured(task, options, source):
    """Returns `task` with its recipe for few images, where it has one that applies.

    It applies to at most `FEW` training images and to weights of a preset or of another collection. Fields of
    the recipe that were given stay. A whole preset keeps its `fine_tune_learning_rate`. With new weights, the
    task's `pretrained_backbone` is suggested.

    Args:
        task: a `Task` as the options ask for it.
        options: its `FitOptions`.
        source: the data.
    """
    few = len(source.split("train")) <= FEW
    pretrained = options.preset is not None or backbones.is_pretrained(options.new_backbone)
    if few and not pretrained and options.data is not None and task.pretrained_backbone is not None:
        say(f"few images: `backbone` {task.pretrained_backbone} brings weights that were trained on many")
    given = options.given_recipe() | (set() if options.preset is None else {"learning_rate"})
    changes = {name: value for name, value in task.few_images.items() if name not in given}
    if not (changes and pretrained and few):
        return task
    words = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in sorted(changes.items()))
    say(f"few images and pretrained weights: {words}")
    return task.configured(recipe=changes)
