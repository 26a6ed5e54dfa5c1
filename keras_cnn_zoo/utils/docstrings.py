"""Paragraphs that many docstrings share, filled in when a class is defined.

A docstring names a paragraph in braces. A line that becomes too long is wrapped:

    Args:                                Args:
        {pool_size}              →           pool_size: Height and width of the windows, an integer or two.
        {data_format}                            Defaults to 2.
                                             data_format: `"channels_last"`, `"channels_first"`, or None ...

The words for one, two, and three spatial axes depend on the class's rank: its attribute `rank`, or the digit
before the "D" at the end of its name. Braces around anything except a lower-case name stay.
"""

import inspect
import re
import textwrap

WIDTH = 110
NAME = re.compile(r"\{([a-z_]+)\}")

PARAGRAPHS = {
    "data_format": 'data_format: `"channels_last"`, `"channels_first"`, or None for Keras\' global setting.',
    "kwargs": "**kwargs: `name`, `dtype`, ...",
    "wrapper_kwargs": "**kwargs: `name`, `dtype` (that of `layer` by default, and given to a `layer` not yet "
    "built), ...",
    "inputs": "inputs: A floating-point tensor.",
    "training": "training: Whether to draw.",
    "seed": "seed: Integer seed of the draws, or None. Defaults to None.",
    "axis": "axis: Axis of the channels, 1 for channels_first. Defaults to -1.",
    "units": "units: Number of units, the channels of the output.",
    "padding": 'padding: `"valid"` or `"same"`. Defaults to `"valid"`.',
    "groups": "groups: Groups of channels that are convolved separately, a divisor of `filters` and of the "
    "channels of the input. Defaults to 1.",
    "bias_initializer": "bias_initializer: For the bias. Defaults to zeros.",
    "activity_regularizer": "activity_regularizer: For the output, or None.",
    # The arguments of a layer with one kernel and one bias, in Keras' order.
    "weights": """\
kernel_initializer: For the kernel. Defaults to Glorot uniform.
bias_initializer: For the bias. Defaults to zeros.
kernel_regularizer: For the kernel, or None.
bias_regularizer: For the bias, or None.
activity_regularizer: For the output, or None.
kernel_constraint: For the kernel, or None.
bias_constraint: For the bias, or None.""",
    "vectors": "`(batch, ..., channels)`.",
    "nan_in_maximum": "NaN is treated as in `keras.layers.MaxPooling2D`: TensorFlow passes over it, "
    "JAX and PyTorch return it.",
    "dense_errors": "ValueError: for an argument outside its range, or an input of rank 1 or with unknown "
    "channels.",
}

# Words for each rank; lower-case names are used within sentences.
AXES = {1: "steps", 2: "height, width", 3: "depth, height, width"}
LENGTHS = {1: "Length", 2: "Height and width", 3: "Depth, height, and width"}
INTEGERS = {1: "an integer", 2: "an integer or two", 3: "an integer or three"}
RANKED = {
    "pool_size": "pool_size: {lengths} of the windows, {integers}. Defaults to 2.",
    "pool_strides": "strides: Step of the windows, {integers}, or None for `pool_size`.",
    "kernel_size": "kernel_size: {lengths} of the kernels, {integers}.",
    "strides": "strides: Step of the kernels, {integers}. Defaults to 1.",
    "dilation_rate": "dilation_rate: Spacing of the kernels' entries, {integers}; more than 1 only with "
    "`strides=1`, as in Keras. Defaults to 1.",
    "maps": "`(batch, {axes}, channels)`, or `(batch, channels, {axes})` for channels_first",
    "pooled_maps": "`(batch, {new_axes}, channels)`, or with the channels first; lengths as of "
    "`keras.layers.AveragePooling{rank}D`.",
    "convolved_maps": "`(batch, {new_axes}, filters)`, or `(batch, filters, {new_axes})`, as of "
    "`keras.layers.Conv{rank}D`.",
    "map_errors": "ValueError: for an argument outside its range, or an input of a rank other than "
    "{tensor_rank}.",
    "pool_errors": "ValueError: for an argument outside its range, or an input of a rank other than "
    "{tensor_rank} or smaller than a window.",
    "convolution_errors": "ValueError: for an argument outside its range, strides with dilation, or an input "
    "of a rank other than {tensor_rank}, smaller than the kernel, or with channels that `groups` does not "
    "divide.",
}


CAUSAL_PADDING = 'padding: `"valid"`, `"same"`, or `"causal"`, as in Keras. Defaults to `"valid"`.'


def paragraphs(rank=None):
    """Returns every paragraph by name; without a rank, only those that do not depend on it."""
    if rank is None:
        return dict(PARAGRAPHS)
    words = {
        "rank": str(rank),
        "tensor_rank": str(rank + 2),
        "lengths": LENGTHS[rank],
        "integers": INTEGERS[rank],
        "axes": AXES[rank],
        "new_axes": ", ".join(f"new_{axis}" for axis in AXES[rank].split(", ")),
    }
    return {
        **PARAGRAPHS,
        **words,
        **{name: text.format_map(words) for name, text in RANKED.items()},
        # Only sequences can have causal padding.
        "padding_or_causal": CAUSAL_PADDING if rank == 1 else PARAGRAPHS["padding"],
    }


def fill(docstring, rank=None):
    """Returns a docstring with every name in braces replaced by its paragraph.

    Raises:
        ValueError: for a name that is not a paragraph's.
    """
    known = paragraphs(rank)

    def paragraph(match):
        if match[1] not in known:
            raise ValueError(
                f"A docstring names the paragraph {match[0]!r}, which is not in utils/docstrings.py"
                + ("" if rank else ", or depends on a rank that the class does not have")
            )
        return known[match[1]]

    def lines(line):
        indent = " " * (len(line) - len(line.lstrip()))
        text, count = NAME.subn(paragraph, line.lstrip())
        return [_wrapped(entry, indent) for entry in text.splitlines()] if count else [line]

    return "\n".join(filled_line for line in docstring.split("\n") for filled_line in lines(line))


def filled(cls):
    """Fills in the docstring of a class, as a decorator."""
    if cls.__doc__ is not None:
        cls.__doc__ = fill(cls.__doc__, _rank(cls))
    return cls


def filled_from_base(cls):
    """Like `filled`, for one rank of a layer: inserts its base's docstring before its example.

    own first lines                      own first lines
                       base, without     rest of the base's docstring, filled in
    >>> own example    its first line    >>> own example
    """
    if cls.__doc__ is not None:
        own, mark, example = inspect.cleandoc(cls.__doc__).partition(">>>")
        shared = inspect.cleandoc(cls.__bases__[0].__doc__).partition("\n\n")[2]
        cls.__doc__ = "\n\n".join(filter(None, (own.strip(), shared, mark + example)))
    return filled(cls)


def _rank(cls):
    """Returns the number of spatial axes of a class, or None."""
    digit = re.search(r"([123])D$", cls.__name__)
    return getattr(cls, "rank", None) or (int(digit[1]) if digit else None)


def _wrapped(entry, indent):
    """Wraps one paragraph; the lines after the first of an argument's entry are indented further."""
    deeper = indent + 4 * " " if re.match(r"[*\w]+: ", entry) else indent
    return textwrap.fill(
        entry,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=deeper,
        break_long_words=False,
        break_on_hyphens=False,
    )
