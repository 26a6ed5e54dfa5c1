"""check_reader: readers of the package meet it, and one wrong reader for each thing that it refuses."""

import pathlib
import types

import numpy as np
import pytest

from keras_cnn_zoo.data.source import Found, Split
from keras_cnn_zoo.data.split_words import split_of
from keras_cnn_zoo.testing import ContractError, ReaderCase, check_reader
from keras_cnn_zoo.utils.errors import InputError
from tests.data import wav_files

Image = pytest.importorskip("PIL.Image")


def write_images(folder):
    """Writes class folders of small pictures."""
    for number, name in enumerate(("cat", "dog")):
        (folder / name).mkdir()
        for i in range(5):
            array = np.full((4, 6, 3), 40 * number + i, "uint8")
            Image.fromarray(array).save(folder / name / f"{i}.png")


def write_npz(folder):
    """Writes an archive with the splits train and test."""
    labels = np.arange(12) % 2
    images = np.arange(12 * 4 * 4).reshape(12, 4, 4).astype("uint8")
    path = folder / "digits.npz"
    np.savez(path, x_train=images, y_train=labels, x_test=images[:4] + 7, y_test=labels[:4])
    return path


def write_lines(folder):
    """Writes one text file per class."""
    for name in ("bad", "good"):
        lines = [f"{name} line {i}" for i in range(6)]
        (folder / f"{name}.txt").write_text("\n".join(lines), encoding="utf-8")


def test_readers_of_the_package_meet_the_guarantees():
    outcomes = check_reader("images", write_images, tasks=("classification",))
    assert [one.guarantee for one in outcomes if one.status == "pass"] == ["C1", "C3", "C10", "C11"]
    check_reader("npz", write_npz, tasks=("classification",))


def test_a_path_is_copied_and_never_changed(tmp_path):
    write_images(tmp_path)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*.png")}
    check_reader("images", tmp_path, tasks=("classification",))
    assert {file: file.read_bytes() for file in tmp_path.rglob("*.png")} == before


def test_data_that_cannot_be_damaged_by_name_are_reported_as_not_run():
    outcomes = check_reader("lines", write_lines, tasks=("language",))
    (left,) = [one for one in outcomes if one.status == "not run"]
    assert left.guarantee == "C11" and "pass damage=..." in left.detail


def test_damage_is_what_the_caller_says():
    def damage(path):
        file = next(pathlib.Path(path).rglob("*.wav"))
        file.write_bytes(b"RIFF")
        return file.name

    check_reader("wavs", write_sounds, damage=damage)


def write_sounds(folder):
    for name in ("no", "yes"):
        for i in range(5):
            path = folder / name / f"{name}_{i}.wav"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(wav_files.content(wav_files.tone(80 + i)))


class Texts:
    """A reader of one text file per class, right; the wrong ones change one thing."""

    TASKS = ("language",)

    def read(self, path, options):
        folder = pathlib.Path(path)
        if not folder.is_dir():
            raise InputError(f"folder {path} does not exist")
        self.skipped = []
        rows = []
        for file in self.files(folder):
            try:
                rows.append((file.relative_to(folder).as_posix(), self.text(file), file.name.split("_")[0]))
            except InputError as error:
                if not options.skip_bad:
                    raise
                self.skipped.append(str(error))
        names = self.names(sorted({label for _, _, label in rows}))
        self.rows = rows
        splits = {
            name: Split([row[0] for row in part], lambda i, part=part: self.example(part[i], names))
            for name, part in self.parts(rows).items()
        }
        return Found(splits, tuple(names), None, skipped=tuple(self.skipped))

    def files(self, folder):
        return sorted(folder.glob("*.txt"))

    def text(self, file):
        text = file.read_text(encoding="utf-8")
        if "damaged" in text:
            raise InputError(f"{file.name} is damaged")
        return text

    def names(self, names):
        return names

    def parts(self, rows):
        # The number in the name decides, so that other files do not.
        numbers = [int(row[0].split("_")[1][0]) for row in rows]
        of = {2: "val", 3: "test"}
        return {
            name: [row for row, number in zip(rows, numbers, strict=True) if of.get(number, "train") == name]
            for name in ("train", "val", "test")
        }

    def example(self, row, names):
        return {"text": row[1], "label": list(names).index(row[2])}


