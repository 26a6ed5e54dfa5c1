"""Steps of the graphs of several models."""

from keras import layers

from keras_cnn_zoo.utils import prototypes

# From names of variables in Keras to those in PyTorch.
TORCH_NAMES = {
    "gamma": "weight",
    "beta": "bias",
    "kernel": "weight",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def convolved(x, filters, kernel_size, name, *, normalization, activation, padding="same", suffix=""):
    """Returns a 2D convolution of `x`, normalized and activated.

    Args:
        x: tensor (batch, height, width, channels).
        filters: number of channels of the result.
        kernel_size: edge of the kernels.
        name: prefix of the names of the layers.
        normalization: prototype, or None.
        activation: prototype, or None.
        padding: "same" or "valid".
        suffix: suffix of the names of the layers.
    """
    x = layers.Conv2D(
        filters,
        kernel_size,
        padding=padding,
        # A normalization right after the convolution cancels the bias.
        use_bias=normalization is None,
        kernel_initializer="he_normal",
        data_format="channels_last",
        name=f"{name}_convolution{suffix}",
    )(x)
    x = prototypes.apply(normalization, x, f"{name}_normalization{suffix}")
    return prototypes.apply(activation, x, f"{name}_activation{suffix}")


def pixel_scores(x, num_classes, name="logits", **options):
    """Returns logits of each pixel, in float32 under any policy."""
    return layers.Conv2D(num_classes, 1, data_format="channels_last", dtype="float32", name=name, **options)(
        x
    )
