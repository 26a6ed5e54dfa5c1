"""The image networks of `keras.applications`: where their levels are, and how their pixels are prepared.

A level is the output of a block: what the last block before a reduction gives to the next one. An entry of
`LEVELS` is

- "NAME": the output of a layer;
- ">NAME": the input of a layer, the first one of the next block;
- "": the output of the network.

Layers that Keras numbers itself are counted from the network's first layer of their class.
"""

import dataclasses

# Means and standard deviations of ImageNet's channels in RGB, on the scale 0..255.
TORCH = {"mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375]}
TF = {"mean": 127.5, "std": 127.5}
CAFFE = {"mean": [123.68, 116.779, 103.939], "std": 1.0}
SHIFTED = {"mean": 128.0, "std": 128.0}


@dataclasses.dataclass(frozen=True)
class Network:
    """Facts of one network.

    Args:
        levels: dict from "P0" to "P5" to an entry as above.
        preprocessing: `mean` and `std` in RGB with which its ImageNet weights were trained.
        blue_first: whether its weights take the channels as blue, green, red.
        arguments: arguments of the constructor, besides `include_top`, `weights`, and `input_shape`.
        size: image size for which its graph is built, None for any.
    """

    levels: dict
    preprocessing: dict
    blue_first: bool = False
    arguments: dict = dataclasses.field(default_factory=dict)
    size: int | None = None


def _levels(*entries, first=1):
    return {f"P{number}": entry for number, entry in enumerate(entries, first)}


_PLAIN = {"include_preprocessing": False}
_EFFICIENT_NET = _levels(
    ">block2a_expand_conv",
    ">block3a_expand_conv",
    ">block4a_expand_conv",
    ">block6a_expand_conv",
    ">top_conv",
)
_VGG = _levels(*(f">block{number}_pool" for number in range(1, 6)), "", first=0)
_RESNET = _levels(">pool1_pad", ">conv3_block1_1_conv", ">conv4_block1_1_conv", ">conv5_block1_1_conv", "")


def _convnext(name):
    reductions = (f">{name}_downsampling_block_{number}" for number in range(3))
    return Network(_levels(*reductions, "", first=2), TORCH, arguments=_PLAIN)


def _densenet():
    return Network(_levels("conv1_relu", ">pool2_bn", ">pool3_bn", ">pool4_bn", ""), TORCH)


def _resnet_v2(*blocks):
    # The last block of a stage halves the map.
    ends = (f">conv{stage}_block{block}_preact_bn" for stage, block in enumerate(blocks, 2))
    return Network(_levels(">pool1_pad", *ends, ""), TF)


def _mobilenet_v3(*blocks):
    starts = (f">expanded_conv_{block}_expand" for block in blocks)
    first = () if len(blocks) == 4 else (">expanded_conv_depthwise_pad",)
    return Network(_levels(*first, *starts, ">conv_1"), TF, arguments=_PLAIN)


def _nasnet(blocks):
    # The graph is right only for a known size. For this one, every map on the way has an odd size, so that
    # all of Keras' paddings are the same on both sides.
    entries = ("stem_bn1", "reduction_concat_stem_1", f"normal_concat_{blocks - 1}")
    return Network(_levels(*entries, f"normal_concat_{2 * blocks}", ""), TF, size=259)


NETWORKS = {
    **{f"ConvNeXt{size}": _convnext(f"convnext_{size.lower()}") for size in ("Tiny", "Small", "Base")},
    **{f"ConvNeXt{size}": _convnext(f"convnext_{size.lower()}") for size in ("Large", "XLarge")},
    **{f"DenseNet{depth}": _densenet() for depth in (121, 169, 201)},
    **{f"EfficientNetB{number}": Network(_EFFICIENT_NET, TORCH) for number in range(8)},
    **{f"EfficientNetV2B{number}": Network(_EFFICIENT_NET, TORCH, arguments=_PLAIN) for number in range(4)},
    **{f"EfficientNetV2{size}": Network(_EFFICIENT_NET, SHIFTED, arguments=_PLAIN) for size in "SML"},
    "InceptionResNetV2": Network(
        _levels(">max_pooling2d", ">max_pooling2d_1", "block35_10_ac", "block17_20_ac", ">conv_7b"), TF
    ),
    "InceptionV3": Network(_levels(">max_pooling2d", ">max_pooling2d_1", "mixed2", "mixed7", "mixed10"), TF),
    "MobileNet": Network(_levels(*(f">conv_pad_{block}" for block in (2, 4, 6, 12)), ""), TF),
    "MobileNetV2": Network(_levels(*(f">block_{block}_expand" for block in (1, 3, 6, 13)), ">Conv_1"), TF),
    "MobileNetV3Large": _mobilenet_v3(1, 3, 6, 12),
    "MobileNetV3Small": _mobilenet_v3(1, 3, 8),
    "NASNetLarge": _nasnet(6),
    "NASNetMobile": _nasnet(4),
    **{f"ResNet{depth}": Network(_RESNET, CAFFE, blue_first=True) for depth in (50, 101, 152)},
    "ResNet50V2": _resnet_v2(3, 4, 6),
    "ResNet101V2": _resnet_v2(3, 4, 23),
    "ResNet152V2": _resnet_v2(3, 8, 36),
    **{f"VGG{depth}": Network(_VGG, CAFFE, blue_first=True) for depth in (16, 19)},
    "Xception": Network(
        _levels(
            ">block2_sepconv1", ">block3_sepconv1_act", ">block4_sepconv1_act", ">block13_sepconv1_act", ""
        ),
        TF,
    ),
}