def write_texts(folder):
    for name in ("bad", "good"):
        for i in range(6):
            (folder / f"{name}_{i}.txt").write_text(f"{name} {i}", encoding="utf-8")


def test_a_right_reader_passes():
    outcomes = check_reader(Texts(), write_texts)
    assert [one.guarantee for one in outcomes if one.status == "pass"] == ["C1", "C3", "C10", "C11"]
    assert {one.status for one in outcomes} == {"pass", "exempt"}


class LacksLabel(Texts):
    def example(self, row, names):
        return {"text": row[1]}


class LabelIsText(Texts):
    def example(self, row, names):
        return {"text": row[1], "label": row[2]}


class RepeatsNames(Texts):
    def names(self, names):
        return [*names, names[0]]


class ReversesNames(Texts):
    def names(self, names):
        return names[::-1]


class OtherNamesEachTime(Texts):
    def names(self, names):
        self.count = getattr(self, "count", 0) + 1
        return [f"{name}{self.count}" for name in names]

    def example(self, row, names):
        return {"text": row[1], "label": 0}


class CountsFromOne(Texts):
    def example(self, row, names):
        return {"text": row[1], "label": 1 + list(names).index(row[2])}


class OtherOrderEachTime(Texts):
    def files(self, folder):
        self.count = getattr(self, "count", 0) + 1
        return sorted(folder.glob("*.txt"), reverse=self.count % 2 == 0)


class OverlappingSplits(Texts):
    def parts(self, rows):
        return {"train": rows, "val": rows[1::4], "test": rows[3::4]}


class RepeatsExamples(Texts):
    def parts(self, rows):
        return {"train": [*rows[::2], rows[0]], "val": rows[1::4], "test": rows[3::4]}


class NamesMoreClasses(Texts):
    def names(self, names):
        return [*names, "zebra"]


class DropsSilently(Texts):
    def files(self, folder):
        return sorted(folder.glob("*_?.txt"))


class RefusesWithoutTheName(Texts):
    def files(self, folder):
        if list(folder.glob("*_??*.txt")):
            raise InputError("a file has a strange name")
        return super().files(folder)


class SplitsByPosition(Texts):
    def parts(self, rows):
        return {"train": rows[::2], "val": rows[1::4], "test": rows[3::4]}


class ReadsByPosition(Texts):
    def parts(self, rows):
        return super().parts([(name, rows[1][1], label) for name, _, label in rows])


class DrawsOnAccess(Texts):
    def example(self, row, names):
        self.count = getattr(self, "count", 0) + 1
        return {"text": f"{row[1]} {self.count}", "label": list(names).index(row[2])}


class SharesArrays(Texts):
    def example(self, row, names):
        self.shared = getattr(self, "shared", {})
        array = self.shared.setdefault(row, np.ones(3))
        return {**super().example(row, names), "vector": array}


class AcceptsAnyPath(Texts):
    def read(self, path, options):
        if not pathlib.Path(path).is_dir():
            row = [("a", "text", "bad")]
            parts = {name: Split(["a"], lambda i: {"text": "", "label": 0}) for name in ("train", "test")}
            return Found({**parts, "val": parts["test"]}, ("bad",), None, skipped=tuple(row[:0]))
        return super().read(path, options)


class RaisesOSError(Texts):
    def read(self, path, options):
        list(pathlib.Path(path).iterdir())
        return super().read(path, options)


class AcceptsDamage(Texts):
    def text(self, file):
        return file.read_text(encoding="utf-8")


class DamageHasNoName(Texts):
    def text(self, file):
        if "damaged" in file.read_text(encoding="utf-8"):
            raise InputError("something is wrong")
        return super().text(file)


class SkipsSilently(Texts):
    def read(self, path, options):
        found = super().read(path, options)
        return Found(found.splits, found.class_names, None)


