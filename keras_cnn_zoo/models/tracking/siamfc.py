"""SiamFC: one embedding for the object and for the search image, joined by cross-correlation."""

import keras
import numpy as np
from keras import layers

from keras_cnn_zoo.layers.tracking import CrossCorrelation2D
from keras_cnn_zoo.models import deployment
from keras_cnn_zoo.models.base import ZooModel, scaled
from keras_cnn_zoo.models.tracking.crops import crop
from keras_cnn_zoo.models.tracking.tracker import Tracker
from keras_cnn_zoo.ops.host.pictures import list_pictures
from keras_cnn_zoo.utils import prototypes, validation
from keras_cnn_zoo.utils.arrays import to_numpy

# Per stage: filters, kernel size, stride, groups, and size of the max pooling of stride 2 after it, or 0.
VARIANTS = {
    # The paper's table 1: AlexNet without padding, total stride 8.
    "original": {
        "sizes": (127, 255),
        "stages": (
            (96, 11, 2, 1, 3),
            (256, 5, 1, 2, 3),
            (384, 3, 1, 1, 0),
            (384, 3, 1, 2, 0),
            (256, 3, 1, 2, 0),
        ),
    },
    # The same geometry at half the resolution: total stride 4, a receptive field of 39 pixels instead of 87.
    "small": {
        "sizes": (63, 127),
        "stages": (
            (48, 5, 2, 1, 2),
            (96, 3, 1, 1, 0),
            (128, 3, 1, 1, 0),
            (128, 3, 1, 1, 0),
            (96, 3, 1, 1, 0),
        ),
    },
}
# The correlation has the scale of the paper's code: 0.001 for a sum of 6 x 6 x 256 products.
GAIN = 1e-3 * 6 * 6 * 256


