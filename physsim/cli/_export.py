"""`physsim export`"""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ._files import console, load_circuit, output_folder
from ._main import app
from ._options import Netlist, Out, choose, seconds


class Format(StrEnum):
    """What a circuit, or its transient, is written as."""

    SPICE = "spice"
    NETLIST = "netlist"
    LATEX = "latex"
    GRAPH = "graph"
    SVG = "svg"
    RAW = "raw"
    ASCII = "ascii"
    CSV = "csv"
    NC = "nc"


_OF_RUNS = (Format.RAW, Format.ASCII, Format.CSV, Format.NC)


@app.command(rich_help_panel="Circuits")
def export(
    netlist: Netlist,
    format: Annotated[
        str,
        typer.Option(
            help="spice (a deck for ngspice), netlist (this language, subcircuits written out), "
            "latex (energy and equations), graph (PNG) or svg (a schematic-like picture); of a "
            "transient: raw or ascii (SPICE waveform files), csv, nc (NetCDF)."
        ),
    ],
    t_end: Annotated[str | None, typer.Option(help="Stop time. Default: .tran.")] = None,
    dt: Annotated[str | None, typer.Option(help="Step. Default: chosen.")] = None,
    out: Out = "out",
) -> None:
    """Write a circuit for other programs, or for people.

    Examples:

        physsim export coupled_lc.cir --format latex

        physsim export my.cir --format raw --t-end 50u --dt 10n
    """
    chosen = choose(format, {f.value: f for f in Format}, "format")
    folder = output_folder(Path(out))
    stop, step = seconds(t_end, "--t-end"), seconds(dt, "--dt")
    circuit = load_circuit(netlist)
    stem = folder / netlist.stem
    if chosen in _OF_RUNS:
        path = _export_run(circuit, chosen, stem, stop, step)
    else:
        path = _WRITERS[chosen](circuit, stem, stop, step)
    console.print(f"  {chosen.value:8} {path}", highlight=False)


def _export_run(circuit, chosen: Format, stem: Path, stop, step) -> Path:
    from circuits import write_raw

    result = circuit.simulate(stop, step, progress=True)
    path = _named(stem, ".raw" if chosen is Format.ASCII else f".{chosen.value}")
    if chosen is Format.ASCII:
        write_raw(result, path, ascii=True)
    else:
        result.save(path)
    return path


def _named(stem: Path, ending: str) -> Path:
    # Not `with_suffix`: a stem may have dots.
    return stem.parent / f"{stem.name}{ending}"


def _spice(circuit, stem: Path, stop, step) -> Path:
    max_step = circuit.suggest_dt() / 50 if step is None else step
    deck = circuit.netlist.to_spice(max_step=max_step, stop=stop)
    return _written(_named(stem, "_ngspice.cir"), deck)


def _netlist(circuit, stem: Path, stop, step) -> Path:
    return _written(_named(stem, "_flat.cir"), circuit.netlist.to_text())


def _latex(circuit, stem: Path, stop, step) -> Path:
    return _written(_named(stem, ".tex"), circuit.latex())


def _picture(ending: str) -> Callable[..., Path]:
    def write(circuit, stem: Path, stop, step) -> Path:
        path = _named(stem, ending)
        circuit.draw().savefig(path)
        return path

    return write


def _written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


_WRITERS: dict[Format, Any] = {
    Format.SPICE: _spice,
    Format.NETLIST: _netlist,
    Format.LATEX: _latex,
    Format.GRAPH: _picture("_graph.png"),
    Format.SVG: _picture("_graph.svg"),
}
