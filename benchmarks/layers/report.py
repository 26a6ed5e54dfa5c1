"""Tables of `benchmarks.layers`: ratios to sibling and peer, and which limits they keep."""

from benchmarks.layers.families import FAMILIES
from benchmarks.layers.memory import ENOUGH, LEAST

IMPORT_LIMIT = 0.3


def ratio(own, other):
    """own / other, or None where one of the two was not measured or is nothing."""
    return own / other if own is not None and other else None


def judge(found):
    """The limits of the project, each with its figure."""
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
    """Our peak, and ours over the sibling's in a graph and under XLA; empty where it was not measured."""
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
    """own / other, or None where the other is too little to be told from noise."""
    return ratio(own, other if other is not None and other >= LEAST else None)


def memory_to_peer(found, family, name, peer):
    """Our peak over the peer's, or None."""
    memory = found.get("megabytes", {}).get(family, {}).get(name, {}).get("megabytes", {})
    return share(memory.get("graph"), found.get("peers_megabytes", {}).get(peer))


def as_markdown(found):
    """Limits first, then a table of each family."""
    lines = [
        "# Layers and losses: time and memory against siblings and peers",
        "",
        "Forward and backward in float32, medians of interleaved runs; a layer's loss is the sum of its "
        "squared outputs. `ms` is ours in a TensorFlow graph, `MB` what the step adds to the resident set at "
        "its peak: activations and gradients without inputs and weights. Ratios are ours over the plain "
        "Keras sibling: time in a graph and under XLA, XLA's first call (tracing, compiling), peak memory in "
        f"a graph and under XLA. Less than {LEAST:g} MB of the sibling make no ratio: it is measured at a "
        "batch (x8) or (x64) times as large then, and left empty where that is too little too, or ours takes "
        f"more than {ENOUGH:g} MB already. The peer is PyTorch's part, eager, in the faster (for memory the "
        "smaller) of its memory layouts, over the same shape. Written by "
        "`python -m benchmarks.layers`.",
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
