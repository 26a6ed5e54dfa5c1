"""Vector of locally aggregated descriptors with a trainable soft assignment."""

import keras
from keras import ops

from keras_cnn_zoo.ops import vlad, windows
from keras_cnn_zoo.ops.norms import l2_normalize
from keras_cnn_zoo.utils import docstrings, validation

# Added to squared lengths. Residuals much shorter than its square root are not normalized to length 1.
INTRA_EPSILON = 1e-12


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled
class VLAD(keras.layers.Layer):
    """Pooling of any number of descriptors to one vector: residuals to cluster centers, summed per cluster.

    `v[k] = sum_i a_k(x_i) (x_i - centers[k])` with `a(x) = softmax(x assignment_kernel + assignment_bias)`,
    where `x` are the normalized descriptors. Every `v[k]` is normalized, then the whole vector. The initial
    assignment is by distance: `a_k(x)` is proportional to `exp(-alpha * |x - centers[k]|^2)`. Centers,
    kernel, and bias are trained separately. Use it for image retrieval and place recognition. As in the
    paper, `set_centers` initializes the layer with the centers of clusters of normalized descriptors, for
    example from scikit-learn's `KMeans`.

    Reference: Arandjelovic, Gronat, Torii, Pajdla, Sivic, 2016, "NetVLAD: CNN architecture for weakly
    supervised place recognition", arXiv 1511.07247; the vector is that of Jegou, Douze, Schmid, Perez, 2010.

    Differs from the paper: the normalization of the descriptors and the intra-normalization, `v[k] /
    sqrt(|v[k]|^2 + 1e-12)`, are those of the authors' networks, not of the formula. The paper computes
    `alpha` from data, so that the nearest cluster has 100 times the weight of the second nearest.

    Args:
        num_clusters: Number of clusters, a positive integer.
        alpha: Positive sharpness of the initial assignment; larger values are closer to a hard assignment.
            Defaults to 100.
        {data_format}
        {kwargs}

    Call arguments:
        {inputs}

    Input shape:
        `(batch, height, width, channels)` or `(batch, descriptors, channels)`; channels second for
        channels_first. All sizes except the channels may be unknown.

    Output shape:
        `(batch, num_clusters * channels)`, ordered by cluster.

    Raises:
        ValueError: for an argument outside its range, or an input of the wrong rank or with an unknown number
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
        """Returns the kernel and bias of the assignment by distance to `centers`."""
        return 2 * self.alpha * ops.transpose(centers), -self.alpha * ops.sum(ops.square(centers), axis=-1)

    def lsuv_kernels(self):
        """Returns why `initializers.lsuv` leaves the weights alone."""
        return [
            {"kernel": self.centers, "skip": "centers are compared with descriptors of norm 1"},
            {"kernel": self.assignment_kernel, "skip": "it follows from the centers"},
        ]

    def set_centers(self, centers):
        """Sets the centers of the built layer, (num_clusters, channels), and the assignment by distance."""
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
