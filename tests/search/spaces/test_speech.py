import pytest

pytest.importorskip("keras_tuner")

import numpy as np

from keras_cnn_zoo import models, presets
from keras_cnn_zoo.search.spaces.speech import SPACE


class Clips:
    """The part of a source that building a model looks at."""

    class_names = ("a", "b", "c")

    def split(self, name):
        return [{"audio": np.zeros(3000, "float32"), "sample_rate": 8000}]


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in SPACE.choices.items() for value in values]
)
def test_every_choice_builds_and_can_be_saved_as_a_preset(name, value, tmp_path):
    values = {key: list(given)[0] for key, given in SPACE.choices.items()}
    model = SPACE.build(Clips(), {**values, name: value})
    presets.save(model, tmp_path / "best", precision="float32")
    loaded = models.from_preset(tmp_path / "best")
    batch = model.preprocess([np.random.default_rng(0).normal(size=3000)])
    np.testing.assert_array_equal(loaded(batch), model(batch))
