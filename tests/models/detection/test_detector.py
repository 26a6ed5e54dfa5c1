"""Guarantees that every detector has from its base class."""

import keras
import numpy as np
import pytest

from tests.models.detection import test_faster_rcnn, test_retinanet
from tests.models.detection.scenes import detect

TINY = {"FasterRCNN": test_faster_rcnn.tiny, "RetinaNet": test_retinanet.tiny}


@pytest.mark.parametrize("normalization", [None, "batch"])
@pytest.mark.parametrize("name", TINY)
@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method:UserWarning")
def test_a_quantized_detector_detects(name, normalization):
    model = TINY[name](normalization=normalization, score_threshold=0.0)
    before = detect(model)
    model.quantize("int8")
    after = detect(model)
    np.testing.assert_allclose(after["scores"], before["scores"], atol=0.02)


@pytest.mark.parametrize("name", TINY)
def test_a_clone_detects_the_same(name):
    model = TINY[name](score_threshold=0.0)
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    for one, other in zip(detect(model).values(), detect(clone).values(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_docstrings_are_filled_in():
    for make in TINY.values():
        docstring = type(make()).__doc__
        assert "{" not in docstring and "number of detections per image" in docstring
