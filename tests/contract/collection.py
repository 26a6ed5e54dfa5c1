"""The cases of the whole suite, and the exemptions that the project grants itself."""

import ast
import collections
import dataclasses
import importlib
import json
import pathlib

from keras_cnn_zoo.testing import Case, case_from_dict

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXEMPTIONS = pathlib.Path(__file__).with_name("exemptions.json")
MOST_EXEMPTIONS = 10


@dataclasses.dataclass(frozen=True)
class Item:
    """A case, whether it is the first of its component, and the exemptions from the committed file."""

    case: Case
    first: bool
    exemptions: dict

    @property
    def component(self):
        """For example ("layers", "LpPooling2D")."""
        kind, rest = self.case.id.split(".", 1)
        return kind, rest.split("[")[0]

    def exempted(self):
        """Returns the case with the exemptions in force."""
        return dataclasses.replace(self.case, exempt=self.exemptions)


def declares_cases(path):
    """Returns whether a test file assigns CASES at its top level."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    targets = [target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
    return any(getattr(target, "id", None) == "CASES" for target in targets)


def read_exemptions(path=EXEMPTIONS):
    """Returns {component: {guarantee, or a part of one: reason}}."""
    return json.loads(path.read_text(encoding="utf-8"))


def collect(folder=ROOT / "tests", exemptions=None):
    """Returns every case under `folder` as an `Item`, file by file."""
    exemptions = read_exemptions() if exemptions is None else exemptions
    items, seen = [], collections.Counter()
    for path in sorted(folder.rglob("test_*.py")):
        if not declares_cases(path):
            continue
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for index, declared in enumerate(importlib.import_module(module).CASES):
            if not isinstance(declared, dict):
                raise TypeError(f"{module}.CASES is for the contract: give another list another name")
            case = case_from_dict(declared, module=module, index=index)
            seen[case.kind, case.name] += 1
            first = seen[case.kind, case.name] == 1
            items.append(Item(case, first, exemptions.get(case.name, {})))
    return items
