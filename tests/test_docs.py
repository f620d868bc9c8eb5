"""Every Python block of the README and the documentation runs, page by page.

What a page leaves out for brevity stands before it in a comment, `<!--run ... -->`.
"""

import re
from pathlib import Path

import jax
import matplotlib
import matplotlib.pyplot as plt
import pytest

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^(?:```python|<!--run)\n(.*?)^(?:```|-->)", re.MULTILINE | re.DOTALL)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
WITH_CODE = [page for page in PAGES if BLOCK.search(page.read_text())]


SLOW = ("analyses", "howto", "learning", "timescales")
CASES = [
    pytest.param(page, id=page.stem, marks=pytest.mark.slow if page.stem in SLOW else ())
    for page in WITH_CODE
]


@pytest.mark.parametrize("page", CASES)
def test_blocks_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    matplotlib.use("Agg")
    names = {"__name__": page.stem}
    text = page.read_text()
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        for block in BLOCK.finditer(text):
            # Padded, so that an error names the line of the page.
            before = text[: block.start(1)].count("\n")
            exec(compile("\n" * before + block.group(1), page.name, "exec"), names)
    plt.close("all")
