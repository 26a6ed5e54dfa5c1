"""C2: a component rebuilt from its config, or loaded from a `.keras` file, gives the same numbers."""

import contextlib
import os
import re
import tempfile

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.testing import functional, probe
from keras_cnn_zoo.testing.guarantees import Broken

REBUILD = "make `from_config` accept what `get_config` returns, and create every weight in `build`"
REGISTER = "register it with @keras.saving.register_keras_serializable(package=...)"
CREATE = "create every weight in `build`, and save whatever else the numbers depend on in the config"


def check_layer_config(case):
    """Checks the eager part of C2: `from_config` with the weights copied."""
    component = case.ready()
    inputs = case.make_inputs()
    expected = _inference(case, component, inputs)
    twin = type(component).from_config(component.get_config())
    case.call(twin, inputs)
    twin.set_weights(component.get_weights())
    _same(_inference(case, twin, inputs), expected, "from_config and set_weights", REBUILD)
    return component, inputs, expected


def check_layer(case):
    """Checks C2 for layers: also a functional model saved to a `.keras` file and loaded."""
    component, inputs, expected = check_layer_config(case)
    model, arrays = functional.as_model(case, component, inputs, unknown_batch=True)
    actual = probe.as_numpy(_saved_and_loaded(model)(arrays, training=False))
    _same(actual, expected, "saved to .keras and loaded", CREATE)


def check_model(case):
    """Checks C2 for models: as for layers."""
    component, inputs, expected = check_layer_config(case)
    loaded = _saved_and_loaded(component)
    _same(_inference(case, loaded, inputs), expected, "saved to .keras and loaded", CREATE)


def check_loss(case):
    """Checks C2 for losses."""
    _check_pure(case, lambda component: component(case.y_true, case.y_pred))


def check_regularizer(case):
    """Checks C2 for regularizers."""
    _check_pure(case, lambda component: component(ops.convert_to_tensor(case.weight)))


def check_initializer(case):
    """Checks C2 for initializers; one without a seed draws under the same global seed."""

    def draw(component):
        keras.utils.set_random_seed(0)
        return component(case.shape, dtype="float32")

    def seeded(make):
        keras.utils.set_random_seed(0)
        return make()

    component = seeded(case.make)
    expected = np.array(draw(component))
    twin = seeded(lambda: type(component).from_config(component.get_config()))
    _same(np.array(draw(twin)), expected, "from_config", REBUILD)
    loaded = seeded(lambda: _serialized_and_back(component))
    _same(np.array(draw(loaded)), expected, "serialized and deserialized", REBUILD)


def check_metric(case):
    """Checks C2 for metrics: the state moves with the variables."""
    component = case.make()
    for update in case.updates:
        component.update_state(*update)
    expected = _result(component)
    for twin, what in (
        (type(component).from_config(component.get_config()), "from_config"),
        (_serialized_and_back(component), "serialized and deserialized"),
    ):
        for variable, source in zip(twin.variables, component.variables, strict=True):
            variable.assign(source)
        _same(_result(twin), expected, f"{what}, with the state copied", REBUILD)


def _check_pure(case, call):
    component = case.make()
    expected = probe.as_numpy(call(component))
    twin = type(component).from_config(component.get_config())
    _same(probe.as_numpy(call(twin)), expected, "from_config", REBUILD)
    loaded = _serialized_and_back(component)
    _same(probe.as_numpy(call(loaded)), expected, "serialized and deserialized", REBUILD)


def _inference(case, component, inputs):
    return probe.as_numpy(probe.forward(case, component, inputs, training=False))


def _result(metric):
    return keras.tree.map_structure(np.asarray, probe.as_numpy(metric.result()))


def _same(actual, expected, what, advice):
    probe.require_equal(actual, expected, f"other numbers after {what}", advice)


def _serialized_and_back(component):
    with _missing_registration_in_one_line():
        return keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(component))


def _saved_and_loaded(model):
    with tempfile.TemporaryDirectory() as folder, _missing_registration_in_one_line():
        path = os.path.join(folder, "model.keras")
        model.save(path)
        return keras.saving.load_model(path, compile=False)


@contextlib.contextmanager
def _missing_registration_in_one_line():
    """Replaces the paragraph, with a whole config, that Keras prints for a class that is not registered."""
    try:
        yield
    except (TypeError, ValueError) as error:
        missing = re.search(r"Could not locate (\w+ '[^']+')", str(error))
        if missing is None:
            raise
        raise Broken(f"Keras cannot find the {missing[1]} of a saved file", REGISTER) from None
