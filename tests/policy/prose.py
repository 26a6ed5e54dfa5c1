"""Finds sentences that do not follow the prose rules of CONTRIBUTING.md."""

import ast
import io
import re
import tokenize

# Words that count or measure: `samples a second` is "samples per second".
_COUNTED = (
    r"(?:\d+|one|two|three|four|five|six|seven|eight|nine|ten|once|twice|half|many|few|number|"
    r"anchors?|bits?|boxes|box|bytes?|calls?|cells?|centers?|channels?|characters?|columns?|curves?|draws?|entry|"
    r"entries|epochs?|examples?|factors?|figures?|files?|filters?|frames?|graphs?|heads?|images?|initializers?|"
    r"kernels?|layers?|lines?|maps?|masks?|matrices|maximum|mean|megabytes|neighbors?|numbers?|objects?|pairs?|"
    r"passes|pictures?|pieces|pixels|places?|points?|positions?|rows?|samples?|scores?|seconds?|sequences?|shapes?|"
    r"sites|slots?|splits?|states?|steps?|sums?|times?|tokens?|trials?|updates?|values?|vectors?|weights?|"
    r"windows?|words?)"
)
_PER = (
    r"(?:second|minute|step|batch|cell|place|position|pixel|anchor|epoch|trial|dimension|axis|octave|minibatch|"
    r"row|window|channel|proposal|example|query|iteration|frame)"
)

# (pattern, what to write). Patterns ignore case.
RULES = [
    (rf"\b{_COUNTED} (?:to )?an? {_PER}\b", '"per", not the distributive "a"'),
    (r"\bof (?:its|their|his|one's|your|our|my) own\b", 'leave out "of its own", or say "separate"'),
    (r"\bstands?\b(?! for\b)|\bstood\b", '"is", "is in", or another verb, not "stands"'),
    (r"(?<!there )(?<!that )\b(?:is|are|was|were) no (?!more\b|longer\b|\w+er\b)", '"is not a", not "is no"'),
    (r"\bbehind\b", '"after"'),
    (r"\bnobody\b|\bsays? otherwise\b|\bsaid otherwise\b", '"by default"'),
    (r"\bhangs? on\b", '"depends on"'),
    (r"\baloud\b", '"reported" or "printed"'),
    (r"\bmend(?:s|ed|ing)?\b", '"fix"'),
    (r"\bbites?\b|\bbitten\b", '"fails on"'),
    (r"\b(?:held|holds?) (?:(?:\w+ ){0,3})to (?:the|its|a|all|one|every|C\d)\b", '"checks" or "meets"'),
    (r"\bheld (?:by|on|against) (?!out\b)", '"checked"'),
    (r"\bwants?\b|\bwanted\b", '"needs" or "asks for"'),
    (r"\bbeside\b", '"next to"'),
    (r"\bits trade\b|\bown trade\b|\bis the trade\b", '"concern"'),
    (r"\bwithout (?:a|one) word\b", '"without an error" or "without a message"'),
    (r"\b(?:the|this) house(?:'s)?\b(?! style)", '"the package"'),
    (r"\bhonest(?:ly|y)?\b", "leave it out"),
    (r"\btells? (?:\w+ ){0,3}apart\b", '"distinguishes"'),
    (r"\b(?:come|comes|came) to (?:an end|nothing)\b", '"finished" or "failed"'),
    (
        r"\b(?:dis)?colou?red?ful\b|\bcolour\w*|\bgrey\w*|\blabell\w+|\blearnt\b|\bcentr(?:e|es|ed|ing)\b|"
        r"\bneighbour\w*|\bbehaviour\w*|\bfavour\w*|\bhonour\w*|\bcancell(?:ed|ing)\b|\bmodell(?:ed|ing)\b|"
        r"\b(?:normal|regular|initial|optim|real|recogn|organ|general|minim|maxim|quant|visual|summar)is(?:e|es|ed|ing|ation)\b|"
        r"\blicence\b|\bdefence\b|\bspelt\b|\bburnt\b|\btravell\w+|\bartefact\w*|\bmetre\w*|\bprogramme\b",
        "American spelling",
    ),
]
_COMPILED = [(re.compile(pattern, re.IGNORECASE), advice) for pattern, advice in RULES]

