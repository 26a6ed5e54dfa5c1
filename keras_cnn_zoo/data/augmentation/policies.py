"""Strong augmentation of images of classification: RandAugment, MixUp, and CutMix, with Keras' layers.

Keras' layers draw from separate generators, and an integer seed gives every draw of one layer the same
number. Here each call gets new generators, so the result depends only on the seed and the images.
"""

import keras
import numpy as np

# Operations per image.
_OPERATIONS = 2
# Fraction of the batches that are mixed.
_MIXED = 0.5


class RandAugment:
    """Two operations per image, each drawn from ten: geometry, brightness, contrast, color, and sharpness.

    Reference: Cubuk, Zoph, Shlens, Le, "RandAugment: Practical automated data augmentation with a reduced
    search space", 2019, arXiv 1909.13719. Differs from the paper: strengths are drawn, not fixed; without
    equalization, because the histogram of Keras' layer is that of all images of a batch.

    Args:
        channels: 1 or 3. Gray images have no operation on colors.
    """

    def __init__(self, channels):
        place = {"fill_mode": "nearest", "data_format": "channels_last", "dtype": "float32"}
        color = {"value_range": (0, 255), "data_format": "channels_last", "dtype": "float32"}
        layers = keras.layers
        self.layers = [
            layers.RandomShear(0.3, 0.3, **place),
            layers.RandomTranslation(0.15, 0.15, **place),
            layers.RandomRotation(0.08, **place),
            layers.RandomBrightness(0.3, **color),
            layers.RandomContrast(0.6, **color),
            layers.RandomSharpness((0.1, 0.9), **color),
            layers.RandomPosterization(4, **color),
            layers.Solarization(threshold_factor=(0.5, 1.0), **color),
            layers.AutoContrast(**color),
        ]
        if channels == 3:
            self.layers.append(layers.RandomColorDegeneration(0.9, **color))

    def __call__(self, images, *, seed):
        """Returns images of the same shape, float32.

        Args:
            images: array (batch, height, width, channels), 0..255.
            seed: sequence of non-negative integers that fixes every draw.
        """
        rng = np.random.default_rng(seed)
        images = np.array(images, dtype="float32")
        chosen = rng.integers(len(self.layers), size=(_OPERATIONS, len(images)))
        for row in chosen:
            for index in np.unique(row):
                # The images of one operation go through its layer together.
                places = np.flatnonzero(row == index)
                images[places] = _applied(self.layers[index], images[places], rng)
        return images


class Mixing:
    """MixUp or CutMix of half of the batches: pairs of images become one, and their labels too.

    Reference: Zhang, Cisse, Dauphin, Lopez-Paz, "mixup: Beyond Empirical Risk Minimization", 2017, arXiv
    1710.09412; Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable
    Features", 2019, arXiv 1905.04899.
    """

    def __init__(self):
        self.layers = [
            keras.layers.MixUp(alpha=0.2, data_format="channels_last", dtype="float32"),
            keras.layers.CutMix(data_format="channels_last", dtype="float32"),
        ]

    def __call__(self, images, labels, *, seed):
        """Returns images and labels of the same shapes, float32.

        Args:
            images: array (batch, height, width, channels).
            labels: array (batch, classes) of probabilities.
            seed: sequence of non-negative integers that fixes every draw.
        """
        rng = np.random.default_rng(seed)
        images, labels = np.asarray(images, "float32"), np.asarray(labels, "float32")
        if rng.random() >= _MIXED:
            return images, labels
        layer = self.layers[int(rng.integers(len(self.layers)))]
        if isinstance(layer, keras.layers.MixUp):
            # Drawn here, because the layer's own order has 64 bits, of which JAX warns.
            drawn = {
                "mix_weight": rng.beta(layer.alpha, layer.alpha, size=len(images)).astype("float32"),
                "permutation_order": rng.permutation(len(images)).astype("int32"),
            }
        else:
            drawn = layer.get_random_transformation({"images": images}, training=True, seed=_generator(rng))
        drawn = {name: keras.ops.convert_to_tensor(value) for name, value in drawn.items()}
        images, labels = (keras.ops.convert_to_tensor(one) for one in (images, labels))
        mixed = layer.transform_images(images, drawn, training=True)
        labels = layer.transform_labels(labels, drawn, training=True)
        return keras.ops.convert_to_numpy(mixed), keras.ops.convert_to_numpy(labels)


def _applied(layer, images, rng):
    images = keras.ops.convert_to_tensor(images)
    drawn = layer.get_random_transformation({"images": images}, training=True, seed=_generator(rng))
    return keras.ops.convert_to_numpy(layer.transform_images(images, drawn, training=True))


def _generator(rng):
    return keras.random.SeedGenerator(int(rng.integers(2**31)))
