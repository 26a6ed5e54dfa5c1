"""export: a file for serving, written once for all tasks."""

import os

from keras_cnn_zoo.training.exports import calibration, files, formats, litert, onnx, openvino, web
from keras_cnn_zoo.training.trained_model import load_model
from keras_cnn_zoo.utils.errors import InputError


def export_model(
    task,
    path,
    *,
    format,
    run=None,
    preset=None,
    weights=None,
    quantize="none",
    data=None,
    split=None,
    data_options=None,
    web_runtime=None,
):
    """Writes the network, with preprocessing and decoding inside, and two files that describe it.

    STEM.labels.txt has the names of the classes, one per line. STEM.json has the sizes and meaning of inputs
    and outputs. They are next to the file or folder, and inside the folder of "web".

    Args:
        task: a `Task`.
        path: file or folder to write; must not exist. A file gets the suffix of its format (.onnx, .tflite,
            .xml) unless it ends in it. A suffix of another format is refused.
        format: "saved_model", "onnx", "litert", "openvino", or "web".
        run: a run folder, or None.
        preset: name or path of a preset, or None; exactly one of the two is given.
        weights: path of a file that replaces the download of a `preset` with a slash, or None.
        quantize: "none"; "weights" for weights of 8 bits ("onnx", "litert", "web"), where a LiteRT file also
            rounds activations while it runs; or "full" for weights and activations of 8 bits ("litert").
        data: a data spec of the examples that "full" measures the activations on; None for the data recorded
            in the run or on the preset's card.
        split: split of those examples, "train", "val", or "test"; None for "val".
        data_options: dict of reader options, or None.
        web_runtime: source of the program that runs the network in a browser, for "web": "npm" (fetched with
            the program npm, and copied into the folder), the path of the package's file (.tgz), or "cdn" (the
            page loads it from a content delivery network); None for "npm".

    Returns:
        The path of the file or folder.

    Raises:
        InputError: for a bad argument, before anything is written.
    """
    chosen = formats.check(format, quantize)
    if quantize != "full" and (data is not None or data_options):
        raise InputError("`data` and its options are for `quantize` full")
    if quantize != "full" and split is not None:
        raise InputError(f"`split` is for `quantize` full. Received: {split!r} with `quantize` {quantize}")
    if format != "web" and web_runtime is not None:
        raise InputError(
            f"`web_runtime` is for `format` web. Received: {web_runtime!r} with `format` {format}"
        )
    if format == "web":
        web.check_task(task.name)
    target = files.ExportFiles(path, chosen)
    runtime = web.runtime("npm" if web_runtime is None else web_runtime) if format == "web" else None
    trained = load_model(task, run=run, preset=preset, weights=weights)
    task, model = task.configured(**trained.task_options), trained.model
    network, facts, names = (
        task.deployable(model),
        task.deployable_facts(model),
        files.class_names(model),
    )
    if format == "litert" and quantize != "none":
        litert.check_answers(facts, quantize)
    examples = None
    if quantize == "full":
        litert.check_loops(network)
        examples = calibration.examples(
            task,
            trained,
            network,
            facts,
            data=data,
            split="val" if split is None else split,
            data_options=data_options,
        )
    more = {
        "task": task.name,
        "model": type(model).__name__,
        "format": format,
        "quantize": quantize,
        "batch": 1 if format == "litert" else None,
    }

    def write(place):
        if format == "web":
            os.mkdir(place)
            web.write_page(place, runtime)
            place = os.path.join(place, web.NETWORK)
        if format == "litert":
            litert.write(network, place, quantize=quantize, calibration=examples)
        elif format == "saved_model":
            onnx.call_once(network)
            network.export(place, format="tf_saved_model", verbose=False)
        elif format == "openvino":
            openvino.write(network, place)
        else:
            onnx.write(network, place, quantize=quantize)
        files.describe(place, network, names, facts, **more)

    target.write(write)
    return target.path
