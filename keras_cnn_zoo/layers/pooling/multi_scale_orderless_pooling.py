"""Multi-scale orderless pooling: VLAD over windows of several sizes."""

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.ops import statistics, vlad, windows
from keras_cnn_zoo.ops.host import clusters
from keras_cnn_zoo.ops.norms import l2_normalize
from keras_cnn_zoo.utils import docstrings, validation


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled
class MultiScaleOrderlessPooling2D(keras.layers.Layer):
    """Orderless pooling of a map: its mean, and the VLAD of its windows for several window sizes.

    The first `channels` outputs are the normalized mean of the map. Each window size adds a VLAD vector. Its
    descriptors `x` are the means of all windows, optionally projected to `components` principal components;
    `v[k] = sum_x a_k(x) (x - centers[k])`, where `a(x)` is `exp(-|x - centers[k]|^2 / bandwidth)` over the
    `nearest` centers, divided by its sum. The output is `sign(v) sqrt(abs(v))`, normalized. It ignores
    positions but keeps small details. For retrieval and scene recognition, on the features of a trained
    network. `nearest=1` is the plain VLAD of Jegou et al.

    `adapt(data)` computes the centers by k-means and the principal components with scikit-learn. They are
    non-trainable weights, saved with the model.

    As in Keras' average pooling, a mean overflows if the sum does: in float32, from 3e38 divided by the
    number of entries.

    Reference: Gong, Wang, Guo, Lazebnik, 2014, "Multi-scale Orderless Pooling of Deep Convolutional
    Activation Features", arXiv 1403.1840; section 3.2.6 of the survey.

    Differs from the paper: descriptors are means over windows of one feature map; the paper runs the network
    on patches of the image. For the paper's final projection of each level, add a `Dense` layer. `nearest`
    and `bandwidth` are those of the authors' program.

    Args:
        num_clusters: Number of centers per window size, a positive integer.
        window_sizes: Height and width of the windows, an integer or a pair of integers per scale.
        strides: Strides of the windows: an integer for all scales, or an integer or a pair of integers per
            scale.
        components: Number of principal components of the descriptors, or None for no projection. Defaults to
            None.
        nearest: Number of centers to which a descriptor is assigned, at most all of them. Defaults to 5.
        bandwidth: Positive squared distance over which the weight of a center falls by a factor of e.
            Defaults to 10.
        {data_format}
        {kwargs}

    Call arguments:
        {inputs}

    Input shape:
        {maps}; height and width may be unknown.

    Output shape:
        `(batch, channels + scales * num_clusters * size)`, `size` being `components` or `channels`.

    Raises:
        ValueError: for an argument outside its range, an input of a rank other than 4, smaller than a window
            or with an unknown number of channels, a call before `adapt`, or too little data in `adapt`.

    >>> layer = MultiScaleOrderlessPooling2D(num_clusters=4, window_sizes=(3, 2), strides=1)
    >>> maps = np.random.default_rng(0).normal(size=(8, 6, 6, 5)).astype("float32")
    >>> layer.adapt(maps)
    >>> print(layer(maps).shape)
    (8, 45)
    """

    receptive_steps = "everything"

    def __init__(
        self,
        num_clusters,
        *,
        window_sizes,
        strides,
        components=None,
        nearest=5,
        bandwidth=10.0,
        data_format=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_clusters = validation.positive_integer("num_clusters", num_clusters)
        if not isinstance(window_sizes, (tuple, list)) or not window_sizes:
            validation.fail(
                "window_sizes", "a sequence of positive integers or of pairs, one per scale", window_sizes
            )
        self.window_sizes = tuple(
            validation.positive_integers("window_sizes", size, 2) for size in window_sizes
        )
        scales = len(self.window_sizes)
        if isinstance(strides, (tuple, list)):
            if len(strides) != scales:
                validation.fail("strides", f"an integer, or a list of {scales}, one per scale", strides)
        else:
            strides = (strides,) * scales
        self.strides = tuple(validation.positive_integers("strides", stride, 2) for stride in strides)
        self.components = validation.positive_integer("components", components, optional=True)
        self.nearest = validation.positive_integer("nearest", nearest)
        self.bandwidth = validation.finite_number("bandwidth", bandwidth, above=0)
        self.data_format = validation.data_format("data_format", data_format)
        self._is_adapted = False

    def build(self, input_shape):
        self.compute_output_shape(input_shape)
        channels = input_shape[self._channel_axis]

        def weight(name, shape, initializer="zeros"):
            return self.add_weight(
                name=name, shape=shape, initializer=initializer, trainable=False, autocast=False
            )

        scales = range(len(self.window_sizes))
        self.centers = [weight(f"centers_{i}", (self.num_clusters, self._size(channels))) for i in scales]
        self.projections = (
            [weight(f"projection_{i}", (channels, self.components)) for i in scales]
            if (self.components)
            else []
        )
        # Learned centers may be all zeros, so a separate weight records whether `adapt` ran.
        self.adapted = weight("adapted", ())
        self.built = True

    @property
    def _channel_axis(self):
        return 3 if self.data_format == "channels_last" else 1

    def _size(self, channels):
        return self.components or channels

    def adapt(self, data, *, max_descriptors=100_000, seed=0):
        """Computes the centers and principal components from feature maps.

        Args:
            data: An array or tensor of feature maps, or an iterable of batches of them, such as a
                `tf.data.Dataset`.
            max_descriptors: Positive integer, the largest number of descriptors per scale; if there are more,
                a random subset is used. Defaults to 100,000.
            seed: Integer seed of the subset and of k-means. Defaults to 0.

        Raises:
            ValueError: if there are fewer distinct descriptors than clusters or components.
        """
        max_descriptors = validation.positive_integer("max_descriptors", max_descriptors)
        seed = validation.non_negative_integer("seed", seed)
        generator = np.random.default_rng(seed)
        parts = zip(*self._batches_of_descriptors(data), strict=True)
        scales = [clusters.joined(part, max_descriptors, generator) for part in parts]
        for scale, descriptors in enumerate(scales):
            if self.components is not None:
                projection = _principal_components(descriptors, self.components, seed)
                self.projections[scale].assign(projection)
                descriptors = descriptors @ projection
            self.centers[scale].assign(clusters.cluster_centers(descriptors, self.num_clusters, seed))
        self.adapted.assign(1.0)
        self._is_adapted = True

    def _batches_of_descriptors(self, data):
        """Returns, per batch, a list with one array (descriptors, channels) per scale."""
        batches = []
        for batch in clusters.batches(data):
            batch = windows.as_float32(ops.convert_to_tensor(batch))
            if not self.built:
                self.build((None, *batch.shape[1:]))
            batches.append(
                [
                    ops.convert_to_numpy(self._descriptors(batch, scale)).reshape(
                        -1, batch.shape[self._channel_axis]
                    )
                    for scale in range(len(self.window_sizes))
                ]
            )
        return batches

    def _descriptors(self, inputs, scale):
        """Returns the mean of every window, (batch, windows, channels)."""
        pooled = ops.average_pool(
            inputs, self.window_sizes[scale], self.strides[scale], "valid", self.data_format
        )
        return vlad.as_descriptors(pooled, self.data_format)

    def call(self, inputs):
        if not self._is_adapted:
            raise ValueError(
                f"`MultiScaleOrderlessPooling2D` {self.name!r} has no centers. Call `adapt(data)`, or load "
                "its weights from a file or with `set_weights`."
            )
        inputs = windows.as_float32(inputs)
        space = windows.spatial_axes(2, self.data_format)
        levels = [l2_normalize(statistics.mean(inputs, space))]
        levels += [self._level(inputs, scale) for scale in range(len(self.window_sizes))]
        return ops.cast(ops.concatenate(levels, axis=-1), self.compute_dtype)

    def _level(self, inputs, scale):
        # input (batch, height, width, channels), k = num_clusters
        # -> window means (batch, windows, channels) -> projected descriptors (batch, windows, size)
        # -> weights of the nearest centers (batch, windows, k) -> sums of residuals (batch, k, size)
        # -> output (batch, k * size): signed root, normalized
        descriptors = self._descriptors(inputs, scale)
        if self.components is not None:
            projection = ops.cast(self.projections[scale], inputs.dtype)
            descriptors = ops.einsum("bnc,cd->bnd", descriptors, projection)
        centers = ops.cast(self.centers[scale], inputs.dtype)
        assignment = vlad.nearest_assignment(descriptors, centers, self.nearest, self.bandwidth)
        sums = vlad.residual_sums(descriptors, centers, assignment)
        sums = ops.reshape(sums, (ops.shape(sums)[0], centers.shape[0] * centers.shape[1]))
        return l2_normalize(vlad.signed_root(sums))

    def load_own_variables(self, store):
        super().load_own_variables(store)
        self._is_adapted = bool(ops.convert_to_numpy(self.adapted) > 0)

    def set_weights(self, weights):
        super().set_weights(weights)
        self._is_adapted = bool(ops.convert_to_numpy(self.adapted) > 0)

    def compute_output_shape(self, input_shape):
        for size, stride in zip(self.window_sizes, self.strides, strict=True):
            windows.window_shape(
                input_shape, size, stride, "valid", self.data_format, owner=type(self).__name__
            )
        channels = input_shape[self._channel_axis]
        if channels is None:
            raise ValueError(
                f"The number of channels must be known. Received: input_shape={tuple(input_shape)}"
            )
        vectors = len(self.window_sizes) * self.num_clusters
        return (input_shape[0], channels + vectors * self._size(channels))

    def get_config(self):
        return {
            **super().get_config(),
            "num_clusters": self.num_clusters,
            "window_sizes": self.window_sizes,
            "strides": self.strides,
            "components": self.components,
            "nearest": self.nearest,
            "bandwidth": self.bandwidth,
            "data_format": self.data_format,
        }


def _principal_components(descriptors, components, seed):
    """Returns a projection (channels, components); subtracting the mean would not change residuals."""
    from sklearn.decomposition import PCA

    if components > min(descriptors.shape):
        raise ValueError(
            "`components` must be at most the number of channels and the number of descriptors in `data`. "
            f"Received: components={components}, {descriptors.shape[0]} descriptors of "
            f"{descriptors.shape[1]} channels"
        )
    return PCA(components, random_state=seed).fit(descriptors).components_.T
