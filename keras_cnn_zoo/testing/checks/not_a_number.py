"""C4: NaN in gives NaN out, for inputs, predictions, and weights; the same rules on every backend.

`Subject`: arrays in, arrays out, and the gradients without NaN, which tell what matters to the output
    -> per probe: a copy of the inputs or weights with NaN -> outputs per mode -> a line on what was hidden
"""

import collections.abc
import dataclasses

import keras
import numpy as np

from keras_cnn_zoo.testing import probe
from keras_cnn_zoo.testing.draws import fixed_draws
from keras_cnn_zoo.testing.guarantees import Broken
from keras_cnn_zoo.testing.selections import loses_nan

KEEP_NAN = (
    "let NaN fail every guard: `where(x <= 0, substitute, x)` keeps NaN, and `where(x > 0, x, substitute)` "
    "hides it. A part that selects a value declares `selects_value`, and says in its docstring what NaN does"
)


@dataclasses.dataclass
class Subject:
    """A component as arrays in, arrays out.

    Args:
        case: The case.
        inputs: Flat list of input arrays.
        places: Positions in `inputs` of what must not lose NaN.
        weights: List of arrays, the floating-point weights.
        names: The name of each weight.
        outputs: Function of inputs, weights, and modes that returns {mode: list of output arrays}.
        input_gradients: {mode: {position in `inputs`: array}}.
        weight_gradients: {mode: list of arrays}, of the first of `weights`, the trainable ones.
        each_weight: Whether to probe every weight by itself, besides all of them at once.
    """

    case: object
    inputs: list
    places: list
    weights: list
    names: list
    outputs: collections.abc.Callable
    input_gradients: dict
    weight_gradients: dict
    each_weight: bool = True


def require(subject):
    """Raises `Broken` with the first place where NaN becomes a number."""
    for line in hidden(subject):
        raise Broken(line, KEEP_NAN, topic="NaN")


def require_docstring(case):
    """Requires of a part that selects a value that its docstring says what NaN does."""
    if case.selects_value is not None and "NaN" not in (case.cls.__doc__ or ""):
        raise Broken(
            "declares `selects_value`, but its docstring does not say what NaN does",
            "say in one sentence what becomes of a NaN",
            topic="NaN",
        )


def has_floats(structure):
    """Returns whether a structure has a floating-point array."""
    return any(_is_float_array(leaf) for leaf in keras.tree.flatten(structure))


def as_nan(structure):
    """Returns a structure with NaN in place of every floating-point number of its arrays."""
    return keras.tree.map_structure(
        lambda leaf: np.full_like(leaf, np.nan) if _is_float_array(leaf) else leaf, structure
    )


def _is_float_array(leaf):
    return isinstance(leaf, np.ndarray) and leaf.dtype.kind == "f"


def require_worst(metric):
    """Requires that a metric's result is NaN, or the worst one: 0, or at least 1 if less is better."""
    direction = getattr(metric, "_direction", None)
    for value in map(np.asarray, keras.tree.flatten(probe.as_numpy(metric.result()))):
        worst = value <= 0 if direction == "up" else (value >= 1) & (direction == "down")
        if not np.all(worst | np.isnan(value)):
            raise Broken(
                f"every prediction is NaN, and the result is {value.ravel()[0]:.3g}",
                "let NaN through, or count it as an error",
                topic="NaN",
            )


def hidden(subject):
    """Yields a line per place where NaN becomes a number.

    - All inputs NaN: every value of the output that depends on an input is NaN.
    - One of several inputs NaN: some output is NaN, if one depends on that input.
    - One element with a gradient NaN per example: some output of that example is NaN.
    - A weight NaN: some output is NaN, if the weight has a gradient, or its size changes an output.
    """
    modes = [mode for mode in subject.input_gradients if not loses_nan(subject.case, mode)]
    if modes:
        yield from _hidden_inputs(subject, modes)
        yield from _hidden_weights(subject, modes)


def _hidden_inputs(subject, modes):
    def outputs(places, modes=modes):
        return subject.outputs(_with_nan(subject.inputs, places), subject.weights, modes)

    found = outputs(dict.fromkeys(subject.places, ...)) if subject.places else {}
    for mode, arrays in found.items():
        numbers = [~np.isnan(array) for array in _floats(arrays)]
        if any(number.any() for number in numbers):
            others = _others(subject.inputs, subject.places)
            lost = [
                number & depends
                for number, depends in zip(numbers, _moved(subject, mode, others), strict=True)
            ]
            for index, places in enumerate(lost):
                if places.any():
                    count = f"{np.count_nonzero(places)} of {places.size}"
                    yield f"{mode}: every input is NaN, and {count} values of output {index} are not"
    for place in subject.places:
        for mode in modes:
            elements = _one_per_example(subject.input_gradients[mode].get(place))
            if elements:
                arrays = _floats(outputs({place: elements}, [mode])[mode])
            for element in elements:
                batch = len(subject.inputs[place]) if element else None
                own = [array[element[0]] for array in arrays if array.ndim and len(array) == batch]
                if not _any_nan(own or arrays):
                    yield f"{mode}: element {element} of input {place} is NaN, and no output of it is"
        found = outputs({place: ...}) if len(subject.places) > 1 else {}
        for mode, arrays in found.items():
            others = _others(subject.inputs, [place])
            if not _any_nan(arrays) and any(each.any() for each in _moved(subject, mode, others)):
                yield f"{mode}: input {place} is NaN, and no output is"


