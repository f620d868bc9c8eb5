"""Runs for tests of reports, and a page read back."""

import base64
import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from .command import physsim

# Titles, comments and names come from whoever wrote the file.
NETLIST = """</title><script>alert(1)</script> & $tank$
* <script>alert(2)</script> <img src="x" onerror="alert(3)">
C1 <b> 0 1n ic=1
L1 <b> a&b 1u
C<i> a&b 0 1n
.tran 5n 500n
.end
"""
TASK = """
netlist = "tank.cir"
train = ["C1"]
[target]
quantity = "v(a&b)"
csv = "target.csv"
[run]
t_end = "200n"
[gradient]
method = "ReversibleAdjoint"
[optimiser]
iterations = 12
learning_rate = 0.05
"""


def report(folder: Path) -> Path:
    """The page of the runs in a folder."""
    assert physsim("report", folder) == 0
    return folder / "report.html"


@pytest.fixture(scope="session")
def simulated(tmp_path_factory) -> Path:
    """A folder with a simulation and its report."""
    folder = tmp_path_factory.mktemp("simulated")
    (folder / "tank.cir").write_text(NETLIST)
    assert physsim("simulate", folder / "tank.cir", "--out", folder / "run") == 0
    report(folder / "run")
    return folder / "run"


class Page(HTMLParser):
    """A page's tags, texts and numbers."""

    def __init__(self, path: Path):
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.open: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br", "hr"):
            self.open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        for tag in set(self.open):
            self.texts[tag][-1] += data

    @property
    def figures(self) -> dict[str, str]:
        names, values = self.texts["dt"], self.texts["dd"]
        return dict(zip(names, values, strict=True))

    @property
    def numbers(self) -> list[float]:
        """All digits of the numbers in figures and tables."""
        return [float(attrs["value"] or "nan") for tag, attrs in self.tags if tag == "data"]

    @property
    def rows(self) -> list[list[str]]:
        """The texts of the rows of all tables; cells are told apart by the table's own tags."""
        return [row.split("\n") for row in self.texts["tr"]]

    def curves(self, title: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """(x, y) of each trace of the plot with this title."""
        plots = json.loads(self.texts["script"][0])
        (plot,) = [plot for plot in plots if plot["title"] == title]
        return {t["name"]: (_unpacked(t["x"]), _unpacked(t["y"])) for t in plot["traces"]}


def _unpacked(array: dict[str, str]) -> np.ndarray:
    assert array["dtype"] == "f8"
    return np.frombuffer(base64.b64decode(array["bdata"]), "<f8")
