import pytest

pytest.importorskip("keras_tuner")

import numpy as np

from keras_cnn_zoo import models, presets
from keras_cnn_zoo.search.spaces.language import SPACE


class Texts:
    """The part of a source that building a model looks at."""

    class_names = ("a", "b", "c")

    def split(self, name):
        return [{"text": "a good film about a good word"}, {"text": "another one"}]


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in SPACE.choices.items() for value in values]
)
def test_every_choice_builds_and_can_be_saved_as_a_preset(name, value, tmp_path):
    values = {key: list(given)[0] for key, given in SPACE.choices.items()}
    model = SPACE.build(Texts(), {**values, name: value})
    presets.save(model, tmp_path / "best", precision="float32")
    loaded = models.from_preset(tmp_path / "best")
    ids = model.preprocess(["a film", "unheard"])
    np.testing.assert_array_equal(loaded(ids), model(ids))
