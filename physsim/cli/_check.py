"""`physsim check`"""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from ._files import console, load_circuit, output_folder, save_json
from ._main import app
from ._options import Integrator, Netlist, Out, integrator, quantity


@app.command()
def check(
    netlist: Netlist,
    measure: Annotated[
        str | None, typer.Option(help="v(node) or i(element). Default: the last node's voltage.")
    ] = None,
    t_end: Annotated[str | None, typer.Option(help="Stop time. Default: 1000 steps.")] = None,
    dt: Annotated[str | None, typer.Option(help="Step. Default: chosen.")] = None,
    epsilon: Annotated[float | None, typer.Option(help="Strength of RHEL's nudges.")] = None,
    rtol: Annotated[float, typer.Option(help="Tolerance for the reversible adjoint.")] = 1e-6,
    rtol_echo: Annotated[
        float, typer.Option(help="Tolerance for RHEL, whose nudges have a size.")
    ] = 1e-4,
    rtol_continuous: Annotated[
        float, typer.Option(help="Tolerance for the continuous adjoint (it shrinks with dt).")
    ] = 1e-2,
    integrator_name: Integrator = "SRKN11b",
    out: Out = "out",
) -> None:
    """Compare the gradients of RHEL, reversible adjoint, BPTT and continuous adjoint.

    The cost is the mean square of one measured quantity, halved, in dimensionless units. Exit
    code 1 when the methods disagree.

    Example:  physsim check coupled_lc.cir --measure "v(out)"
    """
    from ._experiment import check_experiment

    circuit = load_circuit(netlist)
    experiment = check_experiment(
        circuit,
        measure,
        integrator(integrator_name),
        quantity(t_end, "--t-end"),
        quantity(dt, "--dt"),
    )
    report = experiment.compare(epsilon)
    for table in report.tables(circuit.units):
        console.print(table)
    disagreeing = report.disagreeing(exact=rtol, echo=rtol_echo, continuous=rtol_continuous)
    save_json(
        {
            "worst_relative_error": {m: report.worst(m) for m in report.gradients},
            "disagreeing": disagreeing,
        },
        output_folder(Path(out)) / f"{netlist.stem}_check.json",
    )
    if disagreeing:
        console.print(f"disagree with {report.reference}: {', '.join(disagreeing)}", style="red")
        raise typer.Exit(1)
    if not any(np.any(x) for x in report.components().values()):
        console.print("every gradient is zero: does the circuit start at rest?", style="yellow")
    console.print("all methods agree", style="green")
