"""Times layers against their siblings and peers, and checks the ratios against the limits of the project.

`python -m benchmarks.layers` writes `benchmarks/results/layers.json` and `layers.md`. All candidates take
turns in one run, so that a busy moment of the machine hits them alike; figures are medians. PyTorch runs in
a child process with the same number of threads; it waits while TensorFlow is timed, and the other way round.
"""

import argparse
import datetime
import importlib.metadata
import json
import math
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

SHAPE = (16, 56, 56, 64)
POWERS = (1.0, 2.0, 3.0, math.inf)
THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
RESULTS = pathlib.Path(__file__).with_name("results")

# name: (figure, peer, limit as a multiple of the peer's time, whether the limit itself still counts as met)
LIMITS = {
    "TiledConv2D, tile 2": ("TiledConv2D", "Conv2D", 2.1, True),
    "LpPooling2D, p=2": ("LpPooling2D p=2", "AveragePooling2D", 3.0, True),
    **{
        f"LpPooling2D, p={p:g}, against PyTorch": (
            f"LpPooling2D p={p:g}",
            f"torch LPPool2d p={p:g}",
            1.0,
            False,
        )
        for p in POWERS
    },
    "SpectralPooling2D, 56 to 28, against PyTorch": (
        "SpectralPooling2D",
        "torch rfft2, crop, irfft2",
        0.5,
        True,
    ),
    "StochasticPooling2D, training": ("StochasticPooling2D", "MaxPooling2D", 4.0, True),
}
IMPORT_LIMIT = 0.3


def tensorflow_candidates():
    """{name: layer}, in training mode where it matters."""
    import keras

    from keras_cnn_zoo import layers

    return {
        "Conv2D": keras.layers.Conv2D(SHAPE[-1], 3, padding="same"),
        "TiledConv2D": layers.TiledConv2D(SHAPE[-1], 3, padding="same", tile_size=2),
        "AveragePooling2D": keras.layers.AveragePooling2D(2),
        "MaxPooling2D": keras.layers.MaxPooling2D(2),
        **{f"LpPooling2D p={p:g}": layers.LpPooling2D(2, p=p) for p in POWERS},
        "SpectralPooling2D": layers.SpectralPooling2D(28),
        "StochasticPooling2D": layers.StochasticPooling2D(2, seed=0),
    }


def tensorflow_steps(jit_compile):
    """{name: function of nothing} that runs one layer forward and backward."""
    import numpy as np
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")  # it takes the many functions below for retracings of one
    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    inputs = tf.constant(np.random.default_rng(0).standard_normal(SHAPE).astype("float32"))

    def step_of(layer):
        layer.build(SHAPE)
        arguments = {"training": True} if type(layer).__name__.startswith("Stochastic") else {}

        @tf.function(jit_compile=jit_compile)
        def step(batch):
            with tf.GradientTape() as tape:
                tape.watch(batch)
                loss = tf.reduce_sum(tf.square(layer(batch, **arguments)))
            return tape.gradient(loss, [batch, *(weight.value for weight in layer.trainable_weights)])

        return lambda: step(inputs)

    return {name: step_of(layer) for name, layer in tensorflow_candidates().items()}


def torch_steps():
    """The same for PyTorch's parts, in the faster of its two memory layouts each."""
    import numpy as np
    import torch

    torch.set_num_threads(THREADS)
    batch, height, width, channels = SHAPE
    inputs = np.random.default_rng(0).standard_normal((batch, channels, height, width)).astype("float32")
    planar = torch.tensor(inputs)
    layouts = {"": planar, " channels_last": planar.to(memory_format=torch.channels_last)}

    def spectral(x):
        spectrum = torch.fft.rfft2(x)
        kept = torch.cat([spectrum[:, :, :14, :15], spectrum[:, :, -14:, :15]], dim=2)
        return torch.fft.irfft2(kept, s=(28, 28)) / 4

    functions = {f"torch LPPool2d p={p:g}": torch.nn.LPPool2d(p, 2) for p in POWERS}
    functions["torch rfft2, crop, irfft2"] = spectral

    def step_of(function, layout):
        def step():
            leaf = layout.detach().requires_grad_(True)
            function(leaf).square().sum().backward()
            return leaf.grad

        return step

    return {
        name + suffix: step_of(function, layout)
        for name, function in functions.items()
        for suffix, layout in layouts.items()
    }


def interleaved(steps, repetitions):
    """One turn of every step after the other, `repetitions` times: {name: seconds}."""
    seconds = {name: [] for name in steps}
    for _ in range(repetitions):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def serve_torch():
    """The child process: one line in is a number of repetitions, one line out the seconds as JSON."""
    steps = torch_steps()
    interleaved(steps, 1)
    print(json.dumps({"versions": {"torch": importlib.metadata.version("torch")}}), flush=True)
    for line in sys.stdin:
        print(json.dumps(interleaved(steps, int(line))), flush=True)


