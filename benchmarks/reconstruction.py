"""Reconstructing a bursting neuron: lengths of windows, and linear against nonlinear recurrences"""

import time
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import optax

import learning
from physsim.plotting import COLOURS, style

from . import report

_LENGTHS = (200, 800, 3200, 12_800)
_BATCH, _ALPHA, _UNITS, _HIDDEN = 4, 0.1, 50, 2
_FIRST, _LAST = 2e-3, 2e-5
_RECURRENCE_LENGTH = 800
_MODES = 16
_MEASURES = ("D_stsp", "D_H", "PE(50)")


class _Effort(NamedTuple):
    """Updates that all lengths get, or seconds of processor time; of how many seeds."""

    updates: int
    seconds: float
    seeds: int


def measure(quick: bool) -> dict:
    """Windows of each length for as many updates and for as much time; then other models."""
    lengths = _LENGTHS[:2] if quick else _LENGTHS
    effort = _Effort(20, 2.0, 1) if quick else _Effort(300, 12.0, 3)
    return {
        "windows": _windows(_series(quick, 2), lengths, effort),
        "recurrences": _recurrences(_series(quick, 3), effort),
    }


def _series(quick: bool, channels: int):
    """(what is learned from, what judges); of two channels, the slow adaptation is hidden."""
    whole = learning.generate(learning.BurstingNeuron(), 10_000 if quick else 80_000)
    shown = learning.Series(
        whole.values[:, :channels], whole.dt, whole.labels[:channels]
    ).standardised()
    first, last = shown.split(0.5)
    return first.noisy(0.01, 0), last


def _windows(data, lengths, effort: _Effort) -> list[dict]:
    rows = []
    for length in lengths:
        optimiser = _optimiser(effort.updates)
        for seed in range(effort.seeds):
            row = _run(_network(data[0], seed), data, length, effort.updates, seed, optimiser)
            rows.append({"equal": "updates", "length": length, **row})
            print(" ", rows[-1], flush=True)
        each = min(row["ms"] for row in rows if row["length"] == length) / 1e3
        updates = max(5, round(effort.seconds / each))
        optimiser = _optimiser(updates)
        for seed in range(effort.seeds):
            row = _run(_network(data[0], seed), data, length, updates, seed, optimiser)
            rows.append({"equal": "time", "length": length, **row})
            print(" ", rows[-1], flush=True)
    return rows


def _recurrences(data, effort: _Effort) -> list[dict]:
    """A linear recurrence with a nonlinear read-out, and a nonlinear one by two solvers.

    All states are measured: DEER needs them forced.
    """
    cases = {
        "linear, blocked scan": (_linear, None),
        "shPLRNN, BPTT": (_network, learning.Sequential()),
        "shPLRNN, GTF-DEER": (_network, learning.DEER()),
    }
    rows = []
    for name, (make, solver) in cases.items():
        optimiser = _optimiser(effort.updates)
        for seed in range(effort.seeds):
            row = _run(
                make(data[0], seed), data, _RECURRENCE_LENGTH, effort.updates, seed, optimiser,
                solver,
            )  # fmt: skip
            rows.append({"model": name, "length": _RECURRENCE_LENGTH, **row})
            print(" ", rows[-1], flush=True)
    return rows


def _network(series, seed: int):
    channels = series.values.shape[1]
    states = channels + (_HIDDEN if channels == 2 else 0)
    learned, _ = series.split(0.8)
    network = learning.ShallowPLRNN.draw(states, _UNITS, seed)
    return learning.ForcedModel.of(
        learning.regressed(network, learned.values, seed), channels, states
    )


def _linear(series, seed: int):
    return learning.LinearStateSpace.draw(series.values.shape[1], _MODES, _UNITS, seed)


def _optimiser(updates: int):
    rates = optax.exponential_decay(_FIRST, updates, _LAST / _FIRST)
    return optax.chain(optax.clip_by_global_norm(1.0), optax.radam(rates))


def _run(model, data, length: int, updates: int, seed: int, optimiser, solver=None) -> dict:
    """Train, choose on what is held out, judge; milliseconds of processor time an update."""
    series, judging = data
    training = learning.Training(
        updates=updates, length=length, batch=_BATCH, seed=seed, judge_every=max(1, updates // 5)
    )
    marks: list[float] = []
    found = learning.reconstruct(
        model, series, training, alpha=learning.FixedAlpha(_ALPHA), optimiser=optimiser,
        solver=solver, progress=False, told=lambda state: marks.append(time.process_time()),
    )  # fmt: skip
    judged = learning.evaluate(found.reconstruction, judging, exponent=False, predictions=(50,))
    return {
        "seed": seed, "updates": updates, "ms": 1e3 * float(np.median(np.diff(marks))),
        "D_stsp": judged.divergence, "D_H": judged.spectral, "PE(50)": judged.predictions[50],
    }  # fmt: skip


def _summary(rows: list[dict], key: str) -> str:
    """Mean and standard deviation over the seeds."""
    values = [row[key] for row in rows]
    return f"{np.mean(values):.2g} ± {np.std(values, ddof=min(1, len(values) - 1)):.1g}"


def _table(rows: list[dict], heads: tuple[str, ...]) -> str:
    cells = []
    for case in dict.fromkeys(tuple(row[head] for head in heads) for row in rows):
        these = [row for row in rows if tuple(row[head] for head in heads) == case]
        spent = [these[0]["updates"], f"{np.median([row['ms'] for row in these]):.1f}"]
        cells.append([*case, *spent, *(_summary(these, key) for key in _MEASURES)])
    return report.markdown([*heads, "updates", "ms an update", *_MEASURES], cells)


def table(result: dict) -> str:
    """Markdown: means and standard deviations over seeds."""
    return "\n\n".join([
        _table(result["windows"], ("equal", "length")),
        _table(result["recurrences"], ("model", "length")),
    ])  # fmt: skip


def plot(result: dict, folder) -> None:
    """The measures by the length of windows."""
    rows = result["windows"]
    with style():
        figure, axes = plt.subplots(1, len(_MEASURES), figsize=(9, 3.2), layout="constrained")
        for axis, key in zip(axes, _MEASURES, strict=True):
            for kind, colour in (("updates", COLOURS[0]), ("time", COLOURS[1])):
                lengths = list(dict.fromkeys(r["length"] for r in rows))
                values = [
                    [r[key] for r in rows if (r["length"], r["equal"]) == (length, kind)]
                    for length in lengths
                ]
                middle = np.mean(values, axis=1)
                spread = np.std(values, axis=1, ddof=min(1, len(values[0]) - 1))
                axis.errorbar(lengths, middle, spread, fmt=".-", color=colour, capsize=3,
                              label=f"equal {kind}")  # fmt: skip
            axis.set(xlabel="window (samples)", ylabel=key, xscale="log")
        axes[0].legend()
        figure.savefig(folder / "long_windows.png")
        plt.close(figure)
