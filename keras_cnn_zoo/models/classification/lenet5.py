"""LeNet-5, in Caffe's and LeCun's variants."""

import keras
from keras import layers, ops

from keras_cnn_zoo.models.base import scaled
from keras_cnn_zoo.models.classifier import Classifier
from keras_cnn_zoo.utils import prototypes, validation

# The inputs among the six S2 maps of each of the sixteen C3 maps: table I of the paper.
C3_CONNECTIONS = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5),
    (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5),
    (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)  # fmt: skip


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
def scaled_tanh(x):
    """Returns LeCun's squashing function, 1.7159 tanh(2 x / 3)."""
    return 1.7159 * ops.tanh(x * (2.0 / 3.0))


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class LeNet5(Classifier):
    """Digit classifier of two convolution stages and a small dense head.

    `variant="caffe"` is the network that Caffe ships as LeNet: 20 and 50 kernels of 5 x 5, max pooling, 500
    hidden units with ReLU. It has 431,080 parameters at 10 classes. `variant="lecun"` is the paper's: 6 and
    16 maps, trainable subsampling, the C3 connection table, and scaled tanh. It has 60,000 parameters before
    the output.

    Reference:
        LeCun, Bottou, Bengio, Haffner, "Gradient-Based Learning Applied to Document Recognition", 1998.

    Differs from the paper: the output layer is a Dense layer that returns logits, instead of Euclidean radial
    basis functions with fixed targets.

    Args:
        num_classes: number of classes, a positive integer.
        input_shape: (height, width, channels), or None for the variant's own: (28, 28, 1) or (32, 32, 1).
        variant: "caffe" or "lecun".
        width: scales the channels of every stage of "caffe". It must be 1.0 for "lecun".
        pooling: "max", "average", a pooling layer used as prototype, or None for the variant's own. It must
            be None for "lecun", which has trainable subsampling.
        activation: name or layer after the hidden dense layer of "caffe" (ReLU by default).
        convolution_activation: name or layer after each convolution. None by default, as in Caffe's network.
        dropout: share of hidden units dropped in training before the output, in [0, 1).
        class_names: names of the classes, or None.
        **kwargs: `name` and `trainable`.

    Call arguments:
        inputs: float tensor, images as `preprocess` returns them.

    Input shape:
        (batch, height, width, channels).

    Output shape:
        (batch, num_classes), logits.

    Raises:
        ValueError: for an unknown variant, an image too small for two stages, or a bad argument.

    >>> from keras_cnn_zoo.models import LeNet5
    >>> LeNet5(10).count_params()
    431080
    """

    task = "classification"
    variants = ("caffe", "lecun")

    def __init__(
        self,
        num_classes=10,
        *,
        input_shape=None,
        variant="caffe",
        width=1.0,
        pooling=None,
        activation="relu",
        convolution_activation=None,
        dropout=0.0,
        class_names=None,
        **kwargs,
    ):
        # === Arguments ===
        num_classes = validation.positive_integer("num_classes", num_classes)
        validation.one_of("variant", variant, self.variants)
        width = validation.finite_number("width", width, above=0)
        dropout = validation.probability("dropout", dropout, allow_one=False)
        if input_shape is None:
            input_shape = (28, 28, 1) if variant == "caffe" else (32, 32, 1)
        input_shape = validation.positive_integers("input_shape", input_shape, 3)
        pooling = prototypes.pooling("pooling", pooling)
        activation = prototypes.activation("activation", activation)
        convolution_activation = prototypes.activation("convolution_activation", convolution_activation)
        class_names = self.check_class_names(num_classes, class_names)
        if min(input_shape[:2]) < 16:
            validation.fail("input_shape", "at least 16 pixels high and wide", input_shape)

        # === Functional model ===
        inputs = keras.Input(input_shape)
        if variant == "caffe":
            x = _caffe_body(inputs, width, pooling, activation, convolution_activation)
        else:
            if width != 1 or pooling is not None or convolution_activation is not None:
                raise ValueError(
                    'With `variant="lecun"`, `width` must be 1.0, and `pooling` and '
                    f"`convolution_activation` None. Received: width={width}, pooling={pooling}, "
                    f"convolution_activation={convolution_activation}"
                )
            x = _lecun_body(inputs)
        if dropout:
            x = layers.Dropout(dropout, name="dropout")(x)
        outputs = layers.Dense(num_classes, dtype="float32", name="logits")(x)
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)


def _caffe_body(inputs, width, pooling, activation, convolution_activation):
    pooling = pooling or prototypes.pooling("pooling", "max")
    x = inputs
    for stage, filters in enumerate((20, 50), start=1):
        x = layers.Conv2D(
            scaled(filters, width), 5, data_format="channels_last", name=f"convolution_{stage}"
        )(x)
        x = prototypes.apply(convolution_activation, x, f"convolution_{stage}_activation")
        x = prototypes.apply(pooling, x, f"pooling_{stage}")
    x = layers.Flatten(data_format="channels_last", name="flatten")(x)
    x = layers.Dense(scaled(500, width), name="hidden")(x)
    return prototypes.apply(activation, x, "hidden_activation")


def _subsample(x, name):
    """Applies S2 or S4: the sum of 2 x 2 inputs times a coefficient per map, plus a bias, squashed."""
    x = layers.AveragePooling2D(2, strides=2, data_format="channels_last", name=f"{name}_average")(x)
    x = layers.DepthwiseConv2D(1, data_format="channels_last", name=name)(x)
    return layers.Activation(scaled_tanh, name=f"{name}_squash")(x)


def _lecun_body(inputs):
    def convolution(filters, name):
        return layers.Conv2D(filters, 5, activation=scaled_tanh, data_format="channels_last", name=name)

    x = _subsample(convolution(6, "c1")(inputs), "s2")
    maps = [
        convolution(1, f"c3_{index}")(ops.take(x, list(connected), axis=-1))
        for index, connected in enumerate(C3_CONNECTIONS)
    ]
    x = _subsample(layers.Concatenate(axis=-1, name="c3")(maps), "s4")
    x = layers.Flatten(data_format="channels_last", name="flatten")(convolution(120, "c5")(x))
    return layers.Dense(84, activation=scaled_tanh, name="f6")(x)
