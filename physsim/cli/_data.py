"""The runs of a task: what its sources do in each, and the label or target of each."""

import math
from pathlib import Path
from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import circuits
import learning

from ._patterns import PATTERNS, draw
from ._waveform_file import read_columns


@final
class ScaledSources(eqx.Module):
    """t -> what the sources do, each multiplied by a factor [m] of the run's own."""

    sources: Any
    factors: Float[Array, "*runs m"]

    def __call__(self, t):
        return self.sources(t) * self.factors


def make_samples(task, circuit, times: Float[np.ndarray, " K"], seed: int):
    """(samples to learn from, samples to judge by or None), for steps that end at `times` (s).

    Raises `ValueError` for sources, files or shapes that don't fit.
    """
    options, where = task.data, f"{task.path}: [data] "
    at = [_input(circuit, name, where) for name in options["sources"]]
    if options["file"]:
        inputs, labels, targets = _from_file(task, circuit, at, times)
    else:
        pattern = PATTERNS[options["pattern"]]
        if len(at) != pattern.drives:
            raise ValueError(f"{where}{options['pattern']} drives {pattern.drives} sources, "
                             f"not {len(at)}: {', '.join(options['sources'])}")  # fmt: skip
        points, labels = draw(pattern, options["samples"], options["noise"], seed)
        targets = None
        if pattern.is_shape:
            grid = np.linspace(0, times[-1], points.shape[1])
            inputs = _held(circuit, at, _resampled(grid, points, times), times, options)
        else:
            inputs = _scaled(circuit, at, points)
    _check_labels(task, labels, where)
    samples = learning.Samples(
        inputs,
        None if targets is None else jnp.asarray(targets),
        None if labels is None else jnp.asarray(labels),
    )
    held_out = round(options["validation"] * len(samples))
    order = np.random.default_rng([seed, 79]).permutation(len(samples))
    if not held_out:
        return samples, None
    return samples[order[held_out:]], samples[order[:held_out]]


def _input(circuit, name: str, where: str) -> int:
    names = [known.lower() for known in circuit.hamiltonian.input_names]
    if str(name).lower() not in names:
        raise ValueError(f"{where}no current source {name!r} among {', '.join(names) or 'none'}")
    return names.index(str(name).lower())


def _check_labels(task, labels, where: str) -> None:
    if task.goal != "classes":
        return
    if labels is None:
        raise ValueError(f"{where}the file holds no labels")
    classes, readouts = int(labels.max()) + 1, len(task.classes["readouts"])
    if classes != readouts or labels.min() < 0:
        raise ValueError(f"{task.path}: [classes] has {readouts} readouts for {classes} classes")


def _scaled(circuit, at: list[int], points: Float[np.ndarray, "N drives"]) -> ScaledSources:
    """The sources' own waveforms, those at `at` multiplied by the points' coordinates."""
    factors = np.ones((len(points), len(circuit.hamiltonian.input_names)))
    factors[:, at] = points
    return ScaledSources(circuit.drive, jnp.asarray(factors))


def _held(circuit, at, waves: Float[np.ndarray, "N drives K"], times, options):
    """Inputs [N, K, m] held over each step: `waves` in units of the amplitude."""
    middle = (times - times[0] / 2) / circuit.scales.time
    own = np.stack([np.asarray(circuit.drive(jnp.asarray(t))) for t in middle])
    inputs = np.repeat(own[None], len(waves), axis=0)
    amplitude = circuits.parse_number(str(options["amplitude"]), "[data] amplitude", "A")
    if not (amplitude > 0 and math.isfinite(amplitude)):
        raise ValueError(f"[data] amplitude must be positive, got {options['amplitude']}")
    inputs[:, :, at] = np.moveaxis(waves, 1, 2) * amplitude / circuit.scales.current
    return jnp.asarray(inputs)


def _resampled(grid, waves, times) -> Float[np.ndarray, "N 1 K"]:
    """Waveforms over `grid` at the middles of the steps."""
    middle = times - times[0] / 2
    return np.stack([np.interp(middle, grid, wave) for wave in waves])[:, None]


def _from_file(task, circuit, at, times):
    """(inputs, labels or None, targets or None) from a CSV or npz file.

    CSV: a column of times, then a column a sample, named by its label. npz: `time` [T],
    `inputs` [N, T] or [N, T, sources], `labels` [N] or `targets` [N, T], all in SI.
    """
    path = task.file(task.data["file"])
    if path.suffix == ".csv":
        grid, waves, names = read_columns(path)
        content = {"inputs": waves}
        if task.goal == "classes":
            content["labels"] = _numbers(path, names)
    elif path.suffix == ".npz":
        grid, content = _read_npz(path)
    else:
        raise ValueError(f"{path}: samples are read from .csv or .npz")
    waves = np.atleast_3d(content["inputs"])
    if waves.ndim != 3 or waves.shape[1:] != (grid.size, len(at)):
        raise ValueError(
            f"{path}: inputs of shape {content['inputs'].shape} for {grid.size} times and "
            f"{len(at)} sources; expected (samples, times, sources)"
        )
    if not (np.all(np.diff(grid) > 0) and np.all(np.isfinite(waves))):
        raise ValueError(f"{path}: times must increase, and all numbers be finite")
    if times[-1] > grid[-1] * (1 + 1e-9):
        raise ValueError(f"{path}: ends at {grid[-1]:.6g} s, the run at {times[-1]:.6g} s")
    sources = [_resampled(grid, waves[:, :, i], times) for i in range(len(at))]
    inputs = _held(circuit, at, np.concatenate(sources, axis=1), times, task.data)
    labels, targets = content.get("labels"), content.get("targets")
    if labels is not None and labels.shape != (len(waves),):
        raise ValueError(f"{path}: labels of shape {labels.shape} for {len(waves)} samples")
    if targets is None:
        return inputs, labels, None
    if targets.shape != (len(waves), grid.size):
        raise ValueError(
            f"{path}: targets of shape {targets.shape} for {len(waves)} samples of {grid.size} "
            f"times; expected ({len(waves)}, {grid.size})"
        )
    return inputs, labels, np.stack([np.interp(times, grid, row) for row in targets])


def _numbers(path: Path, names: list[str]) -> np.ndarray:
    try:
        return np.array([int(name.split(".")[0]) for name in names])
    except ValueError:
        raise ValueError(f"{path}: columns must be named by their class, 0, 1, ...") from None


def _read_npz(path: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    with np.load(path, allow_pickle=False) as file:
        content = {name: file[name] for name in file.files}
    missing = {"time", "inputs"} - set(content)
    if missing:
        raise ValueError(f"{path}: no array {', '.join(sorted(missing))}")
    return content.pop("time"), content
