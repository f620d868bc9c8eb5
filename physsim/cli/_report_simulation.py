"""A simulation on a page: waveforms, energy, spectra."""

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.signal import periodogram

from ._curves import Axis, Curves, Trace
from ._page import KeyFigures, Plot, Told, number
from ._run import Run, is_number, maybe

Waves = dict[str, Float[np.ndarray, " saves"]]
_NEEDED = {"samples": is_number, "t_end": is_number, "dt": maybe(is_number)}
_FEWEST_OF_A_SPECTRUM = 16
_MOST, _SHOWN = 24, 6
# A run so long is a solid block; its start is shown as well.
_LONG, _START = 4000, 400
_TIME = Axis("time", "s")
# A spectrum is shown down to this part of its largest line.
_FLOOR = 1e-6
# An energy that changes less is conserved.
_FLAT = 1e-6


def simulation(runs: Sequence[Run]) -> Told:
    """What one run says."""
    (run,) = runs
    figures = run.figures(_NEEDED)
    path, waves = _read_waves(run)
    rows = [
        ("time simulated", number(figures["t_end"], "s")),
        ("samples", number(figures["samples"])),
        ("step", number(figures["dt"], "s")),
        ("integrator", str(run.record.settings.get("integrator", "–"))),
    ]
    if "energy_error" in waves:
        largest = float(np.max(np.abs(waves["energy_error"])))
        rows.append(("largest relative change of the energy", number(largest)))
    nodes = run.record.settings.get("nodes")
    asked = [f"v({node})" for node in nodes] if isinstance(nodes, list) else []
    plots = [
        *_start_plot(waves, asked),
        *_wave_plots(waves, asked),
        *_energy_plots(waves),
    ]
    spectra = map(Plot, _spectrum_plots(waves, asked))
    return Told(KeyFigures(rows), [*(Plot(curves, path.name) for curves in plots), *spectra])


def _read_waves(run: Run) -> tuple[Path, Waves]:
    """The file of the waveforms, and each by its name."""
    binary, text = run.beside(".nc"), run.beside(".csv")
    path = binary if run.record.settings.get("format") == "nc" else text
    try:
        return path, _from_netcdf(path) if path == binary else _from_csv(path)
    except (OSError, ValueError, TypeError, KeyError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"{path}: not the waveforms of `physsim simulate`: {reason}") from error


def _from_csv(path: Path) -> Waves:
    with path.open(encoding="utf-8", newline="") as file:
        header = next(csv.reader(file), [])
        rows = file.readlines()
    if header[:1] != ["time"] or not rows:
        raise ValueError("expected a header, time and names, and a line a sample")
    table = np.loadtxt(rows, delimiter=",", ndmin=2)
    if table.shape[1] != len(header):
        raise ValueError(f"expected {len(header)} numbers a line")
    return dict(zip(header, table.T, strict=True))


def _from_netcdf(path: Path) -> Waves:
    import xarray

    with xarray.open_dataset(path, engine="scipy") as data:
        waves = {"time": data["time"].values}
        for name, labels in (("v", "node"), ("i", "element")):
            waves |= {
                f"{name}({k})": data[name].sel({labels: k}).values for k in data[labels].values
            }
        return waves | {n: data[n].values for n in ("energy", "energy_error") if n in data}


def _chosen(names: list[str], asked: list[str]) -> tuple[list[str], list[str]]:
    """(at most so many as a page holds, those shown at first)."""
    outer = [n for n in names if "." not in n] or names
    shown = [n for n in asked if n in names] or outer[: _SHOWN - 1] + outer[_SHOWN - 1 :][-1:]
    held = [*shown, *(n for n in names if n not in shown)][:_MOST]
    return [n for n in names if n in held], shown


def _start_plot(waves: Waves, asked: list[str]) -> list[Curves]:
    """The voltages at the start of a long run."""
    if len(waves["time"]) <= _LONG:
        return []
    start = {name: wave[:_START] for name, wave in waves.items()}
    note = f"The first {_START} of {len(waves['time'])} samples."
    return [
        replace(curves, title=f"start of the {curves.title}", note=note)
        for curves in _wave_plots(start, asked)[:1]
    ]


def _wave_plots(waves: Waves, asked: list[str]) -> list[Curves]:
    plots = []
    for letter, title, unit in (("v", "voltage", "V"), ("i", "current", "A")):
        names = [name for name in waves if name.startswith(f"{letter}(")]
        held, shown = _chosen(names, asked)
        traces = tuple(
            Trace(name, waves["time"], waves[name], shown=name in shown, smooth=True)
            for name in held
        )
        note = "" if held == names else f"{len(held)} of {len(names)} waveforms."
        if traces:
            plots.append(Curves(f"{title}s", _TIME, Axis(title, unit), traces, note))
    return plots


def _energy_plots(waves: Waves) -> list[Curves]:
    plots = []
    for name, title, unit in (
        ("energy", "stored energy", "J"),
        ("energy_error", "relative change of the energy", ""),
    ):
        if name in waves and np.ptp(waves[name]) > _FLAT * np.max(np.abs(waves[name])):
            trace = Trace(title, waves["time"], waves[name], colour=6)
            plots.append(Curves(title, _TIME, Axis(title, unit), (trace,)))
    return plots


def _spectrum_plots(waves: Waves, asked: list[str]) -> list[Curves]:
    """Of the voltages, where samples are equally spaced."""
    t = waves["time"]
    steps = np.diff(t)
    if len(t) < _FEWEST_OF_A_SPECTRUM or not np.allclose(steps, steps.mean(), rtol=1e-6):
        return []
    held, shown = _chosen([name for name in waves if name.startswith("v(")], asked)
    traces = []
    for name in held:
        f, power = periodogram(
            waves[name], 1 / steps.mean(), "hann", detrend="constant", scaling="spectrum"
        )
        traces.append(Trace(name, f[1:], np.sqrt(2 * power[1:]), shown=name in shown))
    largest = max((np.max(trace.y) for trace in traces), default=0.0)
    if not largest > 0:
        return []
    audible = max(np.max(t.x[t.y > 1e-4 * largest], initial=0.0) for t in traces)
    note = "Amplitudes of sines, by a Hann window over the whole run; its mean is left out."
    span = (0.0, min(1.25 * audible, float(traces[0].x[-1])))
    up = Axis("amplitude", "V", log=True, span=(_FLOOR * largest, 2 * largest))
    return [
        Curves(
            "spectra of the voltages", Axis("frequency", "Hz", span=span), up, tuple(traces), note
        )
    ]
