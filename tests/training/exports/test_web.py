"""The folder for a browser: its files, what is refused, and in a browser the numbers of the model."""

import functools
import http.server
import io
import itertools
import json
import os
import pathlib
import shutil
import subprocess
import tarfile
import threading

import keras
import numpy as np
import pytest

from keras_cnn_zoo import models, tasks
from keras_cnn_zoo.data.files import images
from keras_cnn_zoo.ops.host import letterbox, waveforms
from keras_cnn_zoo.training.exports import onnx, web
from keras_cnn_zoo.utils.errors import InputError

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="one backend is enough")

DRIVER = pathlib.Path(__file__).with_name("driver.html")
# Sizes (height, width) of images, for the letterbox.
SIZES = [(64, 96), (64, 48), (480, 640), (37, 1001), (3, 500), (90, 61), (5, 192)]
WAVES = [
    ([1.0, 2.0, 3.0], 6),
    ([0.0, 1.0, 5.0, 1.0, 0.0, 0.0], 3),
    ([1.0, 2.0], 2),
    # Three parts have the same energy.
    ([0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0], 3),
]


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    path = tmp_path_factory.mktemp("presets") / "lenet"
    models.LeNet5(2, input_shape=(20, 20, 1), width=0.2, class_names=("a", "b")).save_to_preset(path)
    return str(path)


@pytest.fixture
def no_network(monkeypatch):
    """Writes a stub in place of the network, which is not what these tests are about."""
    monkeypatch.setattr(
        onnx, "write", lambda network, path, **options: pathlib.Path(path).write_bytes(b"network")
    )


def test_the_folder_has_everything_and_the_page_loads_it_from_a_network_on_request(
    tmp_path, preset, no_network
):
    path = tasks.export_model(
        tasks.Classification(), tmp_path / "page", format="web", preset=preset, web_runtime="cdn"
    )
    assert sorted(os.listdir(path)) == [
        "answers.js",
        "index.html",
        "inputs.js",
        "model.json",
        "model.labels.txt",
        "model.onnx",
        "network.js",
        "page.js",
        "runtime.json",
    ]
    assert os.listdir(tmp_path) == ["page"]
    described = json.loads((tmp_path / "page" / "model.json").read_text())
    assert (described["file"], described["format"], described["task"]) == (
        "model.onnx",
        "web",
        "classification",
    )
    found = json.loads((tmp_path / "page" / "runtime.json").read_text())
    assert found["base"].startswith("https://") and f"@{web.VERSION}/" in found["base"]
    assert all(found[part]["integrity"].startswith("sha384-") for part in ("module", "wasm"))


def package(path, content):
    """Writes a package file with the right names and this content."""
    with tarfile.open(path, "w:gz") as archive:
        for name in ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"):
            info = tarfile.TarInfo(f"package/dist/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def test_another_package_is_refused(tmp_path):
    package(tmp_path / "other.tgz", b"other code")
    with pytest.raises(InputError, match=r"ort\.wasm\.bundle\.min\.mjs is not that of onnxruntime-web"):
        web.runtime(tmp_path / "other.tgz")
    with tarfile.open(tmp_path / "empty.tgz", "w:gz"):
        pass
    for name in ("empty.tgz", "missing.tgz"):
        with pytest.raises(InputError, match="`web_runtime` must be npm, cdn, or the path of"):
            web.runtime(tmp_path / name)


def test_without_npm_and_after_its_failure_one_line_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="needs the program npm. Other values: cdn, or the path of"):
        web.runtime("npm")
    (tmp_path / "npm").write_text("#!/bin/sh\necho 'npm error network' >&2\nexit 1\n")
    (tmp_path / "npm").chmod(0o755)
    with pytest.raises(InputError, match="`web_runtime` npm: npm error network. Another value: cdn"):
        web.runtime("npm")


@pytest.mark.parametrize("task", ["language", "tracking"])
def test_tasks_without_a_page_are_refused(tmp_path, task):
    with pytest.raises(InputError, match=f"`format` web has a page for .*Received: {task}"):
        tasks.export_model(tasks.TASKS[task](), tmp_path / "page", format="web", preset="/no/such/preset")
    assert os.listdir(tmp_path) == []


def browser():
    """Returns the path of a Chromium, or skips the test."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if shutil.which(name):
            return shutil.which(name)
    pytest.skip("no Chromium is installed")


@pytest.fixture(scope="module")
def runtime_package(tmp_path_factory):
    """The path of the package of onnxruntime-web, or a skipped test."""
    browser()
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("npm")
    words = [f"{web.PACKAGE}@{web.VERSION}", "--silent", "--pack-destination", str(folder)]
    done = subprocess.run(["npm", "pack", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"npm cannot fetch onnxruntime-web: {done.stderr.strip()[:100]}")
    return str(next(folder.glob("*.tgz")))


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder like `python -m http.server`, and keeps what the driver sends."""

    found = {}

    def do_POST(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.found[os.path.dirname(self.path)] = json.loads(content)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *words):
        pass


