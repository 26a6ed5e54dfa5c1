"""The wheel contains the files of the package and nothing else, and is small."""

import configparser
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile

import pytest

from tests.policy import sources

MEGABYTE = 1_000_000
WHEEL_LIMIT = 90 * MEGABYTE
PRESET_LIMIT = 16 * MEGABYTE
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Returns the path of a wheel, built from a copy of the checkout to leave no build folder in it."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "checkout"
    skipped = shutil.ignore_patterns("__pycache__", "*.egg-info", ".*")
    shutil.copytree(sources.ROOT / sources.LIBRARY, copy / sources.LIBRARY, ignore=skipped)
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(sources.ROOT / name, copy / name)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", BUILD, str(folder)],
        cwd=copy,
        env={**os.environ, "PYTHONNOUSERSITE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_contains_the_whole_package_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = {
        path.relative_to(sources.ROOT).as_posix()
        for path in sources.tracked_files()
        if sources.LIBRARY in path.relative_to(sources.ROOT).parts[:1]
    }
    assert sorted(packed ^ expected) == [], "setup.cfg's package_data and the package differ"


def test_the_wheel_is_small(wheel):
    assert wheel.stat().st_size < WHEEL_LIMIT


def test_each_preset_is_small():
    for path in sources.tracked_files():
        if path.suffix in {".h5", ".safetensors"}:
            assert path.stat().st_size < PRESET_LIMIT, path


def test_the_wheel_contains_the_license_and_the_metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        text = archive.read(metadata).decode()
    assert any(name.endswith("LICENSE") for name in names)
    assert "License-Expression: Apache-2.0" in text
    assert "Requires-Python: <3.14,>=3.11" in text
    for extra in ("apps", "test", "docs", "all"):
        assert f"Provides-Extra: {extra}" in text


def test_torch_is_in_no_extra():
    config = configparser.ConfigParser()
    config.read(sources.ROOT / "setup.cfg", encoding="utf-8")
    assert "torch" not in " ".join(config["options.extras_require"].values()).split()


def test_the_formatter_is_the_same_everywhere():
    config = configparser.ConfigParser()
    config.read(sources.ROOT / "setup.cfg", encoding="utf-8")
    (pin,) = (
        line for line in config["options.extras_require"]["test"].splitlines() if line.startswith("ruff")
    )
    assert (sources.ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8").count(f'"{pin}"') == 2


def test_warnings_are_errors():
    settings = tomllib.loads((sources.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert settings["tool"]["pytest"]["ini_options"]["filterwarnings"][0] == "error"
