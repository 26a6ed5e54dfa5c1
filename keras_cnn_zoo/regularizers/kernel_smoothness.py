"""Penalty on rough convolution kernels."""

import keras
from keras import ops

from keras_cnn_zoo.utils import validation
from keras_cnn_zoo.utils.dtypes import at_least_float32


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class KernelSmoothness(keras.regularizers.Regularizer):
    """Penalty on the squared differences of neighbouring taps of a convolution kernel.

    `factor` times the sum, over the spatial axes, of the squares of the `order`-th differences along the
    axis: with `order=1` equal taps cost nothing, with `order=2` taps on a straight line neither. For the
    kernels of Keras' convolutions of one to three spatial axes, depthwise and transposed ones too; an axis of
    `order` taps or fewer costs nothing. Draws first-layer filters towards smooth ones and leaves their size
    alone, unlike weight decay.

    Reference: Feinman, Lake, 2019, "Learning a Smooth Kernel Regularizer for Convolutional Neural Networks",
    arXiv 1903.01882; the penalty on differences of any order is that of Eilers, Marx, 1996, "Flexible
    Smoothing with B-splines and Penalties".

    Differs from the paper: there the correlation between taps is learnt from other networks' kernels; here
    neighbours are tied by a fixed, equal weight.

    Args:
        factor: Non-negative weight of the penalty.
        order: Which differences, a positive integer. Defaults to 1.

    Call arguments:
        x: A kernel, `(*kernel_size, channels, filters)`.

    Raises:
        ValueError: for an argument outside its range, or a kernel without one to three spatial axes.

    >>> regularizer = KernelSmoothness(0.5)
    >>> float(regularizer(np.array([1.0, 3.0, 3.0]).reshape(3, 1, 1)))
    2.0
    """

    def __init__(self, factor, *, order=1):
        self.factor = validation.finite_number("factor", factor, minimum=0)
        self.order = validation.positive_integer("order", order)

    def __call__(self, x):
        x = ops.convert_to_tensor(x)
        if len(x.shape) not in (3, 4, 5):
            raise ValueError(
                "`x` must be a kernel of shape (*kernel_size, channels, filters) with one to three spatial "
                f"axes. Received: x.shape={tuple(x.shape)}"
            )
        x = ops.cast(x, at_least_float32(x.dtype))
        total = ops.zeros((), dtype=x.dtype)
        for axis in range(len(x.shape) - 2):
            if x.shape[axis] > self.order:
                total = total + ops.sum(ops.square(ops.diff(x, n=self.order, axis=axis)))
        return self.factor * total

    def get_config(self):
        return {"factor": self.factor, "order": self.order}
