"""What transport is looked at along: a circuit's run, or that of a layer of a trained stack."""

import math
from abc import abstractmethod
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import learning
from circuits import Circuit, Readout
from physsim import PhaseState, StormerVerlet, make_drive

from ._analysis import default_readout, si

_SAMPLED = 20
_PER_DECADE = 8
TOP = 10
"""Directions are told by so many of the largest singular values."""


class AbstractTarget(eqx.Module):
    """A run of `F`, and what is read of it."""

    F: eqx.AbstractVar[learning.StepMap]
    states: eqx.AbstractVar[Any]
    inputs: eqx.AbstractVar[Any]
    metric: eqx.AbstractVar[Any]
    """None where there is no energy to measure by."""
    dt: eqx.AbstractVar[float]
    """A step, in `time_unit`."""
    time_unit: eqx.AbstractVar[str]
    read: eqx.AbstractVar[tuple[str, str]]
    """What is read, and its unit."""
    change: eqx.AbstractVar[str]
    """By what sensitivities are: "ln value" or "value"."""
    slopes: eqx.AbstractVar[Any]
    """The derivative of what is read by each state [states, n]."""

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Of the parameters, which are the leaves of F.H."""

    @property
    @abstractmethod
    def scale(self) -> np.ndarray:
        """How far a unit change moves each of them [P]."""

    def time(self, value: float) -> str:
        """In words: 4.93 us, or 40 steps."""
        unit = self.time_unit
        if unit == "s":
            return si(value, unit, 3)
        return f"{value:.3g} {unit}{'' if value == 1 else 's'}"

    def transport(self, lags, windows: int = 8, modes: Any = True) -> learning.Transport:
        """Transport along the run; sensitivities are those of what is read."""
        return learning.transport(
            self.F, self.states, self.inputs, lags, self.metric, cotangent=self.slopes,
            parameters=self.F.parameters(), windows=windows, top=TOP, modes=modes,
        )  # fmt: skip

    def sensitivity(self, result: learning.Transport) -> np.ndarray:
        """Of what is read by a unit change of each parameter [L, P]."""
        leaves = jax.tree.leaves(result.sensitivity)
        flat = [np.asarray(x).reshape(len(result.lags), -1) for x in leaves]
        return np.concatenate(flat, 1) * self.scale

    def lags(self) -> list[int]:
        """Spread evenly on a logarithmic scale, from one step to half the run."""
        return spread_lags(len(self.states) // 2)


@final
class CircuitTarget(AbstractTarget):
    """The run of a circuit; z is (q, p) without what stores no energy, dimensionless."""

    circuit: Circuit
    readout: Readout
    F: learning.StepMap
    states: Any
    inputs: Any
    metric: Any
    """Second derivatives of the energy at rest."""
    dt: float
    """In s."""
    time_unit = "s"
    change = "ln value"

    @property
    def read(self):
        return self.readout.name, self.readout.unit

    @property
    def names(self):
        return self.circuit.hamiltonian.parameter_names()

    @property
    def scale(self):
        """The values: they are trained by their logarithms."""
        leaves = jax.tree.leaves(self.circuit.hamiltonian)
        return np.abs(np.concatenate([np.ravel(x) for x in leaves]))

    @property
    def slopes(self):
        """Of the read-out (V or A)."""
        H, u = self.circuit.hamiltonian, _inputs_at_start(self.circuit)
        return _each_slope(self.readout, H, self.F.basis, u, self.states)


@eqx.filter_jit
def _each_slope(readout, H, basis, u, states):
    """d read-out / dz of each state, in SI, at the inputs of the start."""

    def measured(z):
        q, p = jnp.split(basis @ z, 2)
        return readout(H, PhaseState(q, p), u)

    return jax.vmap(jax.grad(measured))(states)


def spread_lags(longest: int) -> list[int]:
    count = max(2, math.ceil(_PER_DECADE * math.log10(max(longest, 2))))
    return sorted({round(x) for x in np.geomspace(1, max(longest, 1), count)})


def circuit_target(
    circuit: Circuit,
    measure: str | None = None,
    t_end: float | None = None,
    dt: float | None = None,
    solver: Any = None,
    most_steps: int = 20_000,
) -> CircuitTarget:
    """The run of `circuit` to `t_end` with steps of at most `dt` (s), by default the netlist's.

    Raises `ValueError` where no end is known, or the run would take too many steps.
    """
    solver = _cheap_solver(circuit) if solver is None else solver
    end = circuit.netlist.tran.stop if t_end is None and circuit.netlist.tran else t_end
    if end is None:
        raise ValueError("how long? give --t-end, or the netlist a .tran card")
    step = min(circuit.suggest_dt(solver), end / 50) if dt is None else dt
    steps = math.ceil(end / step - 1e-9)
    if steps > most_steps:
        raise ValueError(
            f"{steps} steps are too many to carry Jacobians over (at most {most_steps}): give a "
            "shorter --t-end or a longer --dt"
        )
    step = end / steps
    dtype = circuit.y0.q.dtype
    drive, rows = make_drive(circuit.drive, circuit.hamiltonian, steps, dtype)
    inputs = (jnp.arange(steps), rows)
    solver.check(circuit.hamiltonian)
    whole = learning.StepMap(circuit.hamiltonian, solver, drive, step / circuit.scales.time)
    states = learning.run_map(whole, _flat(circuit.y0), inputs)
    curvatures = _curvatures(circuit, states)
    basis = learning.live_basis(curvatures)
    F = eqx.tree_at(lambda F: F.basis, whole, basis, is_leaf=lambda x: x is None)
    metric = basis.T @ curvatures[0] @ basis
    return CircuitTarget(circuit, _readout(circuit, measure), F, states @ basis, inputs, metric,
                         step)  # fmt: skip


def _cheap_solver(circuit: Circuit):
    """Leapfrog where it serves: its derivatives are compiled soonest."""
    return StormerVerlet() if circuit.hamiltonian.has_exact_flows else circuit.default_solver


def _curvatures(circuit, states):
    """Second derivatives of the energy at rest, and along the run."""
    u = _inputs_at_start(circuit)
    H = circuit.hamiltonian.conservative
    at = np.unique(np.linspace(0, len(states) - 1, _SAMPLED).astype(int))
    sampled = jnp.concatenate([jnp.zeros_like(states[:1]), states[at]])
    return jax.jit(jax.vmap(lambda z: learning.energy_metric(H, z, u)))(sampled)


def _inputs_at_start(circuit):
    if circuit.drive is None:
        return jnp.zeros(0, circuit.y0.q.dtype)
    return circuit.drive(jnp.zeros((), circuit.y0.q.dtype))


def _flat(y: PhaseState):
    return jnp.concatenate([y.q, y.p])


def _readout(circuit: Circuit, measure: str | None) -> Readout:
    return circuit.readout(default_readout(circuit) if measure is None else measure)
