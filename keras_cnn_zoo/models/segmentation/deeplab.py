"""DeepLab v3 and v3+: a dilated backbone, a pyramid of rates, and, in v3+, a decoder."""

import keras
from keras import layers

from keras_cnn_zoo.layers import AtrousSpatialPyramidPooling2D
from keras_cnn_zoo.models import backbones
from keras_cnn_zoo.models.base import scaled
from keras_cnn_zoo.models.blocks import convolved, pixel_scores
from keras_cnn_zoo.models.segmentation.alignment import ResizeLike
from keras_cnn_zoo.models.segmenter import Segmenter
from keras_cnn_zoo.utils import prototypes, validation

VARIANTS = {
    # Chen et al. 2017: the pyramid, then logits, upsampled in one step.
    "v3": {"decoder": False},
    # Chen et al. 2018: upsampled in two steps, with features of stride 4 joined between them.
    "v3plus": {"decoder": True},
}
# The papers' rates at output stride 16; doubled at 8, halved at 32.
RATES = (6, 12, 18)
OUTPUT_STRIDES = (8, 16, 32)


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class DeepLab(Segmenter):
    """Segmentation network with a dilated backbone and a pyramid of dilation rates.

    In variant "v3plus", `AtrousSpatialPyramidPooling2D` processes the backbone's last features. They are
    upsampled and joined with the features of stride 4, reduced to `low_level_filters` channels. Two 3 x 3
    convolutions follow, and the logits are upsampled to the size of the image. "v3" has one 3 x 3 convolution
    after the pyramid and no decoder. Takes images of any size. For large images it is cheaper than `UNet` of
    the same width, because most layers work at a sixteenth of the size.

    Reference:
        Chen, Zhu, Papandreou, Schroff, Adam, "Encoder-Decoder with Atrous Separable Convolution for Semantic
        Image Segmentation", 2018, arXiv 1802.02611 (v3+); Chen, Papandreou, Schroff, Adam, "Rethinking Atrous
        Convolution for Semantic Image Segmentation", 2017, arXiv 1706.05587 (v3).

    Differs from the paper: v3+ has a residual network and plain convolutions instead of Xception and
    separable convolutions. The 3 x 3 convolution after the pyramid of "v3" is torchvision's.

    Args:
        {num_classes}
        variant: "v3" or "v3plus".
        width: scales the channels of the head, and of a backbone that is built here.
        {backbone}
        output_stride: stride of the deepest features: 8, 16, or 32.
        rates: dilations of the pyramid, or None for the papers': (6, 12, 18) at output stride 16. Choose
            smaller ones for crops much smaller than the papers' 513 pixels, because taps that are always
            outside the map are never trained.
        filters: channels of the pyramid, before `width`.
        decoder_filters: channels of the 3 x 3 convolutions after the pyramid, before `width`.
        low_level_filters: channels of the decoder's features of stride 4, before `width`.
        normalization: "batch", a layer used as prototype, or None.
        activation: name or layer after each convolution.
        dropout: share of features dropped in training after the pyramid, in [0, 1).
        {class_names}

    {call}

    Output shape:
        (batch, height, width, num_classes), logits.

    Raises:
        ValueError: for an unknown variant, a backbone that does not fit, or a bad argument.

    >>> from keras_cnn_zoo.models import DeepLab
    >>> model = DeepLab(3, input_shape=(40, 56, 3), variant="v3plus", width=0.125)
    >>> model.output_shape
    (None, 40, 56, 3)
    """

    variants = tuple(VARIANTS)
    rates_at_16 = RATES

    def __init__(
        self,
        num_classes,
        *,
        input_shape=(None, None, 3),
        variant="v3plus",
        width=1.0,
        backbone=None,
        output_stride=16,
        rates=None,
        filters=256,
        decoder_filters=256,
        low_level_filters=48,
        normalization="batch",
        activation="relu",
        dropout=0.1,
        class_names=None,
        **kwargs,
    ):
        # === Arguments ===
        num_classes = validation.positive_integer("num_classes", num_classes)
        input_shape = backbones.check_input_shape(input_shape)
        validation.one_of("variant", variant, self.variants)
        width = validation.finite_number("width", width, above=0)
        backbone = backbones.check("backbone", backbone)
        validation.one_of("output_stride", output_stride, OUTPUT_STRIDES)
        if rates is not None:
            if not isinstance(rates, (tuple, list)) or not rates:
                validation.fail("rates", "None or a sequence of positive integers", rates)
            rates = validation.positive_integers("rates", rates, len(rates))
        filters = validation.positive_integer("filters", filters)
        decoder_filters = validation.positive_integer("decoder_filters", decoder_filters)
        low_level_filters = validation.positive_integer("low_level_filters", low_level_filters)
        normalization = prototypes.normalization("normalization", normalization)
        activation = prototypes.activation("activation", activation)
        dropout = validation.probability("dropout", dropout, allow_one=False)
        class_names = self.check_class_names(num_classes, class_names)

        # === Functional model ===
        layout = {"normalization": normalization, "activation": activation}
        features = backbones.build(
            backbone or "resnet18",
            input_shape,
            output_stride=output_stride,
            output_strides=OUTPUT_STRIDES,
            width=width,
            **layout,
        )
        inputs = keras.Input(input_shape)
        levels = features.model(inputs)
        x = AtrousSpatialPyramidPooling2D(
            scaled(filters, width),
            rates=[rate * 16 // output_stride for rate in RATES] if rates is None else rates,
            normalization=prototypes.clone(normalization),
            activation=prototypes.clone(activation),
            data_format="channels_last",
            name="pyramid",
        )(levels[features.deepest])
        if dropout:
            x = layers.Dropout(dropout, name="dropout")(x)
        channels = scaled(decoder_filters, width)
        if VARIANTS[variant]["decoder"]:
            low = levels[_low_level(features)]
            low = convolved(low, scaled(low_level_filters, width), 1, "low_level", **layout)
            x = ResizeLike(name="decoder_resize")([x, low])
            x = layers.Concatenate(axis=-1, name="decoder_join")([x, low])
            x = convolved(x, channels, 3, "decoder_1", **layout)
            x = convolved(x, channels, 3, "decoder_2", **layout)
        else:
            x = convolved(x, channels, 3, "head", **layout)
        x = pixel_scores(x, num_classes)
        outputs = ResizeLike(dtype="float32", name="resize")([x, inputs])
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)

        self.backbone = features.model
        self._use_preprocessing(features)


def _low_level(features):
    """Returns the deepest level of stride 4 or less that is finer than the last one."""
    last = features.levels[features.deepest].stride
    finer = [name for name, level in features.levels.items() if level.stride <= 4 and level.stride < last]
    if not finer:
        raise ValueError(
            "`backbone` must have a level of stride 4 or less, finer than its last one. "
            f"Received: strides={features.strides()}"
        )
    return finer[-1]
