"""The networks that `benchmarks.networks` measures, of this package and of other libraries.

Each has two steps, which are functions without arguments: "inference", and "training" (forward, loss,
backward, SGD).
"""

import importlib
import sys

from benchmarks.timing import THREADS

CLASSES = 21
# Batch size and image size by task.
SEGMENTATION, DETECTION = (4, (224, 224)), (2, (320, 320))

# title: (images, {candidate: package}). The first candidate is ours, the others are compared with it.
GROUPS = {
    "FCN, ResNet-50 at stride 8": (
        SEGMENTATION,
        {"FCN": "keras_cnn_zoo", "torchvision fcn_resnet50": "torchvision"},
    ),
    "DeepLab v3, ResNet-50 at stride 8": (
        SEGMENTATION,
        {"DeepLab v3": "keras_cnn_zoo", "torchvision deeplabv3_resnet50": "torchvision"},
    ),
    "DeepLab v3+, ResNet-50 at stride 32": (
        SEGMENTATION,
        {"DeepLab v3+": "keras_cnn_zoo", "KerasHub DeepLabV3": "keras_hub"},
    ),
    "U-Net (plain encoder; the peer's is a ResNet-18)": (
        SEGMENTATION,
        {"UNet small": "keras_cnn_zoo", "smp Unet resnet18": "segmentation_models_pytorch"},
    ),
    "Faster R-CNN, ResNet-50, up to the proposals": (
        DETECTION,
        {"FasterRCNN": "keras_cnn_zoo", "torchvision fasterrcnn_resnet50_fpn": "torchvision"},
    ),
    "RetinaNet, ResNet-50, up to the anchors": (
        DETECTION,
        {
            "RetinaNet": "keras_cnn_zoo",
            "torchvision retinanet_resnet50_fpn": "torchvision",
            "KerasHub RetinaNet": "keras_hub",
        },
    ),
}
IMAGES = {name: images for images, names in GROUPS.values() for name in names}
TORCH = ("torchvision", "segmentation_models_pytorch")


def keras_hub_model(name, shape):
    """Returns a network of KerasHub with a ResNet-50."""
    import keras_hub

    encoder = keras_hub.models.ResNetBackbone(
        [64],
        [7],
        [64, 128, 256, 512],
        [3, 4, 6, 3],
        [1, 2, 2, 2],
        "bottleneck_block",
        image_shape=shape,
    )
    if name == "KerasHub RetinaNet":
        backbone = keras_hub.models.RetinaNetBackbone(encoder, 3, 7, use_p5=True, image_shape=shape)
        return keras_hub.models.RetinaNetObjectDetector(backbone, CLASSES)
    backbone = keras_hub.models.DeepLabV3Backbone(
        image_encoder=encoder,
        spatial_pyramid_pooling_key="P5",
        # From the encoder's features to stride 4: KerasHub takes the stride of P5 as 32.
        upsampling_size=8,
        dilation_rates=[6, 12, 18],
        low_level_feature_key="P2",
        projection_filters=48,
        image_shape=shape,
    )
    return keras_hub.models.DeepLabV3ImageSegmenter(backbone, CLASSES, activation=None)


def keras_model(name, shape):
    """Returns a network of this package or of KerasHub. Segmentation logits have the size of the images."""
    from keras_cnn_zoo import models

    if name.startswith("KerasHub"):
        return keras_hub_model(name, shape)
    options = {"input_shape": shape, "backbone": "resnet50"}
    return {
        "FCN": lambda: models.FCN(CLASSES, variant="32s", output_stride=8, **options),
        "DeepLab v3": lambda: models.DeepLab(CLASSES, variant="v3", output_stride=8, **options),
        "DeepLab v3+": lambda: models.DeepLab(CLASSES, variant="v3plus", output_stride=32, **options),
        "UNet small": lambda: models.UNet(CLASSES, input_shape=shape, variant="small"),
        "FasterRCNN": lambda: models.FasterRCNN(CLASSES, input_shape=shape, variant="50"),
        "RetinaNet": lambda: models.RetinaNet(CLASSES, input_shape=shape, variant="50"),
    }[name]()


