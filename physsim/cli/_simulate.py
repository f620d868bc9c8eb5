"""`physsim simulate`"""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from ._analysis import si
from ._bundled import find_input
from ._files import console, load_circuit, output_folder, save_figure, save_json
from ._main import app
from ._options import Netlist, OptionalIntegrator, Out, StopTime, TimeStep, integrator, seconds
from ._record import save_record


@app.command(rich_help_panel="Circuits")
def simulate(
    netlist: Netlist,
    t_end: StopTime = None,
    dt: TimeStep = None,
    save_every: Annotated[int | None, typer.Option(min=1, help="Steps between samples.")] = None,
    node: Annotated[
        list[str] | None,
        typer.Option(help="Node to plot; repeat for more. Default: some outside of subcircuits."),
    ] = None,
    format: Annotated[str, typer.Option(help="Waveform file: csv or nc (NetCDF).")] = "csv",
    seed: Annotated[int, typer.Option(help="Of the thermal noise, where there is a .temp.")] = 0,
    from_op: Annotated[
        bool,
        typer.Option("--from-op", help="Start at the DC operating point, not at ic= and .ic."),
    ] = False,
    integrator_name: OptionalIntegrator = None,
    out: Out = "out",
) -> None:
    """Simulate a netlist; write waveforms, a plot and figures.

    Examples:

        physsim simulate coupled_lc.cir

        physsim simulate my.cir --t-end 50u --node out --format nc --out results
    """
    if format not in ("csv", "nc"):
        raise ValueError(f"unknown format {format!r}: choose csv or nc")
    folder = output_folder(Path(out))
    circuit = load_circuit(netlist)
    if from_op:
        circuit = circuit.settled()
    for name in node or ():
        circuit.readout(f"v({name})")
    solver = integrator(integrator_name)
    result = circuit.simulate(
        seconds(t_end, "--t-end"),
        seconds(dt, "--dt"),
        solver=solver,
        save_every=save_every,
        seed=seed,
        progress=True,
    )
    steps = "" if result.dt is None else f", steps of {si(result.dt, 's')}"
    ends = f"{len(result.t)} samples to t = {result.t[-1]:.6g} s"
    console.print(f"{circuit.netlist.title}: {ends}{steps}")
    settings = {
        "integrator": (solver or circuit.default_solver).name,
        "reason": "--integrator" if solver else circuit.method.reason,
        "from_op": from_op,
        "seed": seed,
        "nodes": node or [],
        "format": format,
    }
    write_simulation(result, result.plot(node), netlist, settings, folder)


def write_simulation(
    result, plot: Any, netlist: Path, settings: dict[str, Any], folder: Path
) -> None:
    """Write the waveforms, their plot, the figures and the record of a run."""
    path = folder / f"{netlist.stem}.json"
    waves = path.with_suffix(f".{settings['format']}")
    save_figure(plot, path.with_suffix(".png"))
    result.save(waves)
    console.print(f"  waves    {waves}", highlight=False)
    save_json(_figures(result), path)
    save_record(path, "simulate", [find_input(netlist)], settings, result.circuit)


def _figures(result) -> dict:
    figures = {"samples": len(result.t), "t_end": float(result.t[-1]), "dt": result.dt}
    if result.circuit.drive is None:
        figures["max_relative_energy_error"] = float(np.max(np.abs(result.energy_error)))
    return figures
