"""Orderless pooling of windows of several sizes over learned cluster centers."""

import warnings

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.ops import statistics, vlad, windows
from keras_cnn_zoo.ops.norms import l2_normalize
from keras_cnn_zoo.utils import docstrings, validation

ADAPT_BATCH = 32


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled
class MultiScaleOrderlessPooling2D(keras.layers.Layer):
    """Pools a map whole, and by the residuals of its windows to cluster centers for several window sizes.

    The first `channels` outputs are the mean of the map, of length 1. Then for each window size: the means
    of all windows, projected to `components` principal components where these are asked for, are descriptors
    `x`; `v[k] = sum_x a_k(x) (x - centers[k])`, where `a(x)` is `exp(-|x - centers[k]|^2 / bandwidth)` over
    the `nearest` centers, divided by its sum; then `sign(v) sqrt(abs(v))`, of length 1. The places in
    the map no longer matter, while small things still count: for retrieval and scenes, on the features of a
    trained network. `nearest=1` is the plain VLAD of Jegou et al.

    `adapt(data)` learns centers by k-means, and components, with scikit-learn; they are weights, saved with
    the model and not trained.

    Reference: Gong, Wang, Guo, Lazebnik, 2014, "Multi-scale Orderless Pooling of Deep Convolutional
    Activation Features", arXiv 1403.1840; section 3.2.6 of the survey.

    Differs from the paper: windows are means of a feature map, where the paper runs the network anew on
    patches of the image, and the paper's last projection of each level's vector is left to a `Dense` layer.
    `nearest` and `bandwidth` are those of the authors' program.

    Args:
        num_clusters: Number of centers for each window size, a positive integer.
        window_sizes: Heights and widths of the windows: for each scale an integer or two.
        strides: Steps of the windows: an integer for all scales, or for each scale an integer or two.
        components: Number of principal components of the descriptors, or None to keep the channels. Defaults
            to None.
        nearest: Number of centers that share a descriptor; all where there are not so many. Defaults to 5.
        bandwidth: Positive squared distance over which the share of a center falls by e. Defaults to 10.
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
            or with an unknown number of channels, a call before `adapt`, or too few data to adapt to.

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
                "window_sizes", "a sequence with a positive integer or two for each scale", window_sizes
            )
        self.window_sizes = tuple(
            validation.positive_integers("window_sizes", size, 2) for size in window_sizes
        )
        scales = len(self.window_sizes)
        if isinstance(strides, (tuple, list)):
            if len(strides) != scales:
                validation.fail("strides", f"an integer, or one for each of the {scales} scales", strides)
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
        # Centers of zeros may be learned; so a weight of its own says that they were.
        self.adapted = weight("adapted", ())
        self.built = True

    @property
    def _channel_axis(self):
        return 3 if self.data_format == "channels_last" else 1

    def _size(self, channels):
        return self.components or channels

    def adapt(self, data, *, max_descriptors=100_000, seed=0):
        """Learns centers, and components, from feature maps.

        Args:
            data: An array or tensor of maps as the layer takes them, or an iterable of batches of them, such
                as a `tf.data.Dataset`.
            max_descriptors: Positive integer, how many descriptors of each scale are clustered; of more, a
                random part. Defaults to 100,000.
            seed: Integer seed of the part and of k-means. Defaults to 0.

        Raises:
            ValueError: where there are fewer distinct descriptors than clusters, or than components.
        """
        max_descriptors = validation.positive_integer("max_descriptors", max_descriptors)
        seed = validation.non_negative_integer("seed", seed)
        generator = np.random.default_rng(seed)
        for scale, parts in enumerate(zip(*self._batches_of_descriptors(data), strict=True)):
            descriptors = np.concatenate(parts).astype("float64")
            if len(descriptors) > max_descriptors:
                descriptors = descriptors[generator.choice(len(descriptors), max_descriptors, replace=False)]
            if self.components is not None:
                projection = _principal_components(descriptors, self.components, seed)
                self.projections[scale].assign(projection)
                descriptors = descriptors @ projection
            self.centers[scale].assign(_cluster_centers(descriptors, self.num_clusters, seed))
        self.adapted.assign(1.0)
        self._is_adapted = True

    def _batches_of_descriptors(self, data):
        """For each batch, and there for each scale, an array (descriptors, channels)."""
        if hasattr(data, "shape"):
            maps = data
            data = (maps[start : start + ADAPT_BATCH] for start in range(0, maps.shape[0], ADAPT_BATCH))
        batches = []
        for batch in data:
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
        if not batches:
            raise ValueError("`data` must be at least one feature map. Received: none")
        if not all(np.isfinite(part).all() for batch in batches for part in batch):
            raise ValueError("`data` must be finite. Received: NaN or infinite values")
        return batches

    def _descriptors(self, inputs, scale):
        """The mean of every window, (batch, windows, channels)."""
        pooled = ops.average_pool(
            inputs, self.window_sizes[scale], self.strides[scale], "valid", self.data_format
        )
        return vlad.as_descriptors(pooled, self.data_format)

    def call(self, inputs):
        if not self._is_adapted:
            raise ValueError(
                f"The centers of `MultiScaleOrderlessPooling2D` {self.name!r} are not known: call "
                "`adapt(data)`, or load its weights from a file or by its `set_weights`."
            )
        inputs = windows.as_float32(inputs)
        space = windows.spatial_axes(2, self.data_format)
        levels = [l2_normalize(statistics.mean(inputs, space))]
        levels += [self._level(inputs, scale) for scale in range(len(self.window_sizes))]
        return ops.cast(ops.concatenate(levels, axis=-1), self.compute_dtype)

    def _level(self, inputs, scale):
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
    """(channels, components). The mean may stay: it moves descriptors and centers alike."""
    from sklearn.decomposition import PCA

    if components > min(descriptors.shape):
        raise ValueError(
            "`components` must be at most the number of channels and of descriptors to adapt to. "
            f"Received: components={components}, {descriptors.shape[0]} descriptors of "
            f"{descriptors.shape[1]} channels"
        )
    return PCA(components, random_state=seed).fit(descriptors).components_.T


def _cluster_centers(descriptors, num_clusters, seed):
    """(num_clusters, size) by k-means."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    found = 0
    if len(descriptors) >= num_clusters:
        with warnings.catch_warnings():
            # Its warning of too few distinct points becomes the error below.
            warnings.simplefilter("ignore", ConvergenceWarning)
            kmeans = KMeans(num_clusters, n_init=1, random_state=seed).fit(descriptors)
        found = len(np.unique(kmeans.labels_))
    if found < num_clusters:
        raise ValueError(
            "`num_clusters` must be at most the number of distinct descriptors to adapt to. "
            f"Received: num_clusters={num_clusters}, {len(descriptors)} descriptors"
        )
    return kmeans.cluster_centers_
