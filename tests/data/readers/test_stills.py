import json

import numpy as np
import pytest

from keras_cnn_zoo.data import load
from keras_cnn_zoo.utils.errors import InputError

Image = pytest.importorskip("PIL.Image")


def picture(path, value=9, size=(12, 10)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((size[1], size[0], 3), value, "uint8")).save(path)


def test_images_at_any_depth_and_no_classes(tmp_path):
    for index in range(5):
        picture(tmp_path / ("a/b/" * (index % 2)) / f"{index}.png", value=index)
    source = load(f"images:{tmp_path}", task="tracking")
    assert source.class_names == () and [len(split) for split in source.splits.values()] == [3, 1, 1]
    names = sorted(name for split in source.splits.values() for name in split.names)
    assert names == ["0.png", "2.png", "4.png", "a/b/1.png", "a/b/3.png"]
    example = source.splits["train"][0]
    assert len(example["frames"]) == 1 and example["frames"][0].shape == (10, 12, 3)
    assert np.isnan(example["boxes"]).all() and example["boxes"].shape == (1, 4)


def test_split_folders_and_bad_images(tmp_path):
    for split, count in (("train", 10), ("test", 2)):
        for index in range(count):
            picture(tmp_path / split / f"{index}.png")
    (tmp_path / "train/bad.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"bad\.png"):
        load(f"images:{tmp_path}", task="tracking")
    source = load(f"images:{tmp_path}", task="tracking", skip_bad=True)
    assert [len(split) for split in source.splits.values()] == [9, 1, 2] and len(source.skipped) == 1
    with pytest.raises(InputError, match="does not exist"):
        load(f"images:{tmp_path / 'absent'}", task="tracking")


def test_boxes_of_detection_data_are_candidates(tmp_path):
    for split in ("train", "val", "test"):
        for index in range(3):
            picture(tmp_path / split / f"{index}.png")
        boxes = [[1, 2, 3, 4], [5, 1, 4, 6]]
        content = {
            "images": [{"id": i, "file_name": f"{i}.png", "width": 12, "height": 10} for i in range(3)],
            "annotations": [
                {
                    "id": n,
                    "image_id": n // 2,
                    "category_id": 1,
                    "bbox": boxes[n % 2],
                    "iscrowd": 0,
                    "area": 12,
                }
                for n in range(4)
            ],
            "categories": [{"id": 1, "name": "thing"}],
        }
        (tmp_path / f"instances_{split}.json").write_text(json.dumps(content))
    source = load(f"coco:{tmp_path}", task="tracking")
    assert source.class_names == ()
    example = source.splits["test"][0]
    np.testing.assert_array_equal(example["candidates"], [[1, 2, 3, 4], [5, 1, 4, 6]])
    np.testing.assert_array_equal(example["boxes"], [[1, 2, 3, 4]])
    last = source.splits["test"][len(source.splits["test"]) - 1]
    if len(source.splits["test"]) == 3:
        assert np.isnan(last["boxes"]).all() and last["candidates"].shape == (0, 4)
    assert load(f"coco:{tmp_path}", task="detection").class_names == ("thing",)
