"""For every test: a quiet TensorFlow, and Keras' global settings as they were."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# TensorFlow has convolutions with the channels first on a CPU only with oneDNN, which is off on some CPUs.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
# Several processes run side by side, and threads that wait for each other take up to half of the time.
for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(name, "1")
# For the processes on JAX: most of their time is optimization of programs that run a few steps.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")

import hypothesis  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402

# The same examples in every run: a failure is then a change of the code. Nothing is written to tests/.
hypothesis.settings.register_profile("zoo", derandomize=True, deadline=None, max_examples=25, database=None)
hypothesis.settings.load_profile("zoo")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Puts slow tests first in the part of each process, so that several processes end together.

    pytest-xdist gives every process an equal part of the list. One that is done takes tests from the end of
    the part of another.
    """
    modules, fast = {}, []
    for item in items:
        if item.get_closest_marker("slow") is None:
            fast.append(item)
        else:
            modules.setdefault(item.nodeid.partition("::")[0], []).append(item)
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    parts = [[] for _ in range(count)]
    for tests in modules.values():  # Those of a module stay together, because they share fixtures.
        min(parts, key=len).extend(tests)
    left, ordered = len(items), []
    for place, part in enumerate(parts):
        missing = max(left // (count - place) - len(part), 0)
        ordered += part + fast[:missing]
        left -= len(part) + missing
        del fast[:missing]
    items[:] = ordered


def global_settings():
    """Returns the settings that a test could leave changed for the next one."""
    return {
        "dtype policy": keras.config.dtype_policy().name,
        "floatx": keras.config.floatx(),
        "image data format": keras.config.image_data_format(),
        "traceback filtering": keras.config.is_traceback_filtering_enabled(),
    }


@pytest.fixture(autouse=True)
def unchanged_global_settings():
    """Fails a test that leaves a global setting of Keras changed."""
    before = global_settings()
    yield
    assert global_settings() == before


@pytest.fixture(scope="session")
def digits_npz(tmp_path_factory):
    """A tiny archive whose classes can be told apart: bright left half, bright right half."""
    rng = np.random.default_rng(0)
    arrays = {}
    for name, count in (("train", 40), ("val", 16), ("test", 24)):
        labels = np.arange(count) % 2
        images = rng.integers(0, 90, size=(count, 20, 20, 1))
        images[labels == 0, :, :10] += 150
        images[labels == 1, :, 10:] += 150
        arrays[f"x_{name}"], arrays[f"y_{name}"] = images.astype("uint8"), labels
    path = tmp_path_factory.mktemp("data") / "halves.npz"
    np.savez(path, **arrays)
    return str(path)


@pytest.fixture(scope="session")
def masks_folder(tmp_path_factory):
    """Pictures of two sizes with a bright rectangle; its mask is class 1, a border of it ignored."""
    from PIL import Image

    root = tmp_path_factory.mktemp("masks")
    rng = np.random.default_rng(0)
    for split, count in (("train", 10), ("val", 4), ("test", 5)):
        for kind in ("images", "labels"):
            (root / split / kind).mkdir(parents=True)
        for index in range(count):
            height, width = (24, 32) if index % 2 else (28, 26)
            picture = rng.integers(0, 80, size=(height, width, 3)).astype("uint8")
            mask = np.zeros((height, width), "uint8")
            top, left = rng.integers(2, 10, size=2)
            mask[top - 1 : top + 11, left - 1 : left + 11] = 255
            mask[top : top + 10, left : left + 10] = 1
            picture[mask == 1] += 150
            Image.fromarray(picture).save(root / split / "images" / f"{index}.png")
            Image.fromarray(mask).save(root / split / "labels" / f"{index}.png")
    return str(root)