class _Branches:
    """Compiled parts of a model, in an object whose layers Keras does not track."""

    def __init__(self, embedding, head, exemplar_shape, search_shape):
        exemplar, search = keras.Input(exemplar_shape), keras.Input(search_shape)
        features = embedding(exemplar)
        self.embed = keras.Model(exemplar, features)
        given = keras.Input(features.shape[1:])
        self.respond = keras.Model([given, search], head(given, embedding(search)))
        for model in (self.embed, self.respond):
            # On a CPU, TensorFlow's own convolutions were measured to be faster than XLA's.
            model.compile(jit_compile=False if keras.backend.backend() == "tensorflow" else "auto")


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class SiamFC(ZooModel):
    """Fully-convolutional Siamese network for tracking any object.

    Both inputs go through the same unpadded convolutions. The exemplar's features are correlated with those
    of the search image, so the response is high where the search image shows the exemplar. The network is
    trained once, on pairs, and never adapts to a video. `tracker()` returns an object that follows a box from
    frame to frame. `embed` and `respond` are the two halves of the network, so that the exemplar is embedded
    only once.

    Reference:
        Bertinetto, Valmadre, Henriques, Vedaldi, Torr, "Fully-Convolutional Siamese Networks for Object
        Tracking", 2016, arXiv 1606.09549.

    Differs from the paper: the scale of the response is learned in addition to its bias. Variant "small" is
    for CPUs: images at half the resolution (63 and 127 pixels, total stride 4) and smaller kernels. Its
    response also has 17 x 17 positions.

    Args:
        input_shape: (height, width, channels) of the search image, or None for the variant's own in RGB:
            255 x 255, or 127 x 127 for "small". It must be square, with a size that the strides divide and
            that gives the response an odd number of positions.
        exemplar_size: edge of the exemplar, or None for the variant's own: 127, or 63 for "small".
        variant: "original" or "small".
        width: scales the channels of every stage.
        normalization: "batch" after every convolution but the last, a layer used as prototype, or None.
        activation: name or layer after every convolution but the last.
        **kwargs: `name` and `trainable`.

    Call arguments:
        inputs: dict of float tensors `exemplar` and `search`, as `preprocess` returns them.

    Input shape:
        `{"exemplar": (batch, exemplar_size, exemplar_size, channels), "search": (batch, *input_shape)}`.

    Output shape:
        (batch, positions, positions, 1), logits. 17 x 17 positions by default, `stride` pixels apart.

    Raises:
        ValueError: for an unknown variant, sizes that do not fit, or a bad argument.

    >>> from keras_cnn_zoo.models import SiamFC
    >>> model = SiamFC(variant="small", width=0.25)
    >>> print(model.output_shape, model.stride)
    (None, 17, 17, 1) 4
    """

    task = "tracking"
    variants = tuple(VARIANTS)
    head_names = ()
    usage = (
        "tracker = model.tracker()\n"
        "tracker.start(frame, (x, y, width, height))  # the object in the first frame\n"
        "box = tracker.update(next_frame)"
    )

    def __init__(
        self,
        *,
        input_shape=None,
        exemplar_size=None,
        variant="original",
        width=1.0,
        normalization="batch",
        activation="relu",
        **kwargs,
    ):
        # === Arguments ===
        validation.one_of("variant", variant, self.variants)
        width = validation.finite_number("width", width, above=0)
        stages, sizes = VARIANTS[variant]["stages"], VARIANTS[variant]["sizes"]
        if exemplar_size is None:
            exemplar_size = sizes[0]
        if input_shape is None:
            input_shape = (sizes[1], sizes[1], 3)
        exemplar_size = validation.positive_integer("exemplar_size", exemplar_size)
        input_shape = _check_sizes(input_shape, exemplar_size, stages)
        normalization = prototypes.normalization("normalization", normalization)
        activation = prototypes.activation("activation", activation)

        # === Functional model ===
        channels = input_shape[-1]
        # The channels of a stage must be divisible by its own groups and by those of the next stage.
        groups_of_all = max(groups for _, _, _, groups, _ in stages)
        x = pictures = keras.Input((None, None, channels))
        for index, (filters, kernel_size, stride, groups, pool_size) in enumerate(stages, start=1):
            last = index == len(stages)
            x = layers.Conv2D(
                groups_of_all * scaled(filters / groups_of_all, width),
                kernel_size,
                strides=stride,
                groups=groups,
                # A normalization right after the convolution cancels the bias.
                use_bias=last or normalization is None,
                kernel_initializer="he_normal",
                data_format="channels_last",
                name=f"convolution_{index}",
            )(x)
            if not last:
                x = prototypes.apply(normalization, x, f"normalization_{index}")
                x = prototypes.apply(activation, x, f"activation_{index}")
            if pool_size:
                x = layers.MaxPooling2D(
                    pool_size, strides=2, data_format="channels_last", name=f"pooling_{index}"
                )(x)
        embedding = keras.Model(pictures, x, name="embedding")
        exemplar = keras.Input((exemplar_size, exemplar_size, channels), name="exemplar")
        search = keras.Input(input_shape, name="search")
        features = embedding(exemplar)
        # In float32, which is cheap for one number per position, so that the peak is exact.
        correlation = CrossCorrelation2D(data_format="channels_last", dtype="float32", name="correlation")
        scale = layers.Rescaling(GAIN / int(np.prod(features.shape[1:])), dtype="float32", name="scale")
        adjust = layers.Conv2D(
            1, 1, kernel_initializer="ones", data_format="channels_last", dtype="float32", name="adjust"
        )

        def head(exemplar_features, search_features):
            return adjust(scale(correlation([exemplar_features, search_features])))

        outputs = head(features, embedding(search))
        super().__init__(inputs={"exemplar": exemplar, "search": search}, outputs=outputs, **kwargs)

        self._head = head
        self._branches = None

    @property
    def search_shape(self):
        """Shape (height, width, channels) of a search image."""
        return tuple(self.input["search"].shape[1:])

    @property
    def exemplar_size(self):
        """Edge of an exemplar in pixels."""
        return self.input["exemplar"].shape[1]

    @property
    def stride(self):
        """Distance of neighboring positions of the response in pixels of the search image."""
        stages = VARIANTS[self.variant]["stages"]
        return int(np.prod([stride * (2 if pool_size else 1) for _, _, stride, _, pool_size in stages]))

    @property
    def response_size(self):
        """Number of positions of the response along each edge."""
        return self.output_shape[1]

    def preprocess(self, images):
        """Returns crops as the float32 batches that the network takes.

        Args:
            images: dict with `exemplar`, `search`, or both, each one image or several: uint8 or 0..255
                numbers of any size, with the object in the center of the exemplar.

        Returns:
            A dict of NumPy arrays (batch, size, size, channels) with the keys of `images`.
        """
        if not isinstance(images, dict) or not images or set(images) - {"exemplar", "search"}:
            raise ValueError(
                "`images` must be a dict of `exemplar`, `search`, or both. "
                f"Received: images of type {type(images).__name__}"
            )
        edges = {"exemplar": self.exemplar_size, "search": self.search_shape[0]}
        batches = {}
        for name, given in images.items():
            pictures = [self.with_channels(image, self.search_shape[-1]) for image in list_pictures(given)]
            whole = [crop(picture, (0, 0, *picture.shape[:2]), edges[name], 0) for picture in pictures]
            batches[name] = self.normalize(np.stack(whole))
        return batches

    def decode(self, outputs):
        """Returns the position and probability of each response's peak as a list of dicts.

        `down` and `right` are pixels of the search image from its center, and `probability` is the sigmoid of
        the peak.
        """
        answers = []
        for response in to_numpy(outputs)[..., 0].astype("float64"):
            row, column = np.unravel_index(response.argmax(), response.shape)
            middle = (np.array(response.shape) - 1) / 2
            answers.append(
                {
                    "down": float(row - middle[0]) * self.stride,
                    "right": float(column - middle[1]) * self.stride,
                    "probability": float(1 / (1 + np.exp(-response[row, column]))),
                }
            )
        return answers

    def deployable(self):
        """Returns a network for export: from 0..255 float images to the probabilities `response`."""
        inputs = {name: keras.Input(self.input[name].shape[1:], name=name) for name in ("exemplar", "search")}
        mean, std = self.preprocessing["mean"], self.preprocessing["std"]
        normalize = layers.Rescaling(1 / std, offset=-mean / std, dtype="float32", name="normalize")
        response = self({name: normalize(tensor) for name, tensor in inputs.items()})
        outputs = layers.Activation("sigmoid", dtype="float32", name="response")(response)
        return deployment.wrapped(self, inputs, outputs)

    def deployable_facts(self):
        """Returns facts on the inputs and outputs of `deployable`, as a dict of JSON values."""
        channels = self.search_shape[-1]
        inputs = {name: deployment.image_facts(self, "stretch", channels) for name in ("exemplar", "search")}
        meaning = (
            "probability that the center of the object is at this position; "
            "the middle one is the center of the search image"
        )
        axes = ["batch", "rows", "columns", "one"]
        return {
            "inputs": inputs,
            "outputs": {"response": {"axes": axes, "meaning": meaning, "stride": self.stride}},
        }

    def embed(self, exemplar):
        """Returns features of preprocessed exemplars (batch, size, size, channels), as a NumPy array."""
        return self._parts().embed.predict_on_batch(np.asarray(exemplar, dtype="float32"))

    def respond(self, exemplar_features, search):
        """Returns logits of preprocessed search images for the features of exemplars, as a NumPy array.

        Args:
            exemplar_features: array (batch, ...) from `embed`, or a batch of one for all search images.
            search: array (batch, size, size, channels).
        """
        search = np.asarray(search, dtype="float32")
        if len(exemplar_features) == 1 != len(search):
            exemplar_features = np.repeat(exemplar_features, len(search), axis=0)
        return self._parts().respond.predict_on_batch([exemplar_features, search])

    def _parts(self):
        if self._branches is None:
            self._branches = _Branches(
                self.get_layer("embedding"),
                self._head,
                (self.exemplar_size, self.exemplar_size, self.search_shape[-1]),
                self.search_shape,
            )
        return self._branches

    def tracker(self, **options):
        """Returns a `Tracker` that uses this network. `options` are its arguments."""
        return Tracker(self, **options)


