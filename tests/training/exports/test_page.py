"""The page's modules in Node: sizes and parts of recordings as in Python, and what clicks and files do."""

import json
import shutil
import subprocess

import numpy as np
import pytest

from keras_cnn_zoo.ops.host import letterbox, waveforms
from tests.helpers import ROOT

PAGE = ROOT / "keras_cnn_zoo" / "training" / "exports" / "page"
PROGRAM = ROOT / "tests" / "training" / "exports" / "page_in_node.mjs"
# Halves of pixels: 5 * 0.5, 7 * 0.5, and sides that would have no pixel.
SIZES = [(5, 192), (7, 192), (64, 48), (3, 500), (5000, 4), (4, 5000)]
TARGET = (64, 96)
ANY = [(5000, 4), (4, 5000), (960, 961), (40, 52), (1920, 10), (1920, 6)]


def waves():
    """Returns recordings with a length: some of equal energy everywhere, and random ones."""
    rng = np.random.default_rng(0)
    loud = np.concatenate([np.full(200, 1e4), rng.normal(size=300) * 1e-3, np.full(50, 2e-3)])
    found = [([0, 0, 0, 1, 0, 0, 0], 3), ([0] * 9, 4), ([1] * 10, 4), ([1, 2], 5), ([0, 2, 0, 2, 0], 1)]
    found += [(rng.normal(size=count).tolist(), length) for count, length in ((40, 7), (500, 100), (9, 9))]
    return [(np.float32(wave).tolist(), length) for wave, length in [*found, (loud[::-1], 60)]]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Returns what the program prints, by scenario."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed")
    folder = tmp_path_factory.mktemp("page")
    for name in ("page.js", "inputs.js", "answers.js"):
        shutil.copy(PAGE / name, folder)
    (folder / "network.js").write_text("export const loadNetwork = async () => globalThis.network;\n")
    (folder / "package.json").write_text('{"type": "module"}')
    shutil.copy(PROGRAM, folder)
    images = [(size, {"shape": [None, *TARGET, 3], "fit": "letterbox"}) for size in SIZES]
    images += [(size, {"shape": [None, None, None, 3], "fit": "any"}) for size in ANY]
    command = [node, PROGRAM.name, json.dumps([images, waves()])]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_content_of_a_letterbox_has_the_size_that_it_has_in_python(found):
    for size, given in zip(SIZES, found["sizes"], strict=False):
        assert tuple(given["content"]) == letterbox.content_size(size, TARGET), size


def test_a_long_thin_image_has_at_least_one_pixel_in_each_direction(found):
    for size, given in zip(ANY, found["sizes"][len(SIZES) :], strict=True):
        scale = min(1, 480 / max(size))
        assert given["size"] == given["content"] == [max(round(side * scale), 1) for side in size], size


def test_the_loudest_part_of_a_recording_is_that_of_python(found):
    for (wave, length), given in zip(waves(), found["waves"], strict=True):
        np.testing.assert_array_equal(given, waveforms.fit_length(np.float32(wave), length))


def test_the_content_is_white_before_an_image_is_drawn(found):
    assert found["calls"] == [
        ["fill", "rgb(128 128 128)", 0, 0, 96, 64],
        ["fill", "white", 0, 0, 48, 64],
        ["draw", 0, 0, 48, 64],
    ]


def test_a_second_click_opens_no_second_camera_and_the_third_one_stops_it(found):
    case = found["a_second_click_while_the_browser_asks"]
    assert case["asked"] == 1 and case["waiting"]["disabled"]
    running, ended = case["running"], case["ended"]
    assert (running["button"], running["disabled"], running["stopped"]) == ("Stop", False, False)
    assert running["answer"] == "second  80 %"
    assert (ended["button"], ended["disabled"], ended["stopped"]) == ("Camera", False, True)


@pytest.mark.parametrize(
    "case", ["a_file_while_the_browser_asks", "a_file_and_a_late_frame", "a_file_and_a_late_answer"]
)
def test_a_file_ends_the_camera_and_keeps_its_answer(found, case):
    assert found[case]["answer"] == "first  100 %"
    assert (found[case]["button"], found[case]["disabled"]) == ("Camera", False)
    assert found[case].get("stopped", True)


def test_the_answer_is_that_of_the_last_file(found):
    assert found["a_slow_file_and_a_fast_one"]["answer"] == "second  100 %"


def test_a_damaged_file_removes_the_picture_and_the_answer_of_the_one_before_it(found):
    before, after = (found["a_damaged_file_after_another"][name] for name in ("before", "after"))
    assert (before["state"], before["answer"], before["hidden"]) == ("answered", "first  100 %", False)
    assert (after["state"], after["answer"], after["hidden"]) == ("failed", "", True)
    assert after["status"] == "The image could not be decoded."


def test_an_address_without_devices_is_explained(found):
    case = found["no_devices_on_this_address"]
    assert case["state"] == "failed" and "https, or localhost" in case["status"]
    assert not case["disabled"]


def test_the_button_is_free_again_if_the_camera_is_not_allowed(found):
    case = found["the_user_does_not_allow_the_camera"]
    assert (case["button"], case["disabled"], case["status"]) == ("Camera", False, "Permission denied")


def test_a_recording_is_made_once_and_closes_the_microphone(found):
    case = found["two_clicks_on_the_microphone"]
    assert case["asked"] == 1
    assert (case["listening"]["button"], case["listening"]["disabled"]) == ("Listening …", True)
    ended = case["ended"]
    assert (ended["button"], ended["disabled"], ended["stopped"]) == ("Microphone", False, True)
    assert ended["state"] == "answered"


def test_a_file_ends_a_recording(found):
    case = found["a_file_while_the_microphone_listens"]
    assert (case["state"], case["button"], case["disabled"]) == ("answered", "Microphone", False)
    assert case["stopped"]
