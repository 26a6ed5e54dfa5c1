"""The classes that a preset may name: the catalog's models and parts, and a list of Keras' classes."""

import inspect

import keras

from keras_cnn_zoo import initializers, layers, regularizers
from keras_cnn_zoo.presets.manifest import check_plain, fail, shown
from keras_cnn_zoo.presets.sources.keras_applications import KerasNetwork
from keras_cnn_zoo.presets.sources.kerashub import KerasHubNetwork
from keras_cnn_zoo.utils import registry

PACKAGE = "keras_cnn_zoo"

# An explicit list. Lambda, TorchModuleWrapper, TFSMLayer, JaxLayer, and FlaxLayer are left out because they
# run code from a file; StringLookup, IntegerLookup, and TextVectorization because they read any given path.
_LAYERS = """
    Activation AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D
    AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D Add AlphaDropout Average
    AveragePooling1D AveragePooling2D AveragePooling3D BatchNormalization Concatenate Conv1D
    Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose Cropping1D Cropping2D Cropping3D Dense
    DepthwiseConv1D DepthwiseConv2D Dropout ELU Embedding Flatten GRU GRUCell GaussianDropout
    GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GlobalMaxPooling1D
    GlobalMaxPooling2D GlobalMaxPooling3D GroupNormalization Identity InputLayer LSTM LSTMCell
    LayerNormalization LeakyReLU MaxPooling1D MaxPooling2D MaxPooling3D Maximum Minimum Multiply
    Normalization PReLU Permute RMSNormalization ReLU Rescaling Reshape SeparableConv1D SeparableConv2D
    SimpleRNN Softmax SpatialDropout1D SpatialDropout2D SpatialDropout3D SpectralNormalization Subtract
    UnitNormalization
    UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D ZeroPadding2D ZeroPadding3D
"""
_INITIALIZERS = """
    Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity LecunNormal LecunUniform Ones Orthogonal
    RandomNormal RandomUniform TruncatedNormal VarianceScaling Zeros
"""
KERAS_CLASSES = {
    "keras": ("DTypePolicy",),
    "keras.layers": tuple(_LAYERS.split()),
    "keras.initializers": tuple(_INITIALIZERS.split()),
    "keras.regularizers": ("L1", "L1L2", "L2", "OrthogonalRegularizer"),
    "keras.constraints": ("MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm"),
}
# Keras always writes the first four. The last two, on how an object was built or shared, are dropped.
_OBJECT_KEYS = {"module", "class_name", "config", "registered_name", "build_config", "shared_object_id"}
# Further keys of a layer in a functional model's config, and keys of the tensors between layers. Keras writes
# the private module name of such a model. It is compared with this constant, never imported by name.
_NODE_KEYS = {"name", "inbound_nodes"}
_TENSOR = "__keras_tensor__"
_TENSOR_KEYS = {"shape", "dtype", "keras_history", "name", "ragged", "sparse"}
_FUNCTIONAL = {
    "module": "keras.src.models.functional",
    "class_name": "Functional",
    "registered_name": "Functional",
}
# Keras treats a dict with one of these keys as an object.
_OBJECT_MARKS = {"module", "class_name", "registered_name", "compile_config"}


def resolve_class(label, name, expected_class=None):
    """Returns the class that a preset names: one of the catalog, or the caller's `expected_class`."""
    classes = registry.models()
    if expected_class is not None and expected_class.__name__ == name:
        return expected_class
    if name not in classes:
        fail(label, f"`class` must be one of {', '.join(sorted(classes))}. Received: class={shown(name)}")
    if expected_class is not None and not issubclass(classes[name], expected_class):
        fail(label, f"must be a {expected_class.__name__}. Received: a {name}; call {name}.from_preset")
    return classes[name]


def check_arguments(label, cls, names):
    """Checks that every name is an argument of the constructor of `cls`."""
    parameters = inspect.signature(cls.__init__).parameters
    known = {name for name, parameter in parameters.items() if parameter.kind is not parameter.VAR_KEYWORD}
    known = (known - {"self"}) | {"name"}
    unknown = sorted(set(names) - known)
    if unknown:
        fail(label, f"{cls.__name__} accepts {', '.join(sorted(known))}. Received: {shown(unknown)}")


def check(label, config):
    """Returns a copy of `config` after checking that every nested object is of an allowed class.

    Args:
        label: name of the preset in messages.
        config: constructor arguments as JSON values, with objects as `keras.saving` serializes them.

    Returns:
        A dict that Keras may deserialize. The module and registered name of each object come from the lists
        in this file, never from the preset.
    """
    check_plain(label, "config", config)
    return {key: _checked(label, key, value) for key, value in config.items()}


