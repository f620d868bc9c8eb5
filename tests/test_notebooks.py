"""Notebooks are stripped and of one form. `pytest notebooks` runs them."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from .machine_paths import ABSOLUTE

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
PLOTS = {"plot", "subplots", "draw", "bode", "semilogy", "semilogx", "loglog", "pcolormesh"}
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def cells(path, kind):
    return [cell for cell in read(path).cells if cell.cell_type == kind]


def test_numbered_from_one():
    assert [int(path.stem[:2]) for path in NOTEBOOKS] == list(range(1, len(NOTEBOOKS) + 1))


@each
def test_stripped(path):
    notebook = read(path)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.metadata.kernelspec.name == "python3"
    assert not any(cell.metadata for cell in notebook.cells)
    for cell in cells(path, "code"):
        assert cell.outputs == []
        assert cell.execution_count is None


@each
def test_from_a_title_to_exercises(path):
    texts = cells(path, "markdown")
    titles = [t for cell in texts for t in re.findall(r"^# .*", cell.source, re.MULTILINE)]
    assert titles == [read(path).cells[0].source.splitlines()[0]]
    assert read(path).cells[-1].source.startswith("## Exercises\n")


@each
def test_code_parses_plots_and_checks(path):
    """Plain Python, without magics; claims are assertions."""
    trees = [ast.parse(cell.source) for cell in cells(path, "code")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    called = {getattr(node.func, "attr", None) for node in nodes if isinstance(node, ast.Call)}
    assert called & PLOTS
    assert any(isinstance(node, ast.Assert) for node in nodes)


@each
def test_no_absolute_path(path):
    for cell in read(path).cells:
        assert not ABSOLUTE.search(cell.source), cell.source


SHOW = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
from physsim.plotting import style
from matplotlib.figure import Figure
figure = Figure()
figure.subplots()
print(*shell.display_formatter.format(figure)[0])
"""


def test_figures_are_shown_in_jupyter():
    """Those of `result.plot()` too, made before pyplot has made any."""
    environment = os.environ | {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    done = subprocess.run(
        [sys.executable, "-c", SHOW], env=environment, capture_output=True, text=True, check=True
    )
    assert "image/png" in done.stdout
