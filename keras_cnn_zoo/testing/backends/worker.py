"""The child process of one backend: `python -m keras_cnn_zoo.testing.backends.worker JOB.json`.

Loops over the components inside, because starting a backend costs more than checking a layer on it. Results
go to the journal that the job names; what it prints is only of interest after a crash.
"""

import json
import pathlib
import sys
import warnings

from keras_cnn_zoo.testing.backends.job import Journal
from keras_cnn_zoo.testing.backends.stages import Stages

THEIRS = r"(keras|jax|jaxlib|torch|numpy|tensorflow)\."
"""Modules that may use what their own dependencies deprecate; every other warning is an error."""


def main(path):
    """Runs the job in the file at `path`."""
    job = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    journal = Journal(job["journal"])
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", category=DeprecationWarning, module=THEIRS)
    Stages(job, journal).run()
    journal.write(done=True)


if __name__ == "__main__":
    main(sys.argv[1])
