import pytest

pytest.importorskip("keras_tuner")

import numpy as np

from keras_cnn_zoo import models, presets
from keras_cnn_zoo.search.spaces.text import SPACE


class Words:
    """The part of a source that building a model looks at."""

    class_names = ("a", "b", "c")


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in SPACE.choices.items() for value in values]
)
def test_every_choice_builds_and_can_be_saved_as_a_preset(name, value, tmp_path):
    values = {key: list(given)[0] for key, given in SPACE.choices.items()}
    model = SPACE.build(Words(), {**values, "width": min(SPACE.choices["width"]), name: value})
    presets.save(model, tmp_path / "best", precision="float32")
    loaded = models.from_preset(tmp_path / "best")
    images = model.preprocess([np.random.default_rng(0).integers(0, 256, (20, 70, 3)).astype("uint8")])
    np.testing.assert_array_equal(loaded(images), model(images))
