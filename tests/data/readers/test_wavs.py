import numpy as np
import pytest

from keras_cnn_zoo.data import load
from keras_cnn_zoo.utils.errors import InputError
from tests.data.wav_files import FLOAT, tone, write

soundfile = pytest.importorskip("soundfile")


def class_folders(root, classes=("no", "yes"), count=5, **settings):
    for number, name in enumerate(classes):
        for i in range(count):
            write(root / name / f"{i}.wav", tone(100 + i, hertz=200 + 100 * number), **settings)


def labelled_files(root, labels=("0", "1"), speakers=("ann", "bob"), count=3):
    for label in labels:
        for speaker in speakers:
            for i in range(count):
                write(root / f"{label}_{speaker}_{i}.wav", tone(hertz=100 + 50 * int(label)))


def open_wavs(root, **options):
    return load(f"wavs:{root}", task="speech", **options)


def test_class_folders(tmp_path):
    class_folders(tmp_path, rate=11025)
    source = open_wavs(tmp_path)
    assert source.class_names == ("no", "yes") and source.channels is None
    assert [len(source.splits[name]) for name in ("train", "val", "test")] == [6, 2, 2]
    for split in source.splits.values():
        for name, label, example in zip(split.names, split.labels, split, strict=True):
            folder, file = name.split("/")
            assert example["label"] == label == ["no", "yes"].index(folder)
            assert type(example["label"]) is int and example["sample_rate"] == 11025
            assert example["audio"].shape == (100 + int(file[0]),) and example["audio"].dtype == np.float32


def test_nested_class_folders_may_contain_other_files(tmp_path):
    class_folders(tmp_path, ("all/on", "all/off", "stop"))
    (tmp_path / "stop" / "notes.txt").write_text("not a sound")
    (tmp_path / "stop" / ".hidden.wav").write_text("not a sound")
    write(tmp_path / "stop" / "LOUD.WAV")
    source = open_wavs(tmp_path)
    assert source.class_names == ("all/off", "all/on", "stop")
    assert sum(map(len, source.splits.values())) == 16


def test_split_folders(tmp_path):
    for split, count in (("train", 4), ("val", 2), ("test", 3)):
        class_folders(tmp_path / split, count=count)
    source = open_wavs(tmp_path)
    assert [len(source.splits[name]) for name in ("train", "val", "test")] == [8, 4, 6] and source.notes == ()
    assert source.splits["val"].names == ["val/no/0.wav", "val/no/1.wav", "val/yes/0.wav", "val/yes/1.wav"]


def test_split_folders_of_labeled_files(tmp_path):
    for split in ("train", "val", "test"):
        labelled_files(tmp_path / split)
    source = open_wavs(tmp_path)
    assert source.class_names == ("0", "1") and len(source.splits["test"]) == 12


@pytest.mark.parametrize("folder", ["", "recordings"])
def test_labeled_files(tmp_path, folder):
    labelled_files(tmp_path / folder)
    source = open_wavs(tmp_path)
    assert source.class_names == ("0", "1")
    for split in source.splits.values():
        for name, label in zip(split.names, split.labels, strict=True):
            assert name.rpartition("/")[2].startswith(f"{label}_")


def test_labeled_files_at_several_depths(tmp_path):
    labelled_files(tmp_path)
    labelled_files(tmp_path / "more", labels=("2",))
    assert open_wavs(tmp_path).class_names == ("0", "1", "2")


def test_folders_of_labeled_files_are_classes_unless_class_names_match_the_files(tmp_path):
    for speaker in ("ann", "bob"):
        labelled_files(tmp_path / speaker, speakers=(speaker,), count=4)
    source = open_wavs(tmp_path)
    assert source.class_names == ("ann", "bob")
    assert "classes are the folders, not the file names before the first _" in source.notes[0]
    assert open_wavs(tmp_path, class_names="0,1").class_names == ("0", "1")
    (tmp_path / "classes.txt").write_text("1\n0\n")
    split = open_wavs(tmp_path).splits["train"]
    assert [1 - label for label in split.labels] == [int(name.split("/")[1][0]) for name in split.names]


def listed(root, **lists):
    for name, files in lists.items():
        (root / f"{name}.txt").write_text("".join(f"{file}\n" for file in files))


def test_lists_give_the_splits(tmp_path):
    labelled_files(tmp_path / "recordings")
    names = sorted(f"recordings/{path.name}" for path in (tmp_path / "recordings").iterdir())
    listed(tmp_path, train=names[4:][::-1], test=[names[0], "./" + names[1], ""], val=names[2:4])
    source = open_wavs(tmp_path)
    assert source.splits["train"].names == names[4:][::-1]
    assert source.splits["test"].names == names[:2] and source.splits["val"].names == names[2:4]
    assert source.notes == ()


def test_lists_without_train_leave_the_rest_to_it(tmp_path):
    class_folders(tmp_path)
    listed(tmp_path, test=["no/0.wav", "yes/0.wav"], val=["no/1.wav"])
    source = open_wavs(tmp_path)
    assert (
        len(source.splits["train"]) == 7 and "the 7 recordings that are in no list are train" in source.notes
    )


def test_recordings_in_no_list_are_left_out_and_reported(tmp_path):
    class_folders(tmp_path)
    listed(tmp_path, train=["no/0.wav", "yes/0.wav", "no/2.wav"], test=["no/1.wav"])
    source = open_wavs(tmp_path)
    assert "6 recordings are in no list and are left out" in source.notes
    assert "drew 1 of the 3 train examples" in source.notes[-1]