def _hidden_weights(subject, modes):
    def outputs(numbers, modes):
        weights = _with_nan(subject.weights, dict.fromkeys(numbers, ...))
        return subject.outputs(subject.inputs, weights, modes)

    moving = {mode: [bool(np.any(one)) for one in subject.weight_gradients[mode]] for mode in modes}
    needed = [mode for mode in modes if any(moving[mode])]
    found = outputs(range(len(subject.weights)), needed) if needed else {}
    for mode, arrays in found.items():
        if not _any_nan(arrays):
            yield f"{mode}: all weights are NaN, and no output is"
    for number, name in enumerate(subject.names if subject.each_weight else ()):
        found = outputs([number], modes)
        for mode, arrays in found.items():
            if not _any_nan(arrays) and _matters(subject, mode, number, moving[mode]):
                yield f"{mode}: the weight {name} is NaN, and no output is"


def _matters(subject, mode, number, moving):
    """Returns whether a weight has a gradient or, if it is not trainable, whether its size matters."""
    if number < len(moving):
        return moving[number]
    weights = list(subject.weights)
    weights[number] = (1.5 * weights[number]).astype(weights[number].dtype)
    plain = subject.outputs(subject.inputs, subject.weights, [mode])[mode]
    other = subject.outputs(subject.inputs, weights, [mode])[mode]
    return any(np.any(one != two) for one, two in zip(_floats(plain), _floats(other), strict=True))


def _moved(subject, mode, others):
    """Returns a mask per float output: where it differs for any of the other inputs."""
    plain = _floats(subject.outputs(subject.inputs, subject.weights, [mode])[mode])
    masks = [np.zeros(array.shape, bool) for array in plain]
    for inputs in others:
        other = _floats(subject.outputs(inputs, subject.weights, [mode])[mode])
        masks = [mask | (one != two) for mask, one, two in zip(masks, plain, other, strict=True)]
    return masks


def _others(inputs, places):
    """Returns inputs whose examples changed places, and inputs of half the size: other outputs."""
    rolled, halved = list(inputs), list(inputs)
    for place in places:
        array = inputs[place]
        axis = next((axis for axis, size in enumerate(array.shape) if size > 1), None)
        rolled[place] = array if axis is None else np.roll(array, 1, axis)
        halved[place] = (array * 0.5).astype(array.dtype)
    return [rolled, halved]


def of_component(case, component, arrays, runs, *, each_weight=False):
    """Returns the `Subject` of a layer that runs eagerly.

    Args:
        case: The case.
        component: The built layer.
        arrays: Its inputs as NumPy arrays.
        runs: {training: `probe.Run`}, without NaN, with the draws held fixed.
        each_weight: As in `Subject`.
    """
    flat = keras.tree.flatten(arrays)
    variables = weights_of(component)
    values = [probe.as_numpy(variable) for variable in variables]

    def outputs(inputs, weights, modes):
        found = {}
        for mode in modes:
            with fixed_draws(), probe.kept_state(component):
                for variable, value, own in zip(variables, weights, values, strict=True):
                    if value is not own:
                        variable.assign(value)
                tensors = probe.as_tensors(keras.tree.pack_sequence_as(arrays, inputs), "float32")
                found[mode] = _flat(probe.forward(case, component, tensors, mode == "training"))
        return found

    places = [place for place, array in enumerate(flat) if probe.is_float(array)]
    return Subject(
        case,
        flat,
        places,
        values,
        [variable.path for variable in variables],
        outputs,
        {
            mode_name(training): dict(zip(places, map(probe.as_numpy, run.input_gradients), strict=True))
            for training, run in runs.items()
        },
        {mode_name(training): probe.as_numpy(run.weight_gradients) for training, run in runs.items()},
        each_weight,
    )


def of_function(case, arrays, outputs, gradients):
    """Returns the `Subject` of a loss or regularizer.

    Args:
        case: The case.
        arrays: Flat list of predictions, or of the weight to penalize.
        outputs: Function of such a list that returns a list of output arrays.
        gradients: The gradient for each array, without NaN.
    """
    return Subject(
        case,
        arrays,
        list(range(len(arrays))),
        [],
        [],
        lambda inputs, weights, modes: {"inference": outputs(inputs)},
        {"inference": dict(enumerate(gradients))},
        {"inference": []},
    )


def weights_of(component):
    """Returns the floating-point variables of a component, trainable ones first."""
    variables = [*component.trainable_variables, *component.non_trainable_variables]
    return [variable for variable in variables if probe.is_float(variable)]


def mode_name(training):
    """Returns "training" or "inference"."""
    return "training" if training else "inference"


def _flat(outputs):
    return probe.as_numpy(keras.tree.flatten(outputs))


def _one_per_example(gradient):
    """Returns the index of one element per example, that with the largest gradient in some channel.

    The channels go from the first, for the first example, to the last, for the last one. Examples without a
    gradient have none.
    """
    if gradient is None or not np.any(gradient):
        return []
    sizes = np.abs(gradient)
    if gradient.ndim < 2:
        return [tuple(map(int, np.unravel_index(sizes.argmax(), sizes.shape)))]
    found = []
    for example, each in enumerate(sizes):
        channels = each.shape[-1]
        channel = round(example * (channels - 1) / max(len(sizes) - 1, 1))
        mask = np.arange(channels) == channel
        chosen = np.where(mask, each, 0) if np.any(each[..., mask]) else each
        if np.any(chosen):
            found.append((example, *map(int, np.unravel_index(chosen.argmax(), chosen.shape))))
    return found


def _with_nan(arrays, places):
    """Returns arrays, with NaN at a list of indices of copies of those in `places`; `...` is everything."""
    changed = list(arrays)
    for place, indices in places.items():
        changed[place] = np.array(changed[place])
        for index in [...] if indices is ... else indices:
            changed[place][index] = np.nan
    return changed


def _floats(arrays):
    return [array for array in map(np.asarray, arrays) if array.dtype.kind == "f"]


def _any_nan(arrays):
    return any(np.isnan(array).any() for array in _floats(arrays))
