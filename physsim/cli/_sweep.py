"""`physsim sweep`"""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from matplotlib import colormaps
from matplotlib.figure import Figure as Picture
from matplotlib.ticker import EngFormatter
from rich.table import Table

from ._analysis import VALUE_UNITS, quantities, save_csv, si, unit_of, value_unit
from ._files import console, load_circuit, output_folder, save_figure
from ._launch import WAIT, Coordinator, Hosts, ProcessId, Wait, check_circuit, is_first, join
from ._main import app
from ._named_figures import HELP, parse_figure
from ._options import (
    Measure,
    Netlist,
    Node,
    OptionalIntegrator,
    Out,
    StopTime,
    Sweep,
    TimeStep,
    integrator,
    seconds,
)

_LEGEND = 8


@app.command(rich_help_panel="Circuits")
def sweep(
    netlist: Netlist,
    vary: Annotated[
        list[str],
        typer.Option(
            help="R1=10,20,50, or C1=1n:2n:11 (first, last, number). Several lists change "
            "together, value by value."
        ),
    ],
    node: Node = None,
    measure: Measure = None,
    figure: Annotated[str | None, typer.Option(help=HELP + " Plotted over the value.")] = None,
    t_end: StopTime = None,
    dt: TimeStep = None,
    integrator_name: OptionalIntegrator = None,
    sweep: Sweep = None,
    out: Out = "out",
    coordinator: Coordinator = None,
    hosts: Hosts = None,
    process_id: ProcessId = None,
    wait: Wait = WAIT,
) -> None:
    """Run a circuit for a list of component values: waveforms, or a figure over the value.

    Runs are spread over all devices, and over several hosts: run the same command on each.

    Examples:

        physsim sweep coupled_lc.cir --vary L12=2u,4u,8u --node out

        physsim sweep coupled_lc.cir --vary L12=2u:8u:13 --figure "frequency v(in)"

        physsim sweep rlc_filter.cir --vary C1=50p:300p:11 --figure "cutoff v(out)"
    """
    import circuits

    mesh = join(locals())
    folder = output_folder(Path(out))
    circuit = load_circuit(netlist)
    check_circuit(circuit)
    columns = dict(_column(circuit, text) for text in vary)
    wanted = None if figure is None else parse_figure(figure)
    names = quantities(circuit, node, wanted.quantities if wanted else measure)
    many: dict[str, Any] = {"mesh": mesh, "progress": True}
    stem = folder / f"{netlist.stem}_sweep"
    if wanted is None:
        if sweep is not None:
            raise ValueError("--sweep is for a --figure of the response, such as 'cutoff v(out)'")
        many |= {"t_end": seconds(t_end, "--t-end"), "dt": seconds(dt, "--dt")}
        waves = circuits.sweep(circuit, columns, names, solver=integrator(integrator_name), **many)
        if is_first():
            console.print(circuit.netlist.title)
            _write_waves(waves, columns, stem)
        return
    if node or measure:
        raise ValueError("--figure names what it is read off: leave --node and --measure out")
    circuit = wanted.circuit(circuit)
    many |= wanted.options(circuit, sweep, t_end, dt, integrator_name)
    figures = circuits.sweep_figure(circuit, columns, names, wanted.measure, **many)
    if is_first():
        console.print(circuit.netlist.title)
        _write_figures(wanted, columns, figures, Path(f"{stem}_{wanted.stem}"))


def _write_waves(waves, columns, stem: Path) -> None:
    names, count = waves.quantity.values, waves.sizes["point"]
    console.print(f"{count} runs of {waves.time.size} samples to t = {waves.time[-1]:.6g} s")
    save_figure(_plot_waves(waves, columns), Path(f"{stem}.png"))
    table = {"time": waves.time.values}
    for k in range(count):
        at = " ".join(f"{name}={column[k]:.6g}" for name, column in columns.items())
        table |= {f"{n} at {at}": waves[k, j].values for j, n in enumerate(names)}
    save_csv(table, Path(f"{stem}.csv"))


