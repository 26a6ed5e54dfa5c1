import os

import keras
import numpy as np
import pytest

from keras_cnn_zoo.training import checkpoint
from keras_cnn_zoo.utils.errors import InputError


def small_model(units=3, seed=0):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units), keras.layers.Dropout(0.5)])
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    return model


def step(model):
    x = np.random.default_rng(1).normal(size=(8, 4)).astype("float32")
    model.train_on_batch(x, np.zeros((8, model.output_shape[-1]), "float32"))


def values(model):
    return [v.numpy() for v in [*model.variables, *model.optimizer.variables]]


def test_a_restored_model_goes_on_bit_for_bit(tmp_path):
    path = str(tmp_path / "checkpoint.npz")
    one = small_model()
    step(one)
    checkpoint.save(path, one, {"epoch": 1})
    step(one)
    other = small_model(seed=7)
    assert checkpoint.load(path, other) == {"epoch": 1}
    step(other)
    # Dropout drew from the restored state, Adam used the restored moments.
    assert all(np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))


def test_random_state_is_in_the_file(tmp_path):
    path = str(tmp_path / "checkpoint.npz")
    model = small_model()
    before = [v for v in model.variables if "seed" in v.path]
    assert before
    first = [v.numpy().copy() for v in before]
    checkpoint.save(path, model, {})
    step(model)
    assert any((v.numpy() != f).any() for v, f in zip(before, first, strict=True))
    checkpoint.load(path, model)
    assert all((v.numpy() == f).all() for v, f in zip(before, first, strict=True))


def test_a_failed_write_leaves_the_old_file_whole(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.npz"
    model = small_model()
    checkpoint.save(path, model, {"epoch": 1})
    whole = path.read_bytes()

    def full_disk(file, **arrays):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full_disk)
    with pytest.raises(OSError, match="No space left"):
        checkpoint.save(path, model, {"epoch": 2})
    assert path.read_bytes() == whole
    assert os.listdir(tmp_path) == ["checkpoint.npz"]


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"not a zip" * 10])
def test_a_damaged_file_is_one_clear_error(tmp_path, damage):
    path = tmp_path / "checkpoint.npz"
    model = small_model()
    checkpoint.save(str(path), model, {})
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match="checkpoint.npz is not a checkpoint"):
        checkpoint.load(str(path), model)


def test_a_file_of_another_model_is_refused_and_changes_nothing(tmp_path):
    path = str(tmp_path / "checkpoint.npz")
    checkpoint.save(path, small_model(units=3), {})
    other = small_model(units=5)
    before = values(other)
    with pytest.raises(InputError, match="belongs to another model"):
        checkpoint.load(path, other)
    assert all(np.array_equal(a, b) for a, b in zip(before, values(other), strict=True))
