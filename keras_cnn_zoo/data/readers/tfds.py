"""`tfds:NAME`: any TensorFlow Datasets name whose features fit the task.

The encoded pictures (JPEG, PNG) are held in memory in the order of the files and decoded on access, which
gives random access and costs what the data set takes on disk. TensorFlow reads the files; nothing of it
reaches the examples, so that the data feeds every backend.
"""

import contextlib
import sys

import numpy as np

from keras_cnn_zoo.data import pictures
from keras_cnn_zoo.data.mask_values import check_values, count_classes, values_of
from keras_cnn_zoo.data.readers.numbering import example_names
from keras_cnn_zoo.data.source import Found, Split
from keras_cnn_zoo.data.splits import UNSPLIT, check_not_empty
from keras_cnn_zoo.data.survey import survey
from keras_cnn_zoo.utils.errors import InputError

TASKS = ("classification", "segmentation")
MAX_BYTES = 6 * 2**30
_VAL_WORDS = ("validation", "valid", "val", "dev")
_SPLIT_WORDS = {"train": "train", "test": "test", **dict.fromkeys(_VAL_WORDS, "val")}
# A builder that has no metadata on disk, as under `tfds.testing.mock_data`, cannot tell its splits.
_USUAL_SPLITS = ("train", "test")
_MASK_WORDS = ("segmentation_mask", "segmentation_label", "mask", "label")


def read(path, options):
    """Opens, and where needed downloads and prepares, the data set called `path`."""
    tfds = _import_tfds()
    builder = _prepared(tfds, path)
    image_key, target_key = _keys(tfds, path, builder.info, options.task)
    columns, notes = {}, []
    split_names = list(builder.info.splits) or _USUAL_SPLITS
    for tfds_name in split_names:
        name = _SPLIT_WORDS.get(tfds_name, UNSPLIT if len(split_names) == 1 else None)
        if name is None:
            notes.append(f"the split {tfds_name} of {path} is not used")
            continue
        columns[name] = _columns(tfds, path, builder, tfds_name, image_key, target_key)
    make = _classification if options.task == "classification" else _segmentation
    return make(path, columns, builder.info.features[target_key], tuple(notes), options)


def _import_tfds():
    try:
        import tensorflow as tf
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise InputError(
            f"tfds: needs the packages tensorflow and tensorflow-datasets. Missing: {error.name}"
        ) from error
    import keras

    from keras_cnn_zoo.data.digit_scenes import builder  # noqa: F401  (registers the name)

    if keras.backend.backend() != "tensorflow":
        # TensorFlow only reads files here; left to itself it takes the accelerators' memory. Once it
        # has started, that choice is made.
        with contextlib.suppress(RuntimeError):
            tf.config.set_visible_devices([], "GPU")
    return tfds


def _prepared(tfds, name):
    """The builder of a name, its files in place."""
    try:
        builder = tfds.builder(name)
    except tfds.core.DatasetNotFoundError as error:
        raise InputError(f"unknown TensorFlow Datasets name. Received: {name!r}") from error
    except (ValueError, AssertionError, ImportError, OSError) as error:
        raise InputError(f"cannot open tfds:{name}: {_one_line(error)}") from error
    try:
        # TensorFlow Datasets prints to where a program's result goes.
        with contextlib.redirect_stdout(sys.stderr):
            builder.download_and_prepare()
    # What a data set's own preparation raises is open-ended: no network, a file to be fetched by hand, a
    # package that only it needs.
    except Exception as error:
        raise InputError(f"cannot prepare tfds:{name} in {builder.data_dir}: {_one_line(error)}") from error
    size = builder.info.dataset_size
    if size > MAX_BYTES:
        raise InputError(
            f"tfds:{name} takes {size / 2**30:.1f} GiB, more than the {MAX_BYTES / 2**30:.0f} GiB that are "
            "held in memory"
        )
    return builder


def _keys(tfds, name, info, task):
    """Names of the picture and the target feature."""
    features = tfds.features
    held = dict(info.features.items()) if isinstance(info.features, features.FeaturesDict) else {}
    plain = [
        key
        for key, feature in held.items()
        if isinstance(feature, features.Image) and not isinstance(feature, features.LabeledImage)
    ]
    if task == "classification":
        targets = [key for key, feature in held.items() if isinstance(feature, features.ClassLabel)]
        words = ("label",)
    else:
        targets = [key for key, feature in held.items() if isinstance(feature, features.LabeledImage)]
        targets = targets or [key for key in plain if key != "image" and held[key].shape[-1] == 1]
        words = _MASK_WORDS
    supervised = info.supervised_keys or ()
    target = _choose(targets, [key for key in words + tuple(supervised) if key in targets])
    images = [key for key in plain if key != target]
    image = _choose(images, [key for key in ("image", *supervised) if key in images])
    if image is None or target is None:
        wanted = "a picture and a class" if task == "classification" else "a picture and a mask"
        kinds = ", ".join(f"{key} ({type(feature).__name__})" for key, feature in held.items())
        raise InputError(f"tfds:{name} must have {wanted} to serve {task}. It has: {kinds or 'neither'}")
    for key in (image, target) if task == "segmentation" else (image,):
        dtype = np.dtype(held[key].np_dtype).name
        if dtype not in ("uint8", "uint16"):
            raise InputError(f"tfds:{name}: {key} must hold uint8 or uint16 pixels. Received: {dtype}")
    return image, target


