"""What each layer of a network sees of its input."""

import typing

import keras

from keras_cnn_zoo.utils import prototypes, validation
from keras_cnn_zoo.visualization import layer_steps, spans


class ReceptiveField(typing.NamedTuple):
    """Size, stride and offset of the receptive fields of one layer, each a tuple over the axes of space."""

    size: tuple
    stride: tuple
    offset: tuple


def receptive_field(model, *, known=None):
    """Size, stride and offset of what each layer's units see of the input.

    Along each axis the unit at position `i` of a layer's output sees `size` positions of the input, from
    `offset + i * stride` on: a convolution or pooling makes it `size + (kernel_size - 1) * dilation_rate *
    stride`, and the stride `stride * strides`. Tells whether a network can see an object whole, and where a
    unit looks. Padding counts as input, so `offset` may be negative and `size` exceed the picture. Where
    branches merge, the field is that which holds all of theirs.

    Followed are convolutions (dilated, separable, transposed), poolings, padding, cropping, upsampling,
    whatever works on each position alone, wrappers, nested models, and layers whose `call` is made of these.
    A layer of your own can say what it sees by a class attribute `receptive_steps`: `"pointwise"`,
    `"window"` (that of its `kernel_size` or `pool_size`, `strides`, `padding`, and `dilation_rate` if it has
    one), `"everything"`, or `"wrapped"` (as its `layer`). A subclass with another `call` says it again.
    After upsampling, units see inputs of different sizes: `size` is the largest, `stride` a
    `fractions.Fraction` where it is below 1, and `offset` that of the first unit. A layer that mixes all
    positions (global pooling, `Flatten`, ...), and all that follow it, have the size of the input, stride 0
    and offset 0. `offset` is None where it hangs on an unknown size, with strided `"same"` padding.

    Reference: Luo, Li, Urtasun, Zemel, 2016, "Understanding the Effective Receptive Field in Deep
    Convolutional Neural Networks", arXiv 1701.04128, for the size that is computed here, and how much less of
    it counts in practice; Yu, Koltun, 2016, arXiv 1511.07122, whose stack of 3 x 3 kernels with dilation 1,
    2, 4, ..., `2 ** i` sees `(2 ** (i + 2) - 1) ** 2` pixels.

    Args:
        model: A functional or sequential `keras.Model` with one input of rank 3 to 5; a sequential one must
            be built.
        known: Dict from the name of a layer that cannot be followed to the `(size, stride, offset)` of what
            each position of its output sees of its own input, integers for all axes alike. Defaults to none.

    Returns:
        A dict from the name of each layer, in order, to a named tuple `(size, stride, offset)` of tuples with
        one number for each axis of space. Layers of a nested model are named `"outer/inner"`.

    Raises:
        ValueError: for another kind of model; for a layer whose receptive field is not known or not fixed,
            such as `DeformableConv2D` or attention, and for branches of different strides that merge.

    >>> model = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Conv2D(8, 3, name="first"),
    ...                           keras.layers.MaxPooling2D(2), keras.layers.Conv2D(8, 3, name="second")])
    >>> receptive_field(model)["second"]
    ReceptiveField(size=(8, 8), stride=(2, 2), offset=(0, 0))
    """
    validation.instance("model", model, keras.Model, "a keras.Model")
    if not _is_graph(model) or len(model.inputs) != 1 or not 3 <= len(model.inputs[0].shape) <= 5:
        validation.fail(
            "model", "a functional or built sequential keras.Model with one input of rank 3 to 5", model
        )
    shape = tuple(model.inputs[0].shape)
    walk = _Walk(_data_format(model), _known_steps(known))
    axes = walk.space(shape)
    lengths = tuple(shape[axis] for axis in axes)
    walk.through(model, [(spans.HERE,) * len(axes)], [shape], "")
    whole = ReceptiveField(lengths, (0,) * len(axes), (0,) * len(axes))
    return {
        name: whole
        if seen is layer_steps.EVERYTHING
        else ReceptiveField(
            tuple(span.size for span in seen),
            tuple(span.stride for span in seen),
            tuple(span.offset for span in seen),
        )
        for name, seen in walk.found.items()
    }


def _is_graph(model):
    if isinstance(model, keras.Sequential):
        return model.built
    return hasattr(model, "operations")


