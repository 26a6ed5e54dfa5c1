"""Exports every bundled preset in every format and measures the files: size, agreement, and latency.

    python -m benchmarks.exports [--presets NAME ...] [--formats FORMAT:QUANTIZE ...] [--root DIR] [--out DIR]

The examples are those on which a preset was tested, if its data are found from DIR, and otherwise embedded
ones. The same inputs go to the network in Keras and to each file, one example at a time, on one thread.
Quantization of all numbers needs the preset's own data. Other rows in the result stay. Writes `exports.json`
and `exports.md`. Needs ai-edge-litert and openvino.
"""

import argparse
import contextlib
import importlib.metadata
import json
import os
import pathlib
import statistics
import tempfile
import time
import warnings

from benchmarks.timing import RESULTS, machine

EXAMPLES = 8
REPETITIONS = 15
FORMATS = (
    ("saved_model", "none"),
    ("onnx", "none"),
    ("onnx", "weights"),
    ("litert", "none"),
    ("litert", "weights"),
    ("litert", "full"),
    ("openvino", "none"),
)
# From this score on, a box counts as an answer.
SCORE = 0.5


def runner(format, path):
    """Returns a function from a dict of inputs to a dict of outputs that runs a file on one thread."""
    if format == "saved_model":
        import tensorflow as tf

        loaded = tf.saved_model.load(path)
        return lambda inputs: as_dict(loaded.serve(inputs if len(inputs) > 1 else only(inputs)), numpy_of)
    if format == "litert":
        from ai_edge_litert.interpreter import Interpreter

        run = Interpreter(model_path=path, num_threads=1).get_signature_runner()
        return lambda inputs: run(**inputs)
    if format == "onnx":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]
        return lambda inputs: dict(zip(names, session.run(names, inputs), strict=True))
    import openvino

    # On some processors, its default is bfloat16.
    options = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(path, "CPU", options)
    return lambda inputs: {
        next(iter(output.names)): value for output, value in compiled(dict(inputs)).items()
    }


def numpy_of(tensor):
    return tensor.numpy()


def only(values):
    (value,) = values.values()
    return value


def as_dict(outputs, convert):
    """Returns outputs by name; a single output has no name."""
    named = outputs if isinstance(outputs, dict) else {"only": outputs}
    return {name: convert(value) for name, value in named.items()}


def compare(expected, given):
    """Returns (largest difference, share of equal answers) of one example.

    The difference is in probability, for boxes in pixels. The answer is the class of an example or pixel, the
    peak of a response, the characters of a word, or the boxes with their classes.
    """
    import numpy as np

    if len(given) == 1:
        one, other = only(expected)[0], only(given)[0]
        difference = float(np.abs(one - other).max())
        if one.shape[-1] == 1:
            return difference, float(one.argmax() == other.argmax())
        return difference, float(np.mean(one.argmax(-1) == other.argmax(-1)))
    if "ids" in given:
        difference = float(np.abs(expected["score"] - given["score"]).max())
        return difference, float(np.array_equal(expected["ids"], given["ids"]))
    (boxes, classes), (others, other_classes) = (
        (one["boxes"][0][one["scores"][0] >= SCORE], one["classes"][0][one["scores"][0] >= SCORE])
        for one in (expected, given)
    )
    distances = np.abs(boxes[:, None] - others[None]).max(-1) if len(boxes) and len(others) else None
    if distances is None:
        return 0.0, float(len(boxes) == len(others))
    distances = np.where(classes[:, None] == other_classes[None], distances, np.inf)
    nearest = distances.min(axis=1)
    # Far less than the width of any object: the same object.
    same = nearest < 4
    difference = float(nearest[same].max()) if same.any() else 0.0
    return difference, float(2 * same.sum() / (len(boxes) + len(others)))


def size(path):
    """Returns the megabytes of a file or folder, and of STEM.bin next to STEM.xml."""
    path = pathlib.Path(path)
    files = path.rglob("*") if path.is_dir() else [path, *path.parent.glob(f"{path.stem}.bin")]
    return sum(file.stat().st_size for file in files if file.is_file()) / 1e6


def milliseconds(run, inputs):
    """Returns the median time of a call."""
    run(inputs)
    seconds = []
    for _ in range(REPETITIONS):
        start = time.perf_counter()
        run(inputs)
        seconds.append(time.perf_counter() - start)
    return 1000 * statistics.median(seconds)


def examples(task, model, network, facts, preset):
    """Returns (inputs of the deployable network, name of the data, whether they are the preset's own)."""
    from keras_cnn_zoo.presets import describe
    from keras_cnn_zoo.training.exports.calibration import as_deployable_inputs

    spec = describe(preset)["training"].get("data_spec")
    own = spec is not None and (":" not in spec or os.path.exists(spec.partition(":")[2]))
    source = task.load(spec if own and ":" in spec else None)
    split = source.split("test")
    places = [round(place * (len(split) - 1) / (EXAMPLES - 1)) for place in range(EXAMPLES)]
    batches = [task.measuring_batch(model, source, [split[place]])[0] for place in places]
    return [as_deployable_inputs(batch, network, facts) for batch in batches], source.name, own


