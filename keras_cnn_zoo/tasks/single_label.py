"""The base class of tasks that give each input one class."""

import keras
import numpy as np

from keras_cnn_zoo.drawing import sheets
from keras_cnn_zoo.tasks.balance import class_weights
from keras_cnn_zoo.tasks.base import Task
from keras_cnn_zoo.tasks.tally import LabelTally
from keras_cnn_zoo.visualization import grad_cam


class SingleLabel(Task):
    """Base class of tasks with one class per input; metric `accuracy`, the fraction of right answers.

    An answer is a dict with `class_id`, `class_name`, `probability`, and `top`.
    """

    metric = "accuracy"
    # Constructors set another exponent of the weights of rare classes.
    class_balance = 0.0

    def batches(self, model, source, split, *, batch_size=None, seed=0, training=False):
        if training:
            # Raises an error before the first step if the weights are not finite.
            self.class_weights(source)
        return super().batches(model, source, split, batch_size=batch_size, seed=seed, training=training)

    def class_weights(self, source):
        """Returns the weight of each class in the loss, float32, or None if all are the same."""
        if not self.class_balance:
            return None
        return source.once(
            ("class weights", self.class_balance),
            lambda: class_weights(
                np.bincount(labels_of(source.split("train")), minlength=len(source.class_names)),
                self.class_balance,
                source.name,
            ),
        )

    def weighted(self, source, inputs, labels):
        """Returns a training batch: (inputs, labels), and the weights of the examples if classes have some.

        Args:
            source: the data.
            inputs: the inputs.
            labels: class ids (batch,), or probabilities (batch, classes).
        """
        weights = self.class_weights(source)
        if weights is None:
            return inputs, labels
        return inputs, labels, weights[labels] if labels.ndim == 1 else labels @ weights

    def loss(self):
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def measure(self, source, pairs):
        right = [answer["class_id"] == int(example["label"]) for example, answer in pairs]
        # In float32 like Keras' metric: resumed searches compare with the scores of earlier versions.
        return {"accuracy": float(np.mean(right, dtype="float32"))}

    def tally(self, source):
        return LabelTally(source.class_names)

    def baseline(self, source, split="test"):
        """Returns the accuracy of the class that is most frequent in training."""
        train = source.splits["train"] if len(source.splits["train"]) else source.split(split)
        answer = np.bincount(labels_of(train), minlength=len(source.class_names)).argmax()
        return {"accuracy": float(np.mean(labels_of(source.split(split)) == answer))}


def explained(model, items, answers, size):
    """Returns answers with a heat map of what speaks for their class, `heat`.

    Args:
        model: a classifier.
        items: list of inputs.
        answers: their answers.
        size: inputs per step.
    """
    found = []
    for start in range(0, len(items), size):
        part = answers[start : start + size]
        inputs = model.preprocess(items[start : start + size])
        heats = grad_cam(model, inputs, class_ids=[answer["class_id"] for answer in part])
        found += [{**answer, "heat": heat} for answer, heat in zip(part, heats, strict=True)]
    return found


def described(answer, picture, *, upward=False):
    """Returns an answer as JSON values and as pictures, with one of its heat map if it has one.

    Args:
        answer: an answer of `SingleLabel`.
        picture: image of the input.
        upward: whether `picture` is a spectrogram, whose time is to the right and whose treble is on top.
    """
    answer = dict(answer)
    heat = answer.pop("heat", None)
    files = {".png": sheets.captioned(picture, caption(answer))}
    if heat is not None:
        heat = heat.T[::-1] if upward else heat
        files[".explain.png"] = sheets.captioned(sheets.heated(picture, heat), caption(answer))
    return answer, files


def labels_of(examples):
    """Returns the integer labels of a split, or of a list of examples."""
    known = getattr(examples, "labels", None)
    if known is not None:
        return known
    return np.array([int(example["label"]) for example in examples], dtype="int32")


def caption(answer):
    """Returns the line under a picture: the class and its probability."""
    return f"{answer['class_name']}  {answer['probability']:.0%}"


def verdict(answer, truth):
    """Returns (line with the answer and the true class, whether they agree)."""
    line = f"{answer['class_name']} ({answer['probability']:.0%}), true: {truth}"
    return line, answer["class_name"] == truth
