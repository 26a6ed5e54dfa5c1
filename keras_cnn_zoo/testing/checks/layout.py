"""C5: a channels_first component equals the transposed channels_last one."""

import keras
import numpy as np

from keras_cnn_zoo.testing import probe
from keras_cnn_zoo.testing.guarantees import NotApplicable

ADVICE = "let every axis of the computation follow `data_format` (or `axis`)"


def check_layer(case):
    """Checks C5 for layers with a `data_format` or an integer `axis`; the others have no such choice."""
    component = case.ready()
    inputs = case.make_inputs()
    arguments = case.own_arguments()
    rank = max(array.ndim for array in keras.tree.flatten(inputs))
    if rank < 3:
        raise NotApplicable("inputs of rank 2 have one layout")
    if "data_format" in arguments:
        last, first = {"data_format": "channels_last"}, {"data_format": "channels_first"}
        given_first = component.data_format == "channels_first"
    elif isinstance(getattr(component, "axis", None), int):
        last, first = {"axis": -1}, {"axis": 1}
        given_first = component.axis % rank == 1
        if component.axis % rank not in (1, rank - 1):
            raise NotApplicable("the axis of this case is not that of the channels")
    else:
        raise NotApplicable("no `data_format` and no `axis`")

    def moved(array, source, target):
        return np.moveaxis(array, source, target) if array.ndim == rank else array

    if given_first:
        inputs = keras.tree.map_structure(lambda array: moved(array, 1, -1), inputs)
    transposed = keras.tree.map_structure(lambda array: moved(array, -1, 1), inputs)

    weights = component.get_weights()
    expected, _ = _run(case, weights, inputs, last)
    actual, in_training = _run(case, weights, transposed, first)
    # An output of fewer axes than the map, such as boxes, has no channels to move.
    expected = [np.moveaxis(array, -1, 1) if array.ndim >= rank else array for array in expected]
    probe.require_equal(actual, expected, "channels_first differs", ADVICE, tolerance=1e-5)
    shapes = [np.zeros(array.shape) for array in expected]
    probe.require_equal([np.zeros(array.shape) for array in in_training], shapes, "in training mode", ADVICE)


def _run(case, weights, inputs, layout):
    """Returns flat outputs in inference and in training, of a component with those weights."""
    component = case.make(**layout)
    case.call(component, inputs)
    component.set_weights(weights)
    if case.prepare is not None:
        case.prepare(component)
    modes = (probe.forward(case, component, inputs, training=training) for training in (False, True))
    return tuple(keras.tree.flatten(probe.as_numpy(outputs)) for outputs in modes)
