"""Pictures of sentences: the words, and below them the n-grams that contributed most."""

import functools

WIDTH = 640
_MARGIN = 12
_LINE = 22
_RULE = 4
_SIZE = 14
# One color per window, from short to long; dark enough to be read as text.
_COLORS = ((0, 114, 178), (213, 94, 0), (0, 128, 96), (160, 60, 130), (120, 94, 30), (90, 90, 90))
_GRAY = (120, 120, 120)


def sentence(answer, title, *, right=True):
    """Returns a Pillow picture of one answer of `TextCNN.explain`.

    The title is on top. Below it are the words, with the n-gram of each window underlined, and then each
    n-gram with its contribution to the decision.

    Args:
        answer: dict with `words` and `ngrams`.
        title: text on top, such as the class and its probability.
        right: False draws the title in red.
    """
    from PIL import Image, ImageDraw

    font = _font()
    places, height = _places(
        answer["words"], font, _MARGIN + _LINE + 6, _LINE + _RULE * len(answer["ngrams"])
    )
    sheet = Image.new("RGB", (WIDTH, height + _LINE * len(answer["ngrams"]) + _MARGIN), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((_MARGIN, _MARGIN), title, fill="black" if right else "firebrick", font=font)
    for word, (left, top, _) in zip(answer["words"], places, strict=True):
        draw.text((left, top), word, fill="black", font=font)
    for row, ngram in enumerate(answer["ngrams"]):
        color = _COLORS[row % len(_COLORS)]
        end = ngram["start"] + len(ngram["words"])
        for left, top, right_edge in places[ngram["start"] : end]:
            level = top + _LINE - 2 + _RULE * row
            draw.line([(left, level), (right_edge, level)], fill=color, width=2)
        line = f"window {ngram['window']}: {' '.join(ngram['words']) or '(no word)'}"
        level = height + _LINE * row
        draw.text((_MARGIN, level), _cut(line, font, WIDTH - 110), fill=color, font=font)
        draw.text((WIDTH - 80, level), f"{ngram['contribution']:+.2f}", fill=_GRAY, font=font)
    return sheet


def sheet(shown):
    """Returns a matplotlib figure of sentence pictures, one below the other."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    heights = [picture.height for picture in shown]
    figure = Figure(figsize=(WIDTH / 100, sum(heights) / 100), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(shown), 1, squeeze=False, gridspec_kw={"height_ratios": heights})
    for axis, picture in zip(axes.flat, shown, strict=True):
        axis.imshow(picture)
        axis.axis("off")
    return figure


@functools.lru_cache(maxsize=1)
def _font():
    from matplotlib import font_manager
    from PIL import ImageFont

    # Matplotlib's font has letters beyond English; Pillow's default font does not.
    return ImageFont.truetype(font_manager.findfont("DejaVu Sans"), size=_SIZE)


def _places(words, font, top, step):
    """Returns (left, top, right) of each word, wrapped to the sheet's width, and the bottom of the text."""
    places, left, space = [], _MARGIN, font.getlength(" ")
    for word in words:
        length = font.getlength(word)
        if left > _MARGIN and left + length > WIDTH - _MARGIN:
            left, top = _MARGIN, top + step
        places.append((left, top, left + length))
        left += length + space
    return places, top + step + 6


def _cut(text, font, width):
    """Returns `text`, cut to fit `width` pixels."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + " ...") > width:
        text = text[:-1]
    return text + " ..."