def without_session(value):
    """Returns a config without the precision and frozen layers of nested objects, which the reader sets."""
    if isinstance(value, dict):
        nested = value.get("class_name", _TENSOR) != _TENSOR and isinstance(value.get("config"), dict)
        value = {key: without_session(item) for key, item in value.items()}
        if nested:
            # The dtype of an input is what the graph takes, not its precision.
            session = ("frozen", "trainable") + (() if value["class_name"] == "InputLayer" else ("dtype",))
            for key in session:
                value["config"].pop(key, None)
        return value
    return [without_session(item) for item in value] if isinstance(value, list) else value


def _checked(label, path, value):
    if isinstance(value, (list, tuple)):
        return [_checked(label, path, item) for item in value]
    if isinstance(value, dict):
        if _OBJECT_MARKS & set(value):
            return _checked_object(label, path, value)
        return {key: _checked(label, f"{path}.{key}", item) for key, item in value.items()}
    if isinstance(value, str) and ">" in value:
        # Keras would look up such a string among all registered classes.
        fail(label, f"`{path}` must not name a registered object. Received: {shown(value)}")
    if isinstance(value, str) and path.split(".")[-1] == "backbone" and value not in registry.networks():
        # A model would load any other name: from the network, or from outside of the preset.
        known = ", ".join(registry.networks())
        requirement = f"the config of a network, or one of {known}"
        fail(label, f"`{path}` must be {requirement}. Received: {shown(value)}")
    return value


def _checked_object(label, path, value):
    name, inner = value.get("class_name"), value.get("config")
    if name == _TENSOR:
        return _checked_tensor(label, path, value)
    if set(value) - _OBJECT_KEYS or not isinstance(name, str) or not isinstance(inner, (dict, type(None))):
        fail(label, f"`{path}` must be an object that a preset may have. Received: {shown(value)}")
    if all(value.get(key) == expected for key, expected in _FUNCTIONAL.items()):
        return {**_FUNCTIONAL, "config": _checked_graph(label, path, inner or {})}
    trusted = _trusted_class(value)
    if trusted is None:
        module, registered = value.get("module"), value.get("registered_name")
        full_name = f"{module}.{name}" if registered in (None, name) else f"{module}.{name} ({registered})"
        fail(label, f"`{path}` must be of a class in the allowed list. Received: {shown(full_name)}")
    arguments = {key: _checked(label, f"{path}.{key}", item) for key, item in (inner or {}).items()}
    return {**trusted, "config": arguments}


def _trusted_class(value):
    """Returns module, class, and registered name from the lists, or None for a class outside of them."""
    module, name, registered = (value.get(key) for key in ("module", "class_name", "registered_name"))
    if isinstance(module, str) and name in KERAS_CLASSES.get(module, ()) and registered in (None, name):
        return {"module": module, "class_name": name, "registered_name": None}
    if registered == f"{PACKAGE}>{name}" and name in _own_names():
        # Keras finds registered classes by this name and ignores the module.
        return {"module": PACKAGE, "class_name": name, "registered_name": registered}
    return None


def _checked_graph(label, path, config):
    """Returns the checked config of a user's functional model: its layers, and the tensors between them."""
    checked = {}
    for key, item in config.items():
        if key == "layers" and isinstance(item, list):
            checked[key] = [_checked_node(label, f"{path}.{key}", layer) for layer in item]
        else:
            checked[key] = _checked(label, f"{path}.{key}", item)
    return checked


def _checked_node(label, path, layer):
    if not isinstance(layer, dict):
        fail(label, f"`{path}` must have layers. Received: {shown(layer)}")
    places = {key: _checked(label, f"{path}.{key}", layer[key]) for key in _NODE_KEYS & set(layer)}
    own = {key: item for key, item in layer.items() if key not in _NODE_KEYS}
    return {**_checked_object(label, path, own), **places}


def _checked_tensor(label, path, value):
    inner = value.get("config")
    if set(value) != {"class_name", "config"} or not isinstance(inner, dict) or set(inner) - _TENSOR_KEYS:
        fail(label, f"`{path}` must be a tensor of a graph. Received: {shown(value)}")
    return {
        "class_name": _TENSOR,
        "config": {key: _checked(label, f"{path}.{key}", item) for key, item in inner.items()},
    }


def _own_names():
    """Returns the names of the layers, models, regularizers, and initializers of this package."""
    parts = {**registry.models(), **{cls.__name__: cls for cls in (KerasNetwork, KerasHubNetwork)}}
    for family in (layers, regularizers, initializers):
        parts |= {name: getattr(family, name) for name in family.__all__}
    return {
        name
        for name, part in parts.items()
        if isinstance(part, type) and keras.saving.get_registered_name(part) == f"{PACKAGE}>{name}"
    }
