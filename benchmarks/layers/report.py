"""Tables of `benchmarks.layers`: ratios to sibling and peer, and whether they meet the limits."""

from benchmarks.layers.families import FAMILIES
from benchmarks.layers.memory import ENOUGH, LEAST

IMPORT_LIMIT = 0.3


def ratio(own, other):
    """Returns own / other, or None if one of them was not measured or other is 0."""
    return own / other if own is not None and other else None


def judge(found):
    """Returns the limits of the project, each with its measured ratio."""
    rows = []
    for family, results in found["families"].items():
        for name, result in results.items():
            part, own = FAMILIES[family][name], result["own"]["milliseconds"]["graph"]
            sibling, peer = (
                result["sibling"]["milliseconds"]["graph"],
                found["peers_milliseconds"].get(part.peer),
            )
            for against, time_taken, limit in (
                (part.against, sibling, part.limit),
                (f"{part.peer} (PyTorch)", peer, part.peer_limit),
            ):
                figure = ratio(own, time_taken)
                if limit is not None and figure is not None:
                    rows.append(
                        {
                            "name": name,
                            "against": against,
                            "limit": limit,
                            "figure": figure,
                            "met": figure <= limit,
                        }
                    )
    seconds = found["import_seconds"]["keras_cnn_zoo"]
    rows.append(
        {
            "name": "import keras_cnn_zoo, seconds",
            "against": "on top of import keras",
            "limit": IMPORT_LIMIT,
            "figure": seconds,
            "met": seconds < IMPORT_LIMIT,
        }
    )
    return rows


def number(value, digits=2):
    return "" if value is None else f"{value:.{digits}f}"


def memory_cells(found, family, name):
    """Returns our peak memory, and its ratios to the sibling in a graph and under XLA; "" if not measured."""
    memory = found.get("megabytes", {}).get(family, {}).get(name)
    if memory is None:
        return ["", "", ""]
    own, sibling = memory["larger"]["own"], memory["larger"]["sibling"]
    cells = [number(share(own.get(mode), sibling.get(mode))) for mode in ("graph", "xla")]
    if memory["factor"] > 1:
        cells = [cell and f"{cell} (x{memory['factor']})" for cell in cells]
    megabytes = memory["megabytes"]["graph"]
    return ["< 1" if megabytes < 1 else number(megabytes, 1), *cells]


def share(own, other):
    """Returns own / other, or None if other is too small compared with the noise."""
    return ratio(own, other if other is not None and other >= LEAST else None)


def memory_to_peer(found, family, name, peer):
    """Returns the ratio of our peak memory to the peer's, or None."""
    memory = found.get("megabytes", {}).get(family, {}).get(name, {}).get("megabytes", {})
    return share(memory.get("graph"), found.get("peers_megabytes", {}).get(peer))


def as_markdown(found):
    """Returns the report as Markdown: the limits, then a table for each family."""
    lines = [
        "# Layers and losses: time and memory against siblings and peers",
        "",
        "Forward and backward in float32, medians of interleaved runs. The loss of a layer is the sum of "
        "its squared outputs. `ms` is our time in a TensorFlow graph. `MB` is the peak of the resident set "
        "during the step, above that before it: activations and gradients without inputs and weights. The "
        "next columns are ratios, ours divided by the sibling's, a plain Keras layer: time in a graph and "
        "under XLA, the first call under XLA (tracing and compiling), and peak memory in a graph and under "
        f"XLA. If the sibling takes less than {LEAST:g} MB, memory is compared at a batch 8 or 64 times as "
        "large, marked (x8) or (x64). The ratio is empty if that is still too little, or if ours takes more "
        f"than {ENOUGH:g} MB. The peer is a layer of PyTorch, eager, at the same shape, in the memory layout "
        "that is faster (for memory, smaller). Written by `python -m benchmarks.layers`.",
        "",
        "| limit | against | at most | figure | met |",
        "|---|---|---|---|---|",
    ]
    for row in found["limits"]:
        lines.append(
            f"| {row['name']} | {row['against']} | {row['limit']:g} | {row['figure']:.2f} "
            f"| {'yes' if row['met'] else '**no**'} |"
        )
    for family, results in found["families"].items():
        lines += [
            "",
            f"## {family}",
            "",
            "| part | input | sibling | ms | time | under XLA | XLA first call | MB | memory | under XLA "
            "| peer | time | memory |",
            "|" + "---|" * 13,
        ]
        for name, result in results.items():
            own, sibling = result["own"], result["sibling"]
            compiled = ratio(own["milliseconds"].get("xla"), sibling["milliseconds"].get("xla"))
            cells = [
                name,
                " x ".join(map(str, result["shape"])),
                result["against"],
                number(own["milliseconds"]["graph"], 1),
                number(ratio(own["milliseconds"]["graph"], sibling["milliseconds"]["graph"])),
                "fails" if "own" in result["xla_failures"] else number(compiled),
                number(ratio(own["xla_first_call_s"], sibling["xla_first_call_s"])),
                *memory_cells(found, family, name),
                result["peer"] or "",
                number(ratio(own["milliseconds"]["graph"], found["peers_milliseconds"].get(result["peer"]))),
                number(memory_to_peer(found, family, name, result["peer"])),
            ]
            lines.append("| " + " | ".join(cells) + " |")
        for name, result in results.items():
            for who, reason in result["xla_failures"].items():
                lines += ["", f"{name}, {who}, does not compile with XLA here: {reason}"]
    if "growth" in found:
        lines += ["", "## Growth", "", "![time against batch, space and channels](layers_growth.png)"]
    lines += ["", "Machine: " + ", ".join(f"{key} {value}" for key, value in found["machine"].items()) + "."]
    return "\n".join(lines) + "\n"
