"""C10: inference is deterministic, training is a function of the seed, and inputs are never changed."""

import copy

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.testing import probe
from keras_cnn_zoo.testing.epochs import epochs_run
from keras_cnn_zoo.testing.guarantees import Broken

NO_NOISE = "draw only when `training` is true"
OWN_SEED = (
    "take a `seed` argument, keep self.seed_generator = keras.random.SeedGenerator(seed), "
    "and pass seed=self.seed_generator to every draw"
)
FRESH_START = "reset what training changes in `on_train_begin`"
NO_WRITING = "never write into an input; build new tensors"


def check_layer(case):
    """Checks C10 for layers."""
    component = case.ready()
    inputs = case.make_inputs()
    _require_untouched(case, component, inputs)
    weights = component.get_weights()

    _global_seed(1)
    expected = _numbers(case, component, inputs, training=False)
    for training, words in ((False, "a second time"), (None, "without the `training` argument")):
        _global_seed(2)
        actual = _numbers(case, component, inputs, training=training)
        _same(actual, expected, f"inference gives other numbers {words}", NO_NOISE)

    first = _training_calls(case, weights, inputs, global_seed=1)
    second = _training_calls(case, weights, inputs, global_seed=2)
    _same(second, first, "two instances made alike differ in training", OWN_SEED)
    if "seed" in case.own_arguments():
        _check_seed(case, weights, inputs, first, expected)


def _check_seed(case, weights, inputs, first, expected):
    """Checks that another seed changes training, if there is any randomness, and never changes inference."""
    twin = _with_weights(case, weights, inputs, seed=_other_seed(case))
    _same(
        _numbers(case, twin, inputs, training=False),
        expected,
        "inference depends on the seed",
        NO_NOISE,
    )
    other = _training_calls(case, weights, inputs, global_seed=1, seed=_other_seed(case))
    random = not all(np.array_equal(one, two) for one, two in zip(first, other, strict=True))
    calls = len(first) // 2
    if random and all(
        np.array_equal(one, two) for one, two in zip(first[:calls], first[calls:], strict=True)
    ):
        raise Broken(
            "every training call draws the same numbers",
            "pass a SeedGenerator, not an integer, to draws",
        )


def _other_seed(case):
    return (case.init_kwargs.get("seed") or 0) + 12345


def _training_calls(case, weights, inputs, *, global_seed, **overrides):
    """Returns the outputs of two calls in training mode of a new instance, in one flat list."""
    component = _with_weights(case, weights, inputs, **overrides)
    _global_seed(global_seed)
    return [
        array
        for _ in range(2)
        for array in keras.tree.flatten(_numbers(case, component, inputs, training=True))
    ]


def _with_weights(case, weights, inputs, **overrides):
    overrides = dict(overrides)
    if "seed" in case.own_arguments() and case.init_kwargs.get("seed") is None:
        overrides.setdefault("seed", 0)
    component = case.make(**overrides)
    case.call(component, inputs)
    component.set_weights(weights)
    if case.prepare is not None:
        case.prepare(component)
    return component


def _require_untouched(case, component, inputs):
    """Arrays and tensors given to the component are the same afterwards, and so are constructor arguments."""
    before = copy.deepcopy((inputs, case.call_kwargs))
    for training in (False, True):
        tensors = probe.as_tensors(inputs)
        probe.forward(case, component, inputs, training=training)
        probe.forward(case, component, tensors, training=training)
        for actual in ((inputs, case.call_kwargs), (probe.as_numpy(tensors), case.call_kwargs)):
            for one, other in zip(keras.tree.flatten(actual), keras.tree.flatten(before), strict=True):
                if not np.array_equal(one, other):
                    raise Broken("an input was changed by the call", NO_WRITING)
    given = copy.deepcopy(case.init_kwargs)
    case.cls(**given)
    plain = {name for name, value in given.items() if isinstance(value, (list, tuple, dict))}
    for name in plain:
        if repr(given[name]) != repr(case.init_kwargs[name]):
            raise Broken(f"the constructor changed its argument {name}", NO_WRITING)


def check_model(case):
    """Checks C10 for models: deterministic inference, and training that is a function of the global seed."""
    component = case.ready()
    inputs = case.make_inputs()
    before = copy.deepcopy(inputs)
    expected = _numbers(case, component, inputs, training=False)
    _global_seed(2)
    actual = _numbers(case, component, inputs, training=False)
    _same(actual, expected, "inference gives other numbers a second time", NO_NOISE)
    twins = [_numbers(case, case.ready(seed=5), inputs, training=True) for _ in range(2)]
    _same(twins[1], twins[0], "two models under one global seed differ in training", OWN_SEED)
    _same(inputs, before, "an input was changed by the call", NO_WRITING)


def check_loss(case):
    """Checks C10 for losses."""
    component = case.make()
    _check_function(lambda pair: component(*pair), (case.y_true, case.y_pred))


def check_regularizer(case):
    """Checks C10 for regularizers."""
    component = case.make()
    _check_function(lambda weight: component(ops.convert_to_tensor(weight)), case.weight)


def check_initializer(case):
    """Checks C10 for initializers: a seed fixes the values; without one the global seed does."""

    def draw(global_seed, **overrides):
        _global_seed(global_seed)
        return probe.as_numpy(case.make(**overrides)(case.shape, dtype="float32"))

    _same(draw(1), draw(1), "other values under the same seed", OWN_SEED)
    if case.init_kwargs.get("seed") is not None or "seed" not in case.own_arguments():
        _same(draw(2), draw(1), "the values depend on the global seed", OWN_SEED)


def check_metric(case):
    """Checks C10 for metrics: the same updates give the same result, and the arguments stay as they were."""
    before = copy.deepcopy(case.updates)
    results = []
    for seed in (1, 2):
        _global_seed(seed)
        component = case.make()
        for update in case.updates:
            component.update_state(*update)
        results.append(probe.as_numpy(component.result()))
    _same(results[1], results[0], "the same updates give another result", "remove randomness")
    _same(case.updates, before, "an update was changed by the call", NO_WRITING)


def check_callback(case):
    """Checks C10 for callbacks: the same logs end training at the same epoch, and stay as they were."""
    before = copy.deepcopy(case.logs)
    component = case.make()
    first = epochs_run(component, case.logs)
    for twin, words in ((component, "trained with a second time"), (case.make(), "made alike")):
        _same(epochs_run(twin, case.logs), first, f"other epochs when {words}", FRESH_START)
    if case.logs != before:
        raise Broken("the logs were changed by the callback", NO_WRITING)


def _check_function(function, argument):
    before = copy.deepcopy(argument)
    results = []
    for seed in (1, 2):
        _global_seed(seed)
        results.append(probe.as_numpy(function(argument)))
    _same(results[1], results[0], "a second call gives other numbers", "remove randomness")
    _same(argument, before, "an input was changed by the call", NO_WRITING)


def _numbers(case, component, inputs, training):
    return probe.as_numpy(probe.forward(case, component, inputs, training=training))


def _same(actual, expected, what, advice):
    probe.require_equal(actual, expected, what, advice)


def _global_seed(seed):
    """Seeds Keras, NumPy and Python, so that a draw from any of them shows."""
    keras.utils.set_random_seed(seed)
