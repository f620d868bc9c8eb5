"""The echo of a run, as curves: it retraces the run, and on its way the gradient adds up."""

from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import learning
from physsim.plotting import style

from ._curves import Axis, Curves, Trace, draw

_EPSILON = 1e-3
_MOST, _MOST_VALUES = 3, 5
_EVERY = 8
_OVER_LEGEND = 24
_NOTE = (
    f"At most {_MOST} charges and {_MOST_VALUES} derivatives are shown, the largest. Derivatives "
    "are at a fixed state at the start: what its charges owe to the capacitors is not in them. "
    "Backpropagation (BPTT) gives the circles."
)


def echo_panels(
    circuit, arguments, options, exact: learning.Gradients, epsilon: float | None
) -> list[Curves]:
    """Three plots over the time of the run.

    `arguments` and `options` are those of a gradient method, `exact` are the derivatives by
    backpropagation. Raises `ValueError` where there is no echo.
    """
    record = learning.record_echo(*arguments, **options, epsilon=epsilon or _EPSILON)
    t = np.asarray(record.ts) * circuit.scales.time
    forward, plus, minus = (
        np.asarray(run.p) for run in (record.forward, record.echo_plus, record.echo_minus)
    )
    swings = np.ptp(forward, axis=0)
    names = circuit.hamiltonian.coordinates
    shown = list(enumerate(sorted(np.argsort(-swings, kind="stable")[:_MOST])))
    run = [Trace(f"Q({names[i]})", t, forward[:, i], colour=k, smooth=True) for k, i in shown]
    run += [
        Trace(f"echo, -Q({names[i]})", t[::_EVERY], -plus[::_EVERY, i], "dots", k) for k, i in shown
    ]
    apart = [
        Trace(f"Q({names[i]})", t, (plus - minus)[:, i], colour=k, smooth=True) for k, i in shown
    ]
    time = Axis("time (the echo runs from right to left)", "s")
    return [
        Curves("The echo retraces the run ...", time, Axis("charge (dimensionless)"), tuple(run)),
        Curves(
            "... up to the nudges' trace ...", time, Axis("echo(+eps) - echo(-eps)"), tuple(apart)
        ),
        Curves(
            "... on which the gradient adds up (circles: BPTT, the start held)",
            time,
            Axis("gradient so far"),
            _growing(
                t,
                circuit.hamiltonian.parameter_names(),
                record.gradient,
                _along_the_run(arguments, exact),
            ),
            _NOTE,
        ),
    ]


def _along_the_run(arguments, exact: learning.Gradients) -> Any:
    """The derivatives by the parameters, without what the state at the start owes to them."""
    H, _, start, _ = arguments
    if not callable(start):
        return exact.params
    _, pull = eqx.filter_vjp(start, H)
    return jax.tree.map(lambda whole, part: whole - part, exact.params, pull(exact.y0)[0])


def _growing(t, names, gradient, exact) -> tuple[Trace, ...]:
    """The largest derivatives along the echo, and where backpropagation says they end."""
    paths, ends = _columns(gradient, len(t)), _columns(exact, 1)[0]
    largest = sorted(np.argsort(-np.abs(ends), kind="stable")[:_MOST_VALUES])
    lines = [Trace(f"dL/d{names[i]}", t, paths[:, i], colour=k) for k, i in enumerate(largest)]
    return (*lines, Trace("BPTT", np.zeros(len(largest)), ends[largest], "rings", 6))


def _columns(tree: Any, rows: int) -> Float[np.ndarray, "rows parameters"]:
    """A column a scalar parameter."""
    leaves = [np.asarray(leaf).reshape(rows, -1) for leaf in jax.tree.leaves(tree)]
    return np.concatenate(leaves, axis=1)


def echo_picture(panels: list[Curves]) -> Figure:
    """The three plots, one under the other."""
    with style():
        figure = Figure(figsize=(7, 8))
        for axis, curves in zip(figure.subplots(3, 1, sharex=True), panels, strict=True):
            draw(curves, axis)
            axis.set_title(curves.title, pad=_OVER_LEGEND)
            axis.label_outer()
    return figure
