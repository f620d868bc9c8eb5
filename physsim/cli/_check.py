"""`physsim check`"""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from ._agreement import agreement
from ._checked import Checked, checked_netlist, checked_task
from ._files import console, output_folder, save_figure, save_json, stderr
from ._main import app
from ._options import Out, seconds
from ._record import save_record

_EPSILON = 1e-6
_EXACT = ("ReversibleAdjoint", "BPTT", "ContinuousAdjoint")
CORNERS = (
    "not judged: the row dt of ContinuousAdjoint. A source's slope jumps along the run, and "
    "where a corner meets a step the run has no derivative by dt to converge to"
)


@app.command(rich_help_panel="Echo learning")
def check(
    netlist: Annotated[Path, typer.Argument(help="A netlist, or a learning task (.toml).")],
    measure: Annotated[
        str | None, typer.Option(help="v(node) or i(element). Default: the last node's voltage.")
    ] = None,
    t_end: Annotated[
        str | None, typer.Option(help="Stop time. Default: .tran's, at most 1000 steps.")
    ] = None,
    dt: Annotated[str | None, typer.Option(help="Step. Default: chosen.")] = None,
    epsilon: Annotated[float | None, typer.Option(help="Strength of RHEL's nudges.")] = None,
    rtol: Annotated[float, typer.Option(help="Tolerance for the reversible adjoint.")] = 1e-6,
    rtol_echo: Annotated[
        float, typer.Option(help="Tolerance for RHEL, whose nudges have a size.")
    ] = 1e-4,
    rtol_continuous: Annotated[
        float, typer.Option(help="Tolerance for the continuous adjoint (it shrinks with dt).")
    ] = 1e-2,
    integrator_name: Annotated[
        str | None, typer.Option("--integrator", help="Default: the one that suits the circuit.")
    ] = None,
    echo: Annotated[
        bool, typer.Option("--echo", help="Draw the echo, and the gradient adding up on its way.")
    ] = False,
    causes: Annotated[
        bool, typer.Option(help="Scan epsilon and the step, and say where differences come from.")
    ] = False,
    ngspice: Annotated[
        bool, typer.Option("--ngspice", help="Run the echo in ngspice, and compare its gradient.")
    ] = False,
    recipe: Annotated[
        bool, typer.Option("--recipe", help="Write how to run the echo on a bench.")
    ] = False,
    out: Out = "out",
) -> None:
    """Compare the gradients of RHEL, reversible adjoint, BPTT and continuous adjoint.

    For a netlist the cost is the mean square of one measured quantity, halved, in dimensionless
    units; for a task it is that of its first run. Exit code 1 when the methods disagree. The
    run ends where .tran does, but after at most 1000 steps, or at --t-end. Where a source has
    corners, the continuous adjoint's derivative by dt is shown but not judged.

    Examples:

        physsim check coupled_lc.cir --measure "v(out)" --causes

        physsim check coupled_lc.cir --t-end 2u --ngspice --recipe
    """
    folder = output_folder(Path(out))
    if netlist.suffix == ".toml":
        _refuse_for_tasks(measure, t_end, dt, integrator_name, ngspice, recipe)
        checked = checked_task(netlist)
    else:
        checked = checked_netlist(
            netlist,
            measure,
            integrator_name,
            seconds(t_end, "--t-end"),
            seconds(dt, "--dt"),
        )
    if recipe or ngspice:
        if echo or causes:
            raise ValueError(
                "--echo and --causes are of the run here: leave --ngspice, --recipe out"
            )
        from ._check_ngspice import write_bench

        write_bench(checked, netlist.stem, folder, epsilon, run=ngspice, recipe=recipe)
        return
    report, refused = _compare(checked, epsilon)
    limits = {"exact": rtol, "echo": rtol_echo, "continuous": rtol_continuous}
    corners = checked.has_corners()
    if corners:
        console.print(CORNERS, style="yellow")
    console.print(checked.cost(), highlight=False)
    disagreeing = report.disagreeing(**limits, corners=corners)
    # By what rounding is divided, and the tolerance.
    backwards = {"ReversibleAdjoint": (1.0, rtol), "RHEL": (epsilon or _EPSILON, rtol_echo)}
    worn = {
        method: why
        for method, (divisor, limit) in backwards.items()
        if method in disagreeing and (why := checked.worn(report.worst(method), divisor, limit))
    }
    for method, why in worn.items():
        console.print(f"not judged, {method}: {why}", style="yellow", highlight=False)
    disagreeing = [method for method in disagreeing if method not in worn]
    figures = {
        "disagreeing": disagreeing,
        "corners": corners,
        **gradient_figures(report, checked.circuit),
    }
    figures["failed"] = refused | figures["failed"] | worn
    if causes:
        figures["causes"] = _explain(checked, folder / f"{netlist.stem}_check.png")
    path = folder / f"{netlist.stem}_check.json"
    save_json(figures, path)
    drawn = echo and checked.arguments[0].is_canonical and "RHEL" in report.gradients
    if echo and not drawn:
        console.print("no picture of the echo: it is of circuits without losses and gyrators")
    if drawn:
        _draw_echo(checked, report, epsilon, folder / f"{netlist.stem}_check_echo.png")
    settings = checked.settings() | {"epsilon": epsilon, "tolerances": limits, "echo": drawn}
    save_record(path, "check", checked.inputs, settings, checked.circuit)
    if disagreeing:
        console.print(f"disagree with {report.reference}: {', '.join(disagreeing)}", style="red")
        raise typer.Exit(1)
    if not any(np.any(x) for x in report.components().values()):
        console.print("every gradient is zero: does the circuit start at rest?", style="yellow")
    said = agreement(report.gradients, figures["failed"])
    console.print(said, style="green" if len(report.gradients) > 1 else "yellow")


