"""The generated part of the pages on presets: the gallery, and the licenses of data and weights."""

import pathlib

from docs.generate import licenses
from docs.generate.pages import MARKER

DOCS = pathlib.Path(__file__).resolve().parents[1]
PICTURES = DOCS / "pictures" / "gallery"
# For presets without embedded data: files in a folder of data sets, and the number of the one that is drawn.
FILES = {
    "deeplabv3plus_camvid": ("camvid/test/images/*", 60),
    "faster_rcnn_bccd": ("bccd/JPEGImages/*.jpg", 100),
    "keyword_cnn_fsdd": ("fsdd/recordings/7_*_0.wav", 2),
    "unet_camvid": ("camvid/test/images/*", 60),
}


def measured(card):
    """Returns the first two metrics of a card as text."""
    found = [f"{name} {value:.3f}" for name, value in list(card["metrics"].items())[:2]]
    return ", ".join(found) or "not measured here"


def entry(name, card):
    """Returns the lines of a preset in the gallery: its summary, its picture, and its metrics."""
    card_file = f"../keras_cnn_zoo/presets/bundled/{name}/README.md"
    link = name if "package" in card else f"[{name}]({card_file})"
    lines = [f"## {name}", "", card["summary"], ""]
    if (PICTURES / f"{name}.png").is_file():
        lines += [f"![what {name} answers](pictures/gallery/{name}.png)", ""]
    elif name in FILES:
        lines += [
            "For a picture of your copy of the data, run `python -m docs.generate.gallery --data FOLDER`.",
            "",
        ]
    return [*lines, f"Measured: {measured(card)}. Card: {link}.", ""]


def texts():
    """Returns a dict from the path of each page to its updated text."""
    cards = licenses.cards()
    gallery = "\n".join(line for name, card in cards.items() for line in entry(name, card))
    generated = {"gallery.md": gallery.rstrip() + "\n", "licenses.md": licenses.presets()}
    found = {}
    for page, text in generated.items():
        path = DOCS / page
        head, marker, _ = path.read_text(encoding="utf-8").partition(MARKER)
        if not marker:
            raise ValueError(f"docs/{page} must have a line {MARKER!r}. Add it")
        found[path] = f"{head}{MARKER}\n\n{text}"
    return found
