"""The circuit of a run on a page: as it was given, drawn, and as a Hamiltonian."""

import io

from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from rich.table import Table as RichTable

import circuits

from ._hamiltonian import element_table, symbols, unit_table
from ._mathml import equation, matrix
from ._page import Formulas, Note, PageBlock, Picture, Section, Table, Text
from ._run import Run

# Around a drawing, in pixels.
_MARGIN = 6.0


def circuit_section(run: Run) -> Section:
    """Raises `ValueError` that names the record where its netlist is none."""
    name, text = run.netlist
    try:
        circuit = circuits.loads(run.record.netlist, name)
    except ValueError as error:
        raise ValueError(f"{run.path}: netlist: {error}") from error
    return Section(
        f"The circuit, {name}",
        [
            *_drawing(circuit),
            Text("Netlist", text),
            *_formulas(circuit),
            Text("What was derived", circuit.report(), words=True),
            from_rich(element_table(circuit)),
            from_rich(unit_table(circuit)),
        ],
    )


def _drawing(circuit) -> list[PageBlock]:
    try:
        figure = circuit.draw()
    except circuits.NetlistError as error:
        return [Note(f"No drawing: {error}")]
    file = io.BytesIO()
    metadata = {"Date": None, "Creator": None}
    figure.savefig(file, format="svg", bbox_inches=_drawn(figure), metadata=metadata)
    return [Picture("The circuit, drawn", file.getvalue())]


def _drawn(figure: Figure) -> Bbox:
    """Where there are lines and words, in inches; the title is the page's."""
    figure.draw_without_rendering()
    (axis,) = figure.axes
    parts = (*axis.lines, *axis.texts, *axis.patches)
    box = Bbox.union([part.get_window_extent() for part in parts])
    return box.padded(_MARGIN).transformed(figure.dpi_scale_trans.inverted())


def _formulas(circuit) -> list[PageBlock]:
    try:
        energy, equations, definitions = symbols(circuit)
    except circuits.NetlistError as error:
        return [Note(f"No formulas: {error}")]
    blocks: list[PageBlock] = [
        Formulas("Hamiltonian", [equation("H", energy)]),
        Formulas("Equations", [equation(x, slope, rate=True) for x, slope in equations]),
    ]
    for words, entries in definitions:
        blocks.append(Formulas(f"{words} of the inverse of", [matrix(entries)]))
    return blocks


def from_rich(table: RichTable) -> Table:
    """A table made for the terminal."""
    columns = [list(map(str, column.cells)) for column in table.columns]
    return Table(
        str(table.title or ""),
        [str(column.header) for column in table.columns],
        list(zip(*columns, strict=True)),
        str(table.caption or ""),
    )
