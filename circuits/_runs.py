"""A circuit's run as a function of its values, and the slopes of figures of it."""

from collections.abc import Callable, Sequence
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physsim import integrate

from ._circuit import Circuit
from ._plan import make_plan, seconds

Measure = Callable[..., Any]
"""measure(t, x, ...) -> scalar: times in s, one waveform in SI for each quantity."""

AT_ONCE = 64
"""Samples that a device runs side by side."""
ROWS = 16
"""As many times in one call."""


@final
class Runs(eqx.Module):
    """A circuit's run as a function of all its values in SI, one flat array [P]."""

    circuit: Circuit = eqx.field(static=True)
    quantities: tuple[Any, ...] = eqx.field(static=True)
    solver: Any
    dt: float = eqx.field(static=True)
    num_steps: int = eqx.field(static=True)
    save_every: int = eqx.field(static=True)

    @classmethod
    def plan(
        cls, circuit: Circuit, quantities: Sequence[str], t_end: Any, dt: Any, solver: Any
    ) -> "Runs":
        solver = circuit.default_solver if solver is None else solver
        stop = None if t_end is None else seconds(t_end, "t_end")
        step = circuit.suggest_dt(solver) if dt is None else seconds(dt, "dt")
        plan = make_plan(circuit.netlist.tran, stop, step, None, every_step=dt is not None)
        readouts = tuple(circuit.readout(q) for q in quantities)
        return cls(circuit, readouts, solver, plan.dt, plan.num_steps, plan.save_every)

    @property
    def times(self) -> Float[Array, " saves"]:
        """In s."""
        count = self.num_steps // self.save_every
        return jnp.arange(count + 1, dtype=float) * (self.dt * self.save_every)

    def figure(self, measure: Measure, values: Float[Array, " P"]) -> Float[Array, ""]:
        """measure(t, x, ...) for one set of values."""
        return measure(self.times, *self.waveforms(values))

    def waveforms(self, values: Float[Array, " P"]) -> Float[Array, "quantities saves"]:
        """In SI, for one set of values."""
        circuit = self.circuit
        H = unflatten(circuit, values)
        solution = integrate(
            H,
            self.solver,
            circuit.initial_state(H),
            dt=self.dt / circuit.scales.time,
            num_steps=self.num_steps,
            save_every=self.save_every,
            inputs=circuit.drive,
            throw=False,
        )
        drive, ts = circuit.drive, solution.ts
        us = jnp.zeros((ts.size, 0)) if drive is None else jax.vmap(drive)(ts)
        read = [jax.vmap(lambda y, u, r=r: r(H, y, u))(solution.ys, us) for r in self.quantities]
        return jnp.stack(read)


def named(quantities) -> list[str]:
    return [quantities] if isinstance(quantities, str) else list(quantities)


def flatten(circuit: Circuit) -> Float[np.ndarray, " P"]:
    """All values in SI, in the order of `circuit.values()`."""
    return np.array(list(circuit.values().values()))


def unflatten(circuit: Circuit, values: Float[Array, " P"]) -> Any:
    """The Hamiltonian with these values."""
    leaves, structure = jax.tree.flatten(circuit.hamiltonian)
    units = jax.tree.leaves(circuit.units)
    cuts = np.cumsum([leaf.size for leaf in leaves])[:-1]
    parts = jnp.split(values, cuts)
    made = [
        (part.reshape(leaf.shape) / unit).astype(leaf.dtype)
        for part, leaf, unit in zip(parts, leaves, units, strict=True)
    ]
    return jax.tree.unflatten(structure, made)


@eqx.filter_jit
def slopes_along(measured: Any, measure: Measure, values, directions):
    """The figure of runs or responses, and its derivative along each direction [k, P]."""

    def along(direction):
        return jax.jvp(lambda x: measured.figure(measure, x), (values,), (direction,))

    found, slopes = jax.lax.map(along, directions, batch_size=AT_ONCE)
    return found[0], slopes
