"""lsuv on every layer and model with a case: unit variances, or a report and no change."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.initializers import lsuv
from keras_cnn_zoo.utils.layer_tree import nested_layers
from tests.contract.collection import collect

pytestmark = pytest.mark.slow

TOLERANCE = 0.1
# A kernel may grow by more than this only if its variance was as small.
SANE_GROWTH = 1e3
# One case per component, which is cheaper.
ITEMS = [item for item in collect() if item.first and item.case.kind in ("layer", "model")]


class Headed(keras.Model):
    """The layer of a case, and a dense layer on its floating-point outputs."""

    def __init__(self, case):
        super().__init__()
        self.case_call, self.part, self.head = case.call, case.make(), keras.layers.Dense(3)
        if case.prepare is not None:
            case.call(self.part, case.make_inputs())

    def call(self, inputs):
        outputs = [
            keras.ops.cast(output, "float32")
            for output in keras.tree.flatten(self.case_call(self.part, inputs))
            if keras.backend.is_float_dtype(keras.backend.standardize_dtype(output.dtype))
        ]
        return self.head(keras.ops.concatenate([rows(output) for output in outputs], axis=-1))


def rows(output):
    return keras.ops.reshape(output, (output.shape[0], -1) if len(output.shape) else (1, 1))


def kernels_of(model):
    """Returns the trainable weights of at least two axes, except those that only scale a kernel."""
    declaring = [layer for layer in nested_layers(model) if hasattr(layer, "lsuv_kernels")]
    scales = {id(entry.get("scale")) for layer in declaring for entry in layer.lsuv_kernels()}
    return [
        weight
        for weight in model.weights
        if len(weight.shape) > 1
        and weight.trainable
        and id(weight) not in scales
        and "bias" not in weight.name
    ]


def copies(model):
    return {
        id(weight): np.array(keras.ops.convert_to_numpy(keras.ops.cast(weight, "float32")))
        for weight in model.weights
    }


def check_lsuv(model, inputs):
    """Checks what `lsuv` promises for any model; returns its result."""
    before = copies(model)
    variances = lsuv(model, inputs, tolerance=TOLERANCE)
    after = copies(model)
    for key, variance in variances.items():
        assert np.isfinite(variance)
        if "#" not in key:
            assert abs(variance - 1) <= TOLERANCE or key in variances.unreached, (key, variance)
    # Every kernel is listed.
    for weight in kernels_of(model):
        is_skipped = weight.path in plain(variances.skipped)
        is_scaled = bool({weight.path, weight.path.rsplit("/", 1)[0]} & plain(variances))
        assert is_skipped or is_scaled, weight.path
        if is_skipped and not is_scaled:
            np.testing.assert_array_equal(before[id(weight)], after[id(weight)], err_msg=weight.path)
    for weight in model.weights:
        old, new = before[id(weight)], after[id(weight)]
        assert np.isfinite(new).all(), weight.path
        if not old.any():
            assert not new.any() or len(new.shape) < 2, f"{weight.path} started at zero"
        elif len(old.shape) > 1:
            assert np.abs(new).max() <= SANE_GROWTH * np.abs(old).max(), weight.path
    return variances


def check_second_call(model, inputs, variances):
    before = copies(model)
    again = lsuv(model, inputs, tolerance=TOLERANCE)
    after = copies(model)
    assert again.skipped.keys() == variances.skipped.keys()
    assert list(again) == list(variances)
    if not variances.unreached:
        for weight in model.weights:
            np.testing.assert_array_equal(before[id(weight)], after[id(weight)], err_msg=weight.path)


def plain(keys):
    return {key.split("#")[0] for key in keys}


def train_one_step(model, inputs, targets):
    loss = None
    if targets is None:
        outputs = model(inputs, training=False)
        targets = keras.tree.map_structure(lambda output: np.zeros(output.shape, "float32"), outputs)
        loss = "mean_squared_error"
    model.compile(keras.optimizers.SGD(1e-4), loss=loss, run_eagerly=True, jit_compile=False)
    model.train_on_batch(inputs, targets)
    for weight in model.weights:
        assert np.isfinite(keras.ops.convert_to_numpy(keras.ops.cast(weight, "float32"))).all(), weight.path


@pytest.mark.filterwarnings("ignore:Gradients do not exist")  # VLAD with one cluster
@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.case.id)
def test_every_component_has_unit_variances_or_is_reported(item):
    case = item.case
    inputs = case.make_inputs()
    model = case.make() if case.kind == "model" else Headed(case)
    keras.utils.set_random_seed(1)
    model(inputs, training=False)
    if case.kind == "layer" and not [weight for weight in model.part.weights if len(weight.shape) > 1]:
        variances = lsuv(model, inputs)
        assert list(variances) == [model.head.path] and not variances.skipped
        return
    variances = check_lsuv(model, inputs)
    if item.first:
        check_second_call(model, inputs, variances)
        train_one_step(model, inputs, getattr(case, "targets", None))