# Names that are spelled like this, whatever the language.
_NAMES = re.compile(
    r"`[^`]*`|\"labelled\"|labelled:|\blicen[cs]e_?\w*=|https?://\S+|^\s*>>>.*|^\s*\.\.\. .*", re.MULTILINE
)


def faults(text):
    """Returns a list of (words, advice) for each breach of a rule in a piece of prose."""
    plain = re.sub(r"[ \t]*\n[ \t]*(?!\n)", " ", _NAMES.sub("`name`", text))
    return [(match.group(0), advice) for pattern, advice in _COMPILED for match in pattern.finditer(plain)]


def first_line_faults(docstring):
    """Returns the breaches of the rule for a docstring's first line."""
    if re.match(r"\s*What\b", docstring):
        return [("What ...", "a function's first line starts with a verb, a class's is a noun phrase")]
    return []


def of_python(source):
    """Yields (line, text, is_docstring) of every docstring, comment, message of an error, and test name."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            docstring = ast.get_docstring(node)
            if docstring:
                yield node.body[0].lineno, docstring, True
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node.lineno, node.name.replace("_", " "), False
        if isinstance(node, (ast.Raise, ast.Call)):
            yield from _messages(node)
    yield from _comments(source)


def _messages(node):
    """Yields the texts of an error, and of what is printed with `say`, `warn`, `option`, or `Argument`."""
    if isinstance(node, ast.Call):
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if name not in ("say", "warn", "option", "Argument", "fail"):
            return
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and " " in part.value.strip():
            yield part.lineno, part.value, False


def _comments(source):
    """Yields whole comments: lines that follow one another are one piece of prose."""
    held, start, last = [], 0, None
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        line, text = token.start[0], token.string.lstrip("#: ")
        if last is not None and line == last + 1:
            held.append(text)
        else:
            if held:
                yield start, " ".join(held), False
            held, start = [text], line
        last = line
    if held:
        yield start, " ".join(held), False


def of_markdown(text):
    """Yields (line, paragraph) of a page, without its blocks of code."""
    paragraph, start, fenced = [], 1, False
    for number, line in enumerate([*text.splitlines(), ""], 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
            continue
        if fenced:
            continue
        if line.strip():
            paragraph.append(line)
            start = number if len(paragraph) == 1 else start
        elif paragraph:
            yield start, "\n".join(paragraph)
            paragraph = []


def faults_in_python(path):
    """Returns lines "file:line: words: advice" for a Python file."""
    found = []
    for line, text, is_docstring in of_python(path.read_text(encoding="utf-8")):
        pairs = faults(text) + (first_line_faults(text) if is_docstring else [])
        found += [f"{path}:{line}: {words!r}: {advice}" for words, advice in pairs]
    return sorted(set(found))


def faults_in_markdown(path):
    """Returns lines "file:line: words: advice" for a page."""
    return [
        f"{path}:{line}: {words!r}: {advice}"
        for line, text in of_markdown(path.read_text(encoding="utf-8"))
        for words, advice in faults(text)
    ]


if __name__ == "__main__":
    import pathlib
    import sys

    for name in sys.argv[1:]:
        root = pathlib.Path(name)
        for file in sorted([root] if root.is_file() else root.rglob("*")):
            if file.suffix == ".py":
                print("\n".join(faults_in_python(file)), end="\n" * bool(faults_in_python(file)))
            elif file.suffix == ".md":
                print("\n".join(faults_in_markdown(file)), end="\n" * bool(faults_in_markdown(file)))
