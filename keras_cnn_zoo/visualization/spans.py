"""The input positions that an output position depends on along one axis, through any chain of layers.

The first and the last of these positions are integer functions of the output position. The functions are
periodic up to a shift: `f(position + period) = f(position) + shift`. Their compositions have the same form,
so strides, dilation, and upsampling in any order are exact.

Each layer -> its `Span`, the functions from output position to first and last input position -> `after`
composes the spans of a chain -> span from the last output to the network's input -> size, stride, and offset.
"""

import dataclasses
import fractions
import math

from keras_cnn_zoo.ops import windows


@dataclasses.dataclass(frozen=True)
class IndexMap:
    """An integer function given by its values over one period and its growth per period."""

    values: tuple
    shift: int

    @classmethod
    def of(cls, function, period=1):
        return cls(tuple(function(position) for position in range(period)), function(period) - function(0))

    def __call__(self, position):
        turns, phase = divmod(position, len(self.values))
        return self.values[phase] + turns * self.shift

    def after(self, inner):
        """Returns the function `position -> self(inner(position))`."""
        turns = len(self.values) // math.gcd(len(self.values), inner.shift)
        return IndexMap.of(lambda position: self(inner(position)), turns * len(inner.values))


@dataclasses.dataclass(frozen=True)
class Span:
    """First and last input position that an output position depends on.

    `located` is False if the padding depends on an unknown map size. Then the offset is unknown, but the size
    is exact.
    """

    first: IndexMap
    last: IndexMap
    located: bool = True

    @property
    def period(self):
        return math.lcm(len(self.first.values), len(self.last.values))

    @property
    def size(self):
        """Number of input positions. After upsampling it varies, and this is the maximum."""
        return max(self.last(place) - self.first(place) for place in range(self.period)) + 1

    @property
    def stride(self):
        """Step of the input position per output position, less than 1 after upsampling."""
        ratio = fractions.Fraction(self.first.shift, len(self.first.values))
        return ratio.numerator if ratio.denominator == 1 else ratio

    @property
    def offset(self):
        return self.first(0) if self.located else None

    def after(self, step):
        """Returns the span of a layer's output, given the layer's span `step` on this input."""
        return Span(self.first.after(step.first), self.last.after(step.last), self.located and step.located)


# The span of the input itself.
HERE = Span(IndexMap((0,), 1), IndexMap((0,), 1))


def union(spans):
    """Returns the span of a sum of maps, or None if they have different strides."""
    if len({span.stride for span in spans}) > 1:
        return None
    period = math.lcm(*(span.period for span in spans))
    return Span(
        IndexMap.of(lambda position: min(span.first(position) for span in spans), period),
        IndexMap.of(lambda position: max(span.last(position) for span in spans), period),
        all(span.located for span in spans),
    )


def window(size, stride, dilation, padding, length):
    """Returns the span of a convolution or pooling on a map of `length`, which is None if unknown."""
    reach = dilation * (size - 1)
    located = padding != "same" or stride == 1 or length is not None
    # An unknown length is assumed to be a multiple of the stride.
    before, _ = windows.padding_amounts(length or stride, size, stride, padding, dilation)
    if padding == "same" and stride == 1:
        before = reach // 2
    return shifted(-before, reach - before, stride, located)


def shifted(first, last, stride=1, located=True):
    """Returns the span from `position * stride + first` to `position * stride + last`."""
    return Span(IndexMap((first,), stride), IndexMap((last,), stride), located)


def transposed_window(size, stride, dilation, padding):
    """Returns the span of a transposed convolution, or None if some position depends on no input."""
    reach = dilation * (size - 1)
    if stride > reach + 1:
        return None
    before = max(reach + 1 - stride, 0) // 2 if padding == "same" else 0
    return Span(
        IndexMap.of(lambda position: -((reach - before - position) // stride), stride),
        IndexMap.of(lambda position: (position + before) // stride, stride),
    )


def upsampled(factor, interpolation):
    """Returns the span of nearest or bilinear upsampling by `factor`."""
    if interpolation == "nearest":
        repeat = IndexMap.of(lambda position: position // factor, factor)
        return Span(repeat, repeat)
    # Pixel centers are at half integers.
    return Span(
        IndexMap.of(lambda position: (2 * position + 1 - factor) // (2 * factor), factor),
        IndexMap.of(lambda position: -((factor - 1 - 2 * position) // (2 * factor)), factor),
    )
