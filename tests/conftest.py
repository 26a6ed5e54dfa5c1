"""For every test: a quiet TensorFlow, and Keras' global settings as they were."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras  # noqa: E402
import pytest  # noqa: E402


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
