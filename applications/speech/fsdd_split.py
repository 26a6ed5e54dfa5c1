"""`python -m applications.speech.fsdd_split PATH OUT`: writes a split file for the Free Spoken Digit Dataset.

Its recordings are called `{digit}_{speaker}_{index}.wav`. The official test split is index 0 to 4 of every
digit and speaker. With `--speaker NAME`, all recordings of one speaker are test instead.
"""

import os
import re
from typing import Annotated

import typer

from keras_cnn_zoo.cli.errors import one_line_errors
from keras_cnn_zoo.data.files import sounds
from keras_cnn_zoo.data.readers.folders import check_folder, picture_files
from keras_cnn_zoo.utils.errors import InputError
from keras_cnn_zoo.utils.files import write_text

NAME = re.compile(r"(?P<digit>\d)_(?P<speaker>[^_/]+)_(?P<index>\d+)\.wav")
TEST_INDICES = range(5)


def recordings(path):
    """Returns a sorted list of (path below `path`, speaker, index) of all recordings."""
    found = []
    for file in picture_files(check_folder(path), accept=sounds.is_sound):
        match = NAME.fullmatch(os.path.basename(file))
        if match is None:
            raise InputError(f"{os.path.join(path, file)} is not called DIGIT_SPEAKER_INDEX.wav")
        found.append((file, match["speaker"], int(match["index"])))
    if not found:
        raise InputError(f"{path} has no recordings")
    return found


def split_lines(found, speaker=None):
    """Returns lines `split<TAB>path` of the official split, or of one that leaves a speaker out."""
    speakers = sorted({name for _, name, _ in found})
    if speaker is not None and speaker not in speakers:
        raise InputError(f"--speaker must be one of {', '.join(speakers)}. Received: {speaker!r}")
    lines = []
    for file, name, index in found:
        is_test = index in TEST_INDICES if speaker is None else name == speaker
        lines.append(f"{'test' if is_test else 'train'}\t{file}")
    return lines


@one_line_errors
def main(
    path: Annotated[str, typer.Argument(help="folder of the data set")],
    out: Annotated[str, typer.Argument(help="file to write, for --split-file")],
    speaker: Annotated[str | None, typer.Option(help="the speaker to leave out of training")] = None,
):
    """Writes a split file for FSDD."""
    if os.path.exists(out):
        raise InputError(f"{out} exists: choose another file")
    lines = split_lines(recordings(path), speaker)
    write_text(out, "\n".join(lines) + "\n")
    tests = sum(line.startswith("test") for line in lines)
    print(f"{out}: {len(lines) - tests} train, {tests} test")


if __name__ == "__main__":
    typer.run(main)
