"""Growth of time with batch, map size, and channels: small plots of a component and its sibling."""

import math
import statistics
import sys

from benchmarks.layers.families import FAMILIES
from benchmarks.layers.steps import make_step
from benchmarks.timing import interleaved

FACTORS = (0.25, 0.5, 1)


def scaled(shape, axis, factor):
    """Returns a shape with one size scaled, or None if it has no such axis."""
    if axis == "batch":
        return (max(int(shape[0] * factor), 1), *shape[1:])
    if axis == "channels":
        return (*shape[:-1], max(int(shape[-1] * factor), 1))
    if len(shape) < 3:
        return None
    return (shape[0], *(max(int(extent * factor), 1) for extent in shape[1:-1]), shape[-1])


def measure(families, repetitions):
    """Returns {part: {axis: {"factors": [...], "own": [ms, ...], "sibling": [ms, ...]}}} in a graph."""
    found = {}
    for family in families:
        for name, part in FAMILIES[family].items():
            if part.grows == ():
                continue
            print(f"growth: {name}", file=sys.stderr, flush=True)
            found[name] = {"against": part.against, "axes": {}}
            for axis in part.grows:
                rows = {"factors": [], "own": [], "sibling": []}
                for factor in FACTORS:
                    shape = scaled(part.shape, axis, factor)
                    if shape is None:
                        continue
                    steps = {
                        "own": make_step(part.own, part, shape, False),
                        "sibling": make_step(
                            part.sibling, part, scaled(part.sibling_shape or part.shape, axis, factor), False
                        ),
                    }
                    interleaved(steps, 2)
                    seconds = interleaved(steps, repetitions)
                    rows["factors"].append(factor)
                    for who, values in seconds.items():
                        rows[who].append(1e3 * statistics.median(values))
                if rows["factors"]:
                    found[name]["axes"][axis] = rows
    return found


def plot(found, path):
    """Draws one plot per part and axis: logarithmic time over the factor by which the axis is scaled."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    panels = [(name, axis, rows) for name, part in found.items() for axis, rows in part["axes"].items()]
    columns = 6
    count = max(math.ceil(len(panels) / columns), 1)
    figure, axes = pyplot.subplots(
        count, columns, figsize=(2.6 * columns, 1.9 * count), layout="constrained", squeeze=False
    )
    for panel in axes.flat[len(panels) :]:
        panel.set_axis_off()
    for panel, (name, axis, rows) in zip(axes.flat, panels, strict=False):
        panel.loglog(rows["factors"], rows["own"], "o-", base=2, label=name)
        panel.loglog(
            rows["factors"], rows["sibling"], "s--", base=2, color="gray", label=found[name]["against"]
        )
        panel.set_title(f"{name}, {axis}", fontsize=7)
        panel.tick_params(labelsize=6)
        panel.set_ylabel("ms", fontsize=6)
        panel.legend(fontsize=5)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
