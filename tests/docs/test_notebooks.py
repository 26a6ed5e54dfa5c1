"""The notebooks run as they are, and print what their text promises."""

import re

import pytest

from keras_cnn_zoo.training.exports import formats
from tests.docs import notebooks

for package in ("PIL", "matplotlib", "sklearn"):
    pytest.importorskip(package)


@pytest.mark.slow
def test_one_layer_in_your_own_model(tmp_path):
    printed = notebooks.run(notebooks.DOCS / "one_layer.ipynb", tmp_path)
    plain, other = (float(re.search(rf"{name}: +(\S+)", printed)[1]) for name in ("poolings", "ones"))
    # The average of a whole map learns slowly; ten classes give 0.1 without learning.
    assert plain > 0.3 and other > 0.8
    assert float(re.search(r"learned power: +(\S+)", printed)[1]) != 3
    assert "equal after loading: True" in printed


@pytest.mark.slow
@pytest.mark.skipif("litert" not in formats.FORMATS, reason="export does not write LiteRT files")
def test_from_a_folder_to_a_phone(tmp_path):
    pytest.importorskip("ai_edge_litert")
    printed = notebooks.run(notebooks.DOCS / "folder_to_phone.ipynb", tmp_path)
    accuracy, baseline = re.search(r"test accuracy (\S+), baseline (\S+)", printed).groups()
    assert float(accuracy) > float(baseline) + 0.4
    assert float(re.search(r"same class on the phone and here: (\S+)", printed)[1]) > 0.95
