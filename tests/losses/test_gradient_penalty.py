"""The penalty of critics with a known slope, and its second-order gradient in a training step."""

import importlib.util
import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_cnn_zoo.losses import gradient_penalty
from keras_cnn_zoo.testing.draws import fixed_draws
from keras_cnn_zoo.utils.autodiff import value_and_gradients
from tests.losses.penalized_training import derivatives

RNG = np.random.default_rng(0)
REAL, FAKE = RNG.normal(size=(2, 5, 3, 2)).astype("float32")


def test_the_slope_of_a_linear_critic_is_the_norm_of_its_weights():
    weights = RNG.normal(size=(3, 2)).astype("float32")
    penalty = gradient_penalty(lambda x: keras.ops.sum(x * weights, axis=(1, 2)), REAL, FAKE, factor=3.0)
    assert float(penalty) == pytest.approx(3 * (np.linalg.norm(weights) - 1) ** 2, rel=1e-5)


def test_of_a_quadratic_critic_by_loops():
    # The gradient of |x|^2 / 2 is x itself: the drawn point on the line.
    with fixed_draws():
        penalty = gradient_penalty(lambda x: keras.ops.sum(x * x, axis=(1, 2)) / 2, REAL, FAKE)
    with fixed_draws():
        shares = keras.ops.convert_to_numpy(keras.random.uniform((5, 1, 1))).ravel()
    total = 0.0
    for share, real, fake in zip(shares, REAL, FAKE, strict=True):
        point = share * real + (1 - share) * fake
        total += (np.sqrt((point**2).sum()) - 1) ** 2
    assert float(penalty) == pytest.approx(10 * total / 5, rel=1e-5)


def test_draws_are_between_the_two_and_differ_in_every_call():
    seen = []

    def critic(x):
        seen.append(np.array(keras.ops.convert_to_numpy(x)))
        return keras.ops.sum(x, axis=(1, 2))

    seed = keras.random.SeedGenerator(1)
    for _ in range(2):
        gradient_penalty(critic, np.ones((500, 1, 1)), np.zeros((500, 1, 1)), seed=seed)
    assert not np.array_equal(*seen)
    for points in seen:
        assert 0 <= points.min() < 0.02 and 0.98 < points.max() <= 1
        assert points.mean() == pytest.approx(0.5, abs=4 / np.sqrt(12 * 500))


def test_a_constant_critic_costs_the_factor_and_has_a_finite_gradient():
    weight = keras.Variable(np.zeros((3, 2), "float32"))
    value, _, (gradient,) = value_and_gradients(
        lambda: gradient_penalty(lambda x: keras.ops.sum(x * weight, axis=(1, 2)), REAL, FAKE),
        variables=[weight],
    )
    assert float(value) == 10.0
    assert np.isfinite(keras.ops.convert_to_numpy(gradient)).all()


def test_no_gradient_reaches_the_examples():
    _, gradients, _ = value_and_gradients(
        lambda real, fake: gradient_penalty(lambda x: keras.ops.sum(x**3, axis=(1, 2)), real, fake),
        [REAL, FAKE],
    )
    for gradient in gradients:
        assert not keras.ops.convert_to_numpy(gradient).any()


@pytest.mark.parametrize("jit_compile", [False, True])
def test_the_training_step_follows_the_gradient_of_the_penalty(jit_compile):
    for trained, measured in derivatives(jit_compile):
        assert trained == pytest.approx(measured, rel=1e-6, abs=1e-7)


SCRIPT = """
import json, sys
from tests.losses.penalized_training import derivatives

print("pairs", json.dumps(derivatives(sys.argv[1] == "on")))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("backend", "jit"), [("jax", "on"), ("jax", "off"), ("torch", "off")])
def test_the_training_step_of_other_backends(backend, jit):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "JAX_ENABLE_X64": "1",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, jit], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("pairs "))
    for trained, measured in json.loads(line.removeprefix("pairs ")):
        assert abs(measured) > 1e-6
        assert trained == pytest.approx(measured, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("factor", [-1.0, None])
def test_refuses_a_factor_below_zero(factor):
    with pytest.raises(ValueError, match="`factor` must be a finite number at least 0. Received: factor="):
        gradient_penalty(keras.ops.sum, REAL, FAKE, factor=factor)


@pytest.mark.parametrize("shapes", [((2, 3), (3, 3)), ((2, 3), (2, 3, 1)), ((2,), (2,))])
def test_refuses_examples_of_different_shapes(shapes):
    with pytest.raises(ValueError, match="`real` and `fake` must have the same shape.* Received: real.sh"):
        gradient_penalty(keras.ops.sum, *map(np.zeros, shapes))
