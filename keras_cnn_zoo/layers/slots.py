"""What layers made of other layers share: slots for parts, initial values per kernel, and frozen parts."""

import dataclasses

import keras

from keras_cnn_zoo.layers.convolution.dilated_conv import Conv2D
from keras_cnn_zoo.utils import initialization, layer_tree, prototypes


class Slot:
    """An argument of a layer that is a name, a layer used as prototype, or None; read-only, see `_fill`."""

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, layer, owner=None):
        return self if layer is None else layer._record.given[self.name]


@dataclasses.dataclass
class _Record:
    """What a composite layer remembers. Keras would take a prototype in an attribute or list for a part."""

    given: dict = dataclasses.field(default_factory=dict)
    prototypes: dict = dataclasses.field(default_factory=dict)
    kernels: int = 0
    # Paths of frozen parts: as the config says until the layer is built, and as building leaves them.
    frozen: frozenset | None = None
    frozen_by_build: frozenset = frozenset()


class CompositeLayer(keras.layers.Layer):
    """A layer made of layers, its parts, which are attributes or in lists and dicts.

    A subclass creates its parts in the constructor or in `build_parts`. `_initializer` gives each kernel its
    own initial values. A slot, such as `normalization`, has a prototype that `_part` copies.

    `get_config()["frozen"]` lists the paths of parts with `trainable=False`, such as "squeeze/reduce". It is
    absent unless a part was frozen or unfrozen by hand, and takes effect when the layer is built.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._record = _Record()

    @property
    def _channel_axis(self):
        return -1 if self.data_format == "channels_last" else 1

    @property
    def _space(self):
        return (1, 2) if self.data_format == "channels_last" else (2, 3)

    def _fill(self, **slots):
        """Checks the arguments of slots, keeps them as given, and their prototypes for `_part`."""
        for name, value in slots.items():
            prototype = self._record.prototypes[name] = self._prototype(name, value)
            self._record.given[name] = value if isinstance(value, str) else prototype

    def _prototype(self, slot, value):
        """Returns the prototype that a slot's argument stands for, or None."""
        return getattr(prototypes, slot)(slot, value)

    def _part(self, slot, name, shape=None):
        """Returns a copy of a slot's prototype, built for `shape`, or None if the slot is empty.

        The copy has this layer's precision and works along this layer's channels.
        """
        prototype = self._record.prototypes[slot]
        if prototype is None:
            return None
        config = {**prototype.get_config(), "name": name, "dtype": self.dtype_policy}
        # A built prototype carries the shape that it was built for.
        config.pop("build_config", None)
        if config.get("axis") in (-1, [-1]):
            config["axis"] = self._channel_axis
        part = type(prototype).from_config(config)
        if shape is not None and not part.built:
            part.build(shape)
        return part

    def _initializer(self):
        """Returns the initializer of the next kernel."""
        self._record.kernels += 1
        return initialization.reseeded(self.kernel_initializer, self._record.kernels - 1)

    def _convolution(self, filters, kernel_size, name, shape=None, **options):
        """Returns a 2D convolution in this layer's layout and precision, built for `shape`."""
        convolution = Conv2D(
            filters,
            kernel_size,
            data_format=self.data_format,
            kernel_initializer=self._initializer(),
            dtype=self.dtype_policy,
            name=name,
            **options,
        )
        if shape is not None:
            convolution.build(shape)
        return convolution

    def build(self, input_shape):
        before = self._frozen_parts()
        self.build_parts(input_shape)
        record = self._record
        record.frozen_by_build = self._frozen_parts() - before
        if record.frozen is not None:
            self._freeze(record.frozen)
            record.frozen = None
        elif not self.trainable:
            # Keras freezes the parts of a layer only when the flag is set later.
            self._freeze(frozenset(self._parts()))
        self.built = True

    def build_parts(self, input_shape):
        """Creates the parts, and builds them."""
        raise NotImplementedError

    def _parts(self):
        """Returns `{path: part}` of all parts at any depth, outer ones first."""
        return layer_tree.layers_by_path(self)

    def _freeze(self, paths):
        parts = self._parts()
        unknown = sorted(paths - parts.keys())
        if unknown:
            raise ValueError(f"`frozen` must be paths of parts: {sorted(parts)}. Received: {unknown}")
        for path, part in parts.items():
            part.trainable = path not in paths

    def _frozen_parts(self):
        return frozenset(path for path, part in self._parts().items() if not part.trainable)

    def get_config(self):
        config = super().get_config()
        frozen = self._record.frozen
        if frozen is None and (self.built or self.trainable):
            usual = self._record.frozen_by_build if self.trainable else frozenset(self._parts())
            frozen = self._frozen_parts()
            frozen = None if frozen == usual else frozen
        if frozen is not None:
            config["frozen"] = sorted(frozen)
        return config

    def _slots_config(self):
        """Returns what `get_config` says of the slots: a name, a serialized layer, or None."""
        return {
            name: given if isinstance(given, str) else prototypes.serialize(given)
            for name, given in self._record.given.items()
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        frozen = config.pop("frozen", None)
        layer = super().from_config(config)
        layer._record.frozen = None if frozen is None else frozenset(frozen)
        return layer
