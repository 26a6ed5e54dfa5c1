"""One preset on three backends: the same file gives the same outputs."""

import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_cnn_zoo import models
from tests.presets.preset_files import small_unet

SCRIPT = """
import sys
import keras, numpy as np
from keras_cnn_zoo import models

folder, images, answers, rewritten = sys.argv[1:]
model = models.from_preset(folder)
np.save(answers, keras.ops.convert_to_numpy(model(np.load(images))))
model.save_to_preset(rewritten)
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_the_same_file_gives_the_same_numbers(backend, tmp_path):
    if backend == keras.backend.backend() or importlib.util.find_spec(backend) is None:
        pytest.skip("this process's own backend, or one that is not installed")
    small_unet().save_to_preset(tmp_path / "preset")
    model = models.from_preset(tmp_path / "preset")
    pictures = np.random.default_rng(0).uniform(-1, 1, (2, 16, 16, 3)).astype("float32")
    np.save(tmp_path / "pictures.npy", pictures)
    paths = [str(tmp_path / name) for name in ("preset", "pictures.npy", "answers.npy", "rewritten.zip")]
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *paths], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    wanted = keras.ops.convert_to_numpy(model(pictures))
    np.testing.assert_allclose(np.load(paths[2]), wanted, rtol=1e-5, atol=1e-5 * np.abs(wanted).max())
    # The other backend writes the same preset.
    for one, other in zip(models.from_preset(paths[3]).get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
