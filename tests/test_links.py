"""Links, images and file names on the pages lead somewhere."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from markdown_it import MarkdownIt
from mdit_py_plugins.anchors import anchors_plugin

from .machine_paths import ABSOLUTE

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FILE = re.compile(r"(?:physsim|circuits|learning|tests|notebooks|benchmarks|docs)/[\w./-]*\w/?")
# As the site makes them: myst_heading_anchors in docs/conf.py.
MARKDOWN = MarkdownIt().use(anchors_plugin, max_level=3)
each = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def tokens(text):
    for block in MARKDOWN.parse(text):
        yield block
        yield from block.children or ()


def targets(text):
    named = ((token.attrGet("href"), token.attrGet("src")) for token in tokens(text))
    return [str(target) for pair in named for target in pair if target is not None]


def headings(text):
    return {token.attrGet("id") for token in tokens(text) if token.type == "heading_open"}


def fault(page, target):
    """What is wrong with a link on a page, or None."""
    parts = urlsplit(target)
    if parts.scheme or parts.netloc:
        well_formed = parts.scheme in ("http", "https") and "." in parts.netloc
        return None if well_formed else "not a web address"
    path = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not path.is_relative_to(ROOT):
        return "leads out of the repository"
    if not path.exists():
        return "there is no such file"
    if parts.fragment and parts.fragment not in headings(path.read_text()):
        return "there is no such heading"
    return None


@each
def test_links_and_images(page):
    found = targets(page.read_text())
    assert [(t, fault(page, t)) for t in found if fault(page, t)] == []


@each
def test_no_machine_path(page):
    assert not ABSOLUTE.search(page.read_text())


@each
def test_files_named_in_code_exist(page):
    spans = [t.content for t in tokens(page.read_text()) if t.type == "code_inline"]
    named = [span for span in spans if FILE.fullmatch(span)]
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("docs/netlist.md", None),
        ("docs/netlist.md#no-such-heading", "there is no such heading"),
        ("#two-commands", None),
        ("docs/nothing.md", "there is no such file"),
        ("../elsewhere.md", "leads out of the repository"),
        ("https://arxiv.org/abs/2506.05259", None),
        ("htps://arxiv.org", "not a web address"),
        ("https://nowhere", "not a web address"),
    ],
)
def test_faults_are_seen(target, expected):
    assert fault(ROOT / "README.md", target) == expected


def test_links_are_found():
    text = "[a](b.md) ![c](d.png)\n\n- [e][f]\n\n[f]: g.md#h\n"
    assert targets(text) == ["b.md", "d.png", "g.md#h"]
