"""The child process of one backend: `python -m keras_cnn_zoo.testing.backends.worker JOB.json`.

Loops over the components inside, because starting a backend costs more than checking a layer on it. Results
go to the journal that the job names; what it prints is only of interest after a crash.
"""

import json
import os
import pathlib
import sys
import threading
import time
import warnings

from keras_cnn_zoo.testing.backends.job import Journal
from keras_cnn_zoo.testing.backends.stages import Stages

THEIRS = r"(keras|jax|jaxlib|torch|numpy|tensorflow)\."
"""Modules that may use what their own dependencies deprecate; every other warning is an error."""


def main(path):
    """Runs the job in the file at `path`."""
    job = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    threading.Thread(target=end_with, args=(job["parent"],), daemon=True).start()
    journal = Journal(job["journal"])
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", category=DeprecationWarning, module=THEIRS)
    Stages(job, journal).run()
    journal.write(done=True)


def end_with(parent, seconds=2.0):
    """Ends this process soon after the one that started it is gone, however that ended."""
    while os.getppid() == parent:
        time.sleep(seconds)
    os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1])
