"""EfficientNet-Lite for images of any size, as classifier or backbone."""

import math

import keras
from keras import layers

from keras_cnn_zoo.layers import BatchNormalization, StochasticDepth
from keras_cnn_zoo.models.backbones import check_input_shape
from keras_cnn_zoo.models.base import scaled
from keras_cnn_zoo.models.blocks import TORCH_NAMES
from keras_cnn_zoo.models.classifier import Classifier
from keras_cnn_zoo.utils import prototypes, validation

# Factors of the channels and of the number of blocks.
VARIANTS = {"0": (1.0, 1.0), "1": (1.0, 1.1), "2": (1.1, 1.2)}
OUTPUT_STRIDES = (8, 16, 32)
# Kernel size, stride of the first block, expansion, channels, blocks.
STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
STEM, HEAD = 32, 1280
# The last stage before each halving of the image, and the last one.
LEVELS = {0: "P1", 1: "P2", 2: "P3", 4: "P4", 6: "P5"}


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class EfficientNetLite(Classifier):
    """Network of inverted bottlenecks for CPUs and phones, as a classifier or, with `features_only`, levels.

    Each block expands the channels, filters them with a depthwise convolution, and projects them back. Unlike
    EfficientNet, it has ReLU6 and no squeeze-and-excitation, so it can be quantized. A good first choice for
    fine-tuning on a CPU: `backbone="efficientnet_lite0_imagenet"` has weights trained on ImageNet.

    Reference:
        Tan, Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019, arXiv
        1905.11946; Liu, "Higher accuracy on vision models with EfficientNet-Lite", 2020.

    Differs from the paper: `output_stride` replaces the last strides by dilations (Chen et al., 2017, arXiv
    1706.05587).

    Args:
        num_classes: number of classes, a positive integer. Unused and None with `features_only`.
        input_shape: (height, width, channels); height and width may be None.
        variant: "0", "1", or "2". They were trained on images of 224, 240, and 260 pixels.
        width: scales the channels of every stage, on top of the variant.
        features_only: outputs a dict of stages instead of logits: "P1" (stride 2) to "P5". `strides` is a
            dict of their strides.
        output_stride: 32, or 16 or 8 for denser last stages.
        drop_rate: stochastic depth: probability of skipping the last block. It is linearly smaller for
            earlier blocks. The authors trained with 0.2.
        normalization: "batch" (with an epsilon of 1e-3), a layer used as prototype, or None.
        activation: name or layer after each normalization.
        dropout: share of features dropped before the last layer, in [0, 1).
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

    >>> from keras_cnn_zoo.models import EfficientNetLite
    >>> model = EfficientNetLite(input_shape=(64, 96, 3), width=0.125, features_only=True)
    >>> print(model.output["P5"].shape, model.strides["P5"])
    (None, 2, 3, 40) 32
    """

    task = "classification"
    variants = tuple(VARIANTS)
    preprocessing = {"mean": 127.0, "std": 128.0}
    # From names that `backbone=` accepts to the arguments of the network.
    networks = {f"efficientnet_lite{variant}": {"variant": variant} for variant in VARIANTS}

    def __init__(
        self,
        num_classes=None,
        *,
        input_shape=(None, None, 3),
        variant="0",
        width=1.0,
        features_only=False,
        output_stride=32,
        drop_rate=0.0,
        normalization="batch",
        activation="relu6",
        dropout=0.0,
        class_names=None,
        **kwargs,
    ):
        # === Arguments ===
        features_only = validation.boolean("features_only", features_only)
        num_classes = validation.positive_integer("num_classes", num_classes, optional=features_only)
        channel_factor, depth_factor = VARIANTS[validation.one_of("variant", variant, self.variants)]
        width = validation.finite_number("width", width, above=0)
        validation.one_of("output_stride", output_stride, OUTPUT_STRIDES)
        drop_rate = validation.probability("drop_rate", drop_rate, allow_one=False)
        dropout = validation.probability("dropout", dropout, allow_one=False)
        normalization = _normalization(normalization)
        activation = prototypes.activation("activation", activation)
        input_shape = check_input_shape(input_shape)
        class_names = None if num_classes is None else self.check_class_names(num_classes, class_names)

        # === Functional model ===
        def normalized(x, prefix, activated=True):
            x = prototypes.apply(normalization, x, f"{prefix}_normalization")
            return prototypes.apply(activation, x, f"{prefix}_activation") if activated else x

        def pointwise(x, filters, prefix, activated=True):
            x = layers.Conv2D(filters, 1, name=f"{prefix}_convolution", **shared)(x)
            return normalized(x, prefix, activated)

        shared = {"use_bias": normalization is None, "data_format": "channels_last", "padding": "same"}
        inputs = keras.Input(input_shape)
        stem = layers.Conv2D(scaled(STEM, width), 3, strides=2, name="stem_convolution", **shared)
        x = normalized(stem(inputs), "stem")
        # The first and the last stage keep their number of blocks.
        counts = [
            blocks if stage in (0, len(STAGES) - 1) else math.ceil(blocks * depth_factor)
            for stage, (*_, blocks) in enumerate(STAGES)
        ]
        stages, strides, stride, dilation, done = {}, {}, 2, 1, 0
        for stage, (kernel_size, step, expansion, channels, _) in enumerate(STAGES):
            filters = scaled(_to_eighths(channels * channel_factor), width)
            entering = dilation
            if stride * step > output_stride:
                step, dilation = 1, dilation * 2
            stride *= step
            for index in range(counts[stage]):
                name, shortcut = f"stage_{stage + 1}_block_{index + 1}", x
                if expansion > 1:
                    x = pointwise(x, x.shape[-1] * expansion, f"{name}_expand")
                x = layers.DepthwiseConv2D(
                    kernel_size,
                    strides=step if index == 0 else 1,
                    # The block that replaces a stride by a dilation keeps the dilation of its input.
                    dilation_rate=entering if index == 0 else dilation,
                    name=f"{name}_depthwise_convolution",
                    **shared,
                )(x)
                x = normalized(x, f"{name}_depthwise")
                x = pointwise(x, filters, f"{name}_project", activated=False)
                if index > 0:
                    rate = drop_rate * done / sum(counts)
                    if rate:
                        x = StochasticDepth(rate, name=f"{name}_drop")(x)
                    x = layers.Add(name=f"{name}_add")([x, shortcut])
                done += 1
            if stage in LEVELS:
                stages[LEVELS[stage]], strides[LEVELS[stage]] = x, stride
        if features_only:
            outputs = stages
        else:
            x = pointwise(x, scaled(HEAD, width), "head")
            x = layers.GlobalAveragePooling2D(data_format="channels_last", name="pooling")(x)
            if dropout:
                x = layers.Dropout(dropout, name="dropout")(x)
            outputs = layers.Dense(num_classes, dtype="float32", name="logits")(x)
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)

        self.strides = strides

    def torch_weights(self):
        """Returns a dict from the name of a weight in the PyTorch packages to the variable."""
        found = {}

        def enter(prefix, name):
            for variable in self.get_layer(name).weights:
                own = variable.path.rsplit("/", 1)[-1]
                found[f"{prefix}.{TORCH_NAMES.get(own, own)}"] = variable

        enter("_conv_stem", "stem_convolution")
        enter("_bn0", "stem_normalization")
        names = [layer.name for layer in self.layers]
        blocks = [name.removesuffix("_depthwise_convolution") for name in names if "_depthwise_conv" in name]
        for number, block in enumerate(blocks):
            for part, convolution, normalization in (
                ("expand", "expand_conv", "bn0"),
                ("depthwise", "depthwise_conv", "bn1"),
                ("project", "project_conv", "bn2"),
            ):
                if f"{block}_{part}_convolution" in names:
                    enter(f"_blocks.{number}._{convolution}", f"{block}_{part}_convolution")
                    enter(f"_blocks.{number}._{normalization}", f"{block}_{part}_normalization")
        if not self.features_only:
            enter("_conv_head", "head_convolution")
            enter("_bn1", "head_normalization")
            enter("_fc", "logits")
        return found


def _normalization(value):
    if isinstance(value, str) and value == "batch":
        return BatchNormalization(axis=-1, momentum=0.99, epsilon=1e-3)
    return prototypes.normalization("normalization", value)


def _to_eighths(filters):
    """Returns the nearest multiple of 8, or the next one if that is less than 90 % of `filters`."""
    nearest = max(8, int(filters + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * filters else nearest
