"""For every test: a quiet TensorFlow, and Keras' global settings as they were."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import hypothesis  # noqa: E402
import keras  # noqa: E402
import pytest  # noqa: E402

# The same examples in every run: a failure is then a change of the code. Nothing is written beside the tests.
hypothesis.settings.register_profile("zoo", derandomize=True, deadline=None, max_examples=25, database=None)
hypothesis.settings.load_profile("zoo")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Slow tests come first, so that several processes end together."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def global_settings():
    """What a test could leave changed for the next one."""
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
