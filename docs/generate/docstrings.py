"""Docstrings as Markdown for the reference pages: sections in Keras' style become headings and lists."""

import inspect
import re
import textwrap

# Sections whose lines are entries "name: text"; the others hold text.
ENTRIES = ("Args", "Call arguments", "Raises", "Attributes")
TITLES = {
    "Args": "Arguments",
    "Call arguments": "Call arguments",
    "Input shape": "Input shape",
    "Output shape": "Output shape",
    "Returns": "Returns",
    "Yields": "Yields",
    "Raises": "Errors",
    "Reference": "Reference",
    "Attributes": "Attributes",
    "Example": "Example",
    "Examples": "Example",
}
_SECTION = re.compile(rf"^({'|'.join(TITLES)}):\s*$")
_LEAD = re.compile(r"^(Reference|Differs from the paper|Targets \(.*?\)):\s+(?=\S)")
_ENTRY = re.compile(r"^`?(\*{0,2}\w+(?:, `?\*{0,2}\w+`?)*)`?:(?:\s+|$)")


def markdown(docstring):
    """Returns a docstring as Markdown.

    Args:                          **Arguments**
        rate: Share in [0, 1).
                               →   `rate`
                                   :   Share in [0, 1).
    >>> print(1)                   **Example** and a block of code
    """
    lines = inspect.cleandoc(docstring).splitlines()
    blocks = []
    while lines:
        line = lines[0]
        if not line.strip():
            lines.pop(0)
        elif found := _SECTION.match(line):
            lines.pop(0)
            blocks += _section(found[1], _taken(lines, lambda text: not text or text[0] == " "))
        elif line.startswith(">>>"):
            blocks += _example(_taken(lines, str.strip))
        else:
            blocks += _prose(_taken(lines, lambda text: text.strip() and not _SECTION.match(text)))
    return "\n\n".join(blocks) + "\n"


def _taken(lines, belongs):
    """Removes and returns the first line and those after it that belong to it."""
    taken = []
    while lines and (belongs(lines[0]) or not taken):
        taken.append(lines.pop(0))
    return taken


def _heading(title):
    return f"**{title}**"


def _prose(lines):
    """Returns a paragraph, with its first words in bold if they are those of a section."""
    text = "\n".join(lines)
    if found := _LEAD.match(text):
        return [f"{_heading(found[1] + ':')} {text[found.end() :]}"]
    return [text]


def _example(lines):
    return [_heading("Example"), "\n".join(["```pycon", *lines, "```"])]


def _section(name, lines):
    """Returns the blocks of a section, which begin with its title."""
    text = textwrap.dedent("\n".join(lines)).strip("\n")
    if name in ENTRIES:
        return [_heading(TITLES[name]), *(_definition(*entry) for entry in entries(text))]
    if ">>>" in text:
        before, mark, example = text.partition(">>>")
        return [*filter(str.strip, [before.strip()]), *_example((mark + example).splitlines())]
    if name == "Reference":
        return [f"{_heading(name + ':')} {text}"]
    return [_heading(TITLES[name]), text]


def entries(text):
    """Yields pairs (names, description) of the entries of a section without its indentation."""
    names, held = None, []
    for line in text.splitlines():
        found = _ENTRY.match(line)
        if found or (line.strip() and line[0] != " " and names is None):
            if names is not None or held:
                yield names, textwrap.dedent("\n".join(held)).strip()
            names, held = (found[1], [line[found.end() :]]) if found else (None, [line])
        else:
            held.append(line.strip())
    if names is not None or held:
        yield names, "\n".join(held).strip()


def _definition(names, description):
    """Returns an entry as an item of a definition list."""
    if names is None:
        return description
    shown = ", ".join(f"`{name}`" for name in re.split(r"`?, `?", names))
    return f"{shown}\n" + textwrap.indent(f":   {description}", "    ")[4:].replace("\n:   ", "\n    ")
