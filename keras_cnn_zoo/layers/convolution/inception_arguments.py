"""Arguments of the Inception blocks, and the constructors and docstrings built from them."""

import functools
import inspect
import re
import textwrap

import keras

from keras_cnn_zoo.utils import validation

REQUIRED = inspect.Parameter.empty
# Every block takes these after its specific arguments.
SHARED = dict(normalization="batch", activation="relu", data_format=None, kernel_initializer="he_normal")
POSITIONAL = ("filters", "pool_filters", "scale")
_positive = functools.partial(validation.finite_number, above=0)
CHECKS = {
    "filters": validation.positive_integer,
    "scale": _positive,
    "activate_output": validation.boolean,
    "pool_filters": validation.positive_integer,
    "wide_kernel_size": validation.positive_integer,
    "width": _positive,
    "padding": functools.partial(validation.one_of, allowed=("valid", "same")),
    "count_include_pad": validation.boolean,
    "data_format": validation.data_format,
    "kernel_initializer": lambda name, value: keras.initializers.get(value),
}
# Sections shared by all docstrings. Each docstring lists only the arguments of its block.
SECTIONS = """
Args:
    filters: Numbers of channels, as described above. Defaults to {filters}.
    scale: Factor of the branches before the input is added. Defaults to {scale}, as published.
    activate_output: Whether the activation follows the sum. Defaults to True.
    pool_filters: Channels after the average pooling. Defaults to 64.
    wide_kernel_size: Size of the widest kernel. Defaults to 5; torchvision's GoogLeNet has 3.
    width: Multiplier of the channels of all convolutions. Defaults to 1.
    padding: `"valid"` as published, or `"same"`, which keeps feature maps aligned with the input: each
        reduction halves the map, rounded up. Defaults to `"valid"`.
    count_include_pad: Whether the pooling counts zeros around the map, as torchvision's and timm's
        Inception-v3 do and Keras' does not. Defaults to False.
    normalization: `"batch"` (epsilon 0.001), a layer used as a prototype, or None for biases instead.
        Defaults to {normalization}.
    activation: Name of an activation, a layer used as a prototype, or None. Defaults to `"relu"`.
    data_format: `"channels_last"`, `"channels_first"`, or None for Keras' global setting.
    kernel_initializer: For all kernels, each with its own seed. Defaults to He normal.
    **kwargs: `name`, `dtype`, ...

Call arguments:
    inputs: A floating-point tensor.

Input shape:
    `(batch, height, width, channels)`, or `(batch, channels, height, width)` for channels_first.

Output shape:
    {output_shape}

Raises:
    ValueError: for an argument outside its range, or an input of a rank other than 4{or_too_small}.
"""
NAN_IN_MAXIMUM = """The maximum
    pooling treats NaN as `keras.layers.MaxPooling2D` does: TensorFlow passes over it."""
OUTPUT_SHAPES = {
    "stem": "`(batch, new_height, new_width, {channels})`, or with the channels first. " + NAN_IN_MAXIMUM,
    "block": "`(batch, height, width, {channels})`, or with the channels first.",
    "residual": "Same as the input.",
    "reduction": """`(batch, (height - 1) // 2, (width - 1) // 2, channels + {channels})`, or with the
    channels first; half the map, rounded up, with `padding="same"`. """
    + NAN_IN_MAXIMUM,
}
PAPERS = {
    "inception_v3": "Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, 2015, "
    '"Rethinking the Inception Architecture for Computer Vision", arXiv 1512.00567',
    "inception_v4": "Szegedy, Ioffe, Vanhoucke, Alemi, 2016, "
    '"Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning", arXiv 1602.07261',
}


def arguments(own):
    """Returns the defaults of all arguments of a block, in order; `own` overrides shared defaults."""
    return {**own, **{name: value for name, value in SHARED.items() if name not in own}}


def constructor(own, start):
    """Returns an `__init__` with a block's arguments that calls `start(self, values, **kwargs)`."""
    either, keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter("self", either)]
    for name, default in arguments(own).items():
        kind = either if name in POSITIONAL else keyword
        parameters.append(inspect.Parameter(name, kind, default=default))
    parameters.append(inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD))
    signature = inspect.Signature(parameters)

    def __init__(self, *args, **kwargs):
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        values = {name: bound.arguments[name] for name in arguments(own)}
        start(self, values, **bound.arguments["kwargs"])

    __init__.__signature__ = signature
    return __init__


def filled(docstring, own):
    """Returns a docstring with the names in braces replaced by shared text.

    `{inception_v3}` becomes the reference. A paragraph `{block:channels}`, with any key of `OUTPUT_SHAPES`,
    becomes all sections from the arguments to the errors.
    """

    def paragraph(text):
        kind = re.fullmatch(r"\{(\w+)(?::(.*))?\}", text)
        if kind is not None:
            return _sections(own, *kind.groups())
        if "{" not in text:
            return text
        return textwrap.fill(" ".join(text.format(**PAPERS).split()), 106, break_on_hyphens=False)

    # `cleandoc` removes the indentation, which Python itself does only from 3.13 on.
    return "\n\n".join(paragraph(text) for text in inspect.cleandoc(docstring).split("\n\n"))


def _sections(own, kind, channels):
    given = arguments(own)
    shown = {name: f'`"{value}"`' if isinstance(value, str) else value for name, value in given.items()}
    text = SECTIONS.strip().format(
        output_shape=OUTPUT_SHAPES[kind].format(channels=channels),
        or_too_small="" if kind in ("block", "residual") else ", or too small a map",
        **{"scale": None, "filters": None, **shown},
    )
    text = text.replace(f" Defaults to {REQUIRED}.", "")
    entry = re.compile(r"^    (\w+):.*\n(?:        .*\n)*", re.MULTILINE)
    return entry.sub(lambda match: "" if match[1] in CHECKS and match[1] not in given else match[0], text)
