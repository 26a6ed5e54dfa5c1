import hashlib

import numpy as np
import pytest

from keras_cnn_zoo.data import load
from keras_cnn_zoo.data.embedded.digit_scenes import moving
from keras_cnn_zoo.data.embedded.digit_scenes.glyphs import POOLS

pytest.importorskip("sklearn")


def test_frames_boxes_and_names():
    source = load(task="tracking")
    assert [len(split) for split in source.splits.values()] == [160, 12, 20]
    example = source.splits["val"][2]
    assert len(example["frames"]) == moving.FRAMES and example["boxes"].shape == (moving.FRAMES, 4)
    assert example["name"] == "val/2" and example["boxes"].dtype == np.float32
    frame = example["frames"][0]
    assert frame.shape == (moving.HEIGHT, moving.WIDTH, 3) and frame.dtype == np.uint8
    np.testing.assert_array_equal(example["frames"][-1], example["frames"][moving.FRAMES - 1])
    assert len(example["frames"][3:8]) == 5


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_boxes_lie_in_the_frame_and_move(split):
    boxes = np.stack([moving.moving_scene(split, index).boxes for index in range(4)])
    assert (boxes[..., :2] >= 0).all()
    assert (boxes[..., :2] + boxes[..., 2:] <= [moving.WIDTH, moving.HEIGHT]).all()
    assert (boxes[..., 2:] >= 4).all() and (boxes[..., 2:] <= 70).all()
    middles = boxes[..., :2] + boxes[..., 2:] / 2
    assert np.ptp(middles, axis=1).max() > 15
    # A tracker must be able to follow, so no move is larger than a digit.
    assert np.abs(np.diff(middles, axis=1)).max() < 16


def test_the_box_is_tight_around_the_digit():
    scene = moving.MovingScene("test", 1)
    target = scene.things[scene.target]
    alpha, (top, left) = target.look(5)
    rows, columns = np.nonzero(alpha >= 0.5)
    expected = [left + columns.min(), top + rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
    assert scene.boxes[5].tolist() == expected


def test_splits_share_no_digit():
    for split, (first, last) in POOLS.items():
        glyphs = [thing.glyph for index in range(8) for thing in moving.moving_scene(split, index).things]
        assert all(first <= glyph < last for glyph in glyphs)


def test_a_frame_does_not_depend_on_earlier_frames():
    one, other = moving.MovingScene("train", 3), moving.MovingScene("train", 3)
    list(one)
    np.testing.assert_array_equal(one[17], other[17])
    assert not np.array_equal(one[17], one[18])


def test_the_pixels_are_frozen():
    # Origin: this code when it was written. A change would make it another data set.
    digest = hashlib.sha256(b"".join(moving.MovingScene("val", 0)[t].tobytes() for t in (0, 20, 39)))
    assert digest.hexdigest()[:16] == "fb661343a466be9d"


def test_the_target_contrasts_with_its_background():
    contrast = []
    for index in range(12):
        scene = moving.moving_scene("val", index)
        target = scene.things[scene.target]
        contrast.append(np.abs(target.color - scene.colors).max())
    assert min(contrast) > 20


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_the_builder_and_its_reader(tmp_path, monkeypatch):
    tfds = pytest.importorskip("tensorflow_datasets")
    monkeypatch.setattr(moving, "COUNTS", {"train": 2, "val": 1, "test": 1})
    builder = tfds.builder("digit_scenes/tracking", data_dir=tmp_path)
    builder.download_and_prepare()
    (prepared,) = tfds.as_numpy(builder.as_dataset(split="validation"))
    scene = moving.MovingScene("val", 0)
    np.testing.assert_array_equal(prepared["video"], list(scene))
    monkeypatch.setattr(tfds, "builder", lambda name: builder)
    source = load("tfds:digit_scenes/tracking", task="tracking")
    assert [len(split) for split in source.splits.values()] == [2, 1, 1]
    example = source.splits["val"][0]
    assert example["name"] == "val/0" and len(example["frames"]) == moving.FRAMES
    np.testing.assert_array_equal(example["frames"][7], scene[7])
    np.testing.assert_allclose(example["boxes"], scene.boxes, atol=1e-3)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_mocked_name_and_one_without_boxes():
    tfds = pytest.importorskip("tensorflow_datasets")
    tf = pytest.importorskip("tensorflow")
    from keras_cnn_zoo.utils.errors import InputError

    def as_dataset(self, *args, **kwargs):
        draw = np.random.RandomState(0)
        boxes = np.tile(np.array([0.25, 0.1, 0.75, 0.6], "float32"), (4, 5, 1))
        boxes[:, 3] = 0
        videos = draw.randint(0, 256, size=(4, 5, 20, 30, 3)).astype("uint8")
        return tf.data.Dataset.from_tensor_slices({"video": videos, "bboxes": boxes})

    with tfds.testing.mock_data(as_dataset_fn=as_dataset):
        source = load("tfds:digit_scenes/tracking", task="tracking")
    example = source.splits["test"][0]
    np.testing.assert_allclose(example["boxes"][0], [3, 5, 15, 10], rtol=1e-5)
    assert (example["boxes"][3] == 0).all() and example["frames"][4].shape == (20, 30, 3)
    with (
        tfds.testing.mock_data(num_examples=2),
        pytest.raises(InputError, match="mnist must have a video and a sequence of boxes for tracking"),
    ):
        load("tfds:mnist", task="tracking")
