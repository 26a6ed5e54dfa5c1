"""The index of all public components, and of the survey's components that Keras already has.

Two tables next to this file contain what is not in the code. `catalog.tsv` has one row per component:
its paper, the survey's equation and section, and the alternative in Keras, if any. `make enroll` sorts
the rows. A row such as `LpPooling1D/2D/3D` stands for the three classes, and `*D` in it for each rank.
`catalog_keras.tsv` lists the components of Keras that are not rebuilt here. The name, kind, family,
module, and summary of a component are read from the code.

"Survey" is Gu et al., "Recent Advances in Convolutional Neural Networks", arXiv:1512.07108.
"""

import csv
import dataclasses
import functools
import importlib
import importlib.util
import inspect
import pathlib
import re

KINDS = {
    "layers": "layer",
    "losses": "loss",
    "regularizers": "regularizer",
    "initializers": "initializer",
    "metrics": "metric",
    "optimizers": "optimizer",
    "callbacks": "callback",
    "models": "model",
}

BASES = frozenset({"ZooModel"})

_TABLES = pathlib.Path(__file__).parent
_RANKS = re.compile(r"^(?P<stem>\w+?)(?P<ranks>[123]D(?:/[123]D)+)$")


@dataclasses.dataclass(frozen=True)
class Entry:
    """One line of the index.

    Args:
        name: Name to import, or the survey's name for a component of Keras.
        kind: "layer", "loss", "regularizer", "initializer", "metric", "model", ...; "function" for functions
            on models.
        family: Group of similar components, e.g. "pooling".
        module: Module to import it from.
        summary: One sentence.
        reference: Authors, year, and arXiv number.
        equation: The survey's equation, e.g. "(7)", or "".
        survey_section: The survey's section, e.g. "3.2.1 Lp Pooling", or "".
        keras_alternative: Alternative in Keras, with the condition in parentheses, or "".
    """

    name: str
    kind: str
    family: str
    module: str
    summary: str
    reference: str
    equation: str
    survey_section: str
    keras_alternative: str

    @property
    def is_keras(self):
        """Whether this is a component of Keras."""
        return self.module.split(".")[0] == "keras"


def read_table(file_name):
    """Returns the rows of a tab-separated table next to this file as dicts, with one row per rank."""
    with open(_TABLES / file_name, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE, strict=True))
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise ValueError(f"{file_name}, line {number}: the number of tabs differs from the header's")
    return [expanded for row in rows for expanded in _write_out_ranks(row)]


def _write_out_ranks(row):
    match = _RANKS.match(row["name"])
    if match is None:
        return [row]
    ranks = match["ranks"].split("/")
    return [
        {**{key: value.replace("*D", rank) for key, value in row.items()}, "name": match["stem"] + rank}
        for rank in ranks
    ]


def components():
    """Returns public components by name: every public class, and the functions that have a row.

    Functions without a row are forms of a class (`losses.contrastive` of `losses.Contrastive`) or
    helpers (`models.from_preset`). Base classes (`models.ZooModel`) are in `BASES` and have no row.
    A class with two names (`layers.NetVLAD` of `layers.VLAD`) is listed once; see `aliases`.
    """
    rows = {row["name"] for row in read_table("catalog.tsv")}
    return {
        name: (package, item)
        for package, name, item in _public()
        if name not in BASES
        and (inspect.isclass(item) and item.__name__ == name or inspect.isfunction(item) and name in rows)
    }


def aliases():
    """Returns the second names of public classes: a dict from the alias to the name of the class."""
    return {
        name: item.__name__ for _, name, item in _public() if inspect.isclass(item) and item.__name__ != name
    }


def _public():
    """Yields the package, the name, and the object of everything public in the packages of components."""
    for package in KINDS:
        if importlib.util.find_spec(f"keras_cnn_zoo.{package}") is not None:
            module = importlib.import_module(f"keras_cnn_zoo.{package}")
            yield from ((package, name, getattr(module, name)) for name in module.__all__)


@functools.cache
def entries():
    """Returns every `Entry` of the index, by kind and family: first the project's, then those of Keras."""
    found = components()
    listed = [_component_entry(row, *found[row["name"]]) for row in read_table("catalog.tsv")]
    by_name = {entry.name: entry for entry in listed}
    listed += [
        dataclasses.replace(by_name[name], name=alias, summary=f"Another name of `{name}`.")
        for alias, name in aliases().items()
    ]
    order = list(KINDS.values())
    listed += [_keras_entry(row) for row in read_table("catalog_keras.tsv")]
    return tuple(
        sorted(
            listed,
            key=lambda entry: (
                entry.is_keras,
                order.index(entry.kind) if entry.kind in order else len(order),
                entry.family,
                entry.name.lower(),
            ),
        )
    )


def _component_entry(row, package, item):
    return Entry(
        name=row["name"],
        kind="function" if package == "models" and inspect.isfunction(item) else KINDS[package],
        family=item.__module__.split(".")[-2],
        module=f"keras_cnn_zoo.{package}",
        summary=(inspect.getdoc(item) or "").partition("\n")[0],
        reference=row["reference"],
        equation=row["equation"],
        survey_section=row["survey_section"],
        keras_alternative=row["keras_alternative"],
    )


def _keras_entry(row):
    path = re.match(r"[\w.]+", row["keras_alternative"])[0]
    return Entry(module=path.rpartition(".")[0], **row)