def _known_steps(known):
    steps = {}
    for name, values in (
        {} if known is None else validation.instance("known", known, dict, "a dict")
    ).items():
        if not isinstance(values, (tuple, list)) or len(values) != 3:
            validation.fail("known", "a dict from names of layers to (size, stride, offset)", known)
        size = validation.positive_integer("known", values[0])
        stride = validation.positive_integer("known", values[1])
        offset = validation.integer("known", values[2])
        steps[name] = spans.shifted(offset, offset + size - 1, stride)
    return steps


def _data_format(model):
    """That of the first layer which has one."""
    for layer in model.layers:
        if hasattr(layer, "data_format"):
            return layer.data_format
        if isinstance(layer, keras.Model):
            return _data_format(layer)
    return keras.config.image_data_format()


class _Walk:
    """Goes through graphs in the order of their operations and notes what each layer sees."""

    def __init__(self, data_format, known):
        self.data_format, self.known = data_format, known
        self.found = {}

    def space(self, shape):
        """The axes of space in a shape."""
        channels = len(shape) - 1 if self.data_format == "channels_last" else 1
        return [axis for axis in range(1, len(shape)) if axis != channels]

    def through(self, model, seen, shapes, prefix, record=True):
        """What the outputs of a model see, given what its inputs see and their shapes."""
        if isinstance(model, keras.Sequential):
            for layer in model.layers:
                seen = self.one(layer, seen, shapes, prefix, record)
                shapes = [tuple(layer.compute_output_shape(shapes[0]))]
            return seen
        known = {
            id(tensor): (own, shape) for tensor, own, shape in zip(model.inputs, seen, shapes, strict=True)
        }
        for operation in model.operations:
            if isinstance(operation, keras.layers.InputLayer):
                continue
            tensors = keras.tree.flatten(operation.input)
            # An operation tells the inputs of its first call only.
            if not all(id(tensor) in known for tensor in tensors):
                raise ValueError(
                    "`model` must call each layer once, in itself only, so that it has one receptive field. "
                    f"Received: a model whose layer {operation.name!r} is called elsewhere too"
                )
            seen, shapes = zip(*(known[id(tensor)] for tensor in tensors), strict=True)
            results = self.one(operation, seen, shapes, prefix, record)
            outputs = keras.tree.flatten(operation.output)
            for place, tensor in enumerate(outputs):
                known[id(tensor)] = results[place % len(results)], tuple(tensor.shape)
        if not all(id(tensor) in known for tensor in model.outputs):
            raise ValueError(
                "`model` must call each layer once, so that it has one receptive field. "
                "Received: a model with an output that a second call gives"
            )
        return [known[id(tensor)][0] for tensor in model.outputs]

    def one(self, operation, seen, shapes, prefix, record):
        """What the outputs of an operation see: one entry for all, or one for each."""
        name = prefix + operation.name
        if any(each is layer_steps.EVERYTHING for each in seen) and not isinstance(operation, keras.Model):
            results = [layer_steps.EVERYTHING]
        elif isinstance(operation, keras.Model) and _is_graph(operation):
            results = self.through(operation, seen, shapes, f"{name}/", record)
        else:
            results = self.leaf(operation, seen, shapes, self.known.get(name))
        if record and isinstance(operation, keras.layers.Layer):
            self.found[name] = results[-1]
        return results

    def leaf(self, operation, seen, shapes, known=None):
        if known is not None:
            steps = [known] * len(self.space(shapes[0]))
        else:
            steps = layer_steps.steps_of(operation, shapes[0], self.data_format)
        if steps is layer_steps.EVERYTHING:
            return [steps]
        if steps is None:
            if isinstance(operation, keras.layers.Layer):
                return self.inside(operation, seen, shapes)
            raise _unknown(operation)
        merged = [spans.union(axis) for axis in zip(*seen, strict=True)]
        if None in merged:
            raise ValueError(
                "`model` must not merge branches of different strides. "
                f"Received: a model in which {operation.name!r} does"
            )
        return [tuple(span.after(step) for span, step in zip(merged, steps, strict=True))]

    def inside(self, layer, seen, shapes):
        """What a layer sees whose `call` is itself a graph of layers and operations."""
        try:
            inputs = keras.Input(batch_shape=shapes[0])
            copy = prototypes.clone(layer, layer.name)
            copy(inputs)
            graph = keras.Model(inputs, copy.call(inputs))
            return self.through(graph, seen, shapes, "", record=False)
        except Exception as error:
            raise _unknown(layer) from error


def _unknown(operation):
    return ValueError(
        "`model` must be made of layers whose receptive field is fixed and known; `known` tells that of "
        f"others. Received: a model with the {type(operation).__name__} {operation.name!r}"
    )