def measure(preset, formats):
    """Yields a row for the network in Keras and for each pair (format, quantize) of a preset."""
    import keras

    from keras_cnn_zoo import models, tasks
    from keras_cnn_zoo.utils.errors import InputError

    model = models.from_preset(preset)
    task = tasks.TASKS[model.task]()
    network, facts = task.deployable(model), task.deployable_facts(model)
    batches, data, own = examples(task, model, network, facts, preset)
    single = not isinstance(network.input, dict)

    def in_keras(inputs):
        outputs = network.predict_on_batch(only(inputs) if single else inputs)
        return as_dict(outputs, keras.ops.convert_to_numpy)

    expected = [in_keras(inputs) for inputs in batches]
    facts = {"preset": preset, "task": task.name, "data": data}
    yield {**facts, "format": "keras", "quantize": "none", "milliseconds": milliseconds(in_keras, batches[0])}
    for format, quantize in formats:
        row = {**facts, "format": format, "quantize": quantize}
        if quantize == "full" and not own:
            yield {**row, "left_out": "the preset's data are not here"}
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                path = tasks.export_model(
                    task, f"{folder}/{preset}", format=format, preset=preset, quantize=quantize
                )
            except InputError as error:
                yield {**row, "left_out": str(error).partition(":")[0].partition(", such")[0]}
                continue
            run = runner(format, path)
            pairs = [compare(one, run(inputs)) for one, inputs in zip(expected, batches, strict=True)]
            yield {
                **row,
                "megabytes": size(path),
                "difference": max(difference for difference, _ in pairs),
                "same": statistics.mean(same for _, same in pairs),
                "milliseconds": milliseconds(run, batches[0]),
            }


def table(rows):
    """Yields the lines of the Markdown table."""
    yield "| preset | format | quantize | MB | largest difference | same answers | ms |"
    yield "|---|---|---|---|---|---|---|"
    for row in rows:
        start = f"| {row['preset']} | {row['format']} | {row['quantize']} |"
        if "left_out" in row:
            yield f"{start} left out: {row['left_out']} | | | |"
        elif row["format"] == "keras":
            yield f"{start} | | | {row['milliseconds']:.1f} |"
        else:
            yield (
                f"{start} {row['megabytes']:.2f} | {row['difference']:.1e} | {row['same']:.1%} | "
                f"{row['milliseconds']:.1f} |"
            )


ABOUT = """\
# Exported presets: size, agreement, latency

Each file gets {examples} examples, one at a time, on one thread, and is compared with the network in Keras.
The row `keras` has all threads of TensorFlow. The largest difference is that of a probability, or of a box
in pixels. Answers are classes of examples or pixels, peaks of a response, whole words, and boxes with a
score of at least {score} that are less than 4 pixels apart. Other work ran on the same two cores: compare
times within a preset, roughly. The folder `web` has the ONNX file and 14.3 MB of onnxruntime-web. Written by
`python -m benchmarks.exports`.
"""


def write(result, folder):
    """Writes the result as JSON and as Markdown."""
    (folder / "exports.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    about = ABOUT.format(examples=EXAMPLES, score=SCORE)
    lines = [about, *table(result["rows"]), ""]
    (folder / "exports.md").write_text("\n".join(lines), encoding="utf-8")


def main():
    """Measures the presets one after the other, and writes after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--presets", nargs="+", help="names; all bundled ones if not given")
    parser.add_argument("--root", default=".", help="folder from which the recorded data are found")
    formats = [":".join(one) for one in FORMATS]
    parser.add_argument("--formats", nargs="+", default=formats, choices=formats)
    parser.add_argument("--out", type=pathlib.Path, default=RESULTS, help="folder for the result")
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    warnings.simplefilter("ignore")
    from keras_cnn_zoo.models import list_presets

    names = options.presets or sorted(list_presets())
    out = options.out.resolve()
    os.chdir(options.root)
    before, rows = os.getloadavg()[0], {}
    with contextlib.suppress(FileNotFoundError):
        known = json.loads((out / "exports.json").read_text(encoding="utf-8"))["rows"]
        rows = {key_of(row): row for row in known}
    for name in names:
        for row in measure(name, [tuple(one.split(":")) for one in options.formats]):
            print(json.dumps(row), flush=True)
            rows[key_of(row)] = row
        versions = {
            package: importlib.metadata.version(package)
            for package in ("ai-edge-litert", "onnxruntime", "openvino", "tf2onnx")
        }
        ordered = [rows[key] for key in sorted(rows)]
        write({"machine": machine(versions, before), "rows": ordered}, out)


def key_of(row):
    """Returns what a row is sorted by: the preset, and the place of the format."""
    place = (row["format"], row["quantize"])
    return row["preset"], FORMATS.index(place) if place in FORMATS else -1


if __name__ == "__main__":
    main()