class FailsDespiteSkipBad(Texts):
    def read(self, path, options):
        return super().read(path, types.SimpleNamespace(skip_bad=False))


@pytest.mark.parametrize(
    ("guarantee", "reader", "message"),
    [
        ("C3", LacksLabel, r"train\[0\] has text, without label"),
        ("C3", LabelIsText, r"train\[0\] has label str 'bad', not an integer"),
        ("C1", RepeatsNames, "the class names are not different strings"),
        ("C1", ReversesNames, r"the class names are \('good', 'bad'\) instead of \('bad', 'good'\)"),
        ("C1", OtherNamesEachTime, "a second load names the classes"),
        ("C1", CountsFromOne, "has the class 2 of 2"),
        ("C1", NamesMoreClasses, "3 classes are named, 2 have examples: none has 'zebra'"),
        ("C10", DropsSilently, "the added file bad_0_added.txt is no example, and no line of `notes`"),
        ("C10", RefusesWithoutTheName, "the error for the added file bad_0_added.txt does not name it"),
        ("C10", SplitsByPosition, "adding bad_0_added.txt moves 'bad_[0-9].txt' out of (train|val|test)"),
        ("C10", ReadsByPosition, "gives the name of one example to another: 'bad_0.txt'"),
        ("C10", OtherOrderEachTime, "a second load gives other train examples, or another order"),
        ("C10", OverlappingSplits, "'bad_1.txt' is in train and in val"),
        ("C10", RepeatsExamples, "an example is in train twice"),
        ("C10", DrawsOnAccess, "gives another example|gives two"),
        ("C10", SharesArrays, r"writing into an example changes .* train\[0\]\['vector'\]"),
        ("C11", AcceptsAnyPath, "an unknown path is accepted"),
        ("C11", RaisesOSError, "an unknown path raises FileNotFoundError"),
        ("C11", AcceptsDamage, "the damaged file bad_0.txt is accepted"),
        ("C11", DamageHasNoName, "the error for the damaged file bad_0.txt is not one line that names it"),
        ("C11", SkipsSilently, r"with skip_bad 11 of 12 examples are left, and skipped is \(\)"),
        ("C11", FailsDespiteSkipBad, "raises InputError: bad_0.txt is damaged"),
    ],
    ids=lambda item: getattr(item, "__name__", ""),
)
def test_a_wrong_reader_is_caught_under_its_guarantee(guarantee, reader, message):
    with pytest.raises(ContractError, match=rf"^{guarantee} [^:]*: {reader.__name__}: .*({message})"):
        check_reader(reader(), write_texts)


class InFolders(Texts):
    """The right reader of split folders."""

    def files(self, folder):
        return sorted(folder.rglob("*.txt"))

    def parts(self, rows):
        return {
            name: [row for row in rows if split_of(row[0].split("/")[0]) == name]
            for name in ("train", "val", "test")
        }


class InLowercaseFolders(InFolders):
    def parts(self, rows):
        parts = {
            name: [row for row in rows if row[0].startswith(f"{name}/")] for name in ("train", "val", "test")
        }
        return parts if any(parts.values()) else {"all": rows}


def write_folders(folder):
    for name in ("train", "val", "test"):
        (folder / name).mkdir()
        write_texts(folder / name)


def test_split_names_are_in_any_case():
    check_reader(InFolders(), write_folders)
    message = "with split names in capitals, train has [0-9]+ examples instead of 12"
    with pytest.raises(ContractError, match=f"^C10 .*: InLowercaseFolders: {message}"):
        check_reader(InLowercaseFolders(), write_folders)


def test_an_order_that_the_data_give_is_passed():
    with pytest.raises(ContractError, match="^C1 class names and labels: Texts: the class names are"):
        check_reader(Texts(), write_texts, class_names=("good", "bad"))
    check_reader(ReversesNames(), write_texts, class_names=("good", "bad"))


def test_an_unknown_format_is_refused():
    with pytest.raises(ValueError, match="`format` must be one of coco, .*, or a reader. Received: 'jpg'"):
        ReaderCase("jpg", write_images)
