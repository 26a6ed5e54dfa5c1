"""Residual networks of He et al. for images of any size or for 32 x 32, as classifier or backbone."""

import re

import keras
from keras import layers

from keras_cnn_zoo.layers import ResidualBlock2D
from keras_cnn_zoo.models.backbones import check_input_shape
from keras_cnn_zoo.models.base import scaled
from keras_cnn_zoo.models.blocks import TORCH_NAMES
from keras_cnn_zoo.models.classifier import Classifier
from keras_cnn_zoo.utils import prototypes, validation

VARIANTS = {
    "18": {"kind": "basic", "blocks": (2, 2, 2, 2)},
    "34": {"kind": "basic", "blocks": (3, 4, 6, 3)},
    "50": {"kind": "bottleneck", "blocks": (3, 4, 6, 3)},
    "101": {"kind": "bottleneck", "blocks": (3, 4, 23, 3)},
    "152": {"kind": "bottleneck", "blocks": (3, 8, 36, 3)},
    "200": {"kind": "bottleneck", "blocks": (3, 24, 36, 3)},
    # For 32 x 32 images: three stages of 16, 32, and 64 channels, 6n + 2 layers.
    **{f"cifar{6 * blocks + 2}": {"kind": "basic", "blocks": (blocks,) * 3} for blocks in (3, 5, 7, 9, 18)},
}
OUTPUT_STRIDES = (8, 16, 32)


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class ResNet(Classifier):
    """Residual network of `ResidualBlock2D`, as a classifier or, with `features_only`, as a backbone.

    Variants "18" to "200" begin with a 7 x 7 convolution and a pooling, both of stride 2, and have four
    stages. The "cifar" variants begin with a 3 x 3 convolution and have three stages. A good first choice for
    photographs. Reduce `width` on a CPU.

    Reference:
        He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", 2015, arXiv 1512.03385, and
        "Identity Mappings in Deep Residual Networks", 2016, arXiv 1603.05027.

    Differs from the paper: a "bottleneck" subsamples in its 3 x 3 convolution, like all weights published
    since. The paper's form is `stride_on="1x1"`. `output_stride` replaces the last strides by dilations (Chen
    et al., 2017, arXiv 1706.05587).

    Args:
        num_classes: number of classes, a positive integer. Unused and None with `features_only`.
        input_shape: (height, width, channels); height and width may be None.
        variant: "18", "34", "50", "101", "152", "200", "cifar20", "cifar32", "cifar44", "cifar56", or
            "cifar110".
        width: scales the channels of the stem and every stage.
        features_only: outputs a dict of stages instead of logits: "P1" (the stem, stride 2) to "P5", or "P0"
            to "P2" for the "cifar" variants. `strides` is a dict of their strides.
        output_stride: 32, or 16 or 8 for denser last stages. It must be 32 for "cifar" variants.
        preactivation: whether to use the blocks of the second paper, followed by a last normalization and
            activation.
        groups: groups of the 3 x 3 convolutions of bottlenecks (ResNeXt).
        base_width: width of a group (ResNeXt, wide networks).
        shortcut: "projection", "zero_pad", or "variant": projection, and "zero_pad" for "cifar" variants.
        stride_on: "3x3" or "1x1".
        use_bias: whether the convolutions have biases.
        weighted: whether to weigh each residual branch by a trainable scalar.
        squeeze_ratio: ratio of a squeeze-and-excitation in every block, or None.
        drop_rate: stochastic depth: probability of skipping the last block. It is linearly smaller for
            earlier blocks.
        normalization: "batch", a layer used as prototype, or None.
        activation: name or layer after each normalization. The stem's pooling pads with zeros, which is
            correct after activations that are never negative.
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

    >>> from keras_cnn_zoo.models import ResNet
    >>> model = ResNet(input_shape=(64, 96, 3), variant="18", width=0.125, features_only=True)
    >>> print(model.output["P5"].shape, model.strides["P5"])
    (None, 2, 3, 64) 32
    """

    task = "classification"
    variants = tuple(VARIANTS)
    # From names that `backbone=` accepts to the arguments of the network.
    networks = {f"resnet{variant}": {"variant": variant} for variant in VARIANTS if variant.isdigit()}
    # The same for weights of timm and torchvision.
    torch_networks = {
        **{f"resnet{depth}": {"variant": str(depth)} for depth in (18, 34, 50, 101, 152)},
        "seresnet50": {"variant": "50", "squeeze_ratio": 16},
    }

    def __init__(
        self,
        num_classes=None,
        *,
        input_shape=(None, None, 3),
        variant="18",
        width=1.0,
        features_only=False,
        output_stride=32,
        preactivation=False,
        groups=1,
        base_width=64,
        shortcut="variant",
        stride_on="3x3",
        use_bias=False,
        weighted=False,
        squeeze_ratio=None,
        drop_rate=0.0,
        normalization="batch",
        activation="relu",
        dropout=0.0,
        class_names=None,
        **kwargs,
    ):
        # === Arguments ===
        features_only = validation.boolean("features_only", features_only)
        num_classes = validation.positive_integer("num_classes", num_classes, optional=features_only)
        validation.one_of("variant", variant, self.variants)
        small = variant.startswith("cifar")
        width = validation.finite_number("width", width, above=0)
        validation.one_of("output_stride", output_stride, (32,) if small else OUTPUT_STRIDES)
        validation.one_of("shortcut", shortcut, ("variant", "projection", "zero_pad"))
        drop_rate = validation.probability("drop_rate", drop_rate, allow_one=False)
        dropout = validation.probability("dropout", dropout, allow_one=False)
        normalization = prototypes.normalization("normalization", normalization)
        activation = prototypes.activation("activation", activation)
        input_shape = check_input_shape(input_shape)
        class_names = None if num_classes is None else self.check_class_names(num_classes, class_names)
        block = {
            "preactivation": preactivation,
            "groups": groups,
            "base_width": base_width,
            "stride_on": stride_on,
            "use_bias": use_bias,
            "weighted": weighted,
            "squeeze_ratio": squeeze_ratio,
        }

        # === Functional model ===
        inputs = keras.Input(input_shape)
        first = scaled(16 if small else 64, width)

        def normalized(x, prefix):
            x = prototypes.apply(normalization, x, f"{prefix}_normalization")
            return prototypes.apply(activation, x, f"{prefix}_activation")

        stem = _centered(inputs, first, 3 if small else 7, 1 if small else 2, use_bias, "stem_convolution")
        # Preactivation blocks begin with a normalization, so the "cifar" stem would be normalized twice.
        x = stem if preactivation and small else normalized(stem, "stem")
        stages, strides = ({}, {}) if small else ({"P1": x}, {"P1": 2})
        level, stride, dilation = (0, 1, 1) if small else (2, 4, 1)
        if not small:
            # Zeros are the smallest values after a ReLU. "same" would pad an even map only at the far side.
            x = layers.ZeroPadding2D(1, data_format="channels_last", name="stem_padding")(x)
            x = layers.MaxPooling2D(3, strides=2, data_format="channels_last", name="stem_pooling")(x)
        counts = VARIANTS[variant]["blocks"]
        done = 0
        for stage, count in enumerate(counts):
            step, entering = (1 if stage == 0 else 2), dilation
            if not small and stride * step > output_stride:
                step, dilation = 1, dilation * 2
            stride *= step
            for index in range(count):
                done += 1
                x = ResidualBlock2D(
                    scaled((16 if small else 64) * 2**stage, width),
                    step if index == 0 else 1,
                    kind=VARIANTS[variant]["kind"],
                    shortcut=("zero_pad" if small else "projection") if shortcut == "variant" else shortcut,
                    drop_rate=drop_rate * done / sum(counts),
                    normalization=prototypes.clone(normalization),
                    activation=prototypes.clone(activation),
                    data_format="channels_last",
                    # The block that replaces a stride by a dilation keeps the dilation of its input.
                    dilation_rate=entering if index == 0 else dilation,
                    name=f"stage_{stage + 1}_block_{index + 1}",
                    **block,
                )(x)
            last = stage == len(counts) - 1
            if last and preactivation:
                x = normalized(x, "final")
            stages[f"P{level + stage}"], strides[f"P{level + stage}"] = x, stride
        if features_only:
            outputs = stages
        else:
            x = layers.GlobalAveragePooling2D(data_format="channels_last", name="pooling")(x)
            if dropout:
                x = layers.Dropout(dropout, name="dropout")(x)
            outputs = layers.Dense(num_classes, dtype="float32", name="logits")(x)
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)

        self.strides = strides

    def torch_weights(self):
        """Returns a dict from the name of a weight in timm and torchvision to the variable."""
        found = {}

        def enter(prefix, part):
            for variable in () if part is None else part.weights:
                own = variable.path.rsplit("/", 1)[-1]
                found[f"{prefix}.{TORCH_NAMES.get(own, own)}"] = variable

        enter("conv1", self.get_layer("stem_convolution"))
        enter("bn1", self.get_layer("stem_normalization"))
        for block in self.layers:
            match = re.fullmatch(r"stage_(\d+)_block_(\d+)", block.name)
            if not match:
                continue
            prefix = f"layer{match[1]}.{int(match[2]) - 1}"
            pairs = zip(block.convolutions, block.normalizations, strict=True)
            for index, (convolution, normalization) in enumerate(pairs, start=1):
                enter(f"{prefix}.conv{index}", convolution)
                enter(f"{prefix}.bn{index}", normalization)
            enter(f"{prefix}.downsample.0", block.projection)
            enter(f"{prefix}.downsample.1", block.projection_normalization)
            if block.squeeze is not None:
                enter(f"{prefix}.se.fc1", block.squeeze.reduce)
                enter(f"{prefix}.se.fc2", block.squeeze.expand)
        if not self.features_only:
            enter("fc", self.get_layer("logits"))
        return found


def _centered(x, filters, kernel_size, strides, use_bias, name):
    """Applies a convolution that is padded equally on all sides."""
    x = layers.ZeroPadding2D(kernel_size // 2, data_format="channels_last", name=f"{name}_padding")(x)
    return layers.Conv2D(
        filters,
        kernel_size,
        strides=strides,
        use_bias=use_bias,
        kernel_initializer="he_normal",
        data_format="channels_last",
        name=name,
    )(x)