def test_lists_that_do_not_fit_are_refused(tmp_path):
    class_folders(tmp_path)
    listed(tmp_path, train=["no/0.wav", "yes/9.wav"])
    message = r"train\.txt line 2 must name a WAV file below .*Received: 'yes/9\.wav'"
    with pytest.raises(InputError, match=message):
        open_wavs(tmp_path)
    listed(tmp_path, train=["no/0.wav", "../secret.wav"])
    with pytest.raises(InputError, match="line 2 must name a WAV file below"):
        open_wavs(tmp_path)
    listed(tmp_path, train=["no/0.wav", "yes/1.wav"], test=["yes/1.wav"])
    with pytest.raises(InputError, match=r"test\.txt line 1: 'yes/1\.wav' is already in .*train\.txt line 2"):
        open_wavs(tmp_path)
    (tmp_path / "train" / "no").mkdir(parents=True)
    with pytest.raises(InputError, match=r"split folders or lists of splits.*train and train\.txt"):
        open_wavs(tmp_path)


def test_a_split_file_overrides(tmp_path):
    class_folders(tmp_path)
    (tmp_path / "s.tsv").write_text("train\tno/0.wav\ntrain\tyes/0.wav\nval\tno/3.wav\ntest\tyes/2.wav\n")
    source = open_wavs(tmp_path, split_file=tmp_path / "s.tsv")
    assert source.splits["train"].names == ["no/0.wav", "yes/0.wav"]
    assert source.splits["test"].labels.tolist() == [1]


def test_class_names_order_rename_and_are_checked(tmp_path):
    class_folders(tmp_path)
    source = open_wavs(tmp_path, class_names="yes,maybe,no")
    assert source.class_names == ("yes", "maybe", "no") and "no recordings of maybe" in source.notes
    source = open_wavs(tmp_path, class_names="nein,ja")
    assert "classes named by `class_names` in sorted order of the labels: no = nein, yes = ja" in source.notes
    with pytest.raises(InputError, match="`class_names` must name the label 'yes' of .*Received: no, maybe"):
        open_wavs(tmp_path, class_names="no,maybe")


def test_layouts_that_name_no_class_are_refused(tmp_path):
    with pytest.raises(InputError, match="folder .*absent does not exist"):
        open_wavs(tmp_path / "absent")
    with pytest.raises(InputError, match="has no examples"):
        open_wavs(tmp_path)
    class_folders(tmp_path, ("yes",))
    with pytest.raises(InputError, match="must have two classes or more. Received: only 'yes'"):
        open_wavs(tmp_path)
    stray = write(tmp_path / "stray.wav")
    with pytest.raises(InputError, match=r"stray\.wav is not in a class folder and is not called LABEL_"):
        open_wavs(tmp_path)
    stray.rename(tmp_path / "no_1.wav")
    with pytest.raises(
        InputError, match=r"no_1\.wav is not in a class folder and .*yes.0\.wav is not called"
    ):
        open_wavs(tmp_path)


def test_split_folders_next_to_others_are_refused(tmp_path):
    class_folders(tmp_path / "train")
    write(tmp_path / "stray.wav")
    with pytest.raises(
        InputError, match=r"must not mix split folders \(train\) with other recordings.*stray\.wav"
    ):
        open_wavs(tmp_path)


def spoil(root):
    """Adds to good recordings: empty, truncated, silent and NaN recordings."""
    class_folders(root)
    (root / "no" / "a.wav").write_bytes(b"")
    path = write(root / "no" / "b.wav")
    path.write_bytes(path.read_bytes()[:200])
    write(root / "yes" / "c.wav", np.zeros((90, 1)))
    write(root / "yes" / "d.wav", np.array([[0.5], [np.nan]]), bits=32, kind=FLOAT)


def test_a_bad_recording_is_named_when_the_data_is_opened(tmp_path):
    spoil(tmp_path)
    for file, words in (
        ("no/a", "is empty"),
        ("no/b", "is truncated"),
        ("yes/c", "is silent"),
        ("yes/d", "must have finite samples. Received: nan"),
    ):
        with pytest.raises(InputError, match=rf"{file.replace('/', '.')}\.wav {words}") as caught:
            open_wavs(tmp_path)
        assert "\n" not in str(caught.value)
        (tmp_path / f"{file}.wav").unlink()
    assert sum(map(len, open_wavs(tmp_path).splits.values())) == 10


def test_skip_bad_leaves_them_out_and_counts_them(tmp_path):
    spoil(tmp_path)
    source = open_wavs(tmp_path, skip_bad=True)
    assert [line.split(":")[0] for line in source.skipped] == [
        "no/a.wav",
        "no/b.wav",
        "yes/c.wav",
        "yes/d.wav",
    ]
    assert "left out 4 unreadable examples" in source.notes
    assert sum(map(len, source.splits.values())) == 10


def test_skip_bad_leaves_out_listed_files_that_do_not_exist(tmp_path):
    class_folders(tmp_path)
    listed(tmp_path, train=["no/0.wav", "yes/0.wav", "yes/9.wav"], test=["no/1.wav"])
    source = open_wavs(tmp_path, skip_bad=True)
    assert source.skipped[0].startswith("yes/9.wav: ") and len(source.skipped) == 1


def test_other_tasks_are_refused(tmp_path):
    with pytest.raises(InputError, match="wavs: has no classification data"):
        load(f"wavs:{tmp_path}", task="classification")