def driven(root, folders):
    """Opens the first driver.html, which leads to the next; returns what each sent, by name of the folder."""
    Handler.found = {}
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=root))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    flags += ["--disable-background-networking", f"--user-data-dir={os.path.join(root, 'profile')}"]
    page = f"http://127.0.0.1:{server.server_port}/{folders[0]}/driver.html"
    process = subprocess.Popen(
        [browser(), *flags, page], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(1200):
            if len(Handler.found) == len(folders) or process.poll() is not None:
                break
            threading.Event().wait(0.1)
    finally:
        process.kill()
        process.wait()
        server.shutdown()
        server.server_close()
    return {name.strip("/"): found for name, found in Handler.found.items()}


def with_holes(image):
    """Returns an RGB image as RGBA, in which every third row is transparent."""
    alpha = np.full((*image.shape[:2], 1), 255, "uint8")
    alpha[::3] = 0
    return np.concatenate([image, alpha], axis=-1)


def write_input(folder, name, content, following):
    """Writes an input, and what the driver does with it and opens after it."""
    if name.endswith(".png"):
        from PIL import Image

        Image.fromarray(content.squeeze()).save(os.path.join(folder, name))
    else:
        import soundfile

        soundfile.write(os.path.join(folder, name), content, 8000, subtype="FLOAT")
    with open(os.path.join(folder, "cases.json"), "w", encoding="utf-8") as file:
        json.dump([name, SIZES, WAVES, following], file)
    shutil.copy(DRIVER, folder)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:In the future `np.object`:FutureWarning")
def test_in_a_browser_the_page_gives_the_numbers_of_the_model(tmp_path, runtime_package):
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    names = ("first", "second")
    cases = {
        "classification": (
            models.LeNet5(2, input_shape=(20, 20, 1), width=0.4, class_names=names),
            rng.integers(0, 256, (20, 20, 1)).astype("uint8"),
        ),
        # Half as wide as the network's image: the other half is the border. Some pixels are transparent.
        "detection": (
            models.RetinaNet(
                2,
                input_shape=(64, 96, 3),
                width=0.1,
                tower_depth=1,
                score_threshold=0.001,
                class_names=names,
            ),
            with_holes(rng.integers(0, 256, (64, 48, 3)).astype("uint8")),
        ),
        "segmentation": (
            models.UNet(2, variant="small", width=0.1, depth=2, class_names=names),
            with_holes(rng.integers(0, 256, (40, 52, 3)).astype("uint8")),
        ),
        "speech": (
            models.KeywordCNN(
                2, input_shape=(4000,), sample_rate=8000, variant="small", width=0.2, class_names=names
            ),
            np.sin(np.arange(3000) / 5).astype("float32") * np.linspace(0, 0.9, 3000, dtype="float32"),
        ),
    }
    following = dict(itertools.pairwise(cases))
    for name, (model, content) in cases.items():
        model.save_to_preset(tmp_path / f"{name}.preset")
        folder = tasks.export_model(
            tasks.TASKS[name](),
            tmp_path / name,
            format="web",
            preset=str(tmp_path / f"{name}.preset"),
            web_runtime=runtime_package,
        )
        file = "input.wav" if name == "speech" else "input.png"
        write_input(folder, file, content, following.get(name))
    found = driven(str(tmp_path), list(cases))
    assert set(found) == set(cases)
    for name, (model, content) in cases.items():
        given = found[name]
        assert "error" not in given, given
        seen = (content, 8000) if name == "speech" else images.decode(images.encode_png(content))
        batch = model.preprocess([seen])
        outputs = model(batch)
        values = batch if name == "speech" else batch * 127.5 + 127.5
        assert tuple(given["shape"]) == values.shape, name
        np.testing.assert_allclose(np.reshape(given["values"], values.shape), values, atol=1e-3)
        if name == "detection":
            expected = {key: keras.ops.convert_to_numpy(value) for key, value in outputs.items()}
        else:
            expected = {"probabilities": keras.ops.convert_to_numpy(keras.ops.softmax(outputs))}
        assert set(given["outputs"]) == set(expected)
        arrays = {key: np.reshape(given["outputs"][key], wanted.shape) for key, wanted in expected.items()}
        if name == "detection":
            # Many scores of a network with random weights are nearly equal: their order may change.
            for box, score, class_id in zip(
                *(expected[key][0, :10] for key in ("boxes", "scores", "classes")), strict=True
            ):
                near = np.abs(arrays["boxes"][0] - box).max(-1) < 0.1
                near &= np.abs(arrays["scores"][0] - score) < 1e-3
                assert (near & (arrays["classes"][0] == class_id)).any()
        else:
            np.testing.assert_allclose(arrays["probabilities"], expected["probabilities"], atol=1e-3)
        assert given["page"]["state"] == "answered", given["page"]
        assert given["page"]["status"].endswith(" ms per audio" if name == "speech" else " ms per image")
        if name in ("classification", "speech"):
            best = int(np.argmax(expected["probabilities"]))
            share = round(100 * float(expected["probabilities"][0, best]))
            assert given["page"]["answer"].splitlines()[0] == f"{names[best]}  {share} %"
        else:
            assert given["page"]["canvas"] == [content.shape[1], content.shape[0]]
            assert given["page"]["legend"] == "firstsecond"
    for size, given in zip(SIZES, found["detection"]["sizes"], strict=True):
        assert tuple(given["content"]) == letterbox.content_size(size, (64, 96)), size
    for (wave, length), given in zip(WAVES, found["speech"]["waves"], strict=True):
        np.testing.assert_array_equal(given, waveforms.fit_length(np.array(wave), length))
