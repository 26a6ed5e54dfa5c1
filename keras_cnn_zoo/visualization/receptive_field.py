"""Receptive fields of the layers of a network."""

import typing

import keras

from keras_cnn_zoo.utils import prototypes, validation
from keras_cnn_zoo.visualization import layer_steps, spans
from keras_cnn_zoo.visualization.data_formats import data_format_of


class ReceptiveField(typing.NamedTuple):
    """Size, stride, and offset of the receptive fields of one layer, each a tuple over the spatial axes."""

    size: tuple
    stride: tuple
    offset: tuple


def receptive_field(model, *, known=None):
    """Computes size, stride, and offset of the receptive field of each layer.

    Along each axis, the unit at position `i` of a layer's output depends on `size` positions of the input,
    from `offset + i * stride` on. A convolution or pooling changes the size to `size + (kernel_size - 1) *
    dilation_rate * stride`, and the stride to `stride * strides`. The result shows whether a unit can see a
    whole object. Padding counts as input, so `offset` may be negative and `size` may exceed the image. Where
    branches merge, the field is the smallest interval that contains theirs.

    It supports convolutions (dilated, separable, transposed), poolings, padding, cropping, upsampling,
    pointwise layers, wrappers, nested models, and layers whose `call` consists of these. Other layers can
    declare a class attribute `receptive_steps`: `"pointwise"`, `"window"` (given by its `kernel_size` or
    `pool_size`, `strides`, `padding`, and `dilation_rate` if it has one), `"everything"`, or `"wrapped"` (as
    its `layer`). A subclass that overrides `call` must declare it again. After upsampling, the fields of
    units differ: `size` is the largest, `stride` is a `fractions.Fraction` if below 1, and `offset` is that
    of the first unit. A layer that mixes all positions (global pooling, `Flatten`, ...), and all layers after
    it, have the size of the input, stride 0, and offset 0. `offset` is None if it depends on an unknown size,
    with strided `"same"` padding.

    Reference: Luo, Li, Urtasun, Zemel, 2016, "Understanding the Effective Receptive Field in Deep
    Convolutional Neural Networks", arXiv 1701.04128, for the size that is computed here, and how much less is
    effective in practice; Yu, Koltun, 2016, arXiv 1511.07122, whose stack of 3 x 3 kernels with dilation 1,
    2, 4, ..., `2 ** i` has a field of `(2 ** (i + 2) - 1) ** 2` pixels.

    Args:
        model: A functional or sequential `keras.Model` with one input of rank 3 to 5; a sequential one must
            be built.
        known: Dict from the name of an unsupported layer to the `(size, stride, offset)` of its output's
            receptive field on its input, integers that apply to all axes. Defaults to none.

    Returns:
        A dict from the name of each layer, in order, to a named tuple `(size, stride, offset)` of tuples with
        one number per spatial axis. Layers of a nested model are named `"outer/inner"`.

    Raises:
        ValueError: for another kind of model, for a layer whose receptive field is not known or not fixed,
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
    walk = _Walk(data_format_of(model), _known_steps(known))
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
            validation.fail("known", "a dict from layer names to (size, stride, offset)", known)
        size = validation.positive_integer("known", values[0])
        stride = validation.positive_integer("known", values[1])
        offset = validation.integer("known", values[2])
        steps[name] = spans.shifted(offset, offset + size - 1, stride)
    return steps


class _Walk:
    """A walk through graphs in the order of their operations that records each layer's receptive field."""

    def __init__(self, data_format, known):
        self.data_format, self.known = data_format, known
        self.found = {}

    def space(self, shape):
        """Returns the spatial axes of a shape."""
        channels = len(shape) - 1 if self.data_format == "channels_last" else 1
        return [axis for axis in range(1, len(shape)) if axis != channels]

    def through(self, model, seen, shapes, prefix, record=True):
        """Returns the spans of a model's outputs, given the spans and shapes of its inputs."""
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
            # An operation knows only the inputs of its first call.
            if not all(id(tensor) in known for tensor in tensors):
                raise ValueError(
                    "`model` must call each layer once, and nothing else may call it, so that it has one "
                    f"receptive field. Received: a model whose layer {operation.name!r} has another call"
                )
            seen, shapes = zip(*(known[id(tensor)] for tensor in tensors), strict=True)
            results = self.one(operation, seen, shapes, prefix, record)
            outputs = keras.tree.flatten(operation.output)
            for place, tensor in enumerate(outputs):
                known[id(tensor)] = results[place % len(results)], tuple(tensor.shape)
        if not all(id(tensor) in known for tensor in model.outputs):
            raise ValueError(
                "`model` must call each layer once, so that it has one receptive field. "
                "Received: a model with an output of a second call"
            )
        return [known[id(tensor)][0] for tensor in model.outputs]

    def one(self, operation, seen, shapes, prefix, record):
        """Returns the spans of an operation's outputs: one entry for all, or one per output."""
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
                f"Received: a model in which {operation.name!r} merges them"
            )
        return [tuple(span.after(step) for span, step in zip(merged, steps, strict=True))]

    def inside(self, layer, seen, shapes):
        """Returns the spans of a layer whose `call` is a graph of layers and operations."""
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
        "`model` must consist of layers whose receptive field is fixed and known. Use `known` for other "
        f"layers. Received: a model with the {type(operation).__name__} {operation.name!r}"
    )
