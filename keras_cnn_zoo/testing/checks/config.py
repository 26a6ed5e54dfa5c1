"""C1: the config holds every constructor argument as it was given, in strict JSON, and never changes."""

import copy
import json

import keras
import numpy as np

from keras_cnn_zoo.testing import probe, signature
from keras_cnn_zoo.testing.guarantees import Broken

RETURN_ARGUMENT = "return the argument from `get_config` under its own name, as it was given"


def check_layer(case):
    """Checks C1 for layers: arguments, JSON, and the same config before and after build and call."""
    component = case.make()
    before = check_component(case, component)
    inputs = case.make_inputs()
    case.call(component, probe.as_tensors(inputs))
    _require_unchanged(before, _as_json(component), "build and call")
    probe.forward(case, component, probe.as_tensors(inputs), training=True)
    _require_unchanged(before, _as_json(component), "a call in training mode")


def check_model(case):
    """Checks C1 for models: as for layers, but the given arguments are known only to the `build` function."""
    component = case.make()
    before = _as_json(component)
    if not signature.is_from_keras(type(component)):
        _require_names(case, signature.own_arguments(type(component), case.kind), before)
    probe.forward(case, component, probe.as_tensors(case.make_inputs()), training=True)
    _require_unchanged(before, _as_json(component), "a call in training mode")


def check_loss(case):
    """Checks C1 for losses: as for any component, and `dtype`, which Keras' base class leaves out."""
    component = case.make()
    before = check_component(case, component)
    for given in ("float64", "bfloat16"):
        config = case.make(dtype=given).get_config()
        if keras.dtype_policies.get(config["dtype"]).compute_dtype != given:
            raise Broken(
                f"get_config()['dtype'] is {config['dtype']!r} after dtype={given!r}",
                "pass `dtype` to the base class, and add `dtype` to the config",
            )
    component(case.y_true, case.y_pred)
    _require_unchanged(before, _as_json(component), "a call")


def check_metric(case):
    """Checks C1 for metrics: the same before and after updates."""
    component = case.make()
    before = check_component(case, component)
    for update in case.updates:
        component.update_state(*update)
    component.result()
    _require_unchanged(before, _as_json(component), "an update")


def check_regularizer(case):
    """Checks C1 for regularizers."""
    component = case.make()
    before = check_component(case, component)
    component(keras.ops.convert_to_tensor(case.weight))
    _require_unchanged(before, _as_json(component), "a call")


def check_initializer(case):
    """Checks C1 for initializers."""
    component = case.make()
    before = check_component(case, component)
    component(case.shape, dtype="float32")
    _require_unchanged(before, _as_json(component), "a call")


def check_component(case, component):
    """Checks names, values, and nearby values, and returns the config."""
    config = _as_json(component)
    _require_names(case, [*case.own_arguments(), *case.init_kwargs], config)
    raw = component.get_config()
    for name, given in case.init_kwargs.items():
        _require_value(name, given, raw)
    for name, nearby in _nearby_values(case).items():
        try:
            neighbour = case.make(**{name: nearby})
        except ValueError:
            continue  # The argument refuses this value, as it may.
        _require_value(name, nearby, neighbour.get_config())
    return config


def _require_names(case, names, config):
    names = [*names, *signature.BASE_ARGUMENTS[case.kind]]
    missing = [name for name in dict.fromkeys(names) if name not in config]
    if missing:
        raise Broken(f"get_config lacks {', '.join(missing)}", RETURN_ARGUMENT)


def _as_json(component):
    config = component.get_config()
    try:
        text = json.dumps(config, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise Broken(
            f"the config is not strict JSON ({error})",
            "serialize objects with keras.saving.serialize_keras_object, and write infinity as 'inf'",
        ) from error
    return without_build_config(json.loads(text))


def _require_unchanged(before, after, occasion):
    if before != after:
        names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
        changes = ", ".join(
            f"{name} from {_short(before.get(name))} to {_short(after.get(name))}" for name in names
        )
        raise Broken(f"the config changed in {occasion}: {changes}", "store arguments in __init__ only")


def _short(value):
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:100]} ... ({len(text)} characters)"


def _nearby_values(case):
    """Returns a value next to each number or flag among the arguments, which a lossy config would lose."""
    given = {
        name: parameter.default
        for name, parameter in case.own_arguments().items()
        if parameter.default is not parameter.empty
    }
    nearby = {}
    for name, value in {**given, **case.init_kwargs}.items():
        if isinstance(value, bool):
            nearby[name] = not value
        elif isinstance(value, int):
            nearby[name] = value + 1
        elif isinstance(value, float) and np.isfinite(value):
            nearby[name] = value * (1.0 - 1.23456789e-7)
    return nearby


def _require_value(name, given, config):
    if name in config and not same_value(given, config[name]):
        raise Broken(f"get_config()[{name!r}] is {config[name]!r} after {name}={given!r}", RETURN_ARGUMENT)


def same_value(given, held):
    """Returns whether a config may hold `held` for the argument `given`.

    None may be resolved, a number repeated to a tuple, infinity written as a word, and an object or its name
    serialized; a number must come back exactly.
    """
    if given is None:
        return True
    if isinstance(given, np.ndarray):
        return np.array_equal(given, np.asarray(held))
    if isinstance(given, (bool, str)) or isinstance(held, bool):
        return type(given) is type(held) and given == held or _same_identifier(given, held)
    if isinstance(given, (int, float)):
        if isinstance(held, (tuple, list)):
            return len(held) > 0 and all(same_value(given, item) for item in held)
        if isinstance(held, str):
            return not np.isfinite(given) and float(held) == given
        return isinstance(held, (int, float)) and given == held
    if isinstance(given, (tuple, list)):
        return (
            isinstance(held, (tuple, list))
            and len(given) == len(held)
            and all(same_value(*pair) for pair in zip(given, held, strict=True))
        )
    if isinstance(given, dict):
        same_keys = isinstance(held, dict) and given.keys() == held.keys()
        return same_keys and all(same_value(value, held[key]) for key, value in given.items())
    return _same_identifier(given, held)


IDENTIFIED = (
    keras.initializers,
    keras.regularizers,
    keras.constraints,
    keras.activations,
    keras.dtype_policies,
)


def _same_identifier(given, held):
    """Returns whether `held` is the serialized form of an object, or of the object that has that name."""
    forms = [] if isinstance(given, str) else [keras.saving.serialize_keras_object(given)]
    for module in IDENTIFIED:
        try:
            forms.append(module.serialize(module.get(given)))
        except (ValueError, TypeError, AttributeError):
            continue  # Not a name or object of this kind.
    return any(_plain(form) == _plain(held) for form in forms)


def _plain(config):
    return json.loads(json.dumps(without_build_config(config), default=repr))


def without_build_config(config):
    """Returns a copy without any `build_config`, which a wrapped layer's config gains when it is built."""
    if isinstance(config, dict):
        return {key: without_build_config(value) for key, value in config.items() if key != "build_config"}
    if isinstance(config, (tuple, list)):
        return [without_build_config(item) for item in config]
    return copy.deepcopy(config)
