"""Checks of classes that are defined in a script, which no other process can import."""

import pytest

from tests.helpers import run_python

SCRIPT = """
import keras
from keras_cnn_zoo.testing import check_layer


@keras.saving.register_keras_serializable(package="script")
def double(x):
    return 2 * x


{decorator}
class Scale(keras.layers.Layer):
    def __init__(self, factor=1.0, *, function=None, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(factor, float) or not abs(factor) < 1e9:
            raise ValueError(f"`factor` must be a float. Received: factor={{factor!r}}")
        if keras.saving.get_registered_object(str(function)) is None:
            raise ValueError(f"`function` must be a registered name. Received: function={{function!r}}")
        self.factor = factor
        self.function = function

    def build(self, input_shape):
        if len(input_shape) != 2:
            raise ValueError("The input must have rank 2.")
        self.weight = self.add_weight(name="weight", shape=(input_shape[-1],))

    def call(self, inputs):
        return keras.saving.get_registered_object(self.function)(self.factor * inputs * self.weight)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {{**super().get_config(), "factor": self.factor, "function": self.function}}


if __name__ == "__main__":
    reference = lambda inputs, weights, factor, function: 2 * factor * inputs * weights["weight"]
    # The worker knows the name of the function only because the registration is sent along.
    arguments = {{"factor": 0.7, "function": "script>double"}}
    for outcome in check_layer(Scale, arguments, (3, 4), reference=reference):
        print(outcome.guarantee, getattr(outcome, "backend", "here"), outcome.status, outcome.detail)
"""


def run(tmp_path, decorator):
    path = tmp_path / "script.py"
    path.write_text(SCRIPT.format(decorator=decorator), encoding="utf-8")
    return run_python(path)


@pytest.mark.slow
def test_a_registered_class_of_a_script_meets_the_guarantees_on_every_backend(tmp_path):
    done = run(tmp_path, '@keras.saving.register_keras_serializable(package="script")')
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert {status for _, _, status, *_ in lines} <= {"pass", "exempt"}, done.stdout
    passed = {(guarantee, place) for guarantee, place, status, *_ in lines if status == "pass"}
    assert {("C2", "here"), ("C13", "here"), ("C8", "jax"), ("C9", "jax"), ("C8", "torch")} <= passed


@pytest.mark.slow
def test_a_class_that_is_not_registered_is_refused_in_one_line(tmp_path):
    done = run(tmp_path, "")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "keras_cnn_zoo.testing.guarantees.ContractError: C2 save and load: Scale: Keras cannot find the "
        "class 'Scale' of a saved file. What to do: register it with "
        "@keras.saving.register_keras_serializable(package=...)"
    )
