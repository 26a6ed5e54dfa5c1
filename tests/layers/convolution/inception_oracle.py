"""Inception blocks in NumPy, from the papers' figures as text, and their parameter counts.

A figure is a list of steps. "96 3x3" is a convolution with 96 filters, "384 3x3/2V" has stride 2 and no
padding. "average" and "max" are 3 x 3 poolings of stride 1, "max/2V" has stride 2 and no padding. A tuple
contains branches, lists of steps, whose outputs are concatenated.
"""

import itertools
import math

import numpy as np


def read(step):
    """Returns (filters, rows, columns, stride, padded) of a convolution."""
    filters, size = step.split()
    unpadded, size = size.endswith("V"), size.rstrip("V")
    size, _, stride = size.partition("/")
    rows, columns = size.split("x")
    return int(filters), int(rows), int(columns), int(stride or 1), not unpadded


def positions(length, size, stride, padded):
    """Returns the number of windows along an axis, and the padding before and after, as in TensorFlow."""
    if not padded:
        return (length - size) // stride + 1, 0, 0
    count = -(-length // stride)
    missing = max((count - 1) * stride + size - length, 0)
    return count, missing // 2, missing - missing // 2


def windows(x, rows, columns, stride, padded, fill):
    """Returns ((row, column), window) for every output position, and the output size."""
    height, top, bottom = positions(x.shape[1], rows, stride, padded)
    width, left, right = positions(x.shape[2], columns, stride, padded)
    x = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=fill)

    def every():
        for row, column in np.ndindex(height, width):
            first, second = row * stride, column * stride
            yield (row, column), x[:, first : first + rows, second : second + columns]

    return every(), (height, width)


def convolved(x, kernel, stride, padded):
    every, size = windows(x, *kernel.shape[:2], stride, padded, 0.0)
    outputs = np.zeros((len(x), *size, kernel.shape[-1]))
    for (row, column), window in every:
        outputs[:, row, column] = np.tensordot(window, kernel, 3)
    return outputs


def pooled(x, kind, stride, padded, count_zeros):
    every, size = windows(x, 3, 3, stride, padded, np.nan)
    outputs = np.zeros((len(x), *size, x.shape[-1]))
    for (row, column), window in every:
        if kind == "max":
            outputs[:, row, column] = np.nanmax(window, (1, 2))
        else:
            outputs[:, row, column] = (
                np.nansum(window, (1, 2)) / 9 if count_zeros else np.nanmean(window, (1, 2))
            )
    return outputs


def activated(x, activation):
    functions = {
        None: lambda v: v,
        "relu": lambda v: np.maximum(v, 0),
        "elu": lambda v: np.where(v > 0, v, np.expm1(np.minimum(v, 0))),
    }
    return functions[activation](x)


def run(figure, x, weights, numbers, **options):
    """Returns the output of a figure for `x`; the weights are in the order of the convolutions."""
    force = options.get("padding") == "same"
    activation = options.get("activation", "relu")
    for step in figure:
        if isinstance(step, tuple):
            branches = [run(branch, x, weights, numbers, **options) for branch in step]
            x = np.concatenate(branches, axis=-1)
        elif step in ("max", "average"):
            x = pooled(x, step, 1, True, options.get("count_include_pad", False))
        elif step == "max/2V":
            x = pooled(x, "max", 2, force, False)
        else:
            filters, rows, columns, stride, padded = read(step)
            number = next(numbers)
            kernel = weights[f"convolution_{number}/kernel"]
            wanted = max(1, round(filters * options.get("width", 1.0)))
            assert kernel.shape == (rows, columns, x.shape[-1], wanted), (step, kernel.shape)
            x = convolved(x, kernel, stride, padded or force)
            x = x + weights.get(f"convolution_{number}/bias", 0.0)
            scope = f"normalization_{number}"
            if f"{scope}/beta" in weights:
                x = (x - weights[f"{scope}/moving_mean"]) / np.sqrt(
                    weights[f"{scope}/moving_variance"] + options.get("epsilon", 1e-3)
                )
                x = x * weights.get(f"{scope}/gamma", 1.0) + weights[f"{scope}/beta"]
            x = activated(x, activation)
    return x


def reference(figure, **fixed):
    """Returns the `reference` of a case; `figure` may be a function of the case's arguments."""

    def read_figure(inputs, weights, data_format="channels_last", **arguments):
        first = data_format == "channels_first"
        x = np.moveaxis(inputs, 1, -1) if first else inputs
        steps = figure(**arguments) if callable(figure) else figure
        numbers = itertools.count(1)
        outputs = run(steps, x, weights, numbers, **{**fixed, **arguments})
        assert f"convolution_{next(numbers)}/kernel" not in weights
        if "projection/kernel" in weights:
            up = convolved(outputs, weights["projection/kernel"], 1, True) + weights["projection/bias"]
            outputs = x + arguments["scale"] * up
            if arguments.get("activate_output", True):
                outputs = activated(outputs, arguments.get("activation", "relu"))
        return np.moveaxis(outputs, -1, 1) if first else outputs

    return read_figure


def parameters(layers, input_shape):
    """Returns the parameter count of consecutive layers and their output shape, without running them."""
    total, shape, known = 0, input_shape, {}
    for layer in layers:
        arguments = repr([(name, getattr(layer, name)) for name in layer.arguments])
        key = type(layer), arguments, shape[-1]
        if key not in known:
            layer.build(shape)
            known[key] = sum(math.prod(weight.shape) for weight in layer.trainable_weights)
        total += known[key]
        shape = layer.compute_output_shape(shape)
    return total, shape


def normalized_convolution(filters, kernel_size, channels):
    """Returns the parameter count of a convolution without bias and the normalization after it."""
    return filters * kernel_size**2 * channels + 2 * filters


def in_order_of_creation(model, kind):
    """Returns the layers of one kind with Keras' default names: "conv2d", "conv2d_1", ..."""
    found = [layer for layer in model.layers if isinstance(layer, kind)]
    stem = {"Conv2D": "conv2d", "BatchNormalization": "batch_normalization"}[kind.__name__]
    numbers = {layer: layer.name.removeprefix(stem).removeprefix("_") or "0" for layer in found}
    unnamed = [layer for layer in found if numbers[layer].isdigit()]
    return sorted(unnamed, key=lambda layer: int(numbers[layer]))


def randomize(norms):
    """Sets statistics, scales, and shifts that differ from the initial ones."""
    rng = np.random.default_rng(1)
    for norm in norms:
        norm.set_weights([rng.uniform(0.5, 1.5, weight.shape) for weight in norm.weights])


def run_in_order(layers, inputs):
    """Returns the inference output of consecutive layers."""
    for layer in layers:
        inputs = layer(inputs, training=False)
    return inputs