def _refuse_for_tasks(measure, t_end, dt, integrator_name, ngspice, recipe) -> None:
    given = {
        "--measure": measure,
        "--t-end": t_end,
        "--dt": dt,
        "--integrator": integrator_name,
        "--ngspice": ngspice or None,
        "--recipe": recipe or None,
    }
    names = [name for name, value in given.items() if value is not None]
    if names:
        raise ValueError(f"{', '.join(names)}: a task says itself what is run; check its netlist")


def _compare(checked: Checked, epsilon: float | None):
    """(the report of all methods that the system allows, why it refuses the others)."""
    import learning

    H, solver, *_ = checked.arguments
    methods = {"RHEL": learning.RHEL(epsilon, gain=None if H.is_lossless else True)}
    methods |= {name: getattr(learning, name)() for name in _EXACT}
    usable, refused = {}, {}
    for name, method in methods.items():
        try:
            method.check(H, solver)
        except ValueError as error:
            # Methods are called there as in Python.
            refused[name] = str(error).replace("()", "")
        else:
            usable[name] = method
    with stderr.status(f"gradients by {', '.join(usable)}: compiling, then {checked.length()}"):
        report = learning.compare_gradients(*checked.arguments, **checked.options, methods=usable)
    for name, why in (refused | report.failed).items():
        console.print(f"without {name}: {why}", style="yellow", highlight=False)
    for table in report.tables(checked.circuit.units):
        console.print(table)
    return report, refused


def gradient_figures(report, circuit) -> dict[str, Any]:
    """All that a report says, derivatives in SI."""
    components = report.components(circuit.units)
    return {
        "worst_relative_error": {m: report.worst(m) for m in report.gradients},
        "reference": report.reference,
        "cost": report.values,
        "seconds": report.seconds,
        "gradients": {
            m: dict(zip(report.names, x.tolist(), strict=True)) for m, x in components.items()
        },
        "agreement": [asdict(a) for a in report.agreements],
        "failed": report.failed,
    }


def _draw_echo(checked: Checked, report, epsilon: float | None, picture: Path) -> None:
    from ._curves import save_curves
    from ._echo_panels import echo_panels, echo_picture

    exact = report.gradients[report.reference]
    panels = echo_panels(checked.circuit, checked.arguments, checked.options, exact, epsilon)
    save_curves(picture.with_suffix(".json"), *panels)
    save_figure(echo_picture(panels), picture)


def _explain(checked: Checked, picture: Path) -> dict[str, Any]:
    """Print and draw where differences come from."""
    import learning

    from ._check_causes import causes_picture, causes_table

    curves = learning.error_curves(*checked.arguments, **checked.options)
    console.print(causes_table(curves))
    unit = checked.circuit.scales.time
    save_figure(causes_picture(curves, unit), picture)
    return {
        "epsilons": curves.epsilons.tolist(),
        "by_epsilon": None if curves.by_epsilon is None else curves.by_epsilon.tolist(),
        "steps_s": (curves.steps * unit).tolist(),
        "by_step": curves.by_step.tolist(),
        "order": curves.order,
        "rounding": curves.rounding,
        "missed": curves.missed,
        "unreversed": curves.unreversed,
        "refused": curves.refused,
    }
