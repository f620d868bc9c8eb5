"""`physsim mc`"""

import math
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from matplotlib.figure import Figure as Picture
from matplotlib.ticker import EngFormatter
from rich.table import Table

from ._analysis import save_csv, si
from ._files import console, load_circuit, output_folder, save_figure, save_json
from ._launch import WAIT, Coordinator, Hosts, ProcessId, Wait, check_circuit, is_first, join
from ._main import app
from ._named_figures import HELP, parse_figure
from ._options import Netlist, OptionalIntegrator, Out, StopTime, Sweep, TimeStep

_LEVEL = 0.95
# Deviations further apart than this are not those of one straight line.
_CURVED = 1.5
_SHOWN = 12
_WRITTEN = 100_000
_QUANTILES = (0.0, 0.05, 0.5, 0.95, 1.0)


@app.command(rich_help_panel="Circuits")
def mc(
    netlist: Netlist,
    figure: Annotated[str, typer.Option(help=HELP)],
    low: Annotated[str | None, typer.Option(help="Least good figure, e.g. 4.9meg.")] = None,
    high: Annotated[str | None, typer.Option(help="Largest good figure.")] = None,
    tolerance: Annotated[
        list[str] | None,
        typer.Option(
            help="As C*=5% or C*=0.05: the standard deviation; repeat. Default: .tolerance cards."
        ),
    ] = None,
    samples: Annotated[int, typer.Option(min=2, help="How many circuits to draw.")] = 1000,
    seed: Annotated[int, typer.Option(help="Draws depend on it alone.")] = 0,
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
    """Monte Carlo over component tolerances: the spread of a figure, and the yield.

    Beside what the samples say stands what the derivatives at the nominal values predict, and
    which components the spread comes from. Samples are spread over all devices, and over several
    hosts: run the same command on each.

    Examples:

        physsim mc rlc_filter.cir --figure "crossing v(out) level=0.5" --high 27.5n

        physsim mc rlc_filter.cir --figure "cutoff v(out)" --low 14meg --high 17meg

        physsim mc coupled_lc.cir --figure "frequency v(in)" --tolerance "C*=2%" --low 6meg
    """
    import circuits

    mesh = join(locals())
    folder = output_folder(Path(out))
    circuit = load_circuit(netlist)
    check_circuit(circuit)
    wanted = parse_figure(figure)
    circuit = wanted.circuit(circuit)
    for name in wanted.quantities:
        circuit.readout(name)
    limits = (
        -math.inf if low is None else circuits.parse_number(low, "--low", wanted.unit),
        math.inf if high is None else circuits.parse_number(high, "--high", wanted.unit),
    )
    if not limits[0] < limits[1]:
        raise ValueError(f"--low {low} has to be below --high {high}")
    given = _tolerances(tolerance) if tolerance else None
    found = circuits.monte_carlo(
        circuit, wanted.quantities, wanted.measure,
        samples=samples, seed=seed, tolerances=given, limits=limits,
        mesh=mesh, progress=True,
        **wanted.options(circuit, sweep, t_end, dt, integrator_name),
    )  # fmt: skip
    console.print(circuit.netlist.title)
    # What is of all samples, every process has to ask for.
    figures, each = _summary(found, samples), found.figures
    if not is_first():
        return
    console.print(_table(wanted, found, figures))
    console.print(_sources_of_spread(found))
    if not 1 / _CURVED < figures["deviation"] / (found.predicted_deviation or np.inf) < _CURVED:
        console.print(
            "derivatives do not tell the spread: the figure bends or jumps over the tolerances; "
            "go by the samples", style="yellow",
        )  # fmt: skip
    stem = f"{netlist.stem}_mc_{wanted.stem}"
    save_figure(_plot(wanted, found, each), folder / f"{stem}.png")
    values = found.draws.table(np.arange(min(samples, _WRITTEN)))
    columns = dict(zip(found.names, values.T, strict=True))
    save_csv({**columns, wanted.text: each[:_WRITTEN]}, folder / f"{stem}.csv")
    if samples > _WRITTEN:
        console.print(f"           the first {_WRITTEN} of {samples} samples")
    save_json(figures, folder / f"{stem}.json")


def _tolerances(texts: list[str]) -> dict[str, float]:
    found = {}
    for text in texts:
        pattern, _, value = text.partition("=")
        number = value.strip().removesuffix("%")
        try:
            found[pattern.strip()] = float(number) / (100 if value.strip().endswith("%") else 1)
        except ValueError:
            raise ValueError(
                f"--tolerance {text!r}: expected a name and a part, as C*=5%"
            ) from None
    return found


def _summary(found, samples: int) -> dict:
    low, high = found.limits
    good = found.found.within(low, high)
    from scipy.stats import binomtest

    interval = binomtest(good, samples).proportion_ci(_LEVEL, "exact")
    return {
        "samples": samples,
        "nominal": found.nominal,
        "mean": found.found.mean,
        "deviation": found.found.deviation,
        "quantiles": {str(q): found.found.quantile(q) for q in _QUANTILES},
        "predicted_deviation": found.predicted_deviation,
        "yield": good / samples,
        "yield_interval": [float(interval.low), float(interval.high)],
        "predicted_yield": found.predicted_yield,
    }


def _table(wanted, found, figures) -> Table:
    table = Table(title=wanted.text)
    for name in ("", "samples", "predicted from derivatives"):
        table.add_column(name, justify="right")
    table.add_row("mean", si(figures["mean"], wanted.unit, 6), si(found.nominal, wanted.unit, 6))
    deviations = (figures["deviation"], figures["predicted_deviation"])
    table.add_row("standard deviation", *(si(x, wanted.unit) for x in deviations))
    least, low, _, high, most = (si(x, wanted.unit) for x in figures["quantiles"].values())
    table.add_row("range", f"{least} to {most}", "")
    table.add_row("5 % to 95 %", f"{low} to {high}", "")
    if np.isfinite(found.limits).any():
        low, high = figures["yield_interval"]
        table.add_row(
            "yield",
            f"{100 * figures['yield']:.1f} %",
            f"{100 * found.predicted_yield:.1f} %",
        )
        table.add_row("95 % interval", f"{100 * low:.1f} to {100 * high:.1f} %", "")
    return table


def _sources_of_spread(found) -> Table:
    """The parts of the predicted variance."""
    parts = (found.slopes * found.deviations) ** 2
    total = parts.sum() or 1.0
    table = Table(title="where the spread comes from")
    table.add_column("value")
    table.add_column("change of the figure for +1 %", justify="right")
    table.add_column("of the variance", justify="right")
    for k in np.argsort(-parts, kind="stable")[:_SHOWN]:
        relative = found.slopes[k] / found.nominal if found.nominal else np.nan
        table.add_row(found.names[k], f"{relative:+.3f} %", f"{100 * parts[k] / total:.1f} %")
    return table


def _plot(wanted, found, x) -> Picture:
    from scipy.stats import norm

    from physsim.plotting import ABOVE, COLOURS, style

    sigma = found.predicted_deviation
    with style():
        picture = Picture(figsize=(7, 4.5))
        axis = picture.subplots()
        bins = np.histogram_bin_edges(x, min(60, max(10, int(math.sqrt(len(x))))))
        axis.hist(x, bins.tolist(), color=COLOURS[0], alpha=0.7, label=f"{len(x)} samples")
        if sigma > 0:
            fine = np.linspace(bins[0], bins[-1], 400)
            density = norm.pdf(fine, found.nominal, sigma) * len(x) * (bins[1] - bins[0])
            axis.plot(fine, density, color=COLOURS[1], label="predicted from derivatives")
        for limit in found.limits:
            if math.isfinite(limit):
                axis.axvline(limit, color="black", linestyle="--", linewidth=1)
        axis.set_xlabel(wanted.text.replace("$", r"\$"))
        axis.xaxis.set_major_formatter(EngFormatter(wanted.unit))
        axis.set_ylabel("circuits in each bin")
        axis.legend(**ABOVE, ncols=2)
    return picture
