"""What a reconstruction looks like."""

import numpy as np
from matplotlib.figure import Figure

from physsim.plotting import COLOURS, style

_SHOWN = 1500
_POINTS = 6000


def reconstruction_picture(found, judged, series) -> Figure:
    """Attractors, spectra, waves and the course of training."""
    import learning

    measured, generated = series.values, judged.generated[len(series) // 4 :]
    with style():
        figure = Figure(figsize=(9, 7))
        rows = figure.subplots(2, 2)
        _attractors(rows[0, 0], measured, generated, series.labels)
        axis = rows[0, 1]
        for values, name, colour in ((measured, "measured", COLOURS[6]),
                                     (generated, "model", COLOURS[1])):  # fmt: skip
            spectrum = learning.power_spectra(values)[:, 0]
            f = np.fft.rfftfreq(len(values), series.dt)
            axis.semilogy(f[1:], spectrum[1:], label=name, color=colour, linewidth=1)
        axis.set(xlabel="frequency (1 / time)", ylabel=f"power of {series.labels[0]}, sums to 1")
        axis.legend()
        t = series.dt * np.arange(_SHOWN)
        axis = rows[1, 0]
        axis.plot(t[: len(measured)], measured[:_SHOWN, 0], color=COLOURS[6], linewidth=0.8)
        axis.plot(t[: len(generated)], generated[:_SHOWN, 0], color=COLOURS[1], linewidth=0.8)
        axis.set(xlabel="time", ylabel=f"{series.labels[0]} (standard deviations)")
        _course(rows[1, 1], found.state)
    return figure


def _attractors(axis, measured, generated, labels) -> None:
    at = (0, min(2, measured.shape[1] - 1))
    for values, name, colour in ((measured, "measured", COLOURS[6]),
                                 (generated, "model", COLOURS[1])):  # fmt: skip
        x, y = (values[:_POINTS, k] for k in at)
        if at[0] == at[1]:
            x, y = x[:-5], y[5:]
        axis.plot(x, y, linewidth=0.3, color=colour, label=name)
    axis.set(xlabel=f"{labels[at[0]]} (standard deviations)",
             ylabel=f"{labels[at[1]]} (standard deviations)")  # fmt: skip
    axis.legend()


def _course(axis, state) -> None:
    axis.semilogy(state.losses, color=COLOURS[0], linewidth=0.5, label="loss")
    if len(state.judged):
        axis.semilogy(state.judged[:, 0], state.judged[:, 1], ".-", color=COLOURS[1],
                      label="D_stsp")  # fmt: skip
    axis.set(xlabel="update", ylabel="loss (variances), D_stsp (nats)")
    axis.legend()
