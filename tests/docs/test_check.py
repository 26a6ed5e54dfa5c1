"""The check of the built site finds what a site generator skips without a message."""

import pytest

from docs.generate import check

SIGNATURE = """
<h3 id="pkg.Layer" class="doc doc-heading"><span>Layer</span></h3>
<div class="doc-signature highlight"><pre><code>
<span>Layer</span><span>(</span>units<span>)</span></code></pre></div>
"""
PAGE = "<html><body><nav>```</nav><article>{}</article></body></html>"


def site(folder, **pages):
    for name, body in pages.items():
        (folder / f"{name}.html").write_text(PAGE.format(body), encoding="utf-8")
    return folder


def test_a_complete_page_has_no_fault(tmp_path):
    text = SIGNATURE + "<p>p &lt; 1</p><p><code>**kwargs</code> and <code>&gt;&gt;&gt; 1</code></p><br>"
    assert check.faults(site(tmp_path, layers=text), {"layers": ["pkg.Layer"]}) == []


def test_a_missing_signature_is_found(tmp_path):
    heading = '<h3 id="pkg.Layer" class="doc-heading">Layer</h3>'
    folder = site(tmp_path, layers=heading, other=SIGNATURE)
    assert check.faults(folder, {"layers": ["pkg.Layer"]}) == [
        "layers.html has no rendered signature of pkg.Layer"
    ]


def test_a_signature_of_another_name_is_found(tmp_path):
    text = '<h3 id="pkg.Other" class="doc-heading">Other</h3>' + SIGNATURE
    folder = site(tmp_path, layers=text)
    assert len(check.faults(folder, {"layers": ["pkg.Other", "pkg.Layer"]})) == 1
    assert check.faults(folder, {"layers": ["pkg.Layer"]}) == []


def test_a_signature_without_its_name_is_found(tmp_path):
    folder = site(tmp_path, layers=SIGNATURE.replace("<span>Layer</span><span>(", "<span>("))
    assert len(check.faults(folder, {"layers": ["pkg.Layer"]})) == 1


def test_a_missing_page_is_found(tmp_path):
    assert check.faults(tmp_path, {"layers": ["pkg.Layer"]}) == ["layers.html does not exist"]


@pytest.mark.parametrize(
    "text",
    [
        "::: pkg.Layer",
        "&gt;&gt;&gt; print(1)",
        "Args:",
        "a\nRaises:\n",
        "```",
        "see [the page](page.md)",
        "**bold**",
        "a `name`",
        "| a | b |",
        "{data_format}",
        "## Heading",
        "Words.\n7. More",
    ],
)
def test_raw_markup_is_found(tmp_path, text):
    found = check.faults(site(tmp_path, page=f"<p>{text}</p>"), {})
    assert len(found) == 1 and found[0].startswith("page.html shows ")
    assert check.faults(site(tmp_path, page=f"<pre><code>{text}</code></pre>"), {}) == []
