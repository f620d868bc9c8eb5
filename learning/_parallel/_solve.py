"""The one entry point, and gradients."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Inexact, PyTree, Shaped

from physsim import is_traced

from ._choose import choose_solver
from ._in_windows import in_windows
from ._linearise import FullJacobian, window_length
from ._trajectory import (
    AbstractTrajectorySolver,
    ConvergenceError,
    Map,
    Trajectory,
    count_steps,
    previous,
)


def solve(
    F: Map,
    z0: Shaped[Array, "..."],
    xs: PyTree = None,
    *,
    num_steps: int | None = None,
    solver: AbstractTrajectorySolver | None = None,
    guess: Inexact[Array, "..."] | None = None,
    throw: bool = True,
) -> Trajectory:
    """The trajectory z_{t+1} = F(z_t, x_t) from `z0` [D], as z_1..z_T [T, D].

    `F` is any callable pytree; its floating-point leaves, `z0` and `xs` (a pytree whose leaves
    start with time; without inputs say `num_steps`) can be differentiated. All solvers but
    `Sequential` give implicit gradients: with J_t = dF/dz at z_t and the cotangents g_t,

        lambda_t = g_t + J_t^T lambda_{t+1},     dtheta = sum_t (dF/dtheta)_{t-1}^T lambda_t,

    a reverse affine scan, exact wherever the trajectory is, whatever way it was found.
    `guess` is where iterations start. The default solver is `choose_solver`'s.

    Raises `ValueError` for shapes that don't fit and `ConvergenceError` where the trajectory is
    no solution (an equinox error inside `jax.jit`); with `throw=False` only
    `Trajectory.status` says so.

    Source: Lim, Zhu, Selfridge & Kasim, ICLR (2024).
    """
    z0 = jnp.asarray(z0)
    if z0.ndim != 1 or not z0.size or not jnp.issubdtype(z0.dtype, jnp.floating):
        raise ValueError(
            f"the state must be floating point of shape (D,), got {z0.dtype}{z0.shape}"
        )
    steps = count_steps(xs, num_steps)
    if guess is not None and guess.shape != (steps, z0.size):
        raise ValueError(f"the guess must have shape {(steps, z0.size)}, got {guess.shape}")
    _check_map(F, z0, xs)
    solver = choose_solver(z0.size, steps) if solver is None else solver
    if solver.differentiable:
        found = solver.forward(F, z0, xs, steps, guess)
    else:
        # A guess decides how the trajectory is found, not what it is.
        held = jax.tree.map(_constant, (solver, guess))
        found = _implicit((F, z0, xs), held[0], steps, held[1])
    return _checked(found, solver) if throw else found


def _constant(x):
    return jax.lax.stop_gradient(x) if eqx.is_array(x) else x


def _check_map(F, z0, xs) -> None:
    first = jax.tree.map(lambda x: x[0], xs)
    out = eqx.filter_eval_shape(F, z0, first)
    if getattr(out, "shape", None) != z0.shape or out.dtype != z0.dtype:
        got = f"{out.dtype}{out.shape}" if hasattr(out, "shape") else repr(out)
        raise ValueError(f"the map takes {z0.dtype}{z0.shape} to {got}: it must keep both")


@eqx.filter_custom_vjp
def _implicit(arguments, solver, steps, guess):
    return solver.forward(*arguments, steps, guess)


@_implicit.def_fwd
def _implicit_fwd(perturbed, arguments, solver, steps, guess):
    found = _implicit(arguments, solver, steps, guess)
    return found, found.zs


@_implicit.def_bwd
def _implicit_bwd(zs, cotangent, perturbed, arguments, solver, steps, guess):
    F, z0, xs = arguments
    g = cotangent.zs
    if g is None:
        return jax.tree.map(jnp.zeros_like, eqx.filter(arguments, eqx.is_inexact_array))
    before = previous(z0, zs)
    lambdas = _adjoint(F, before, xs, g, solver.adjoint_scan())
    moving, fixed = eqx.partition((F, before, xs), eqx.is_inexact_array)

    def stepped(moving):
        F, before, xs = eqx.combine(moving, fixed)
        return jax.vmap(F)(before, xs)

    ((dF, dbefore, dxs),) = jax.vjp(stepped, moving)[1](lambdas)
    return dF, dbefore[0], dxs


def _adjoint(F, before, xs, g, scan):
    """lambda_1..lambda_T, last first through windows, so that few Jacobians exist at a time."""
    if g.shape[0] == 1:
        return g
    backward = jax.tree.map(lambda x: jnp.flip(x[1:], 0), (before, xs))
    offsets = jnp.flip(g[:-1], 0)

    def one(after, window):
        (zs, inputs), offset = window
        A = FullJacobian()(F, zs, inputs).transpose()
        found = scan(A, offset, after)
        return found[-1], found

    length = window_length(FullJacobian(), before.shape[1], before.dtype)
    _, lambdas = in_windows(one, g[-1], (backward, offsets), length)
    return jnp.concatenate([jnp.flip(lambdas, 0), g[-1:]])


def _checked(found: Trajectory, solver: AbstractTrajectorySolver) -> Trajectory:
    status = found.status
    if is_traced(found):
        return eqx.error_if(
            found, ~status.converged, f"the trajectory did not converge: {solver.hint}"
        )
    if not bool(status.converged):
        raise ConvergenceError(
            f"no trajectory after {int(status.iterations)} iterations: the largest residual is "
            f"{float(status.residual):.3g}, the estimated error {float(status.error):.3g}. "
            f"Try: {solver.hint}"
        )
    return found
