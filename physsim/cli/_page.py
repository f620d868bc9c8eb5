"""A page of text, tables and plots, in one HTML file that loads nothing."""

import base64
import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Any, ClassVar, NamedTuple, final

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from physsim.plotting import COLOURS, smooth

from ._analysis import si
from ._curves import Curves, Trace
from ._thin import WINDOWS, thin


class Number(NamedTuple):
    """A number and how it is written; the page holds all its digits."""

    value: float | int
    text: str


Cell = str | Number
_FEW = 500


def number(value: float | int | None, unit: str = "", digits: int = 4) -> Cell:
    """A cell with an SI prefix, counts in full; a dash for what is missing."""
    if value is None or not math.isfinite(value):
        return "–"
    return Number(value, str(value) if isinstance(value, int) else si(value, unit, digits))


@final
@dataclass(frozen=True)
class KeyFigures:
    """The few numbers that matter, by name."""

    kind: ClassVar = "figures"
    rows: Sequence[tuple[str, Cell]]


@final
@dataclass(frozen=True)
class Table:
    """Words in the first column, words or numbers in the others."""

    kind: ClassVar = "table"
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""
    shaded: bool = False
    """Cells darker the larger their number is."""

    @property
    def largest(self) -> float:
        numbers = [cell.value for row in self.rows for cell in row if isinstance(cell, Number)]
        return float(max(numbers, default=0)) or 1.0


@final
@dataclass(frozen=True)
class Text:
    """Text as it stands in a file; words are broken into lines that fit."""

    kind: ClassVar = "text"
    title: str
    text: str
    words: bool = False


@final
@dataclass(frozen=True)
class Heading:
    """What the next block is about."""

    kind: ClassVar = "heading"
    text: str


@final
@dataclass(frozen=True)
class Note:
    """A sentence."""

    kind: ClassVar = "note"
    text: str


@final
@dataclass(frozen=True)
class Formulas:
    """Lines of MathML, which nobody but its printer has written."""

    kind: ClassVar = "formulas"
    title: str
    lines: Sequence[str]


@final
@dataclass(frozen=True)
class Picture:
    """An SVG picture with black lines on white."""

    kind: ClassVar = "picture"
    title: str
    svg: bytes

    @property
    def address(self) -> str:
        return f"data:image/svg+xml;base64,{base64.b64encode(self.svg).decode()}"


@final
@dataclass(frozen=True)
class Plot:
    """Curves to zoom into; `where` says where all samples are."""

    kind: ClassVar = "plot"
    curves: Curves
    where: str = ""

    @property
    def note(self) -> str:
        longest = max((len(trace.x) for trace in self.curves.traces), default=0)
        if longest <= 2 * WINDOWS + 2:
            return self.curves.note
        thinned = (
            f"Of {longest} samples the page holds the smallest and the largest of each of "
            f"{WINDOWS} windows, so that spikes stay"
        )
        end = f"; all are in {self.where}." if self.where else "."
        return f"{self.curves.note} {thinned}{end}".strip()

    def data(self) -> dict[str, Any]:
        """What the page's script draws."""
        curves = self.curves
        return {
            "title": curves.title,
            "x": asdict(curves.x),
            "y": asdict(curves.y),
            "traces": [_packed(trace) for trace in curves.traces],
        }


def _packed(trace: Trace) -> dict[str, Any]:
    x, y = np.asarray(trace.x, float), np.asarray(trace.y, float)
    # Many samples need no curve between them.
    x, y = smooth(x, y) if trace.smooth and len(x) <= _FEW else thin(x, y)
    packed = {
        key: {"dtype": "f8", "bdata": base64.b64encode(values.astype("<f8").tobytes()).decode()}
        for key, values in (("x", x), ("y", y))
    }
    names = ("name", "look", "colour", "shown")
    return packed | {name: getattr(trace, name) for name in names}


PageBlock = KeyFigures | Table | Text | Heading | Note | Formulas | Picture | Plot


class Told(NamedTuple):
    """What a page tells of runs: first the figures, then everything."""

    figures: KeyFigures | Table
    blocks: list[PageBlock]


@final
@dataclass(frozen=True)
class Section:
    """A heading of the table of contents, and what stands under it."""

    title: str
    blocks: Sequence[PageBlock]


def render(title: str, origin: Sequence[str], sections: Sequence[Section]) -> str:
    """The page. All text is escaped but for formulas; scripts run only if they are the page's."""
    from plotly.offline import get_plotlyjs

    folder = files("physsim.cli") / "page"
    style, script = ((folder / f"page.{end}").read_text(encoding="utf-8") for end in ("css", "js"))
    scripts = [get_plotlyjs(), script]
    environment = Environment(
        loader=PackageLoader("physsim.cli", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(
        title=title,
        origin=origin,
        sections=sections,
        plots=[plot.data() for plot in _plots(sections)],
        colours=COLOURS,
        style=style,
        scripts=scripts,
        allowed=" ".join(f"'sha256-{_digest(text)}'" for text in scripts),
    )


def _plots(sections: Sequence[Section]) -> Iterator[Plot]:
    for section in sections:
        yield from (block for block in section.blocks if isinstance(block, Plot))


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
