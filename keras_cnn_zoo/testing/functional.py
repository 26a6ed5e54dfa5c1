"""A layer as a functional model, and its inputs with some of their sizes unknown."""

import keras
import numpy as np

from keras_cnn_zoo.testing import probe


def channel_axis(component, rank):
    """Returns the axis of an input whose size a layer must know: its `axis`, or that of the channels."""
    axis = getattr(component, "axis", None)
    if isinstance(axis, int):
        return axis % rank
    return 1 if getattr(component, "data_format", None) == "channels_first" else rank - 1


def input_shapes(component, inputs, *, unknown_batch=False, unknown_space=False):
    """Returns the shapes of `inputs` in their structure, None where unknown.

    Unknown space leaves the batch and the channels known, and does not apply to inputs of rank 2 or less.
    """

    def one(array):
        shape = list(array.shape)
        if unknown_batch and shape:
            shape[0] = None
        if unknown_space and len(shape) > 2:
            kept = (0, channel_axis(component, len(shape)))
            shape = [size if axis in kept else None for axis, size in enumerate(shape)]
        return tuple(shape)

    return keras.tree.map_structure(one, inputs)


def has_space(component, inputs):
    """Returns whether some input has a size other than batch and channels."""
    static = input_shapes(component, inputs)
    return input_shapes(component, inputs, unknown_space=True) != static


def symbolic_inputs(component, inputs, **unknown):
    """Returns `keras.Input` tensors in the structure of `inputs`."""
    shapes = input_shapes(component, inputs, **unknown)
    flat = [
        keras.Input(batch_shape=shape, dtype=probe.dtype_of(array))
        for array, shape in zip(keras.tree.flatten(inputs), flat_shapes(inputs, shapes), strict=True)
    ]
    return keras.tree.pack_sequence_as(inputs, flat)


def flat_shapes(inputs, shapes):
    """Returns the shapes in the order of `keras.tree.flatten(inputs)`."""
    kept = []
    keras.tree.map_structure_up_to(inputs, lambda array, shape: kept.append(tuple(shape)), inputs, shapes)
    return kept


def as_model(case, component, inputs=None, **unknown):
    """Returns a functional model of one layer and the arrays to call it with, one for each of its inputs.

    Arrays among the call arguments become inputs of the model too, after the layer's own.
    """
    inputs = case.make_inputs() if inputs is None else inputs
    symbols = symbolic_inputs(component, inputs, **unknown)
    extra = {name: value for name, value in case.call_kwargs.items() if isinstance(value, np.ndarray)}
    extra_symbols = {name: symbolic_inputs(component, value, **unknown) for name, value in extra.items()}
    outputs = case.call(component, symbols, **extra_symbols)
    model_inputs = [*keras.tree.flatten(symbols), *extra_symbols.values()]
    arrays = [*keras.tree.flatten(inputs), *extra.values()]
    if len(arrays) == 1:
        return keras.Model(model_inputs[0], outputs), arrays[0]
    return keras.Model(model_inputs, outputs), arrays
