"""Vector of locally aggregated descriptors with a trainable soft assignment."""

import keras
from keras import ops

from keras_cnn_zoo.ops import vlad, windows
from keras_cnn_zoo.ops.norms import l2_normalize
from keras_cnn_zoo.utils import docstrings, validation

# Below the square root of this a cluster fades out instead of being blown up to length 1.
INTRA_EPSILON = 1e-12


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled
class VLAD(keras.layers.Layer):
    """Pools any number of descriptors to one vector: their residuals to cluster centers, summed by cluster.

    `v[k] = sum_i a_k(x_i) (x_i - centers[k])` with `a(x) = softmax(x assignment_kernel + assignment_bias)`
    and `x` the descriptors divided by their lengths. Every `v[k]` is normalized, then all of them together.
    The layer starts as the assignment by distance, `a_k(x)` proportional to
    `exp(-alpha * |x - centers[k]|^2)`, and trains centers, kernel and bias apart. For retrieval and for
    recognition of places, in place of global pooling. `set_centers` starts it from clusters of real
    descriptors (of length 1, from scikit-learn's `KMeans` for example), which the paper does.

    Reference: Arandjelovic, Gronat, Torii, Pajdla, Sivic, 2016, "NetVLAD: CNN architecture for weakly
    supervised place recognition", arXiv 1511.07247; the vector is that of Jegou, Douze, Schmid, Perez, 2010.

    Differs from the paper: the descriptors' normalization is that of the authors' networks, not of the
    formula; so is the intra-normalization, `v[k] / sqrt(|v[k]|^2 + 1e-12)`. The paper computes `alpha` from
    data, such that the nearest cluster has 100 times the weight of the second.

    Args:
        num_clusters: Number of clusters, a positive integer.
        alpha: Positive sharpness of the first assignment; larger is harder. Defaults to 100.
        {data_format}
        {kwargs}

    Call arguments:
        {inputs}

    Input shape:
        `(batch, height, width, channels)` or `(batch, descriptors, channels)`; channels second for
        channels_first. All but the channels may be unknown.

    Output shape:
        `(batch, num_clusters * channels)`, one cluster after the other.

    Raises:
        ValueError: for an argument outside its range, or an input of another rank or with an unknown number
            of channels.

    >>> layer = VLAD(num_clusters=4)
    >>> print(layer(np.ones((2, 7, 5, 3), "float32")).shape)
    (2, 12)
    """

    receptive_steps = "everything"

    def __init__(self, num_clusters, *, alpha=100.0, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.num_clusters = validation.positive_integer("num_clusters", num_clusters)
        self.alpha = validation.finite_number("alpha", alpha, above=0)
        self.data_format = validation.data_format("data_format", data_format)

    def build(self, input_shape):
        _, size = self.compute_output_shape(input_shape)
        channels = size // self.num_clusters
        self.centers = self.add_weight(
            name="centers", shape=(self.num_clusters, channels), initializer="orthogonal", autocast=False
        )
        self.assignment_kernel = self.add_weight(
            name="assignment_kernel",
            shape=(channels, self.num_clusters),
            initializer=lambda shape, dtype: self._assignment(ops.convert_to_tensor(self.centers))[0],
            autocast=False,
        )
        self.assignment_bias = self.add_weight(
            name="assignment_bias",
            shape=(self.num_clusters,),
            initializer=lambda shape, dtype: self._assignment(ops.convert_to_tensor(self.centers))[1],
            autocast=False,
        )
        self.built = True

    def _assignment(self, centers):
        """Kernel and bias of the assignment by distance to `centers`."""
        return 2 * self.alpha * ops.transpose(centers), -self.alpha * ops.sum(ops.square(centers), axis=-1)

    def set_centers(self, centers):
        """Starts the built layer from `centers`, an array (num_clusters, channels), and its assignment."""
        centers = ops.convert_to_tensor(centers, dtype=self.centers.dtype)
        if tuple(centers.shape) != tuple(self.centers.shape):
            raise ValueError(
                f"`centers` must have the shape {tuple(self.centers.shape)}. "
                f"Received: centers of shape {tuple(centers.shape)}"
            )
        self.centers.assign(centers)
        for weight, value in zip(
            (self.assignment_kernel, self.assignment_bias), self._assignment(centers), strict=True
        ):
            weight.assign(value)

    def call(self, inputs):
        descriptors = windows.as_float32(vlad.as_descriptors(inputs, self.data_format))
        descriptors = l2_normalize(descriptors)
        centers, kernel, bias = (
            ops.cast(weight, descriptors.dtype)
            for weight in (self.centers, self.assignment_kernel, self.assignment_bias)
        )
        assignment = vlad.shares(ops.einsum("bnd,dk->bnk", descriptors, kernel) + bias)
        sums = vlad.residual_sums(descriptors, centers, assignment)
        sums = sums / ops.sqrt(ops.sum(ops.square(sums), axis=-1, keepdims=True) + INTRA_EPSILON)
        size = self.num_clusters * centers.shape[-1]
        outputs = l2_normalize(ops.reshape(sums, (ops.shape(sums)[0], size)))
        return ops.cast(outputs, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        if len(input_shape) not in (3, 4):
            raise ValueError(
                f"`VLAD` takes inputs of rank 3 or 4. Received: input_shape={tuple(input_shape)}"
            )
        channels = input_shape[-1 if self.data_format == "channels_last" else 1]
        if channels is None:
            raise ValueError(
                f"The number of channels must be known. Received: input_shape={tuple(input_shape)}"
            )
        return (input_shape[0], self.num_clusters * channels)

    def get_config(self):
        return {
            **super().get_config(),
            "num_clusters": self.num_clusters,
            "alpha": self.alpha,
            "data_format": self.data_format,
        }
