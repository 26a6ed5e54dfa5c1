import numpy as np
import pytest

pytest.importorskip("keras_tuner")
pytest.importorskip("typer")

from keras_cnn_zoo import models, presets
from keras_cnn_zoo.search.spaces.deeplab import SPACE
from tests.search import samples

pytestmark = [pytest.mark.filterwarnings(line) for line in samples.WARNINGS]


class Pictures:
    """The part of a source that building a model looks at."""

    class_names, channels = ("a", "b", "c"), 3

    def split(self, name):
        return [{"image": np.zeros((64, 96, 3), "uint8")}]


@pytest.mark.parametrize("end", [0, -1])
def test_the_ends_of_every_choice_build_and_can_be_saved_as_a_preset(end, tmp_path):
    values = {name: list(given)[end] for name, given in SPACE.choices.items()}
    model = SPACE.build(Pictures(), {**values, "width": min(SPACE.choices["width"])})
    # Crops of 64 pixels at stride 8: the rates times 64 / 513 * 16 / 8; at the other end as given.
    assert model.get_layer("pyramid").rates == ((4, 8, 12) if end else (1, 3, 4))
    presets.save(model, tmp_path / "best", precision="float32")
    loaded = models.from_preset(tmp_path / "best")
    images = np.random.default_rng(0).normal(size=(1, 32, 48, 3)).astype("float32")
    np.testing.assert_array_equal(loaded(images), model(images))


def test_every_width_suits_group_normalization():
    groups = SPACE.choices["normalization"]["group"]().groups
    widths = SPACE.choices["width"]
    assert all(round(channels * width) % groups == 0 for width in widths for channels in (48, 64, 256))
