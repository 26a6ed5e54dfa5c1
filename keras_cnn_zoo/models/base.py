"""The base class of every model: config, preprocessing, decoding, and presets."""

import contextlib
import warnings

import keras
import numpy as np

from keras_cnn_zoo import presets
from keras_cnn_zoo.models import arguments, backbones
from keras_cnn_zoo.ops.host.pictures import list_pictures
from keras_cnn_zoo.ops.host.resizing import resize
from keras_cnn_zoo.utils import layer_tree, registry, validation

# ITU-R BT.601 luma, what Pillow's "L" mode uses.
LUMA = np.array([0.299, 0.587, 0.114], dtype="float32")


def scaled(filters, width):
    """Returns `filters` channels scaled by `width`, at least one."""
    return max(1, int(round(filters * width)))


class ZooModel(keras.Model):
    """A functional Keras model with its arguments, class names, and preprocessing.

    Subclasses build a functional graph in their constructor and set `task`, `variants`, and `head_names`. The
    arguments of the constructor are recorded as given: `get_config` returns them, and they can be read as
    attributes, such as `model.width`. An abstract class sets `abstract = True` in its own body.
    """

    abstract = True
    task = None
    variants = ()
    # Layers whose weights depend on the number of classes. A preset with a new head gets new ones.
    head_names = ("logits",)
    # Images are mapped to (pixel - mean) / std. A single number is for all channels.
    preprocessing = {"mean": 127.5, "std": 127.5}
    # Code that a model card shows under "Use", after the line that loads the model.
    usage = "answer = model.decode(model(model.preprocess(images)))"

    # Text that the docstrings of several subclasses share. They contain its name in braces.
    paragraphs = {}

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        for name, paragraph in cls.paragraphs.items():
            cls.__doc__ = cls.__doc__ and cls.__doc__.replace(f"{{{name}}}", paragraph)
        registry.register_model(cls)

    # Not in an `__init__(*args, **kwargs)`, because Keras' `clone_model` reads the constructor's signature.
    def __new__(cls, *args, **kwargs):
        model = super().__new__(cls, *args, **kwargs)
        object.__setattr__(model, "_arguments", arguments.recorded(cls, args, kwargs))
        return model

    def __init__(self, *args, **kwargs):
        trainable = kwargs.pop("trainable", None)
        super().__init__(*args, **kwargs)
        # Layers that the constructor itself freezes are not part of the config.
        self._arguments.frozen = self._frozen()
        if trainable is not None:
            self.trainable = trainable

    def __getattr__(self, name):
        """Returns an argument of the constructor, as it was given."""
        # Only PyTorch's modules define `__getattr__`. They keep what was assigned to the model, such as its
        # backbone, which comes before the argument of that name.
        inherited = getattr(super(), "__getattr__", None)
        if inherited is not None:
            with contextlib.suppress(AttributeError):
                return inherited(name)
        record = self.__dict__.get("_arguments")
        if record is not None and name in record.values:
            return record.values[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def class_names(self):
        """Names of the classes as a tuple, or None."""
        names = self._arguments.values.get("class_names")
        return None if names is None else tuple(names)

    def get_config(self):
        """Returns the constructor's arguments, the name, and later changes to the model.

        `trainable` is False if the model was frozen as a whole, and absent otherwise. `frozen` lists the
        paths of layers with `trainable=False`, such as "backbone/stage_1_block_1". It is absent unless a
        layer was frozen or unfrozen by hand. `quantization` is the mode given to `quantize`, and absent
        before. `preprocessing` is absent if it is that of the class. A backbone that was loaded from a preset
        is its config.
        """
        values = self._arguments.values
        config = {name: arguments.serialized(value) for name, value in values.items()}
        if backbones.is_pretrained(config.get("backbone")):
            # The config needs neither the preset nor its weights.
            config["backbone"] = arguments.serialized(self.backbone)
        config["name"] = self.name
        preprocessing = _untracked(self.preprocessing)
        if preprocessing != _untracked(type(self).preprocessing):
            config["preprocessing"] = preprocessing
        if not self.trainable:
            config["trainable"] = False
        frozen = self._frozen()
        if frozen != self._arguments.frozen:
            # A frozen layer freezes those inside it.
            config["frozen"] = [path for path in sorted(frozen) if not _is_inside(path, frozen)]
        if self._arguments.quantization is not None:
            config["quantization"] = self._arguments.quantization
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Builds the model of a config that `get_config` returned.

        Raises:
            ValueError: for a config that names a preset, or a network of another collection, as `backbone`.
                Configs come from files, and building one reads no other file and downloads nothing.
        """
        config = {name: arguments.revived(value, custom_objects) for name, value in config.items()}
        frozen, quantization = config.pop("frozen", None), config.pop("quantization", None)
        trainable, preprocessing = config.pop("trainable", True), config.pop("preprocessing", None)
        if backbones.is_pretrained(config.get("backbone")):
            known = ", ".join(map(repr, backbones.networks()))
            requirement = f"the config of a network, None, or one of {known}, in the config of a model"
            validation.fail("backbone", requirement, config["backbone"])
        model = cls(**config)
        if preprocessing is not None:
            model.preprocessing = preprocessing
        if quantization is not None:
            model.quantize(quantization)
        if not trainable:
            model.trainable = False
        if frozen is not None:
            parts = model._layers_with_weights()
            unknown = sorted(set(frozen) - set(parts))
            if unknown:
                raise ValueError(f"`frozen` must be paths of layers. Received: {unknown}")
            for path, layer in parts.items():
                layer.trainable = path not in frozen and not _is_inside(path, frozen)
        return model

    def quantize(self, mode=None, config=None, filters=None, **kwargs):
        """Quantizes the weights of all layers that support it, like `keras.Model.quantize`.

        Args:
            mode: "int8". Other modes, a `config`, and `filters` could not be restored from a file.
            config: None.
            filters: None.
            **kwargs: none.

        Raises:
            ValueError: for another mode or further arguments, and for a model that is already quantized.
        """
        # Keras fills in the default config before it calls this.
        config = None if _is_usual(config) else config
        others = {"config": config, "filters": filters, **kwargs}
        given = {name: value for name, value in others.items() if value is not None}
        if mode != "int8" or given:
            raise ValueError(
                f'{type(self).__name__}.quantize accepts only mode="int8". Received: mode={mode!r}'
                + "".join(f", {name}={value!r}" for name, value in given.items())
            )
        if self._arguments.quantization is not None:
            raise ValueError(f"{type(self).__name__} is already quantized")
        with warnings.catch_warnings():
            # Keras warns about every layer that cannot be quantized. Such layers stay as they are.
            warnings.filterwarnings("ignore", "Layer .* does not have a `quantize` method implemented")
            super().quantize(mode)
        self._arguments.quantization = mode

    def _use_preprocessing(self, backbone):
        """Prepares images as the weights of a `backbones.Backbone` need it."""
        if backbone.preprocessing is not None:
            self.preprocessing = _untracked(backbone.preprocessing)

    def _frozen(self):
        """Returns the paths of all frozen layers with weights, at any depth."""
        return {path for path, layer in self._layers_with_weights().items() if not layer.trainable}

    def _layers_with_weights(self):
        return {path: layer for path, layer in layer_tree.layers_by_path(self).items() if layer.weights}

    def save(self, filepath, overwrite=True, zipped=None, **kwargs):
        """Saves the model as a `.keras` file, as `keras.Model.save` does.

        Args:
            filepath: path of the file, which ends in `.keras`.
            overwrite: as in Keras.
            zipped: as in Keras.
            **kwargs: as in Keras.

        Raises:
            ValueError: for an HDF5 file, from which Keras cannot load a model of a registered class.
        """
        if str(filepath).lower().endswith((".h5", ".hdf5")):
            validation.fail(
                "filepath",
                "a path that ends in .keras: an HDF5 file could not be loaded again",
                str(filepath),
            )
        super().save(filepath, overwrite=overwrite, zipped=zipped, **kwargs)

    @staticmethod
    def check_class_names(num_classes, class_names):
        """Returns `class_names` as a tuple, or None. Checks that they are `num_classes` distinct strings."""
        if class_names is None:
            return None
        # Any sequence, such as a NumPy array or a pandas index. A set or a dict has no order of classes.
        names = arguments.plain(class_names)
        names = names if isinstance(names, tuple) else ()
        if (
            not all(isinstance(name, str) for name in names)
            or len(set(names)) != num_classes
            or len(names) != num_classes
        ):
            validation.fail("class_names", f"None or {num_classes} distinct strings", class_names)
        return tuple(str(name) for name in names)

    def preprocess(self, images):
        """Returns images as the float32 batch that the network takes.

        Args:
            images: one image or several: uint8 or 0..255 numbers, (height, width), (height, width,
                channels), or a batch of these, or a list of images of any sizes. RGB becomes gray and gray
                becomes RGB if the network needs it. Alpha is dropped. One array of shape
                (3, height, width) is refused, because its channels may be first.

        Returns:
            A NumPy array (batch, height, width, channels). If the network's input size is fixed, images are
            resized to it (bilinear, antialiased).

        Raises:
            ValueError: for NaN, an empty list, channels before height and width, floats of another range such
                as 0..1, or images of different sizes if the input size is not fixed.
        """
        height, width, channels = self.input_shape[1:]
        pictures = [self.with_channels(image, channels) for image in list_pictures(images)]
        if height is not None and width is not None:
            pictures = [resize(picture, (height, width)) for picture in pictures]
        sizes = {picture.shape for picture in pictures}
        if len(sizes) > 1:
            raise ValueError(
                "`images` must have the same size, because this network takes any size and a batch is one "
                f"array. Received: sizes={sorted(sizes)}"
            )
        return self.normalize(np.stack(pictures))

    def normalize(self, images):
        """Returns 0..255 numbers on the network's scale: (pixel - mean) / std, float32."""
        mean = np.asarray(self.preprocessing["mean"], dtype="float32")
        std = np.asarray(self.preprocessing["std"], dtype="float32")
        return (np.asarray(images, dtype="float32") - mean) / std

    @staticmethod
    def with_channels(image, channels):
        """Returns an image as float32 (height, width, channels), in RGB or gray, without alpha.

        Args:
            image: (height, width) or (height, width, 1, 3, or 4), 0..255 numbers.
            channels: 1 or 3.

        Raises:
            ValueError: for another shape, and for NaN or infinite values.
        """
        image = np.asarray(image)
        if image.ndim == 2:
            image = image[..., None]
        if image.ndim != 3 or image.shape[-1] not in (1, 3, 4) or 0 in image.shape:
            raise ValueError(
                "Each image must be (height, width) or (height, width, 1, 3, or 4). "
                f"Received: array of shape {image.shape}"
            )
        image = image[..., :3].astype("float32")
        if not np.isfinite(image).all():
            raise ValueError("`images` must be finite. Received: an image with NaN or infinite values")
        if channels == 1 and image.shape[-1] == 3:
            return image @ LUMA[:, None]
        if channels == 3 and image.shape[-1] == 1:
            return np.repeat(image, 3, axis=-1)
        if image.shape[-1] != channels:
            raise ValueError(f"Images must have {channels} channels. Received: array of shape {image.shape}")
        return image

    def deployable(self):
        """Returns a functional network with preprocessing and decoding inside, for export."""
        raise NotImplementedError(f"{type(self).__name__}.deployable")

    def deployable_facts(self):
        """Returns facts on the network of `deployable`, as a dict of JSON values.

        `inputs` has a dict for each input, with how it is made. `outputs` has a dict for each output, with
        the names of its `axes` and its `meaning`.
        """
        return {"inputs": {}, "outputs": {}}

    @classmethod
    def from_preset(cls, name_or_path, **overrides):
        """Loads a pretrained model: a bundled name, or a folder or file written by `save_to_preset`.

        Args:
            name_or_path: a name from `models.list_presets()`, a path, or "hf://USER/REPO[@REVISION]".
            **overrides: constructor arguments to change. `num_classes=` replaces the head and keeps the body.

        Raises:
            InputError: if the preset is unknown, damaged, or of another class.
        """
        return presets.load(name_or_path, expected_class=None if cls is ZooModel else cls, **overrides)

    def save_to_preset(self, path, *, card=None, overwrite=False):
        """Writes this model as a preset folder (or one `.zip` file) that `from_preset` reads.

        Args:
            path: the folder or `.zip` file to write, or "hf://USER/REPO" on the Hugging Face Hub. It must not
                exist unless `overwrite`.
            card: dict of the facts on the model card (data, license, metric, command, seed), or None.
            overwrite: whether to replace an existing preset. It is kept until the new one is written.
        """
        presets.save(self, path, card=card, overwrite=overwrite)


def _untracked(preprocessing):
    """Returns a copy. Keras replaces the dicts and lists in attributes of a model by other classes."""
    return {
        name: list(value) if isinstance(value, (list, tuple)) else value
        for name, value in preprocessing.items()
    }


def _is_usual(config):
    usual = keras.quantizers.Int8QuantizationConfig()
    # Part by part: inside of a saving scope, the config of the whole also has ids of shared objects.
    parts = ("weight_quantizer", "activation_quantizer")
    return type(config) is type(usual) and all(
        _same_quantizer(getattr(config, name), getattr(usual, name)) for name in parts
    )


def _same_quantizer(one, other):
    return type(one) is type(other) and (one is None or one.get_config() == other.get_config())


def _is_inside(path, paths):
    """Returns whether a layer that contains the layer at `path` is in `paths`."""
    names = path.split("/")
    return any("/".join(names[:end]) in paths for end in range(1, len(names)))
