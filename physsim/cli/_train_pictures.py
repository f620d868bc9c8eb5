"""The plots of `train`."""

import numpy as np
from matplotlib.figure import Figure

from physsim.plotting import ABOVE, COLOURS, style

from ._curves import Axis, Curves, Trace, draw


def curves_picture(epochs, metric: str) -> Figure:
    """Losses, and the score of the validation series, over the epochs."""
    steps = [epoch.step for epoch in epochs]
    with style():
        figure = Figure(figsize=(7, 5))
        above, below = figure.subplots(2, 1, sharex=True)
        for name, values, colour in (
            ("training", [e.loss for e in epochs], COLOURS[0]),
            ("validation", [e.validation_loss for e in epochs], COLOURS[1]),
        ):
            above.plot(steps, values, color=colour, label=name)
        above.set(ylabel="loss", yscale="log")
        above.legend(**ABOVE, ncols=2)
        sign = 1 if metric == "accuracy" else -1
        below.plot(steps, [sign * e.validation_score for e in epochs], color=COLOURS[1])
        below.set(ylabel=f"{metric}, validation", xlabel="epoch")
    return figure


def confusion_picture(confusion: np.ndarray, classes: tuple[str, ...]) -> Figure:
    """How often each class was taken for which."""
    size = 2.5 + 0.4 * len(classes)
    with style():
        figure = Figure(figsize=(size, size))
        axis = figure.add_subplot()
        axis.imshow(confusion, cmap="Blues", vmin=0)
        axis.grid(False)
        for (i, j), count in np.ndenumerate(confusion):
            if count:
                dark = count > confusion.max() / 2
                axis.text(j, i, str(count), ha="center", va="center",
                          color="white" if dark else "black")  # fmt: skip
        ticks = range(len(classes))
        axis.set_xticks(ticks, classes, rotation=90)
        axis.set_yticks(ticks, classes)
        axis.set(xlabel="predicted class", ylabel="true class")
    return figure


def readings_curves(data, predictions: np.ndarray) -> Curves:
    """The first test series: what was asked, and what the stack read."""
    steps = (np.arange(data.targets.shape[2]) + 1) * data.every
    look = "dots" if len(steps) < 3 else "line"
    traces = (
        Trace("true", steps, data.targets[0, 0], look, 6),
        Trace("read", steps, predictions[0, :, 0], look, 0),
    )
    value = Axis("value, in standard deviations")
    return Curves("the first test series", Axis("time step"), value, traces)


def readings_picture(curves: Curves) -> Figure:
    """One pair of axes."""
    with style():
        figure = Figure(figsize=(7, 3.5))
        draw(curves, figure.add_subplot())
    return figure


def agreement_picture(rows: dict[str, dict[str, tuple[float, float]]]) -> Figure:
    """1 - cosine, and the norm ratio's distance from 1, of each group of parameters."""
    names = list(next(iter(rows.values())))
    with style():
        figure = Figure(figsize=(7, 6))
        above, below = figure.subplots(2, 1, sharex=True)
        for i, (method, row) in enumerate(rows.items()):
            values = np.array([row[name] for name in names])
            # Cosines are rounded to 1 within 1e-16.
            for axis, y in ((above, 1 - values[:, 0]), (below, np.abs(values[:, 1] - 1))):
                axis.semilogy(np.maximum(y, 1e-17), "o", color=COLOURS[i], markersize=4,
                              label=method)  # fmt: skip
        above.set(ylabel="1 - cosine with BPTT")
        below.set(ylabel="|norm ratio - 1|")
        below.set_xticks(range(len(names)), names, rotation=90, fontsize=7)
        above.legend(**ABOVE, ncols=3)
    return figure