def _write_figures(wanted, columns, figures, stem: Path) -> None:
    if not np.isfinite(figures).all():
        k = int(np.argmax(~np.isfinite(figures)))
        further = (
            "take further frequencies (--sweep)" if wanted.of_response else "run longer (--t-end)"
        )
        raise ValueError(f"{wanted.text} does not occur in run {k + 1}: {further}")
    console.print(_table(wanted, columns, figures))
    save_figure(_plot_figure(wanted, columns, figures), Path(f"{stem}.png"))
    save_csv({**columns, wanted.text: figures}, Path(f"{stem}.csv"))


def _column(circuit, text: str) -> tuple[str, list[float]]:
    """A value's full name, and its list."""
    from circuits import parse_number

    name, _, values = text.partition("=")
    if not values:
        raise ValueError(f"--vary {text!r}: expected a name and values, as R1=10,20,50")
    name = _full(circuit, name.strip())
    unit = value_unit(name)
    words = values.split(":")
    if len(words) == 1:
        column = [parse_number(word, f"--vary {name}", unit) for word in values.split(",")]
        return name, column
    if len(words) != 3 or not words[2].isdigit() or int(words[2]) < 2:
        raise ValueError(f"--vary {text!r}: expected first:last:number, as C1=1n:2n:11")
    first, last = (parse_number(word, f"--vary {name}", unit) for word in words[:2])
    return name, np.linspace(first, last, int(words[2])).tolist()


def _full(circuit, name: str) -> str:
    """`R1` stands for `R1.R`."""
    lowered = {known.lower(): known for known in circuit.values()}
    own = [f"{name}.{key}".lower() for key in (*VALUE_UNITS, "k", "n")]
    for candidate in (name.lower(), *own):
        if candidate in lowered:
            return lowered[candidate]
    raise ValueError(f"--vary: there is no value {name!r}; there are {', '.join(lowered.values())}")


def _label(name: str, value: float) -> str:
    return f"{name} = {si(value, value_unit(name))}"


def _table(wanted, columns, figures) -> Table:
    table = Table()
    for name in (*columns, wanted.text):
        table.add_column(name, justify="right")
    for k, figure in enumerate(figures):
        units = [value_unit(name) for name in columns]
        row = [si(c[k], u, 6) for c, u in zip(columns.values(), units, strict=True)]
        table.add_row(*row, si(float(figure), wanted.unit, 6))
    return table


def _plot_figure(wanted, columns, figures) -> Picture:
    from physsim.plotting import style

    name, column = next(iter(columns.items()))
    with style():
        picture = Picture(figsize=(7, 4.5))
        axis = picture.subplots()
        axis.plot(column, figures, "o-", markersize=4, linewidth=1)
        axis.set_xlabel(name if len(columns) == 1 else f"{name} (and {len(columns) - 1} more)")
        axis.xaxis.set_major_formatter(EngFormatter(value_unit(name)))
        axis.set_ylabel(wanted.text.replace("$", r"\$"))
        axis.yaxis.set_major_formatter(EngFormatter(wanted.unit))
    return picture


def _plot_waves(waves, columns) -> Picture:
    from physsim.plotting import ABOVE, style

    name, column = next(iter(columns.items()))
    count, rows = waves.sizes["point"], waves.sizes["quantity"]
    with style():
        picture = Picture(figsize=(7, 1.5 + 2.5 * rows))
        axes = picture.subplots(rows, 1, sharex=True, squeeze=False)[:, 0]
        for j, axis in enumerate(axes):
            for k in range(count):
                colour = colormaps["viridis"](k / max(count - 1, 1) * 0.9)
                label = _label(name, column[k]) if count <= _LEGEND or k in (0, count - 1) else None
                axis.plot(waves.time, waves[k, j], linewidth=1, color=colour, label=label)
            quantity = str(waves.quantity.values[j])
            axis.set_ylabel(quantity.replace("$", r"\$"))
            axis.yaxis.set_major_formatter(EngFormatter(unit_of(quantity)))
        axes[0].legend(**ABOVE, ncols=4)
        axes[-1].set_xlabel("time")
        axes[-1].xaxis.set_major_formatter(EngFormatter("s"))
    return picture
