"""Text to put before a child process' script: packages that are installed here and missing there."""

_BLOCK = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}} (blocked by the test)", name=name)

sys.meta_path.insert(0, Blocked())
"""


def without(*names):
    """Returns code after which importing one of these top-level packages fails as if it were missing."""
    return _BLOCK.format(names=names)


NO_TENSORFLOW = without("tensorflow", "tensorboard", "tensorflow_datasets")