def anchor_maps(model):
    """Returns a Keras model of a detector up to the logits and deltas of all anchors, with a loss on them."""
    import keras

    class AnchorMaps(keras.Model):
        def __init__(self):
            super().__init__()
            self.detector = model

        def call(self, images, training=None):
            network = getattr(self.detector, "network", None)
            run = self.detector if network is None else network.first_stage
            found = run(images, training=training)
            return {key: value for key, value in found.items() if not key.startswith("P")}

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return sum(keras.ops.mean(keras.ops.square(value)) for value in y_pred.values())

    return AnchorMaps()


def keras_steps(name, jit):
    """Returns ({mode: function without arguments}, number of parameters)."""
    import keras
    import numpy as np
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    batch, size = IMAGES[name]
    rng = np.random.default_rng(0)
    images = rng.standard_normal((batch, *size, 3)).astype("float32")
    model, loss, masks = keras_model(name, (*size, 3)), None, None
    count = model.count_params()
    if IMAGES[name] == DETECTION:
        model = anchor_maps(model)
    else:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        masks = rng.integers(0, CLASSES, (batch, *size)).astype("int32")
    model.compile(keras.optimizers.SGD(0.01), loss, jit_compile=jit)
    return {
        "inference": lambda: model.predict_on_batch(images),
        "training": lambda: model.train_on_batch(images, masks),
    }, count


def import_torchvision():
    """Imports torchvision, even if its compiled operators do not match the installed PyTorch."""
    try:
        return importlib.import_module("torchvision")
    except RuntimeError:
        import torch

        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        # torchvision registers these operators on import. Calling them still raises an error.
        import_torchvision.library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            import_torchvision.library.define(
                f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            )
        return importlib.import_module("torchvision")


def torch_steps(name):
    """Returns what `keras_steps` returns, in channels_last, which is faster on a CPU."""
    import numpy as np
    import torch

    torch.set_num_threads(THREADS)
    import_torchvision()
    batch, size = IMAGES[name]
    rng = np.random.default_rng(0)
    images = torch.tensor(rng.standard_normal((batch, 3, *size)).astype("float32"))
    images = images.to(memory_format=torch.channels_last)
    masks = torch.tensor(rng.integers(0, CLASSES, (batch, *size)))
    model = torch_model(name).to(memory_format=torch.channels_last)
    count = sum(part.numel() for part in [*model.parameters(), *model.buffers()])
    optimizer = torch.optim.SGD(model.parameters(), 0.01)

    def outputs():
        if IMAGES[name] == SEGMENTATION:
            logits = model(images)
            return [logits["out"] if isinstance(logits, dict) else logits]
        head = model.head if hasattr(model, "head") else model.rpn.head
        found = head(list(model.backbone(images).values()))
        # A dict of feature maps of all levels, or two lists with one feature map per level.
        found = found.values() if isinstance(found, dict) else found
        return [part for each in found for part in (each if isinstance(each, list) else [each])]

    def loss():
        if IMAGES[name] == SEGMENTATION:
            return torch.nn.functional.cross_entropy(outputs()[0], masks)
        return sum(part.square().mean() for part in outputs())

    def inference():
        model.eval()
        with torch.no_grad():
            return [part.numpy() for part in outputs()]

    def training():
        model.train()
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    return {"inference": inference, "training": training}, count


def torch_model(name):
    """Returns a network of torchvision or segmentation_models_pytorch, without pretrained weights."""
    if name == "smp Unet resnet18":
        import segmentation_models_pytorch

        return segmentation_models_pytorch.Unet("resnet18", encoder_weights=None, classes=CLASSES)
    from torchvision.models import detection, segmentation

    options = {"weights": None, "weights_backbone": None, "num_classes": CLASSES}
    if IMAGES[name] == DETECTION:
        return getattr(detection, name.split()[-1])(**options)
    return getattr(segmentation, name.split()[-1])(aux_loss=False, **options)
