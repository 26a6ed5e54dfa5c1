"""U-Net: a contracting path, an expanding path, and the skips between them."""

import keras
from keras import layers

from keras_cnn_zoo.models import backbones
from keras_cnn_zoo.models.base import scaled
from keras_cnn_zoo.models.blocks import convolved, pixel_scores
from keras_cnn_zoo.models.segmentation.alignment import CropLike
from keras_cnn_zoo.models.segmenter import Segmenter
from keras_cnn_zoo.utils import prototypes, validation

VARIANTS = {
    # Ronneberger et al.: 64 to 1024 channels, biases, no normalization.
    "original": {"filters": 64, "depth": 4, "normalization": None, "dropout": 0.5},
    # Half the channels with batch normalization: 7.8 M parameters, trains from scratch on small sets.
    "small": {"filters": 32, "depth": 4, "normalization": "batch", "dropout": 0.5},
    # Three halvings, for images of about 100 pixels. After a fourth, too few cells are left to show shapes.
    "tiny": {"filters": 16, "depth": 3, "normalization": "batch", "dropout": 0.0},
}


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class UNet(Segmenter):
    """U-shaped network for dense prediction.

    Each of `depth` stages applies two 3 x 3 convolutions and halves the map. The expanding path doubles it by
    2 x 2 transposed convolutions and joins the map of the same stage. Takes images of any size: pooling
    rounds odd sizes up, and the expanding path crops them again. A good first choice for small data sets.

    Reference:
        Ronneberger, Fischer, Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation", 2015,
        arXiv 1505.04597.

    Differs from the paper: `padding` is "same" by default, so that the mask has the size of the image. The
    paper's geometry (572 x 572 gives 388 x 388) is `padding="valid"`. Variant "small" has half the channels
    and batch normalization before each ReLU. "tiny" has a quarter and one stage less.

    Args:
        {num_classes}
        variant: "original" (31.0 M parameters), "small" (7.8 M), or "tiny" (0.5 M).
        width: scales the channels of every stage.
        backbone: None for the plain contracting path; or the name of a network, "resnet18" to "resnet200", or
            a functional model with a dict of levels, "P0" to "P5", which replace the stages. A network of the
            package is rebuilt for `input_shape`, with its weights. With a backbone, `depth` must be None and
            `padding` "same".
        depth: number of halvings, a positive integer, or None for the variant's own; 4 in the paper.
        padding: "same", or "valid" for the paper's unpadded convolutions.
        normalization: "variant" for the variant's own, "batch", a layer used as prototype, or None.
        activation: name or layer after each convolution.
        dropout: share of units dropped in training at the end of the contracting path, in [0, 1), or None for
            the variant's own. The paper does not state its rate.
        {class_names}

    {call}

    Output shape:
        (batch, height, width, num_classes), logits; smaller by the paper's margins with `padding="valid"`.

    Raises:
        ValueError: for an unknown variant, an image too small for `depth`, or a bad argument.

    >>> from keras_cnn_zoo.models import UNet
    >>> model = UNet(3, input_shape=(40, 56, 3), variant="small", width=0.25)
    >>> model.output_shape
    (None, 40, 56, 3)
    """

    variants = tuple(VARIANTS)

    def __init__(
        self,
        num_classes,
        *,
        input_shape=(None, None, 3),
        variant="small",
        width=1.0,
        backbone=None,
        depth=None,
        padding="same",
        normalization="variant",
        activation="relu",
        dropout=None,
        class_names=None,
        **kwargs,
    ):
        # === Arguments ===
        num_classes = validation.positive_integer("num_classes", num_classes)
        validation.one_of("variant", variant, self.variants)
        width = validation.finite_number("width", width, above=0)
        depth = VARIANTS[variant]["depth"] if depth is None else validation.positive_integer("depth", depth)
        validation.one_of("padding", padding, ("same", "valid"))
        if dropout is None:
            dropout = VARIANTS[variant]["dropout"]
        dropout = validation.probability("dropout", dropout, allow_one=False)
        input_shape = _check_input_shape(input_shape, depth, padding)
        if normalization == "variant":
            normalization = VARIANTS[variant]["normalization"]
        normalization = prototypes.normalization("normalization", normalization)
        activation = prototypes.activation("activation", activation)
        class_names = self.check_class_names(num_classes, class_names)

        backbone = backbones.check("backbone", backbone)
        if backbone is not None and (self.depth is not None or padding != "same"):
            raise ValueError(
                '`depth` must be None and `padding` "same" with a backbone. '
                f"Received: depth={self.depth}, padding={padding!r}"
            )

        # === Functional model ===
        layout = {"normalization": normalization, "activation": activation}

        def block(x, channels, name):
            for index in (1, 2):
                x = convolved(x, channels, 3, name, padding=padding, suffix=f"_{index}", **layout)
            return x

        def enlarge(x, channels, factor, name):
            return layers.Conv2DTranspose(
                channels, factor, strides=factor, data_format="channels_last", name=f"{name}_convolution"
            )(x)

        inputs = keras.Input(input_shape)
        first = VARIANTS[variant]["filters"]
        if backbone is None:
            filters = [scaled(first * 2**stage, width) for stage in range(depth + 1)]
            x, skips = inputs, []
            for stage in range(depth):
                x = block(x, filters[stage], f"down_{stage}")
                skips.append((x, 2**stage))
                x = layers.MaxPooling2D(
                    2, strides=2, padding=padding, data_format="channels_last", name=f"down_{stage}_pooling"
                )(x)
            x, stride = block(x, filters[depth], "bottom"), 2**depth
        else:
            features = backbones.build(backbone, input_shape, output_stride=None, width=width, **layout)
            levels = features.model(inputs)
            skips = [(levels[name], level.stride) for name, level in features.levels.items()]
            x, stride = skips.pop()
            finer = [1, *(level for _, level in skips)]
            if any(coarse % fine for fine, coarse in zip(finer, [*finer[1:], stride], strict=True)):
                raise ValueError(
                    "`backbone` must have levels whose strides divide the next stride. "
                    f"Received: strides={features.strides()}"
                )
        if dropout:
            x = layers.Dropout(dropout, name="bottom_dropout")(x)
        for stage, (skip, finer) in reversed(list(enumerate(skips))):
            channels = scaled(first * finer, width)
            x, stride = enlarge(x, channels, stride // finer, f"up_{stage}"), finer
            if padding == "same":
                x = CropLike(name=f"up_{stage}_crop")([x, skip])
            else:
                skip = CropLike(centered=True, name=f"up_{stage}_crop")([skip, x])
            x = layers.Concatenate(axis=-1, name=f"up_{stage}_join")([skip, x])
            x = block(x, channels, f"up_{stage}")
        if stride > 1:
            # No level has the size of the image: the last step has no skip.
            x = CropLike(name="out_crop")([enlarge(x, scaled(first, width), stride, "out"), inputs])
            x = block(x, scaled(first, width), "out")
        outputs = pixel_scores(x, num_classes)
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)
        self.backbone = None if backbone is None else features.model
        if backbone is not None:
            self._use_preprocessing(features)


def _check_input_shape(input_shape, depth, padding):
    """Returns (height, width, channels), checked to leave at least one pixel in every stage."""
    shape = backbones.check_input_shape(input_shape)
    for size in shape[:2]:
        for _ in range(depth if size is not None else 0):
            size = (size + 1) // 2 if padding == "same" else (size - 4) // 2
        if size is not None and size < (1 if padding == "same" else 5):
            wanted = f'large enough for depth {depth} and padding "{padding}"'
            validation.fail("input_shape", wanted, input_shape)
    return shape
