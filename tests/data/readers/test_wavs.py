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


def speech_commands(root, words=("down", "up"), count=6):
    """Writes the layout of Speech Commands: hashes in the names, lists of val and test, and noise."""
    for word in words:
        for number in range(count):
            write(root / word / f"{number}0a_nohash_{number}.wav", tone(hertz=200 + 50 * number))
    for name in ("white_noise", "pink_noise"):
        write(root / "_background_noise_" / f"{name}.wav")
    (root / "_background_noise_" / "README.md").write_text("noise")
    listed(
        root,
        validation_list=[f"{word}/00a_nohash_0.wav" for word in words],
        testing_list=[f"{word}/{number}0a_nohash_{number}.wav" for word in words for number in (1, 2)],
    )
    (root / "LICENSE").write_text("free")


@pytest.mark.parametrize("parent", ["", "speech_commands_v0.02"])
def test_speech_commands(tmp_path, parent):
    speech_commands(tmp_path / parent)
    source = open_wavs(tmp_path)
    assert source.class_names == ("down", "up")
    assert [len(source.splits[name]) for name in ("train", "val", "test")] == [6, 2, 4]
    assert source.splits["val"].names[0].endswith("down/00a_nohash_0.wav")
    assert "the 6 recordings that are in no list are train" in source.notes
    noise = (
        "left out 2 recordings of _background_noise_, which is not a word: _background_noise_/pink_noise.wav"
    )
    assert any(note.startswith(noise) for note in source.notes)


def test_background_noise_is_a_word_if_the_user_says_so(tmp_path):
    speech_commands(tmp_path)
    assert len(open_wavs(tmp_path, class_names="up,down,_background_noise_").class_names) == 3


def test_noise_next_to_split_folders_is_left_out(tmp_path):
    class_folders(tmp_path / "Train")
    class_folders(tmp_path / "TESTING", count=2)
    write(tmp_path / "_background_noise_" / "a.wav")
    source = open_wavs(tmp_path)
    assert [len(source.splits[name]) for name in ("train", "val", "test")] == [9, 1, 4]
    assert source.class_names == ("no", "yes")


@pytest.mark.parametrize(
    "names", [("train", "valid", "test"), ("Train", "Val", "Test"), ("TRAINING", "dev", "testing")]
)
@pytest.mark.parametrize("parent", ["", "dataset", "a/b"])
def test_split_names_in_any_case_and_in_a_single_folder(tmp_path, names, parent):
    for name, count in zip(names, (4, 2, 3), strict=True):
        class_folders(tmp_path / parent / name, count=count)
    source = open_wavs(tmp_path)
    assert [len(source.splits[name]) for name in ("train", "val", "test")] == [8, 4, 6]
    assert source.class_names == ("no", "yes") and source.notes == ()
    prefix = f"{parent}/" if parent else ""
    assert source.splits["val"].names[0] == f"{prefix}{names[1]}/no/0.wav"
    assert (tmp_path / source.splits["val"].names[0]).is_file()


def test_lists_in_any_case_with_the_separators_of_windows(tmp_path):
    class_folders(tmp_path / "data")
    for name, lines in (
        ("Train", "no\\0.wav\nyes\\1.wav\nno\\3.wav"),
        ("VALID", "no/1.wav"),
        ("Testing", "yes/3.wav"),
    ):
        (tmp_path / "data" / f"{name}.TXT").write_text(lines)
    source = open_wavs(tmp_path)
    assert [len(source.splits[name]) for name in ("train", "val", "test")] == [3, 1, 1]
    assert "5 recordings are in no list and are left out" in source.notes


def test_folders_that_are_almost_called_like_splits_are_refused(tmp_path):
    class_folders(tmp_path / "train_set")
    class_folders(tmp_path / "Test Set")
    with pytest.raises(
        InputError, match="Test Set was probably meant to be the test split: rename it to test. Received"
    ):
        open_wavs(tmp_path)


def test_class_folders_of_every_format_are_read(tmp_path):
    class_folders(tmp_path, ("wav",))
    for name, kind in (("flac", "FLAC"), ("ogg", "OGG"), ("mp3", "MP3")):
        (tmp_path / name).mkdir()
        for number in range(5):
            soundfile.write(tmp_path / name / f"{number}.{name}", tone(3000 + number), 16000, format=kind)
    source = open_wavs(tmp_path)
    assert source.class_names == ("flac", "mp3", "ogg", "wav") and sum(map(len, source.splits.values())) == 20


def test_recordings_without_an_extension_are_read(tmp_path):
    class_folders(tmp_path)
    for number in range(5):
        (tmp_path / "no" / f"{number}.wav").rename(tmp_path / "no" / str(number))
    source = open_wavs(tmp_path)
    assert source.class_names == ("no", "yes") and sum(map(len, source.splits.values())) == 10
    assert "files without an extension that are recordings: 5, such as no/0" in source.notes


def test_other_formats_are_counted_and_their_words_named(tmp_path):
    class_folders(tmp_path, ("go", "no", "yes"))
    for number in range(5):
        (tmp_path / "yes" / f"{number}.wav").rename(tmp_path / "yes" / f"{number}.m4a")
    (tmp_path / "no" / "a.xyz").write_bytes(b"?")
    (tmp_path / "no" / "a.txt").write_text("?")
    notes = open_wavs(tmp_path).notes
    assert (
        "left out 6 files of another format (.m4a, .xyz): no/a.xyz, yes/0.m4a, yes/1.m4a, and 3 more" in notes
    )
    assert "no recording that can be read is in yes" in notes


def test_nothing_but_other_formats_is_refused_with_their_names(tmp_path):
    for number in range(3):
        (tmp_path / "yes").mkdir(exist_ok=True)
        (tmp_path / "yes" / f"{number}.M4A").write_bytes(b"?")
    (tmp_path / "yes" / "a.wma").write_bytes(b"?")
    message = r"must have WAV, FLAC, OGG, or MP3 files. Received only: \.m4a \(3\), \.wma \(1\)"
    with pytest.raises(InputError, match=message):
        open_wavs(tmp_path)
