"""`tfds:NAME`: any TensorFlow Datasets name whose features fit the task.

All values, with images still encoded (JPEG, PNG), are kept in memory in the order of the files and decoded on
access. This gives random access and needs as much memory as the data set takes on disk. TensorFlow reads the
files, but examples contain only NumPy arrays, for every backend.

Each supported task has a file of its name in this folder, with `WANTED`, the features in words, `keys(name,
features, held, supervised)`, which picks the features by their `tfds.features` classes or returns None, and
`found(opened)`, which returns the `Found` of an `Opened`.
"""

import contextlib
import importlib.util
import sys

from keras_cnn_zoo.data.files import images as image_files
from keras_cnn_zoo.data.readers.numbering import example_names
from keras_cnn_zoo.data.readers.tfds.opened import Opened
from keras_cnn_zoo.data.split_words import by_split, split_of
from keras_cnn_zoo.data.splits import UNSPLIT
from keras_cnn_zoo.utils import tasks
from keras_cnn_zoo.utils.errors import InputError

TASKS = tuple(task for task in tasks.TASKS if importlib.util.find_spec(f"{__name__}.{task}"))
MAX_BYTES = 6 * 2**30
# For a builder without metadata on disk, as in `tfds.testing.mock_data`, whose splits are unknown.
_USUAL_SPLITS = ("train", "test")


def read(path, options):
    """Opens the data set called `path`, after downloading and preparing it if needed."""
    tfds = _import_tfds()
    builder = _prepared(tfds, path)
    kind = importlib.import_module(f"{__name__}.{options.task}")
    held, keys = _keys(tfds, path, builder.info, options.task, kind)
    columns, notes = {}, []
    split_names = list(builder.info.splits) or _USUAL_SPLITS
    # Refuses two names for one split, of which one would be lost.
    by_split(split_names, f"tfds:{path}")
    for tfds_name in split_names:
        name = split_of(tfds_name) or (UNSPLIT if len(split_names) == 1 else None)
        if name is None:
            notes.append(f"the split {tfds_name} of {path} is not used")
            continue
        columns[name] = _columns(tfds, builder, tfds_name, keys)
    return kind.found(Opened(path, columns, keys, held, tuple(notes), options))


def _import_tfds():
    try:
        import tensorflow as tf
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise InputError(
            f"tfds: needs the packages tensorflow and tensorflow-datasets. Missing: {error.name}"
        ) from error
    import keras

    from keras_cnn_zoo.data.embedded.digit_scenes import builder  # noqa: F401  (registers the name)

    if keras.backend.backend() != "tensorflow":
        # TensorFlow only reads files here. By default it would take the accelerators' memory. This cannot be
        # changed after it has started.
        with contextlib.suppress(RuntimeError):
            tf.config.set_visible_devices([], "GPU")
    return tfds


def _prepared(tfds, name):
    """Returns the builder of a name after preparing its files."""
    try:
        builder = tfds.builder(name)
    except tfds.core.DatasetNotFoundError as error:
        raise InputError(f"unknown TensorFlow Datasets name. Received: {name!r}") from error
    except (ValueError, AssertionError, ImportError, OSError) as error:
        raise InputError(f"cannot open tfds:{name}: {_one_line(error)}") from error
    try:
        # TensorFlow Datasets prints to stdout, where a program writes its result.
        with contextlib.redirect_stdout(sys.stderr):
            builder.download_and_prepare()
    # The preparation of a data set can raise anything: no network, a file that must be downloaded by hand,
    # a missing package.
    except Exception as error:
        raise InputError(f"cannot prepare tfds:{name} in {builder.data_dir}: {_one_line(error)}") from error
    size = builder.info.dataset_size
    if size > MAX_BYTES:
        raise InputError(
            f"tfds:{name} must fit into {MAX_BYTES / 2**30:.0f} GiB of memory. "
            f"Received: {size / 2**30:.1f} GiB"
        )
    return builder


def _keys(tfds, name, info, task, kind):
    """Returns the features by name, and the names of those that the task needs."""
    features = tfds.features
    held = dict(info.features.items()) if isinstance(info.features, features.FeaturesDict) else {}
    keys = kind.keys(name, features, held, tuple(info.supervised_keys or ()))
    if keys is None:
        kinds = ", ".join(f"{key} ({type(feature).__name__})" for key, feature in held.items())
        raise InputError(f"tfds:{name} must have {kind.WANTED} for {task}. It has: {kinds or 'neither'}")
    return held, keys


def _columns(tfds, builder, tfds_name, keys):
    """Returns (name, value of each key) of every example, in the order of the files."""
    features = builder.info.features
    decoders = {
        key: tfds.decode.SkipDecoding()
        for key in keys
        if isinstance(features[key], (tfds.features.Image, tfds.features.Video))
    }
    dataset = builder.as_dataset(
        split=tfds_name,
        shuffle_files=False,
        decoders=tfds.decode.PartialDecoding({key: True for key in keys}, decoders),
        read_config=tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False),
    )
    rows = [
        tuple(_encoded(example[key]) if key in decoders else example[key] for key in keys)
        for example in tfds.as_numpy(dataset)
    ]
    names = example_names(split_of(tfds_name) or tfds_name, len(rows))
    return [(example_name, *row) for example_name, row in zip(names, rows, strict=True)]


def _encoded(value):
    """Encodes images that a builder decoded anyway, as a mocked one does. Videos become lists."""
    dimensions = getattr(value, "ndim", 0)
    if dimensions in (1, 4):
        return [_encoded(frame) for frame in value]
    return image_files.encode_png(value) if dimensions else value


def _one_line(error):
    return " ".join(str(error).split())[:300] or type(error).__name__
