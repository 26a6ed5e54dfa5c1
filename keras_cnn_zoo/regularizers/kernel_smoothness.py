"""Penalty on rough convolution kernels."""

import math

import keras
from keras import ops

from keras_cnn_zoo.utils import validation
from keras_cnn_zoo.utils.dtypes import at_least_float32


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class KernelSmoothness(keras.regularizers.Regularizer):
    """Penalty on the squared differences of neighboring taps of a convolution kernel.

    It is `factor` times the sum, over the spatial axes, of the squared `order`-th differences along the axis.
    With `order=1`, equal taps cost nothing. With `order=2`, neither do taps on a straight line. It works for
    the kernels of Keras' convolutions with one to three spatial axes, including depthwise and transposed
    ones. In `TiledConv` and `LocallyConnected`, whose weight contains several kernels, each kernel is
    smoothed by itself. An axis of `order` taps or fewer costs nothing. It makes first-layer filters smooth,
    but unlike weight decay does not shrink them.

    A regularizer sees only a tensor. All axes before the last two are taken for spatial axes, so do not pass
    it to other weights of three to five axes, such as those of `keras.layers.EinsumDense`. A layer that you
    write, and whose weight contains several kernels, gives `add_weight` the regularizer that
    `of_each_kernel` returns.

    Reference: Feinman, Lake, 2019, "Learning a Smooth Kernel Regularizer for Convolutional Neural Networks",
    arXiv 1903.01882; the penalty on differences of any order is that of Eilers, Marx, 1996, "Flexible
    Smoothing with B-splines and Penalties".

    Differs from the paper: the paper learns the correlation between taps from the kernels of other networks.
    Here all neighbors have the same fixed weight.

    Args:
        factor: Non-negative weight of the penalty.
        order: Order of the differences, a positive integer. Defaults to 1.

    Call arguments:
        x: A kernel, `(*kernel_size, channels, filters)`.

    Raises:
        ValueError: for an argument outside its range, a kernel without one to three spatial axes, or in
            `of_each_kernel` a weight of another size than `shape`.

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
        return self._penalty(x, range(len(x.shape) - 2))

    def of_each_kernel(self, shape):
        """Returns the regularizer of a weight that contains several kernels, each smoothed by itself.

        Args:
            shape: The shape to which the weight is reshaped, `(kernels, *kernel_size, channels, filters)`,
                with one to three spatial axes.

        Returns:
            A function from the weight to the sum of the penalties of its kernels.
        """
        shape = tuple(shape)
        if len(shape) not in (4, 5, 6):
            raise ValueError(
                "`shape` must be (kernels, *kernel_size, channels, filters) with one to three spatial axes. "
                f"Received: shape={shape}"
            )

        def penalty(x):
            x = ops.convert_to_tensor(x)
            if math.prod(x.shape) != math.prod(shape):
                raise ValueError(
                    f"`x` must have the {math.prod(shape)} numbers of the shape {shape}. "
                    f"Received: x.shape={tuple(x.shape)}"
                )
            return self._penalty(ops.reshape(x, shape), range(1, len(shape) - 2))

        return penalty

    def _penalty(self, x, axes):
        x = ops.cast(x, at_least_float32(x.dtype))
        total = ops.zeros((), dtype=x.dtype)
        for axis in axes:
            if x.shape[axis] > self.order:
                total = total + ops.sum(ops.square(ops.diff(x, n=self.order, axis=axis)))
        return self.factor * total

    def get_config(self):
        return {"factor": self.factor, "order": self.order}
