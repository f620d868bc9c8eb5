"""`integrate` whose derivatives come from an echo: a layer for any JAX model."""

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from physsim import (
    AbstractDrive,
    AbstractHamiltonian,
    AbstractSolver,
    Inputs,
    PhaseState,
    Solution,
    check_finite,
    check_solution,
    check_solver,
    check_start,
    check_state,
    check_steps,
    is_traced,
    make_drive,
)

from .._problem import Cotangents, Problem, Row
from .._shares import Shares, add, zeros
from ._forward import Forward, Sizes, largest
from ._rhel import ReversibleAdjoint
from ._way_back import AbstractEcho, AbstractWayBack, require_met

_EXACT = ReversibleAdjoint()


def echo_integrate(
    H: AbstractHamiltonian,
    solver: AbstractSolver,
    y0: PhaseState,
    inputs: Inputs = None,
    *,
    dt: float | Float[Array, ""],
    num_steps: int,
    save_every: int = 1,
    echo: AbstractEcho = _EXACT,
    throw: bool = True,
) -> Solution:
    """`physsim.integrate`, differentiated by an echo instead of through a stored trajectory.

    The arguments, the values and the errors are those of `integrate` for one sample: `y0` of
    shape [n], `inputs` an array [num_steps, m], a callable t -> [m], or None; the solution's
    `ys` are [num_steps / save_every + 1, n]. `jax.grad`, `jax.vjp`, `jax.jit`, `jax.vmap` and
    `jax.checkpoint` apply, so it stands inside any JAX model: whatever the model's cost owes to
    `ys`, `energies`, `final` and `ts` becomes nudges of the echo, and out come the derivatives
    by all arrays in `H`, by `y0`, `inputs` (for a callable, by its array leaves) and `dt`.
    Batches go through `jax.vmap`. Forward mode (`jax.jvp`) does not apply.

    `echo` is `ReversibleAdjoint()`, exact to rounding, or `RHEL(...)`, two echoes as hardware
    runs them. Kept for the backward pass are the arguments and the final state: with
    `save_every=num_steps` memory does not grow with the run beyond its inputs.

    Raises `ValueError` where `integrate` does and for what has no echo; `DivergenceError` (in
    `jax.jit` an equinox error) for a run that diverges.
    Source: arXiv 2506.05259; docs/echo.md.
    """
    check_solver(solver)
    check_steps(dt, num_steps, save_every)
    if not isinstance(echo, AbstractEcho):
        raise ValueError(f"echo must be a method such as ReversibleAdjoint(), got {echo!r}")
    echo.check(H, solver)
    solver.check(H)
    y0 = check_state(H, y0)
    dtype = y0.q.dtype
    drive, rows = make_drive(inputs, H, num_steps, dtype)
    step = jnp.asarray(dt, dtype)
    run = DifferentiatedRun(H, drive, rows, step)
    traced = is_traced(eqx.filter((run, y0), eqx.is_array))
    if throw and not traced:
        check_finite(H)
        check_start(H, solver, y0, run.inputs(jnp.zeros((), int), 0.0), float(step))
    length = Length(num_steps, save_every)
    solution = _solve(run, y0, solver, length, echo.way_back(H, dtype))
    return check_solution(solution, solver, traced) if throw else solution


@final
class DifferentiatedRun(eqx.Module):
    """What is differentiated, besides the start."""

    H: Any
    drive: AbstractDrive
    rows: Any
    dt: Float[Array, ""]

    def inputs(self, k, fraction):
        """The inputs at a fraction of step `k`."""
        row = None if self.rows is None else self.rows[k]
        return self.drive.at(row, k, fraction, self.dt)


@final
class Length(eqx.Module):
    """How many steps, and how many from one save to the next."""

    steps: int = eqx.field(static=True)
    every: int = eqx.field(static=True)

    @property
    def saves(self) -> int:
        return self.steps // self.every


@eqx.filter_jit
def _solve(
    run: DifferentiatedRun, y0: PhaseState, solver, length: Length, way: AbstractWayBack
) -> Solution:
    system = solver.prepare(run.H)
    start = solver.start(system, y0)
    states = _carried((run, start), solver=solver, length=length, way=way)
    states = jax.tree.map(lambda a, b: jnp.concatenate([a[None], b]), start, states)
    ys = jax.vmap(lambda state: solver.read(system, state))(states)
    saves = jnp.arange(length.saves + 1)
    last = jnp.maximum(saves * length.every - 1, 0)
    u = jax.vmap(run.inputs)(last, (saves > 0).astype(run.dt.dtype))
    energies = jax.vmap(system)(ys.q, ys.p, u)
    ts = saves.astype(run.dt.dtype) * length.every * run.dt
    final_state = jax.tree.map(lambda x: x[-1], ys)
    return Solution(ts, ys, energies, final_state, run.H.coordinates)


@eqx.filter_custom_vjp
def _carried(run__start, *, solver, length, way):
    """What the method carries at each save, the start left out."""
    del way
    run, start = run__start
    system = solver.prepare(run.H)

    def one(counted, row):
        k, state = counted
        at = lambda c: run.drive.at(row, k, c, run.dt)  # noqa: E731
        return (k + 1, solver.step(system, state, run.dt, at)), None

    def between_saves(counted, rows):
        counted, _ = jax.lax.scan(one, counted, rows, length=length.every)
        return counted, counted[1]

    shape = (length.saves, length.every)
    rows = None if run.rows is None else run.rows.reshape(*shape, *run.rows.shape[1:])
    first = (jnp.zeros((), int), start)
    return jax.lax.scan(between_saves, first, rows, length=length.saves)[1]


@_carried.def_fwd
def _carried_forward(perturbed, run__start, **kwargs):
    del perturbed
    states = _carried(run__start, **kwargs)
    return states, jax.tree.map(lambda x: x[-1], states)


@_carried.def_bwd
def _carried_backward(end, cotangents, perturbed, run__start, *, solver, length, way):
    del perturbed
    run, start = run__start
    nudges = jax.tree.map(
        lambda x, bar: jnp.zeros((length.saves, *x.shape), x.dtype) if bar is None else bar,
        end,
        cotangents,
    )
    problem = Problem(
        run.H, solver, None, Cotangents(nudges, length.every), run.dt, run.drive,
        Row(run.rows, None), length.steps,
    )  # fmt: skip
    system, pull = eqx.filter_vjp(solver.prepare, run.H)
    nothing = zeros(Shares(run.H, system, run.drive, run.rows, run.dt))
    none = jnp.zeros((), run.dt.dtype)
    forward = Forward(end, none, nothing, Sizes(largest(nudges), none))
    by_start, shares, missed = way(problem, system, forward, start)
    by_H = add(shares.H, pull(shares.system)[0])
    return require_met(
        (DifferentiatedRun(by_H, shares.drive, shares.held, shares.dt), by_start), missed
    )
