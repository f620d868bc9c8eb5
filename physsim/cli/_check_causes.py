"""Where the differences between gradients come from, as a table and a picture."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, NullLocator
from rich.table import Table

from learning import ErrorCurves
from physsim.plotting import ABOVE, COLOURS, style

# Below this the continuous adjoint's own tolerance shows.
_FLOOR = 2e-8


def slope(x: np.ndarray, y: np.ndarray, floor: float = _FLOOR) -> float | None:
    """The power with which y falls with x, between points above `floor`; None without two."""
    above = y > floor
    if np.count_nonzero(above) < 2:
        return None
    return float(np.polyfit(np.log(x[above]), np.log(y[above]), 1)[0])


def causes_table(curves: ErrorCurves) -> Table:
    """One row a cause: what differs, by how much, and how it scales."""
    table = Table(title="where differences come from")
    for title in ("cause", "seen in", "relative error", "scaling"):
        table.add_column(title)
    _add_nudges(table, curves)
    _add_step(table, curves)
    if curves.rounding is not None:
        table.add_row(
            "rounding",
            "ReversibleAdjoint - BPTT",
            f"{curves.rounding:.1e}",
            "the floating-point precision, times the growth of small changes along the run",
        )
    if curves.missed is not None:
        table.add_row(
            "non-reversibility",
            "the flipped run's end - its start",
            f"{curves.missed:.1e}",
            "rounding alone: the method retraces exactly",
        )
    if curves.unreversed is not None:
        table.add_row(
            "non-reversibility",
            "RHEL(gain=False) - BPTT",
            f"{curves.unreversed:.1e}",
            "losses: 1 - exp(-omega T / Q) for small omega T / Q, whatever epsilon and dt",
        )
    for method, why in curves.refused.items():
        table.add_row("refused", method, "-", why)
    return table


def _add_nudges(table: Table, curves: ErrorCurves) -> None:
    if curves.by_epsilon is None:
        return
    best = int(np.argmin(curves.by_epsilon))
    table.add_row(
        "size of nudges",
        "RHEL - BPTT",
        f"{curves.by_epsilon[best]:.1e} at epsilon = {curves.epsilons[best]:g}",
        f"epsilon^2 above (measured: {_shown(_rise(curves, best))}), rounding / epsilon below",
    )


def _rise(curves: ErrorCurves, best: int) -> float | None:
    """The power of epsilon from the best one up."""
    assert curves.by_epsilon is not None
    e, y = curves.epsilons, curves.by_epsilon
    # The smallest nudges show rounding, the largest are beyond the leading power.
    inside = (e > e[best]) & (y < 1e-2) & (y > 10 * y[best])
    return slope(e[inside], y[inside], 0.0)


def _add_step(table: Table, curves: ErrorCurves) -> None:
    table.add_row(
        "the step",
        "BPTT - ContinuousAdjoint",
        f"{curves.by_step[0]:.1e}",
        f"dt^{curves.order} (measured: {_shown(slope(curves.steps, curves.by_step))})",
    )


def _shown(power: float | None) -> str:
    return "below rounding" if power is None else f"power {power:.2f}"


def causes_picture(curves: ErrorCurves, time_unit: float) -> Figure:
    """Errors against epsilon and against the step (s)."""
    with style():
        figure = Figure(figsize=(7, 3.4))
        left, right = figure.subplots(1, 2, sharey=True)
        if curves.by_epsilon is None:
            left.text(0.5, 0.5, "no echo", transform=left.transAxes, ha="center")
        else:
            e, y = curves.epsilons, curves.by_epsilon
            left.loglog(e, y, "o-", color=COLOURS[0], label="RHEL")
            guide = y[0] * (e / e[0]) ** 2
            left.loglog(e, guide, "--", color=COLOURS[6], lw=0.8, label="epsilon$^2$")
            left.legend(**ABOVE, ncols=2)
        left.set(xlabel="epsilon (units of the state)", ylabel="relative error of the gradient")
        h = curves.steps * time_unit
        right.loglog(h, curves.by_step, "s-", color=COLOURS[1], label="BPTT")
        guide = curves.by_step[0] * (h / h[0]) ** curves.order
        right.loglog(h, guide, "--", color=COLOURS[6], lw=0.8, label=f"dt$^{curves.order}$")
        right.legend(**ABOVE, ncols=2)
        right.xaxis.set_major_formatter(EngFormatter("s", places=2))
        right.set_xticks(h)
        right.xaxis.set_minor_locator(NullLocator())
        right.set(xlabel="step")
        low = np.min(curves.by_step) / 10
        if curves.by_epsilon is not None:
            low = min(low, np.min(curves.by_epsilon) / 10)
        left.set_ylim(bottom=max(low, 1e-17))
    return figure
