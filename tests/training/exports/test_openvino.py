"""OpenVINO converts networks whose inputs may have any size."""

import os

import keras
import pytest

from keras_cnn_zoo import models, tasks

pytest.importorskip("openvino")

SMALL = {
    "segmentation": lambda: models.DeepLab(2, backbone="vgg11", width=0.05, output_stride=32),
    "detection": lambda: models.FasterRCNN(
        2, input_shape=(64, 64, 3), backbone="vgg11", width=0.1, min_level=4, class_names=("a", "b")
    ),
}


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs TensorFlow")
@pytest.mark.filterwarnings("ignore:In the future `np.object`:FutureWarning")
@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_networks_with_levels_are_converted(name, tmp_path):
    SMALL[name]().save_to_preset(tmp_path / "preset")
    path = tasks.export_model(
        tasks.TASKS[name](), str(tmp_path / "net.xml"), format="openvino", preset=str(tmp_path / "preset")
    )
    assert os.path.getsize(path) > 1000
