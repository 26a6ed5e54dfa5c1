"""`python -m benchmarks.predictions`: images per second and peak memory of `predict`, by number of images."""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np

COUNTS = (500, 5000)
PRESETS = {"classification": "resnet18_cifar10", "segmentation": "unet_camvid"}
# Height and width of the images of each task.
SIZES = {"classification": (240, 320), "segmentation": (120, 160)}


def write_images(folder, count, size):
    """Writes JPEG images of smooth noise; a hundred different ones, repeated under other names."""
    from PIL import Image

    os.makedirs(folder)
    height, width = size
    for index in range(count):
        path = os.path.join(folder, f"{index:05}.jpg")
        if index >= 100:
            os.link(os.path.join(folder, f"{index % 100:05}.jpg"), path)
            continue
        small = np.random.default_rng(index).integers(0, 256, (height // 8, width // 8, 3)).astype("uint8")
        Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC).save(path)


def measure(task_name, preset, inputs, out):
    """Runs `predict` in this process; returns seconds and the peak of the resident set in megabytes."""
    from keras_cnn_zoo import tasks

    task = tasks.TASKS[task_name]()
    # The network is loaded and compiled before the clock starts: a small count would measure that alone.
    names = sorted(os.listdir(inputs))
    warm = [os.path.join(inputs, name) for name in names[:64]]
    tasks.predict(task, warm, f"{out}-warm", preset=preset)
    began = time.monotonic()
    answers = tasks.predict(task, [inputs], out, preset=preset)
    seconds = time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "megabytes": peak, "answers": len(answers)}


def main():
    """Measures every task and count in a separate process and prints or writes JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS)
    parser.add_argument("--tasks", nargs="+", default=sorted(PRESETS), choices=sorted(PRESETS))
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("--out", help="JSON file to write")
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(*options.child)))
        return
    found = []
    for name in options.tasks:
        for count in options.counts:
            with tempfile.TemporaryDirectory() as folder:
                inputs = os.path.join(folder, "images")
                write_images(inputs, count, SIZES[name])
                words = ["--child", name, PRESETS[name], inputs, os.path.join(folder, "answers")]
                command = [sys.executable, "-m", "benchmarks.predictions", *words]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                row = {"task": name, "preset": PRESETS[name], "size": SIZES[name], "images": count}
                row |= json.loads(done.stdout.splitlines()[-1])
                row["images_per_second"] = round(count / row["seconds"], 2)
                print(json.dumps(row), flush=True)
                found.append(row)
    if options.out:
        with open(options.out, "w", encoding="utf-8") as file:
            json.dump(found, file, indent=2)


if __name__ == "__main__":
    main()
