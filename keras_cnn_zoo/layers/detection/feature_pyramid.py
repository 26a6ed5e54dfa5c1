"""Feature pyramid network over the stages of a backbone."""

import re

import keras
from keras import layers, ops

from keras_cnn_zoo.layers.slots import CompositeLayer, Slot
from keras_cnn_zoo.utils import docstrings, validation


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled
class FeaturePyramid(CompositeLayer):
    """Top-down pathway with lateral connections over the stages of a backbone.

    From the coarsest stage down, `merged = lateral(stage) + upsampled(coarser merged)`, where `lateral` is a
    1 x 1 convolution. Each output is a 3 x 3 convolution of a merged map. `extra_levels` adds coarser
    outputs. For detectors: all levels have the same channels and the semantics of the deepest stage.

    Reference: Lin, Dollar, Girshick, He, Hariharan, Belongie, "Feature Pyramid Networks for Object
    Detection", 2016, arXiv 1612.03144. The convolutional extra levels are those of Lin et al., 2017, "Focal
    Loss for Dense Object Detection", arXiv 1708.02002.

    Differs from the paper: none by default; for a stage of odd size, the upsampled map is cropped.

    Args:
        filters: Channels of every output, a positive integer.
        extra_levels: Number of outputs coarser than the coarsest stage, at least 0. Defaults to 0.
        extra: How each extra level is computed from the one before: `"pooling"` takes every other pixel;
            `"convolution"` is a 3 x 3 convolution of stride 2, after a ReLU from the second level on.
            Defaults to `"pooling"`.
        normalization: `"batch"` or a layer used as a prototype, after each convolution, or None. Defaults to
            None.
        kernel_initializer: For all kernels, each with its own seed. Defaults to Glorot uniform.
        kernel_regularizer: Regularizer of the kernels, or None.
        {data_format}
        {kwargs}

    Call arguments:
        stages: Dict of feature maps. A key is letters and a number that grows with the stride.

    Input shape:
        Dict such as `{"P3": (batch, height, width, channels), "P4": ...}`, or with the channels first; each
        stage has half the height and width of the one before, rounded up.

    Output shape:
        Dict with the same keys, then the extra levels with the next numbers, all with `filters` channels.

    Raises:
        ValueError: for an argument outside its range, or inputs that are not such a dict.

    >>> layer = FeaturePyramid(16, extra_levels=1)
    >>> stages = {"P4": np.zeros((1, 5, 7, 32)), "P5": np.zeros((1, 3, 4, 64))}
    >>> print({name: tuple(level.shape) for name, level in layer(stages).items()})
    {'P4': (1, 5, 7, 16), 'P5': (1, 3, 4, 16), 'P6': (1, 2, 2, 16)}
    """

    normalization = Slot()

    def __init__(
        self,
        filters,
        *,
        extra_levels=0,
        extra="pooling",
        normalization=None,
        kernel_initializer="glorot_uniform",
        kernel_regularizer=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = validation.positive_integer("filters", filters)
        self.extra_levels = validation.non_negative_integer("extra_levels", extra_levels)
        self.extra = validation.one_of("extra", extra, ("pooling", "convolution"))
        self._fill(normalization=normalization)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.data_format = validation.data_format("data_format", data_format)
        self._upsampling = layers.UpSampling2D(
            2, data_format=self.data_format, dtype=self.dtype_policy, name="upsampling"
        )

    def build_parts(self, input_shape):
        shapes = self.compute_output_shape(input_shape)
        # With one stage it is never called, and Keras cannot quantize a model with an unbuilt layer.
        self._upsampling.build(next(iter(shapes.values())))
        self._laterals, self._outputs, self._extras = {}, {}, {}
        self._normalizations = {}
        for name in sorted(input_shape, key=_number):
            self._laterals[name] = self._normalized(1, 1, input_shape[name], f"lateral_{name}")
            self._outputs[name] = self._normalized(3, 1, shapes[name], f"output_{name}")
        if self.extra == "convolution":
            for name in list(shapes)[len(input_shape) :]:
                before = list(shapes[_named(name, -1)])
                for axis in self._space:
                    before[axis] = None if before[axis] is None else before[axis] + 2
                self._extras[name] = self._normalized(3, 2, tuple(before), f"extra_{name}")

    def _normalized(self, kernel_size, strides, shape, name):
        """Returns a built convolution and stores its normalization."""
        convolution = self._convolution(
            self.filters,
            kernel_size,
            name,
            shape,
            strides=strides,
            # With strides, "same" would pad an even map only at the bottom and right.
            padding="same" if strides == 1 else "valid",
            use_bias=self.normalization is None,
            kernel_regularizer=self.kernel_regularizer,
        )
        if self.normalization is not None:
            shape = convolution.compute_output_shape(shape)
            self._normalizations[name] = self._part("normalization", f"{name}_normalization", shape)
        return convolution

    def _apply(self, convolution, inputs, training):
        outputs = convolution(inputs)
        normalization = self._normalizations.get(convolution.name)
        return outputs if normalization is None else normalization(outputs, training=training)

    def call(self, stages, training=False):
        names = sorted(stages, key=_number)
        merged, outputs = None, {}
        for name in reversed(names):
            lateral = self._apply(self._laterals[name], stages[name], training)
            merged = lateral if merged is None else lateral + self._upsampled(merged, lateral)
            outputs[name] = self._apply(self._outputs[name], merged, training)
        outputs = {name: outputs[name] for name in names}
        name = names[-1]
        for place in range(self.extra_levels):
            level, name = outputs[name], _named(name, 1)
            if self.extra == "pooling":
                outputs[name] = self._every_other(level)
            else:
                padding = [(1, 1) if axis in self._space else (0, 0) for axis in range(4)]
                level = ops.pad(ops.relu(level) if place else level, padding)
                outputs[name] = self._apply(self._extras[name], level, training)
        return outputs

    def _upsampled(self, coarse, fine):
        """Returns `coarse` upsampled by 2 and cropped to the size of `fine`."""
        coarse = self._upsampling(coarse)
        height, width = (ops.shape(fine)[axis] for axis in self._space)
        if self.data_format == "channels_last":
            return coarse[:, :height, :width, :]
        return coarse[:, :, :height, :width]

    def _every_other(self, level):
        if self.data_format == "channels_last":
            return level[:, ::2, ::2, :]
        return level[:, :, ::2, ::2]

    def compute_output_shape(self, input_shape):
        names = sorted(input_shape, key=_number) if isinstance(input_shape, dict) else []
        if (
            not names
            or any(_number(name) is None or len(input_shape[name]) != 4 for name in names)
            or any(_number(one) + 1 != _number(other) for one, other in zip(names, names[1:], strict=False))
        ):
            raise ValueError(
                "`FeaturePyramid` takes a dict of maps of rank 4 whose keys have consecutive numbers, such "
                f"as P3, P4, and P5. Received: input_shape={input_shape}"
            )
        shapes = {}
        for name in names:
            shape = list(input_shape[name])
            shape[self._channel_axis] = self.filters
            shapes[name] = tuple(shape)
        for one, other in zip(names, names[1:], strict=False):
            for axis in self._space:
                fine, coarse = shapes[one][axis], shapes[other][axis]
                if fine is not None and coarse is not None and coarse != (fine + 1) // 2:
                    raise ValueError(
                        "Each stage must have half the height and width of the one before, rounded up. "
                        f"Received: input_shape={input_shape}"
                    )
        name = names[-1]
        for _ in range(self.extra_levels):
            shape = list(shapes[name])
            for axis in self._space:
                shape[axis] = None if shape[axis] is None else (shape[axis] + 1) // 2
            name = _named(name, 1)
            shapes[name] = tuple(shape)
        return shapes

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "extra_levels": self.extra_levels,
            "extra": self.extra,
            **self._slots_config(),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "data_format": self.data_format,
        }


def _number(name):
    """Returns the number in a stage's name, or None."""
    match = re.fullmatch(r"[A-Za-z]+(\d+)", name) if isinstance(name, str) else None
    return int(match.group(1)) if match else None


def _named(name, step):
    """Returns the name of the stage `step` levels further."""
    number = _number(name)
    return f"{name[: len(name) - len(str(number))]}{number + step}"
