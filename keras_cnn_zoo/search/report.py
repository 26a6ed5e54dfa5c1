"""The report of a search: a table of trials, best first, and a figure of the effect of each choice."""

import csv
import io
import statistics

from keras_cnn_zoo.utils.files import write_text


def best_first(rows, metric):
    """Returns rows sorted by metric, then by size of the network, then by trial; failed ones are last."""

    def rank(row):
        if row[metric] is None:
            return (1, 0, 0, row["trial"])
        return (0, -row[metric], row["parameters"], row["trial"])

    return sorted(rows, key=rank)


def shown(value):
    """Returns the text of a hyperparameter's value."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def write_table(folder, rows):
    """Writes the rows to `trials.csv` and `trials.json`; a value that a failed trial lacks stays empty."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(folder.file("trials.csv"), buffer.getvalue())
    folder.write_json("trials.json", rows)


def trial_line(row, rows, metric, names, planned):
    """Returns the line printed after a trial; `planned` is the number of trials, or None if it is open."""
    count = f"{len(rows)}" if planned is None else f"{len(rows)} of {planned}"
    values = ", ".join(f"{name} {shown(row[name])}" for name in names)
    if row[metric] is None:
        return f"{count}: trial {row['trial']} failed; {values}; {row['error']}"
    best = rows[0]
    so_far = f"best {best[metric]:.4f}, trial {best['trial']}" if best != row else "the best so far"
    figures = f"{metric} {row[metric]:.4f} ({so_far})"
    return f"{count}: trial {row['trial']}: {figures}; {values}; {row['seconds']:.0f} s"


def effects(rows, metric, name):
    """Returns a dict from each tried value of a hyperparameter to the metrics of its finished trials."""
    groups = {}
    for row in rows:
        if row[metric] is not None:
            groups.setdefault(row[name], []).append(row[metric])
    return groups


def spread(values):
    """Returns (lower quartile, median, upper quartile), which one failed trial changes little."""
    if len(values) == 1:
        return (values[0],) * 3
    return tuple(statistics.quantiles(values, n=4, method="inclusive"))


def summary(rows, metric, space):
    """Yields a line per argument: median, quartiles, and number of trials of each choice, best first."""
    for name in space.all_choices:
        groups = effects(rows, metric, name)
        cells = []
        for value in sorted(groups, key=lambda value: -statistics.median(groups[value])):
            low, middle, high = spread(groups[value])
            count = len(groups[value])
            cells.append(f"{shown(value)} {middle:.4f} ({low:.4f} to {high:.4f}, n={count})")
        yield f"{name}: " + ", ".join(cells)


def figure(rows, metric, space):
    """Returns a figure of the metric by trial, and by each hyperparameter with median and quartiles."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    done = sorted((row for row in rows if row[metric] is not None), key=lambda row: row["trial"])
    count = 1 + len(space.names)
    columns = min(3, count)
    lines = (count + columns - 1) // columns
    # Without pyplot, which keeps global state and needs a display.
    sheet = Figure(figsize=(4.6 * columns, 3.5 * lines), layout="constrained")
    FigureCanvasAgg(sheet)
    axes = sheet.subplots(lines, columns, squeeze=False, sharey=True).flat
    floor = _floor([row[metric] for row in done])
    _draw_trials(axes[0], done, metric, floor)
    for axis, name in zip(axes[1:], space.all_choices, strict=False):
        _draw_choice(axis, done, metric, name, list(space.all_choices[name]), floor)
        axis.set_title(name)
    _draw_learning_rate(axes[count - 1], done, metric, space.learning_rate, floor)
    for axis in axes[count:]:
        axis.axis("off")
    for axis in axes[:count]:
        axis.grid(alpha=0.3)
    for axis in axes[:count:columns]:
        axis.set_ylabel(metric)
    return sheet


def _floor(scores):
    """Returns the limits of the axis, chosen so that a few bad trials do not compress all others."""
    low, _, high = spread(scores)
    return max(min(scores), low - 2 * (high - low))


def _dots(axis, places, rows, metric, floor):
    """Draws a dot per trial, larger for more epochs, and an arrow down for a trial below the axis."""
    longest = max(row["epochs"] for row in rows)
    for place, row in zip(places, rows, strict=True):
        below = row[metric] < floor
        axis.scatter(
            place,
            max(row[metric], floor),
            s=12 + 28 * row["epochs"] / longest,
            marker="v" if below else "o",
            color="firebrick" if below else "steelblue",
            alpha=0.7,
            linewidths=0,
            zorder=3,
        )


def _draw_trials(axis, rows, metric, floor):
    _dots(axis, range(1, len(rows) + 1), rows, metric, floor)
    best = [max(row[metric] for row in rows[: end + 1]) for end in range(len(rows))]
    steps = [max(value, floor) for value in best]
    axis.step(range(1, len(rows) + 1), steps, where="post", color="black", lw=1)
    axis.set_title("trials in their order, and the best so far")
    axis.set_xlabel("trial")
    axis.xaxis.get_major_locator().set_params(integer=True)


def _draw_choice(axis, rows, metric, name, values, floor):
    """Draws a column per choice: its trials, their median as a line, and their quartiles as a band."""
    groups = effects(rows, metric, name)
    for place, value in enumerate(values):
        own = [row for row in rows if row[name] == value]
        # Side by side in the order of the trials, so that equal scores do not overlap.
        offsets = [0.0] if len(own) == 1 else [0.3 * (2 * i / (len(own) - 1) - 1) for i in range(len(own))]
        if own:
            _dots(axis, [place + offset for offset in offsets], own, metric, floor)
            low, middle, high = (max(score, floor) for score in spread(groups[value]))
            edges = [place - 0.4, place + 0.4]
            axis.fill_between(edges, low, high, color="darkorange", alpha=0.2, lw=0)
            axis.plot(edges, [middle] * 2, color="darkorange", lw=2)
    labels = [f"{shown(value)}\nn={len(groups.get(value, []))}" for value in values]
    axis.set_xticks(range(len(values)), labels, fontsize=8)
    axis.set_xlim(-0.6, len(values) - 0.4)


def _draw_learning_rate(axis, rows, metric, limits, floor):
    _dots(axis, [row["learning_rate"] for row in rows], rows, metric, floor)
    low, high = limits
    ticks = [low * (high / low) ** (step / 3) for step in range(4)]
    axis.set_xscale("log")
    axis.set_xlim(low / 1.1, high * 1.1)
    axis.set_xticks(ticks, [f"{tick:.1g}" for tick in ticks], fontsize=8)
    axis.minorticks_off()
    axis.set_title("learning_rate")
