"""A circuit with unknown values, and what was measured of it."""

import math
from dataclasses import dataclass
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import learning
from circuits import Circuit
from physsim import PhaseState, fastest_decay

from ._analysis import shortest_period
from ._measured import Measured

_FEWEST_A_PERIOD = 6.0
_MOST_SUBSTEPS = 128
_STEP_ERROR = 1e-4


@final
class Unknowns(eqx.Module):
    """The Hamiltonian as a function of the logarithms of some values' factors."""

    leaves: Any
    structure: Any = eqx.field(static=True)
    index: tuple[int, ...] = eqx.field(static=True)

    def __call__(self, logs):
        flat = jnp.concatenate([jnp.ravel(x) for x in self.leaves])
        at = jnp.asarray(self.index)
        flat = flat.at[at].set(flat[at] * jnp.exp(logs))
        ends = np.cumsum([x.size for x in self.leaves])[:-1]
        pieces = jnp.split(flat, ends)
        shaped = [p.reshape(x.shape) for p, x in zip(pieces, self.leaves, strict=True)]
        return jax.tree.unflatten(self.structure, shaped)


@final
@dataclass(frozen=True)
class Identification:
    """What `learning.identify` needs, and how to come back to SI."""

    circuit: Circuit
    measured: Measured
    box: learning.GreyBox
    scales: np.ndarray
    """One unit of the box's data in SI, [N]."""
    unknowns: Unknowns
    substeps: int

    def identified(self, logs: np.ndarray) -> Circuit:
        """The circuit with its values multiplied by exp(logs)."""
        return self.circuit.with_hamiltonian(self.unknowns(jnp.asarray(logs)))


def make_identification(
    circuit: Circuit, measured: Measured, fit: tuple[str, ...], known: tuple[str, ...]
) -> Identification:
    """Everything that does not change while values are fitted.

    Raises `ValueError` for names that don't fit, values that start at zero, quantities that the
    circuit lacks or that are redundant, and sampling too coarse for the circuit.
    """
    names, index = _chosen(circuit, fit, known)
    readouts = [circuit.readout(name) for name in measured.quantities]
    _check_sampling(circuit, measured)
    scales = measured.values.std(axis=0)
    data = jnp.asarray(measured.values / scales)
    leaves, structure = jax.tree.flatten(circuit.hamiltonian)
    unknowns = Unknowns(leaves, structure, index)
    drive = _Drive(circuit, measured)
    states = 2 * len(circuit.hamiltonian.coordinates)
    _observation(circuit.hamiltonian, readouts, scales, drive)

    def box(substeps: int) -> learning.GreyBox:
        def make(logs):
            H = unknowns(logs)
            field = learning.HamiltonianField(H.prepare())
            model = learning.RungeKutta4(field, drive.dt, substeps, sampled=True)
            return model, _observation(H, readouts, scales, drive)

        return learning.GreyBox(make, names, states, data, drive.inputs(substeps))

    substeps = _substeps(circuit, drive.dt, box)
    return Identification(circuit, measured, box(substeps), scales, unknowns, substeps)


def _observation(H, readouts, scales, drive: "_Drive"):
    """What is measured of a state, in units of `scales`, linear in it."""
    n = len(H.coordinates)

    def measure(z):
        y = PhaseState(z[:n], z[n:])
        found = [r(H, y, drive.rest) / s for r, s in zip(readouts, scales, strict=True)]
        return jnp.stack(found)

    return learning.AffineObservation.linearised(measure, jnp.zeros(2 * n), hidden=True)


@final
class _Drive:
    """The sources at the stages of the method, in the circuit's own units."""

    def __init__(self, circuit: Circuit, measured: Measured):
        self.dt = measured.dt / circuit.scales.time
        self._start = measured.start / circuit.scales.time
        self._steps = len(measured.values) - 1
        self._drive = circuit.drive
        self.rest = jnp.zeros(len(circuit.hamiltonian.input_names))

    def inputs(self, substeps: int):
        """[T, 2 substeps + 1, m]: at the beginnings, middles and ends of substeps."""
        stages = np.arange(2 * substeps + 1) / (2 * substeps)
        times = self._start + self.dt * (np.arange(self._steps)[:, None] + stages)
        if self._drive is None:
            return jnp.zeros((*times.shape, 0))
        return jax.vmap(jax.vmap(self._drive))(jnp.asarray(times))


def _chosen(circuit: Circuit, fit: tuple[str, ...], known: tuple[str, ...]):
    """(names of the values to find, their places)."""
    H = circuit.hamiltonian
    names = H.parameter_names()
    every = fit or tuple(dict.fromkeys(name.partition(".")[0] for name in names))
    picked = _picked(circuit, every, "--fit") if fit else np.ones(len(names), bool)
    fixed = _picked(circuit, known, "--known")
    index = tuple(np.flatnonzero(picked & ~fixed).tolist())
    if not index:
        raise ValueError("no values are left to find: name fewer by --known, or more by --fit")
    values = circuit.values()
    zero = [names[i] for i in index if values[names[i]] == 0]
    if zero:
        raise ValueError(f"{zero[0]} starts at 0, which has no logarithm: give it a start, or "
                         f"name it by --known")  # fmt: skip
    return tuple(names[i] for i in index), index


def _picked(circuit: Circuit, patterns: tuple[str, ...], where: str) -> np.ndarray:
    """Which values the patterns name: an element stands for all of its values."""
    import fnmatch

    names = [name.lower() for name in circuit.hamiltonian.parameter_names()]
    picked = np.zeros(len(names), bool)
    for pattern in patterns:
        wanted = pattern.lower()
        found = [
            fnmatch.fnmatchcase(name, wanted) or fnmatch.fnmatchcase(name.partition(".")[0], wanted)
            for name in names
        ]
        if not any(found):
            raise ValueError(f"{where}: no value {pattern!r} among {', '.join(circuit.values())}")
        picked |= np.array(found)
    return picked


def _check_sampling(circuit: Circuit, measured: Measured) -> None:
    period = shortest_period(circuit)
    if math.isinf(period):
        return
    if period < _FEWEST_A_PERIOD * measured.dt:
        raise ValueError(
            f"{measured.path}: one sample every {measured.dt:.4g} s is too coarse for a circuit "
            f"that oscillates in {period:.4g} s: measure at least {_FEWEST_A_PERIOD:.0f} samples a "
            "period, or give the unit of the times, such as time [us]"
        )
    span = measured.dt * (len(measured.values) - 1)
    if span < period:
        raise ValueError(
            f"{measured.path}: {span:.4g} s are shorter than one period of the circuit, "
            f"{period:.4g} s: measure longer, or give the unit of the times, such as time [us]"
        )


def _substeps(circuit: Circuit, dt: float, box) -> int:
    """As many as resolve the losses and leave the measured quantities accurate."""
    substeps = max(1, math.ceil(dt * float(fastest_decay(circuit.hamiltonian))))
    coarse = None
    while substeps <= _MOST_SUBSTEPS:
        trial = box(substeps)
        logs, start = jnp.zeros(len(trial.names)), jnp.zeros(trial.states)
        fine = np.asarray(eqx.filter_jit(trial.forced)(logs, start, jnp.asarray(0.1))[0])
        if coarse is not None and np.max(np.abs(fine - coarse)) < _STEP_ERROR:
            return substeps // 2
        coarse, substeps = fine, 2 * substeps
    raise ValueError(
        f"{_MOST_SUBSTEPS} steps between samples do not resolve the circuit: sample it more "
        "often, or leave out parts that are far faster than the rest"
    )
