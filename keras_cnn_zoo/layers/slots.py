"""The base class of composite layers: slots for parts, initial values per kernel, and frozen parts."""

import dataclasses

import keras

from keras_cnn_zoo.layers.convolution.dilated_conv import Conv2D
from keras_cnn_zoo.utils import initialization, layer_tree, prototypes


class Slot:
    """A read-only layer argument: a name, a layer used as a prototype, or None; set by `_fill`."""

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, layer, owner=None):
        return self if layer is None else layer._record.given[self.name]


@dataclasses.dataclass
class _Record:
    """The state of a composite layer. Keras would track a prototype in an attribute or list as a part."""

    given: dict = dataclasses.field(default_factory=dict)
    prototypes: dict = dataclasses.field(default_factory=dict)
    kernels: int = 0
    # `frozen` has paths from the config, until the layer is built; `frozen_by_build` those that `build`
    # freezes.
    frozen: frozenset | None = None
    frozen_by_build: frozenset = frozenset()


class CompositeLayer(keras.layers.Layer):
    """Layer made of other layers, its parts, which are attributes or in lists and dicts.

    A subclass creates its parts in the constructor or in `build_parts`. `_initializer` gives each kernel its
    own initial values. A slot, such as `normalization`, stores a prototype that `_part` copies.

    `get_config()["frozen"]` lists the paths of parts with `trainable=False`, such as "squeeze/reduce". It is
    absent unless the user froze or unfroze a part. It takes effect when the layer is built.
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
        """Checks the arguments of slots and stores them, with their prototypes for `_part`."""
        for name, value in slots.items():
            prototype = self._record.prototypes[name] = self._prototype(name, value)
            self._record.given[name] = value if isinstance(value, str) else prototype

    def _prototype(self, slot, value):
        """Returns the prototype of a slot's argument, or None."""
        return getattr(prototypes, slot)(slot, value)

    def _part(self, slot, name, shape=None):
        """Returns a copy of a slot's prototype, built for `shape`, or None if the slot is empty.

        The copy has this layer's dtype policy and channel axis.
        """
        prototype = self._record.prototypes[slot]
        if prototype is None:
            return None
        config = {**prototype.get_config(), "name": name, "dtype": self.dtype_policy}
        # The config of a built prototype contains the shape that it was built for.
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
        """Returns a 2D convolution with this layer's data format and dtype policy, built for `shape`."""
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
            # Keras freezes existing parts when `trainable` is set; these did not exist then.
            self._freeze(frozenset(self._parts()))
        self.built = True

    def build_parts(self, input_shape):
        """Creates the parts and builds them."""
        raise NotImplementedError

    def _parts(self):
        """Returns `{path: part}` of all parts at any depth, outer ones first."""
        return layer_tree.layers_by_path(self)

    def _freeze(self, paths):
        parts = self._parts()
        unknown = sorted(paths - parts.keys())
        if unknown:
            raise ValueError(f"`frozen` must list paths of parts: {sorted(parts)}. Received: {unknown}")
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
        """Returns the slots' part of the config: a name, a serialized layer, or None for each."""
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