def measure_layers(rounds, repetitions):
    """Medians in milliseconds: {name: {"graph": ..., "xla": ...}}, PyTorch's under "eager"."""
    graph, compiled = tensorflow_steps(jit_compile=False), tensorflow_steps(jit_compile=True)
    for steps in (graph, compiled):
        interleaved(steps, 2)
    command = [sys.executable, "-m", "benchmarks.layers", "--serve-torch"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        versions = json.loads(child.stdout.readline())["versions"]
        collected = {"graph": {}, "xla": {}, "eager": {}}
        for _ in range(rounds):
            child.stdin.write(f"{repetitions}\n")
            child.stdin.flush()
            parts = {"eager": json.loads(child.stdout.readline())}
            parts["graph"] = interleaved(graph, repetitions)
            parts["xla"] = interleaved(compiled, max(repetitions // 4, 1))
            for mode, seconds in parts.items():
                for name, values in seconds.items():
                    collected[mode].setdefault(name, []).extend(values)
        child.stdin.close()
    table = {}
    for mode, seconds in collected.items():
        for name, values in seconds.items():
            table.setdefault(name, {})[mode] = 1e3 * statistics.median(values)
    faster = {}
    for name, times in table.items():
        plain = name.removesuffix(" channels_last")
        if plain not in faster or times.get("eager", 0) < faster[plain]["eager"]:
            faster[plain] = times
    return faster, versions


def measure_import(repetitions):
    """Medians in seconds of importing Keras, and of importing the library after it."""
    program = (
        "import time; start = time.perf_counter(); import keras; middle = time.perf_counter(); "
        "import keras_cnn_zoo; print(middle - start, time.perf_counter() - middle)"
    )
    pairs = []
    for _ in range(repetitions + 1):
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        pairs.append([float(word) for word in done.stdout.split()])
    return [
        statistics.median(values) for values in zip(*pairs[1:], strict=True)
    ]  # the first one warms the disk


def judge(times, keras_seconds, library_seconds):
    """The rows of the table, one for each limit."""
    rows = []
    for name, (own, peer, limit, inclusive) in LIMITS.items():
        peer_time = times[peer].get("graph", times[peer].get("eager"))
        figure = times[own]["graph"] / peer_time
        xla = (
            times[own]["xla"] / times[peer]["xla"] if "xla" in times[peer] else times[own]["xla"] / peer_time
        )
        met = figure <= limit if inclusive else figure < limit
        rows.append(
            {
                "name": name,
                "peer": peer,
                "milliseconds": times[own]["graph"],
                "peer_milliseconds": peer_time,
                "limit": f"{'at most' if inclusive else 'below'} {limit:g}",
                "figure": figure,
                "xla_figure": xla,
                "met": met,
            }
        )
    rows.append(
        {
            "name": "import keras_cnn_zoo",
            "peer": "on top of import keras",
            "milliseconds": 1e3 * library_seconds,
            "peer_milliseconds": 1e3 * keras_seconds,
            "limit": f"below {IMPORT_LIMIT:g} s",
            "figure": library_seconds,
            "xla_figure": None,
            "met": library_seconds < IMPORT_LIMIT,
        }
    )
    return rows


def processor():
    """The processor's name, where the system tells it."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def machine(versions, load_before):
    """What the figures depend on."""
    names = ("keras", "tensorflow", "numpy")
    return {
        "processor": processor(),
        "threads": THREADS,
        "load_before_and_after": [load_before, os.getloadavg()[0]],
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in names},
        **versions,
        "date": datetime.date.today().isoformat(),
    }


def as_markdown(rows, environment):
    """The table, limit beside figure."""
    lines = [
        "# Layers: time against siblings and peers",
        "",
        f"Forward and backward, {' x '.join(map(str, SHAPE))} float32, medians of interleaved runs; "
        "the loss is the sum of squares. Keras layers in a TensorFlow graph; beside it the same ratio with "
        "both under XLA (against PyTorch: ours under XLA). PyTorch is eager, in the faster of its "
        "memory layouts. Written by `python -m benchmarks.layers`.",
        "",
        "| layer | against | ms | peer's ms | limit | figure | under XLA | met |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        xla = "" if row["xla_figure"] is None else f"{row['xla_figure']:.2f}"
        lines.append(
            f"| {row['name']} | {row['peer']} | {row['milliseconds']:.1f} | {row['peer_milliseconds']:.1f} "
            f"| {row['limit']} | {row['figure']:.2f} | {xla} | {'yes' if row['met'] else '**no**'} |"
        )
    lines += ["", "Machine: " + ", ".join(f"{name} {value}" for name, value in environment.items()) + "."]
    return "\n".join(lines) + "\n"


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="benchmarks.layers", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="turns of TensorFlow and PyTorch")
    parser.add_argument("--repetitions", type=int, default=8, help="runs of every layer in a turn")
    parser.add_argument(
        "--out", type=pathlib.Path, default=RESULTS, help="folder of layers.json and layers.md"
    )
    parser.add_argument("--serve-torch", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.rounds < 1 or options.repetitions < 1:
        parser.error("--rounds and --repetitions must be at least 1")
    if options.serve_torch:
        serve_torch()
        return
    load_before = os.getloadavg()[0]
    keras_seconds, library_seconds = measure_import(5)
    times, versions = measure_layers(options.rounds, options.repetitions)
    environment = machine(versions, load_before)
    rows = judge(times, keras_seconds, library_seconds)
    report = {"machine": environment, "shape": SHAPE, "limits": rows, "milliseconds": times}
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "layers.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    markdown = as_markdown(rows, environment)
    (options.out / "layers.md").write_text(markdown, encoding="utf-8")
    print(markdown)


if __name__ == "__main__":
    main()
