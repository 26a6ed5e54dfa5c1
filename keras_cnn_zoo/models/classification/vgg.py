"""VGG networks for images of any size, as classifier or backbone."""

import keras
from keras import layers

from keras_cnn_zoo.models.backbones import check_input_shape
from keras_cnn_zoo.models.base import scaled
from keras_cnn_zoo.models.classifier import Classifier
from keras_cnn_zoo.utils import prototypes, validation

# Number of convolutions per block.
VARIANTS = {
    "11": (1, 1, 2, 2, 2),
    "13": (2, 2, 2, 2, 2),
    "16": (2, 2, 3, 3, 3),
    "19": (2, 2, 4, 4, 4),
}
FILTERS = (64, 128, 256, 512, 512)
OUTPUT_STRIDES = (8, 16, 32)


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class VGG(Classifier):
    """Five blocks of 3 x 3 convolutions and a pooling, as a classifier or, with `features_only`, a backbone.

    Large and slow for its accuracy, but its features of edges and textures are widely used:
    `backbone="vgg16_hed"` has weights trained on ImageNet and tuned on contours.

    Reference:
        Simonyan, Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2014, arXiv
        1409.1556.

    Differs from the paper: maps of odd sizes are pooled to half their size, rounded up. `output_stride`
    replaces the last strides by dilations (Chen et al., 2017, arXiv 1706.05587); a pooling then has a stride
    of 1 and the same window.

    Args:
        num_classes: number of classes, a positive integer. Unused and None with `features_only`.
        input_shape: (height, width, channels); height and width may be None without `hidden` or with
            `features_only`.
        variant: "11", "13", "16", or "19": the paper's networks A, B, D, and E.
        width: scales the channels of every block.
        features_only: outputs a dict of levels instead of logits: "P0" (stride 1) to "P4", the blocks before
            their poolings, and "P5", the last pooling. `strides` is a dict of their strides.
        output_stride: 32, or 16 or 8 for denser last levels.
        hidden: units of each of the two layers before the logits, or None for the mean over all places
            instead. Unused with `features_only`.
        normalization: "batch", a layer used as prototype, or None.
        activation: name or layer after each convolution.
        dropout: share of features dropped before each layer after the first hidden one, in [0, 1).
        class_names: names of the classes, or None.
        **kwargs: `name` and `trainable`.

    Call arguments:
        inputs: float tensor, images as `preprocess` returns them.

    Input shape:
        (batch, height, width, channels).

    Output shape:
        (batch, num_classes) logits, or a dict of (batch, ceil(height / stride), ceil(width / stride),
        channels).

    Raises:
        ValueError: for an unknown variant or a bad argument.

    >>> from keras_cnn_zoo.models import VGG
    >>> model = VGG(input_shape=(64, 96, 3), width=0.125, features_only=True)
    >>> print(model.output["P5"].shape, model.strides["P5"])
    (None, 2, 3, 64) 32
    """

    task = "classification"
    variants = tuple(VARIANTS)
    # From names that `backbone=` accepts to the arguments of the network.
    networks = {f"vgg{variant}": {"variant": variant} for variant in VARIANTS}

    def __init__(
        self,
        num_classes=None,
        *,
        input_shape=(224, 224, 3),
        variant="16",
        width=1.0,
        features_only=False,
        output_stride=32,
        hidden=4096,
        normalization=None,
        activation="relu",
        dropout=0.5,
        class_names=None,
        **kwargs,
    ):
        # === Arguments ===
        features_only = validation.boolean("features_only", features_only)
        num_classes = validation.positive_integer("num_classes", num_classes, optional=features_only)
        validation.one_of("variant", variant, self.variants)
        width = validation.finite_number("width", width, above=0)
        validation.one_of("output_stride", output_stride, OUTPUT_STRIDES)
        hidden = validation.positive_integer("hidden", hidden, optional=True)
        dropout = validation.probability("dropout", dropout, allow_one=False)
        normalization = prototypes.normalization("normalization", normalization)
        activation = prototypes.activation("activation", activation)
        input_shape = check_input_shape(input_shape)
        if not features_only and hidden is not None and None in input_shape:
            validation.fail("input_shape", "a fixed height and width unless `hidden` is None", input_shape)
        class_names = None if num_classes is None else self.check_class_names(num_classes, class_names)

        # === Functional model ===
        def dropped(x, name):
            return layers.Dropout(dropout, name=name)(x) if dropout else x

        inputs = keras.Input(input_shape)
        x, stages, strides, stride, dilation = inputs, {}, {}, 1, 1
        for block, (count, filters) in enumerate(zip(VARIANTS[variant], FILTERS, strict=True), start=1):
            for index in range(1, count + 1):
                name = f"block_{block}_convolution_{index}"
                x = layers.Conv2D(
                    scaled(filters, width),
                    3,
                    padding="same",
                    dilation_rate=dilation,
                    use_bias=normalization is None,
                    kernel_initializer="he_normal",
                    data_format="channels_last",
                    name=name,
                )(x)
                x = prototypes.apply(normalization, x, f"{name}_normalization")
                x = prototypes.apply(activation, x, f"{name}_activation")
            stages[f"P{block - 1}"], strides[f"P{block - 1}"] = x, stride
            step = 2
            if stride * step > output_stride:
                step, dilation = 1, dilation * 2
            stride *= step
            pooling = layers.MaxPooling2D(
                2, strides=step, padding="same", data_format="channels_last", name=f"block_{block}_pooling"
            )
            x = pooling(x)
        stages["P5"], strides["P5"] = x, stride
        if features_only:
            outputs = stages
        else:
            if hidden is None:
                x = layers.GlobalAveragePooling2D(data_format="channels_last", name="pooling")(x)
            else:
                x = layers.Flatten(data_format="channels_last", name="flatten")(x)
                for index in (1, 2):
                    x = layers.Dense(hidden, kernel_initializer="he_normal", name=f"hidden_{index}")(x)
                    x = prototypes.apply(activation, x, f"hidden_{index}_activation")
                    x = dropped(x, f"hidden_{index}_dropout") if index == 1 else x
            x = dropped(x, "dropout")
            outputs = layers.Dense(num_classes, dtype="float32", name="logits")(x)
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)

        self.strides = strides
