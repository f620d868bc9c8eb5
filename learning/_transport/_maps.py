"""What is transported: maps z' = F(z, x), their runs, and the energy as a metric of their states.

F is a pytree whose array leaves are its parameters: a gated network, a step of an integrator on
a Hamiltonian, or any equinox module. One with a method `jacobian(z, x)` is asked for dF/dz;
of others it is found by forward differentiation. One with a method `prepared()` is prepared once
for a run.
"""

from collections.abc import Callable
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from physsim import (
    AbstractDrive,
    AbstractHamiltonian,
    AbstractSeparableHamiltonian,
    AbstractSolver,
    DivergenceError,
    PhaseState,
)

Map = Callable[[Any, Any], Any]

_ROUNDING = 1e-10


@eqx.filter_jit
def run_map(F: Map, z0: Float[Array, " n"], inputs: PyTree) -> Float[Array, "states n"]:
    """z_0, z_1 = F(z_0, inputs[0]), ...; `inputs` is a pytree with a leading axis [T]."""

    step_map = prepared(F)

    def step(z, x):
        z = step_map(z, x)
        return z, z

    return jnp.concatenate([z0[None], jax.lax.scan(step, z0, inputs)[1]])


def jacobian_of(F: Map) -> Map:
    """(z, x) -> dF/dz [n, n], analytic where F has it."""
    return getattr(F, "jacobian", None) or jax.jacfwd(F)


def check_map(F: Map, z: Float[Array, " n"], x: PyTree) -> None:
    """`ValueError` unless F maps z to its own shape and can be differentiated by it."""
    name = type(F).__name__
    shape = eqx.filter_eval_shape(F, z, x)
    if getattr(shape, "shape", None) != z.shape or shape.dtype != z.dtype:
        raise ValueError(
            f"{name} must map a state {z.dtype}{list(z.shape)} to one like it, got {shape}"
        )
    if not hasattr(F, "jacobian"):
        _check_derivative(name, "forward derivative by its state: give it a method jacobian(z, x)",
                          lambda z: jax.jacfwd(F)(z, x), z)  # fmt: skip


def check_reverse(F: Map, z: Float[Array, " n"], x: PyTree) -> None:
    """`ValueError` unless costs can be taken back through F, as sensitivities need."""
    _check_derivative(type(F).__name__, "reverse derivative: leave out the cotangent",
                      lambda z: jax.vjp(lambda s: F(s, x), z)[1](z), z)  # fmt: skip


def _check_derivative(name: str, lacks: str, of: Callable[[Any], Any], z: Any) -> None:
    try:
        eqx.filter_eval_shape(of, z)
    except (TypeError, ValueError, NotImplementedError) as error:
        raise ValueError(
            f"{name} has no {lacks}, or make it of operations that JAX can differentiate "
            f"({str(error).splitlines()[0]})"
        ) from error


def check_states(states: Float[Array, "states n"], inputs: PyTree) -> None:
    """`ValueError` for shapes that don't fit, `DivergenceError` for states that aren't finite."""
    if states.ndim != 2 or len(states) < 2:
        raise ValueError(f"states must have shape (steps + 1, n), got {states.shape}")
    steps = len(states) - 1
    for x in jax.tree.leaves(inputs):
        if x.ndim < 1 or len(x) != steps:
            raise ValueError(
                f"inputs must have a leading axis of {steps}, one entry a step; got {x.shape}"
            )
    finite = np.isfinite(np.asarray(states))
    if not finite.all():
        step, coordinate = np.argwhere(~finite)[0]
        raise DivergenceError(
            f"the run is not finite from step {step} on, first in coordinate {coordinate}: "
            "nothing can be said of its transport. Shorten the run, or its steps"
        )


