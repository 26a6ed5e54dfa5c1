"""Fully convolutional networks: class scores of a backbone's features at one to three strides, upsampled."""

import keras
from keras import layers

from keras_cnn_zoo.initializers import BilinearUpsampling
from keras_cnn_zoo.models import backbones
from keras_cnn_zoo.models.base import scaled
from keras_cnn_zoo.models.blocks import convolved, pixel_scores
from keras_cnn_zoo.models.segmentation.alignment import CropLike, ResizeLike
from keras_cnn_zoo.models.segmenter import Segmenter
from keras_cnn_zoo.utils import prototypes, validation

VARIANTS = {
    # Strides of the features that are scored in addition to the deepest ones.
    "32s": {"skips": ()},
    "16s": {"skips": (16,)},
    "8s": {"skips": (16, 8)},
}


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class FCN(Segmenter):
    """Fully convolutional network on any backbone.

    The head computes class scores at stride 32. Variant "32s" upsamples them to the image. "16s" first
    doubles them by a transposed convolution, initialized as bilinear interpolation, and adds scores of the
    features of stride 16. "8s" repeats this at stride 8. The last upsampling is bilinear. Takes images of any
    size. The simplest segmentation model, a baseline for the others.

    Reference:
        Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic Segmentation", 2015,
        arXiv 1411.4038.

    Differs from the paper: the backbone is a residual network, and the head is torchvision's normalized 3 x 3
    convolution with a quarter of the features' channels. `FCN(21, variant="32s", backbone="resnet50",
    output_stride=8)` has the 32,957,013 parameters of torchvision's fcn_resnet50. The paper's head is
    `hidden_filters=(4096, 4096), hidden_kernel_sizes=(7, 1), normalization=None, dropout=0.5`, on a VGG-16.
    Maps are padded and cropped so that the mask has the size of the image, without the paper's border of
    100 pixels.

    Args:
        {num_classes}
        variant: "32s", "16s", or "8s".
        width: scales the channels of the head, and of a backbone that is built here.
        {backbone}
        output_stride: stride of the deepest features: 32. For "32s" also 16 or 8, in spite of its name.
        hidden_filters: channels of the convolutions of the head, before `width`, or None for a quarter of the
            deepest features' channels.
        hidden_kernel_sizes: kernel size of each convolution of the head.
        normalization: "batch", a layer used as prototype, or None.
        activation: name or layer after each convolution.
        dropout: share of features dropped in training after each convolution of the head, in [0, 1).
        {class_names}

    {call}

    Output shape:
        (batch, height, width, num_classes), logits.

    Raises:
        ValueError: for an unknown variant, a backbone that does not fit, or a bad argument.

    >>> from keras_cnn_zoo.models import FCN
    >>> model = FCN(3, input_shape=(40, 56, 3), variant="8s", width=0.125)
    >>> model.output_shape
    (None, 40, 56, 3)
    """

    variants = tuple(VARIANTS)
    head_names = ("logits", "skip_16_logits", "skip_8_logits", "skip_16_upsampling", "skip_8_upsampling")

    def __init__(
        self,
        num_classes,
        *,
        input_shape=(None, None, 3),
        variant="8s",
        width=1.0,
        backbone=None,
        output_stride=32,
        hidden_filters=None,
        hidden_kernel_sizes=(3,),
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
        skips = VARIANTS[variant]["skips"]
        output_strides = (32,) if skips else (8, 16, 32)
        validation.one_of("output_stride", output_stride, output_strides)
        if not isinstance(hidden_kernel_sizes, (tuple, list)):
            validation.fail("hidden_kernel_sizes", "a sequence of positive integers", hidden_kernel_sizes)
        count = len(hidden_kernel_sizes)
        hidden_kernel_sizes = validation.positive_integers("hidden_kernel_sizes", hidden_kernel_sizes, count)
        hidden_filters = validation.positive_integers("hidden_filters", hidden_filters, count, optional=True)
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
            output_strides=output_strides,
            width=width,
            **layout,
        )
        inputs = keras.Input(input_shape)
        levels = features.model(inputs)
        x = levels[features.deepest]
        if hidden_filters is None:
            # A backbone that is built here is already scaled, and a given one must not be.
            channels = [max(1, x.shape[-1] // 4)] * count
        else:
            channels = [scaled(filters, width) for filters in hidden_filters]
        for index, kernel_size in enumerate(hidden_kernel_sizes):
            x = convolved(x, channels[index], kernel_size, f"head_{index + 1}", **layout)
            if dropout:
                x = layers.Dropout(dropout, name=f"head_{index + 1}_dropout")(x)

        x = pixel_scores(x, num_classes)
        for stride in skips:
            level = features.of_stride(stride)
            # Zeros, so that the finer network starts as the coarser one.
            skip = pixel_scores(
                levels[level], num_classes, f"skip_{stride}_logits", kernel_initializer="zeros"
            )
            x = layers.Conv2DTranspose(
                num_classes,
                4,
                strides=2,
                padding="same",
                use_bias=False,
                kernel_initializer=BilinearUpsampling(),
                data_format="channels_last",
                dtype="float32",
                name=f"skip_{stride}_upsampling",
            )(x)
            x = CropLike(dtype="float32", name=f"skip_{stride}_crop")([x, skip])
            x = layers.Add(dtype="float32", name=f"skip_{stride}_sum")([x, skip])
        outputs = ResizeLike(dtype="float32", name="resize")([x, inputs])
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)

        self.backbone = features.model
        self._use_preprocessing(features)