def _features(size, stages):
    """Returns the edge of the features of an image of edge `size`, or None if a stride does not divide it."""
    for _, kernel_size, stride, _, pool_size in stages:
        for window, step in ((kernel_size, stride), (pool_size, 2)):
            if window == 0:
                continue
            if size < window or (size - window) % step:
                return None
            size = (size - window) // step + 1
    return size


def _check_sizes(input_shape, exemplar_size, stages):
    """Returns the search image's (height, width, channels), checked to fit the strides and the exemplar."""
    if not isinstance(input_shape, (tuple, list)) or len(input_shape) != 3:
        validation.fail("input_shape", "(height, width, channels)", input_shape)
    height, width, channels = (validation.positive_integer("input_shape", size) for size in input_shape)
    exemplar, search = _features(exemplar_size, stages), _features(height, stages)
    if exemplar is None:
        usable = [size for size in range(1, 400) if _features(size, stages)][:3]
        listed = ", ".join(map(str, usable))
        validation.fail("exemplar_size", f"a size that the strides divide ({listed}, ...)", exemplar_size)
    if height != width or search is None or search < exemplar or (search - exemplar) % 2:
        first = [
            size
            for size in range(exemplar_size, exemplar_size + 200)
            if _features(size, stages) and not (_features(size, stages) - exemplar) % 2
        ]
        listed = ", ".join(map(str, first[:3]))
        validation.fail(
            "input_shape",
            f"square, with an edge that fits exemplar_size={exemplar_size} ({listed}, ...)",
            input_shape,
        )
    return (height, width, channels)
