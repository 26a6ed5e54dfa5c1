"""Vector of locally aggregated descriptors with a trainable soft assignment."""

import math

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.ops import vlad, windows
from keras_cnn_zoo.ops.host import clusters
from keras_cnn_zoo.ops.norms import l2_normalize
from keras_cnn_zoo.utils import docstrings, validation

# Added to squared lengths. Residuals much shorter than its square root are not normalized to length 1.
INTRA_EPSILON = 1e-12
# Sharpness of the initial assignment before `adapt` measures one.
ALPHA = 100.0
# Weight of the nearest center relative to the second nearest, in the mean over descriptors of its logarithm.
RATIO = 100.0


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled
class VLAD(keras.layers.Layer):
    """Pooling of any number of descriptors to one vector: residuals to cluster centers, summed per cluster.

    `v[k] = sum_i a_k(x_i) (x_i - centers[k])` with `a(x) = softmax(x assignment_kernel + assignment_bias)`,
    where `x` are the normalized descriptors. Every `v[k]` is normalized, then the whole vector. The initial
    assignment is by distance: `a_k(x)` is proportional to `exp(-alpha * |x - centers[k]|^2)`. Centers,
    kernel, and bias are trained separately. Use it for image retrieval and place recognition.

    As in the paper, `adapt(data)` initializes the layer before training with the centers of clusters of
    normalized descriptors, by scikit-learn's k-means. With `alpha=None` it also measures `alpha =
    log(100) / mean(d2 - d1)`, where `d1` and `d2` are a descriptor's squared distances to the nearest two
    centers: the nearest center then has about 100 times the weight of the second. `set_centers` takes centers
    from elsewhere. In a model, `data` are the inputs of this layer: the outputs of the model that ends before
    it.

    Reference: Arandjelovic, Gronat, Torii, Pajdla, Sivic, 2016, "NetVLAD: CNN architecture for weakly
    supervised place recognition", arXiv 1511.07247; the vector is that of Jegou, Douze, Schmid, Perez, 2010.

    Differs from the paper: the normalization of the descriptors and the intra-normalization, `v[k] /
    sqrt(|v[k]|^2 + 1e-12)`, are those of the authors' networks, not of the formula. The authors' program
    measures `alpha`, which is `alpha=None` here.

    Args:
        num_clusters: Number of clusters, a positive integer.
        alpha: Positive sharpness of the initial assignment, per squared distance of normalized descriptors;
            larger values are closer to a hard assignment. With None, `adapt` measures it, and it is 100
            before. Defaults to 100.
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
        ValueError: for an argument outside its range, an input of the wrong rank or with an unknown number of
            channels, or too little data in `adapt`.

    >>> layer = VLAD(num_clusters=4)
    >>> print(layer(np.ones((2, 7, 5, 3), "float32")).shape)
    (2, 12)
    """

    receptive_steps = "everything"

    def __init__(self, num_clusters, *, alpha=100.0, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.num_clusters = validation.positive_integer("num_clusters", num_clusters)
        self.alpha = None if alpha is None else validation.finite_number("alpha", alpha, above=0)
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
            initializer=lambda shape, dtype: self._initial_assignment()[0],
            autocast=False,
        )
        self.assignment_bias = self.add_weight(
            name="assignment_bias",
            shape=(self.num_clusters,),
            initializer=lambda shape, dtype: self._initial_assignment()[1],
            autocast=False,
        )
        self.built = True

    def _initial_assignment(self):
        return _assignment(ops.convert_to_tensor(self.centers), self._alpha)

    @property
    def _alpha(self):
        return ALPHA if self.alpha is None else self.alpha

    def adapt(self, data, *, max_descriptors=100_000, seed=0):
        """Sets the centers by k-means on descriptors, and the assignment by distance to them.

        Call it before training, because it replaces all weights. The layer may be new or in a model.

        Args:
            data: Inputs of the layer: an array or tensor, or an iterable of batches, such as a
                `tf.data.Dataset`. All descriptors must be finite.
            max_descriptors: Positive integer, the largest number of descriptors; if there are more, a random
                subset is used. Defaults to 100,000.
            seed: Integer seed of the subset and of k-means. Defaults to 0.

        Returns:
            The `alpha` of the assignment: the argument, or with None the measured one. For one cluster, which
            gets every descriptor, it is 100 with None.

        Raises:
            ValueError: for data of another shape, or fewer distinct descriptors than clusters.
        """
        max_descriptors = validation.positive_integer("max_descriptors", max_descriptors)
        seed = validation.non_negative_integer("seed", seed)
        parts = [self._normalized(batch) for batch in clusters.batches(data)]
        descriptors = clusters.joined(parts, max_descriptors, np.random.default_rng(seed))
        centers = clusters.cluster_centers(descriptors, self.num_clusters, seed)
        alpha = self._alpha
        if self.alpha is None and self.num_clusters > 1:
            # Positive, because each center is the nearest of a descriptor that is farther from all others.
            alpha = math.log(RATIO) / float(clusters.gap_to_the_second_center(descriptors, centers))
        self._set(centers, alpha)
        return alpha

    def _normalized(self, batch):
        """Returns a batch of inputs as an array of normalized descriptors (number, channels)."""
        batch = windows.as_float32(ops.convert_to_tensor(batch))
        clusters.require_finite(ops.convert_to_numpy(batch))
        _, size = self.compute_output_shape(batch.shape)
        channels = size // self.num_clusters
        if not self.built:
            self.build(batch.shape)
        if channels != self.centers.shape[1]:
            raise ValueError(
                f"`data` must have {self.centers.shape[1]} channels. "
                f"Received: a batch of shape {tuple(batch.shape)}"
            )
        descriptors = l2_normalize(vlad.as_descriptors(batch, self.data_format))
        return ops.convert_to_numpy(descriptors).reshape(-1, channels)

    def lsuv_kernels(self):
        """Returns why `initializers.lsuv` leaves the weights alone."""
        return [
            {"kernel": self.centers, "skip": "centers are compared with descriptors of norm 1"},
            {"kernel": self.assignment_kernel, "skip": "it follows from the centers"},
        ]

    def set_centers(self, centers):
        """Sets the centers of the built layer, (num_clusters, channels), and the assignment by distance.

        The assignment has the sharpness `alpha`, or 100 with `alpha=None`.
        """
        centers = ops.convert_to_tensor(centers, dtype=self.centers.dtype)
        if tuple(centers.shape) != tuple(self.centers.shape):
            raise ValueError(
                f"`centers` must have the shape {tuple(self.centers.shape)}. "
                f"Received: centers of shape {tuple(centers.shape)}"
            )
        self._set(centers, self._alpha)

    def _set(self, centers, alpha):
        centers = ops.convert_to_tensor(centers, dtype=self.centers.dtype)
        kernel, bias = _assignment(centers, alpha)
        self.centers.assign(centers)
        self.assignment_kernel.assign(kernel)
        self.assignment_bias.assign(bias)

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


def _assignment(centers, alpha):
    """Returns the kernel and bias of the assignment by distance to `centers`."""
    return 2 * alpha * ops.transpose(centers), -alpha * ops.sum(ops.square(centers), axis=-1)


# Many people search for the paper's name of the layer. Saved files contain the original name.
NetVLAD = VLAD
