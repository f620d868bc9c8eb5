"""What an identification looks like."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

import learning
from physsim.plotting import COLOURS, style

from ._analysis import unit_of

_SHOWN = 600


def identified_picture(identification, found) -> Figure:
    """Fit, residual spectrum and attractor: measured, and as the model runs free."""
    measured = identification.measured
    rows = found.residuals * identification.scales
    # A forced fit predicts from the second sample on.
    first = 0 if found.window else 1
    fitted = measured.values[first:][: len(rows)] + rows
    free = _free(identification, found, len(measured.values)) * identification.scales
    with style():
        figure = Figure(figsize=(8, 8))
        rows = figure.subplots(2, 2)
        _waves(rows[0, 0], measured, fitted, first)
        _spectrum(rows[0, 1], measured, found.residuals)
        for axis, series, title in (
            (rows[1, 0], measured.values, "measured"),
            (rows[1, 1], free, "free run"),
        ):
            _attractor(axis, series, measured)
            axis.set_title(title)
        for axis in rows[1]:
            axis.set(xlim=rows[1, 0].get_xlim(), ylim=rows[1, 0].get_ylim())
    return figure


def _free(identification, found, length: int) -> np.ndarray:
    """What the model shows on its own, from where the first window starts."""
    box = identification.box

    @eqx.filter_jit
    def run(logs, z0):
        model, observation = box.make(logs)
        inputs = jax.tree.map(lambda x: x[: length - 1], box.inputs)
        zs = learning.solve(
            model, z0, inputs, num_steps=length - 1, solver=learning.Sequential(), throw=False
        ).zs
        return jax.vmap(observation)(zs)

    return np.asarray(run(jnp.log(jnp.asarray(found.factors)), jnp.asarray(found.states[0])))


def _waves(axis, measured, fitted, first) -> None:
    t = 1e3 * measured.times[first:][: min(_SHOWN, len(fitted))]
    for k, name in enumerate(measured.quantities):
        colour = COLOURS[k % len(COLOURS)]
        axis.plot(
            t, measured.values[first:][: len(t), k], ".", markersize=2, color=colour, alpha=0.5
        )
        axis.plot(t, fitted[: len(t), k], linewidth=1, color=colour, label=name)
    units = dict.fromkeys(unit_of(name) for name in measured.quantities)
    axis.set(xlabel="time (ms)", ylabel=f"fit ({', '.join(units)}), dots measured")
    axis.legend()


def _spectrum(axis, measured, residuals) -> None:
    f = np.fft.rfftfreq(len(residuals), measured.dt) / 1e3
    density = np.abs(np.fft.rfft(residuals, axis=0)) ** 2 / len(residuals)
    for k, name in enumerate(measured.quantities):
        axis.semilogy(f[1:], density[1:, k], linewidth=0.7, label=name)
    axis.set(xlabel="frequency (kHz)", ylabel="residual power (signal variance a sample)")
    axis.legend()


def _attractor(axis, series, measured) -> None:
    """Two channels against each other; of one, its value later against now."""
    names = measured.quantities
    if series.shape[1] > 1:
        x, y = series[:, 0], series[:, 1]
        labels = [f"{name} ({unit_of(name)})" for name in names[:2]]
    else:
        lag = max(1, len(series) // 200)
        x, y = series[:-lag, 0], series[lag:, 0]
        unit = unit_of(names[0])
        labels = [f"{names[0]} ({unit})", f"{names[0]} {lag} samples later ({unit})"]
    axis.plot(x, y, linewidth=0.4, color=COLOURS[0])
    axis.set(xlabel=labels[0], ylabel=labels[1])
