"""`physsim simulate`"""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from ._files import console, find_input, load_circuit, output_folder, save_figure, save_json
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
    stem = netlist.stem
    console.print(f"{circuit.netlist.title}: {len(result.t)} samples to t = {result.t[-1]:.6g} s")
    save_figure(result.plot(node), folder / f"{stem}.png")
    result.save(folder / f"{stem}.{format}")
    console.print(f"  waves    {folder / f'{stem}.{format}'}", highlight=False)
    save_json(_figures(result), folder / f"{stem}.json")
    settings = {
        "integrator": (solver or circuit.default_solver).name,
        "reason": "--integrator" if solver else circuit.method.reason,
        "seed": seed,
        "nodes": node or [],
        "format": format,
    }
    inputs = [find_input(netlist)]
    save_record(folder / f"{stem}.json", "simulate", inputs, settings, circuit)


def _figures(result) -> dict:
    figures = {"samples": len(result.t), "t_end": float(result.t[-1]), "dt": result.dt}
    if result.circuit.drive is None:
        figures["max_relative_energy_error"] = float(np.max(np.abs(result.energy_error)))
    return figures
