"""A small preset, and a copy of it that a test may damage."""

import shutil

import pytest

from tests.presets.preset_files import small_lenet


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("presets") / "lenet"
    small_lenet().save_to_preset(path)
    return path


@pytest.fixture
def preset(saved, tmp_path):
    """A private copy to damage."""
    return shutil.copytree(saved, tmp_path / "lenet")
