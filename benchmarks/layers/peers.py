"""Layers and losses of PyTorch and pytorch-metric-learning to compare with, in a separate process."""

import importlib.util
import json
import math
import sys

from benchmarks.timing import THREADS, interleaved

MAPS = (16, 64, 56, 56)
EMBEDDINGS, CLASSES = (1024, 128), 64
PATIENCE, LEAST_REPETITIONS = 2.0, 3


def modules():
    """Returns {name: (function of the input and of class ids, shape of the input)}."""
    import torch

    def spectral(x, _):
        spectrum = torch.fft.rfft2(x)
        kept = torch.cat([spectrum[:, :, :14, :15], spectrum[:, :, -14:, :15]], dim=2)
        return torch.fft.irfft2(kept, s=(28, 28)) / 4

    def plain(module):
        return lambda x, _: module(x)

    found = {f"LPPool2d, p={p:g}": (plain(torch.nn.LPPool2d(p, 2)), MAPS) for p in (1.0, 2.0, 3.0, math.inf)}
    found |= {
        "rfft2, crop, irfft2": (spectral, MAPS),
        "RReLU": (plain(torch.nn.RReLU().train()), MAPS),
        "LocalResponseNorm": (plain(torch.nn.LocalResponseNorm(5)), MAPS),
        "InstanceNorm2d": (plain(torch.nn.InstanceNorm2d(MAPS[1], affine=True)), MAPS),
        "MultiMarginLoss": (torch.nn.MultiMarginLoss(), EMBEDDINGS),
    }
    if importlib.util.find_spec("pytorch_metric_learning") is not None:
        from pytorch_metric_learning import losses, reducers

        average = reducers.MeanReducer()
        pairs = {
            "TripletMarginLoss": losses.TripletMarginLoss(0.2, triplets_per_anchor="all", reducer=average),
            "ContrastiveLoss": losses.ContrastiveLoss(),
            "HistogramLoss": losses.HistogramLoss(),
            "LargeMarginSoftmaxLoss": losses.LargeMarginSoftmaxLoss(CLASSES, EMBEDDINGS[1], margin=4),
            "ArcFaceLoss": losses.ArcFaceLoss(CLASSES, EMBEDDINGS[1]),
            "CosFaceLoss": losses.CosFaceLoss(CLASSES, EMBEDDINGS[1]),
        }
        found |= {name: (loss, EMBEDDINGS) for name, loss in pairs.items()}
    return found


def steps():
    """Returns {name: function without arguments}, forward and backward; images in both memory layouts."""
    import numpy as np
    import torch

    torch.set_num_threads(THREADS)
    rng = np.random.default_rng(0)
    labels = torch.tensor(rng.integers(0, CLASSES, EMBEDDINGS[0]))

    def step_of(function, inputs):
        def step():
            leaf = inputs.detach().requires_grad_(True)
            outputs = function(leaf, labels)
            (outputs if outputs.ndim == 0 else outputs.square().sum()).backward()
            return leaf.grad

        return step

    found = {}
    for name, (function, shape) in modules().items():
        inputs = torch.tensor(rng.standard_normal(shape).astype("float32"))
        found[name] = step_of(function, inputs)
        if inputs.ndim == 4:
            last = inputs.to(memory_format=torch.channels_last)
            found[f"{name} | channels_last"] = step_of(function, last)
    return found


def serve():
    """Runs the child process: reads a number of repetitions and names, and prints the seconds as JSON."""
    import importlib.metadata

    found = steps()
    names = ("torch", "pytorch-metric-learning")
    versions = {}
    for name in names:
        if importlib.util.find_spec(name.replace("-", "_")) is not None:
            versions[name] = importlib.metadata.version(name)
    print(json.dumps({"versions": versions}), flush=True)
    for line in sys.stdin:
        repetitions, names = json.loads(line)
        chosen = {name: step for name, step in found.items() if name.partition(" | ")[0] in names}
        first = interleaved(chosen, 1)
        seconds = {}
        for name, step in chosen.items():
            # A loss over all triplets takes many seconds.
            count = repetitions if first[name][0] < PATIENCE else LEAST_REPETITIONS
            seconds |= interleaved({name: step}, count)
        print(json.dumps(seconds), flush=True)


if __name__ == "__main__":
    serve()
