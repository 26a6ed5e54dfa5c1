"""check_task: tasks of the package meet it, each on a few examples."""

import pytest

from keras_cnn_zoo.tasks import Classification, Language, Segmentation
from keras_cnn_zoo.testing import check_task
from tests.testing import test_readers_of_the_package as folders


@pytest.mark.parametrize(
    ("task", "format_name", "write", "build_kwargs", "arguments"),
    [
        (Classification(), "images", folders.write_images, {"model": "lenet5"}, {"image_size": (32, 32)}),
        (Language(), "lines", folders.write_lines, {}, {}),
        (
            Segmentation(),
            "masks",
            folders.write_masks,
            {"model": "unet", "width": 0.05},
            {"class_balance": 0.5},
        ),
    ],
    ids=["classification", "language", "segmentation"],
)
def test_a_task_of_the_package_meets_the_guarantees(
    task, format_name, write, build_kwargs, arguments, tmp_path
):
    write(tmp_path)
    outcomes = check_task(
        task, f"{format_name}:{tmp_path}", build_kwargs=build_kwargs, arguments=arguments, examples=2
    )
    passed = [one.guarantee for one in outcomes if one.status == "pass"]
    assert passed == ["C1", "C2", "C3", "C10", "C11", "C12", "C13"]
