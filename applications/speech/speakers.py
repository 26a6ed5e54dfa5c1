"""`python -m applications.speech.speakers PATH --out DIR`: measures a keyword network on new speakers.

For each speaker of the Free Spoken Digit Dataset, trains without the speaker's recordings and tests on them.
Writes a run folder for each speaker, and `speakers.json`. Run it again to continue after an interruption.
"""

import json
import os
from typing import Annotated

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import typer

from applications.speech.fsdd_split import recordings, split_lines
from keras_cnn_zoo import tasks
from keras_cnn_zoo.cli.errors import one_line_errors
from keras_cnn_zoo.training.run_folder import RunFolder
from keras_cnn_zoo.utils.files import write_text


def train(path, out, found, speaker, options):
    """Returns the metrics for a speaker who is not in the training data. An earlier run is continued."""
    lines = os.path.join(out, f"{speaker}.tsv")
    write_text(lines, "\n".join(split_lines(found, speaker)) + "\n")
    folder = RunFolder(os.path.join(out, speaker))
    if not os.path.exists(folder.file("metrics.json")):
        tasks.fit(
            tasks.Speech(),
            tasks.FitOptions(
                data=f"wavs:{path}",
                data_options={"split_file": lines},
                out=folder.path,
                resume=os.path.exists(folder.file("config.json")),
                **options,
            ),
        )
        keras.backend.clear_session()
    return folder.read_json("metrics.json")


@one_line_errors
def main(
    path: Annotated[str, typer.Argument(help="folder of the data set")],
    out: Annotated[str, typer.Option(help="folder to write to")],
    variant: str | None = None,
    width: float | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    jit: Annotated[str, typer.Option(help="auto, on, or off")] = "auto",
    seed: int = 0,
):
    """Measures leave-one-speaker-out accuracy on FSDD."""
    options = {
        "variant": variant,
        "width": width,
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "jit": jit,
        "seed": seed,
    }
    found = recordings(path)
    os.makedirs(out, exist_ok=True)
    accuracy = {}
    for speaker in sorted({name for _, name, _ in found}):
        accuracy[speaker] = train(path, out, found, speaker, options)["accuracy"]
        print(f"{speaker:12} {accuracy[speaker]:.4f}", flush=True)
    result = {
        "speakers": accuracy,
        "mean": float(np.mean(list(accuracy.values()))),
        "lowest": min(accuracy.values()),
        "options": options,
    }
    write_text(os.path.join(out, "speakers.json"), json.dumps(result, indent=2) + "\n")
    print(f"{'mean':12} {result['mean']:.4f}")


if __name__ == "__main__":
    typer.run(main)
