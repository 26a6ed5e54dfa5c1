"""The formats of `export`: file names, quantization, backends, and packages."""

import dataclasses

import keras

from keras_cnn_zoo.utils import packages
from keras_cnn_zoo.utils.errors import InputError

QUANTIZE = ("none", "weights", "full")


@dataclasses.dataclass(frozen=True)
class Format:
    """A format that `export` writes.

    Args:
        name: the value of the argument `format`.
        suffix: suffix of the file; empty for a folder.
        more: suffixes of further files with the same stem.
        self_contained: whether the files that describe the network are inside the folder, not next to it.
        quantize: allowed values of the argument `quantize`.
        backends: Keras backends on which it can be written.
        packages: dict from a package to what installs it.
    """

    name: str
    suffix: str = ""
    more: tuple = ()
    self_contained: bool = False
    quantize: tuple = ("none",)
    backends: tuple = ("tensorflow", "jax")
    packages: dict = dataclasses.field(default_factory=dict)


_ONNX = {name: 'pip install "keras-cnn-zoo[apps]"' for name in ("onnx", "tf2onnx")}
_OPENVINO = {"openvino": 'pip install "keras-cnn-zoo[openvino]"'}
FORMATS = {
    one.name: one
    for one in (
        Format("saved_model"),
        Format("onnx", ".onnx", quantize=("none", "weights"), packages=_ONNX),
        Format("litert", ".tflite", quantize=QUANTIZE, backends=("tensorflow",)),
        Format("openvino", ".xml", more=(".bin",), packages={**_ONNX, **_OPENVINO}),
        Format("web", self_contained=True, quantize=("none", "weights"), packages=_ONNX),
    )
}
_BACKENDS = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}


def check(format, quantize):
    """Returns the `Format` of that name, if it can be written here with that quantization.

    Raises:
        InputError: for an unknown format or quantization, another backend, or a missing package.
    """
    if format not in FORMATS:
        raise InputError(f"`format` must be one of {', '.join(FORMATS)}. Received: {format!r}")
    chosen = FORMATS[format]
    if quantize not in QUANTIZE:
        raise InputError(f"`quantize` must be one of {', '.join(QUANTIZE)}. Received: {quantize!r}")
    if quantize not in chosen.quantize:
        takes = " or ".join(chosen.quantize)
        raise InputError(f"`quantize` must be {takes} for `format` {format}. Received: {quantize!r}")
    backend = keras.backend.backend()
    if backend not in chosen.backends:
        runs_on = " or ".join(_BACKENDS[name] for name in chosen.backends)
        raise InputError(
            f"`format` {format} is written on the {runs_on} backend. "
            f"Received: the {_BACKENDS.get(backend, backend)} backend; set KERAS_BACKEND={chosen.backends[0]}"
        )
    for name, command in chosen.packages.items():
        if not packages.is_installed(name):
            raise InputError(f"`format` {format} needs the package {name}: {command}")
    return chosen