@final
class StepMap(eqx.Module):
    """One step of an integrator as a map of z, its parameters being the values of `H`.

    Without a `basis` z is (q, p) in one vector [2n]; with one, (q, p) is basis @ z: what the
    basis leaves out must not matter to the motion. In a circuit that are fluxes that no inductor
    feels (all of them in an RC network) and coordinates without a momentum, which only follow.
    x is (k, row): the number of the step, and the row of held inputs or None, as
    `physsim.make_drive` gives them with its `drive`.
    """

    H: AbstractHamiltonian
    solver: AbstractSolver
    drive: AbstractDrive
    dt: float | Float[Array, ""] = eqx.field(converter=jnp.asarray)
    basis: Float[Array, "m n"] | None = None
    """Orthonormal columns; not a parameter."""

    def __call__(self, z, x):
        return self.prepared()(z, x)

    def prepared(self) -> "_PreparedStep":
        """The same map with all that stays constant along a run computed once."""
        system = self.solver.prepare(self.H)
        return _PreparedStep(system, self.solver, self.drive, self.dt, self.basis)

    def parameters(self) -> "StepMap":
        """A tree of booleans that marks the values of the Hamiltonian."""
        marked = jax.tree.map(eqx.is_inexact_array, self.H)
        rest = jax.tree.map(lambda _: False, self)
        return eqx.tree_at(lambda F: F.H, rest, marked)


@final
class _PreparedStep(eqx.Module):
    system: Any
    solver: AbstractSolver
    drive: AbstractDrive
    dt: Any
    basis: Any

    def __call__(self, z, x):
        (k, row), dt = x, self.dt.astype(z.dtype)
        basis = jax.lax.stop_gradient(self.basis)
        full = z if basis is None else basis @ z
        n = full.size // 2
        state = self.solver.start(self.system, PhaseState(full[:n], full[n:]))
        at = lambda c: self.drive.at(row, k, c, dt)  # noqa: E731
        y = self.solver.read(self.system, self.solver.step(self.system, state, dt, at))
        moved = jnp.concatenate([y.q, y.p])
        return moved if basis is None else basis.T @ moved


def prepared(F: Map) -> Map:
    """F with what stays constant along a run computed once, where it can be."""
    return F.prepared() if hasattr(F, "prepared") else F


def energy_metric(
    H: AbstractHamiltonian, z: Float[Array, " m"], u: Float[Array, " inputs"]
) -> Float[Array, "m m"]:
    """The second derivatives of the energy by z = (q, p): the metric of small motions.

    A lossless linear circuit keeps lengths in it; in the Euclidean norm it seems to amplify.
    """
    n = z.size // 2
    return jax.hessian(lambda z: H(z[:n], z[n:], u))(z)


def leapfrog_metric(
    H: AbstractSeparableHamiltonian,
    dt: Float[Array, ""],
    z: Float[Array, " m"],
    u: Float[Array, " inputs"],
) -> Float[Array, "m m"]:
    """The metric of the energy that `StormerVerlet` keeps exactly in linear motion.

    With K and W the second derivatives of the potential at q and of the kinetic energy, K on q
    and W - dt^2 W K W / 4 on p: the energy but for terms of order dt^2, which in long steps are
    large. Positive definite within leapfrog's stability, where K is.
    """
    q, p = jnp.split(z, 2)
    K = jax.hessian(lambda q: H.potential(q, u))(q)
    W = jax.hessian(H.kinetic)(p)
    return jax.scipy.linalg.block_diag(K, W - dt**2 / 4 * (W @ K @ W))


def live_basis(hessians: Float[Array, "k m m"]) -> Float[Array, "m n"]:
    """An orthonormal basis of the directions in which some of these energies are curved.

    Coordinates are kept as they are where leaving out others is enough.
    """
    matrices = np.asarray(hessians)
    squares = np.einsum("kij,klj->il", matrices, matrices)
    scale = np.abs(squares).max(initial=0.0)
    if scale == 0:
        raise ValueError("the energy is flat at these states: there is nothing to measure by")
    live = np.diag(squares) > _ROUNDING**2 * scale
    values, vectors = np.linalg.eigh(squares[np.ix_(live, live)])
    basis = np.eye(len(squares))[:, live]
    if values[0] <= _ROUNDING * values[-1]:
        basis = basis @ vectors[:, values > _ROUNDING * values[-1]]
    return jnp.asarray(basis, hessians.dtype)
