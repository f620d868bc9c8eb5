"""Steps of integrators as maps of one flat state."""

from collections.abc import Callable
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Inexact

from physsim import AbstractHamiltonian, AbstractSolver, PhaseState


@final
class RungeKutta4(eqx.Module):
    """`substeps` steps, together `dt`, of the classical Runge-Kutta method on dz/dt = field(z, x).

    x is held, or, where `sampled`, given at the beginnings, middles and ends of the substeps:
    its leaves have first axes of 2 substeps + 1.

    Source: Hairer, Norsett & Wanner, Solving Ordinary Differential Equations I, II.1, table 1.2.
    """

    field: Callable[[Any, Any], Any]
    dt: Inexact[Array, ""] | float
    substeps: int = eqx.field(static=True, default=1)
    sampled: bool = eqx.field(static=True, default=False)

    def __call__(self, z, x):
        h = jnp.asarray(self.dt, z.dtype) / self.substeps

        def one(z, k):
            first, middle, last = (self._input(x, 2 * k + j) for j in range(3))
            a = self.field(z, first)
            b = self.field(z + 0.5 * h * a, middle)
            c = self.field(z + 0.5 * h * b, middle)
            d = self.field(z + h * c, last)
            return z + h / 6 * (a + 2 * b + 2 * c + d), None

        if self.substeps == 1:
            return one(z, 0)[0]
        return jax.lax.scan(one, z, jnp.arange(self.substeps))[0]

    def _input(self, x, stage):
        return jax.tree.map(lambda rows: rows[stage], x) if self.sampled else x


@final
class HamiltonianMap(eqx.Module):
    """One step of an integrator on a Hamiltonian, with or without losses.

    The state is (q, p) in one vector [2n]; x is the input [m] held over the step, or None for
    systems without inputs. `system` is what the integrator prepared, once for all steps:
    make the map with `of` inside of what is differentiated by the Hamiltonian.
    """

    system: Any
    solver: AbstractSolver
    dt: Inexact[Array, ""] | float
    substeps: int = eqx.field(static=True, default=1)

    @classmethod
    def of(
        cls, H: AbstractHamiltonian, solver: AbstractSolver, dt: Any, substeps: int = 1
    ) -> "HamiltonianMap":
        """The map of `H`. Raises `ValueError` where the method can't integrate it."""
        solver.check(H)
        return cls(solver.prepare(H), solver, dt, substeps)

    def __call__(self, z, x):
        dt = jnp.asarray(self.dt, z.dtype) / self.substeps
        u = jnp.zeros(0, z.dtype) if x is None else x

        def one(state, _):
            return self.solver.step(self.system, state, dt, lambda c: u), None

        state = self.solver.start(self.system, unflatten(z))
        if self.substeps == 1:
            state, _ = one(state, None)
        else:
            state, _ = jax.lax.scan(one, state, None, length=self.substeps)
        return flatten(self.solver.read(self.system, state))


@final
class HamiltonianField(eqx.Module):
    """dz/dt of a Hamiltonian with its losses, z = (q, p) in one vector [2n]; x as above.

    `system` is what `H.prepare()` gives. For explicit methods such as `RungeKutta4`: a step of
    these costs far less than one of an implicit method, but has to resolve the fastest decay.
    """

    system: Any

    def __call__(self, z, x):
        y = unflatten(z)
        u = jnp.zeros(0, z.dtype) if x is None else x
        return jnp.concatenate(self.system.vector_field(y.q, y.p, u))


def flatten(y: PhaseState) -> Inexact[Array, "*T D"]:
    """(q, p) as one vector, over leading axes."""
    return jnp.concatenate([y.q, y.p], axis=-1)


def unflatten(z: Inexact[Array, "*T D"]) -> PhaseState:
    """The state of a vector (q, p), over leading axes."""
    n = z.shape[-1] // 2
    return PhaseState(z[..., :n], z[..., n:])