def _choose(keys, preferred):
    if preferred:
        return preferred[0]
    return keys[0] if len(keys) == 1 else None


def _columns(tfds, name, builder, tfds_name, image_key, target_key):
    """(name, encoded picture, class or encoded mask) of every example, in the order of the files."""
    features = builder.info.features
    decoders = {
        key: tfds.decode.SkipDecoding()
        for key in (image_key, target_key)
        if isinstance(features[key], tfds.features.Image)
    }
    dataset = builder.as_dataset(
        split=tfds_name,
        shuffle_files=False,
        decoders=tfds.decode.PartialDecoding({image_key: True, target_key: True}, decoders),
        read_config=tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False),
    )
    rows = [
        (_encoded(example[image_key]), _encoded(example[target_key])) for example in tfds.as_numpy(dataset)
    ]
    names = example_names(_SPLIT_WORDS.get(tfds_name, tfds_name), len(rows))
    return [(example_name, *row) for example_name, row in zip(names, rows, strict=True)]


def _encoded(value):
    """Pictures that a builder decodes all the same (a mocked one does) are encoded again."""
    return pictures.encode_png(value) if getattr(value, "ndim", 0) else value


def _classification(name, columns, feature, notes, options):
    class_names = options.class_names or tuple(feature.names)
    if len(class_names) != feature.num_classes:
        raise InputError(
            f"tfds:{name} has {feature.num_classes} classes. Received: {len(class_names)} class names"
        )

    def look(row):
        if not 0 <= row[2] < len(class_names):
            raise InputError(
                f"tfds:{name}: {row[0]} has the class {row[2]}, outside 0 to {len(class_names) - 1}"
            )
        return _look(name, options, row)

    kept, channels, skipped = _survey(name, columns, look, options)

    def split(rows):
        def read_example(position):
            example_name, picture, label = rows[position]
            return {"image": _decode(name, example_name, picture, channels), "label": int(label)}

        return Split([row[0] for row in rows], read_example, labels=[int(row[2]) for row in rows])

    splits = {split_name: split(rows) for split_name, rows in kept.items()}
    return Found(splits, tuple(class_names), channels, notes, tuple(skipped))


def _segmentation(name, columns, feature, notes, options):
    values = {}

    def look(row):
        info = _look(name, options, row)
        mask = pictures.decode_index(row[2], name=f"tfds:{name}: the mask of {row[0]}")
        if mask.shape != (info.height, info.width):
            raise InputError(
                f"tfds:{name}: the mask of {row[0]} is {mask.shape[1]} x {mask.shape[0]} pixels and its "
                f"picture is {info.width} x {info.height}"
            )
        values[row[0]] = values_of(mask)
        return info

    kept, channels, skipped = _survey(name, columns, look, options)
    class_names = options.class_names or tuple(getattr(feature, "names", None) or ())
    if not class_names:
        of_training = kept.get("train", [row for rows in kept.values() for row in rows])
        found = {value for row in of_training for value in values[row[0]]}
        count = count_classes(found, options.ignore_label, f"tfds:{name}")
        class_names = tuple(str(value) for value in range(count))

    def check(row):
        where = f"tfds:{name}: the mask of {row[0]}"
        check_values(values[row[0]], len(class_names), options.ignore_label, where)

    for split_name, rows in kept.items():
        kept[split_name], _, bad = survey(rows, check, skip_bad=options.skip_bad)
        skipped.extend(bad)

    def split(rows):
        def read_example(position):
            example_name, picture, mask = rows[position]
            return {
                "image": _decode(name, example_name, picture, channels),
                "mask": pictures.decode_index(mask, name=f"tfds:{name}: the mask of {example_name}"),
            }

        return Split([row[0] for row in rows], read_example)

    splits = {split_name: split(rows) for split_name, rows in kept.items()}
    return Found(splits, class_names, channels, notes, tuple(skipped))


def _survey(name, columns, look, options):
    kept, channels, skipped = {}, [], []
    for split_name, rows in columns.items():
        kept[split_name], infos, bad = survey(rows, look, skip_bad=options.skip_bad)
        check_not_empty(f"tfds:{name}", split_name, kept[split_name], skipped=bad)
        channels.extend(info.channels for info in infos)
        skipped.extend(bad)
    return kept, max(channels, default=3), skipped


def _look(name, options, row):
    where = f"tfds:{name}: {row[0]}"
    if options.skip_bad:
        pictures.decode(row[1], name=where, upright=False)
    return pictures.inspect(row[1], name=where, upright=False)


def _decode(name, example_name, picture, channels):
    # TensorFlow Datasets never turns pictures by their EXIF tag, and masks lie on them as they are.
    return pictures.decode(picture, name=f"tfds:{name}: {example_name}", channels=channels, upright=False)


def _one_line(error):
    return " ".join(str(error).split())[:300] or type(error).__name__
