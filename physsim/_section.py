"""Events along a run: where a trajectory crosses a surface, to the accuracy of the method."""

from collections.abc import Callable
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ._bracket import root_in_step
from ._checks import check_finite, check_solver, check_start, check_state, check_steps, is_traced
from ._errors import DivergenceError
from ._hamiltonian import AbstractHamiltonian
from ._inputs import AbstractDrive, Inputs, clock, make_drive
from ._solver import AbstractSolver
from ._types import PhaseState


@final
class Crossings(eqx.Module):
    """Where a run crossed a surface, in order of time.

    `ts` [c] and `ys` with q and p of shape [c, n] have room for c = `max_crossings`; the
    first `count` rows are crossings and the others NaN. A `count` above c (with
    `throw=False`) says that the later ones were not kept.
    """

    ts: Float[Array, " c"]
    ys: PhaseState
    count: Int[Array, ""]

    def found(self) -> "Crossings":
        """Only the rows that are crossings. Not inside `jax.jit`, where shapes are fixed."""
        kept = min(int(self.count), self.ts.size)
        ts, ys = jax.tree.map(lambda x: x[:kept], (self.ts, self.ys))
        return Crossings(ts, ys, self.count)


@final
class Crossing(eqx.Module):
    """One crossing: its time `t` and the state `y` [n] there."""

    t: Float[Array, ""]
    y: PhaseState


def poincare_section(
    H: AbstractHamiltonian,
    solver: AbstractSolver,
    y0: PhaseState,
    event: Callable[[PhaseState, Float[Array, ""]], Any],
    *,
    dt: float | Float[Array, ""],
    num_steps: int,
    max_crossings: int,
    inputs: Inputs = None,
    direction: int = 1,
    throw: bool = True,
) -> Crossings:
    """The crossings of `event(y, t) = 0` in `num_steps` steps of length `dt` from `y0`.

    `event` gives a number; its sign is looked at after every step, and where it changes the
    step is taken again with the length, found to rounding, that ends on the surface. So a
    crossing is as accurate as the method, not just as an interpolation. `direction` is +1
    for crossings from below (event < 0 before, >= 0 after), -1 from above, 0 for both; the
    start itself is none. Two crossings within one step cancel and are missed, and a jump
    across zero counts: of an angle take the sine. `y0` has q and p of shape [n]; `inputs`
    are as in `integrate`. No trajectory is stored. Crossings can be differentiated by `H`,
    `y0`, `dt` and the inputs.

    Raises `ValueError` for an event that is not one real number, more crossings than
    `max_crossings`, and shapes, steps and methods that don't fit; `DivergenceError` if the
    run leaves the finite numbers. Inside `jax.jit` what depends on values is an equinox
    error; with `throw=False` it is not looked at.
    """
    _check_options(max_crossings, direction)
    search = _CrossingSearch(H, solver, event, direction, max_crossings, stop=False)
    crossings = _find(search, y0, dt, num_steps, inputs, throw)
    if not throw:
        return crossings
    crowded = crossings.count > max_crossings
    advice = f"than max_crossings = {max_crossings}: raise it, or shorten the run"
    if is_traced(crossings):
        return eqx.error_if(crossings, crowded, f"the run has more crossings {advice}")
    if crowded:
        raise ValueError(f"the run has {int(crossings.count)} crossings, more {advice}")
    return crossings


def first_crossing(
    H: AbstractHamiltonian,
    solver: AbstractSolver,
    y0: PhaseState,
    event: Callable[[PhaseState, Float[Array, ""]], Any],
    *,
    dt: float | Float[Array, ""],
    num_steps: int,
    inputs: Inputs = None,
    direction: int = 1,
    throw: bool = True,
) -> Crossing:
    """When and where `event(y, t)` first crosses zero; the run stops there.

    The arguments are those of `poincare_section`, and so is what can be differentiated.
    Raises `ValueError` if there is no crossing within `num_steps`; with `throw=False` time
    and state are NaN then.
    """
    _check_options(1, direction)
    search = _CrossingSearch(H, solver, event, direction, 1, stop=True)
    crossings = _find(search, y0, dt, num_steps, inputs, throw)
    first = jax.tree.map(lambda x: x[0], (crossings.ts, crossings.ys))
    crossing = Crossing(*first)
    if not throw:
        return crossing
    message = (
        f"the event does not cross zero in direction {direction} within {num_steps} steps: "
        "raise num_steps, or look at the event along a trajectory"
    )
    if is_traced(crossing):
        return eqx.error_if(crossing, crossings.count == 0, message)
    if crossings.count == 0:
        raise ValueError(message)
    return crossing


@final
class _CrossingSearch(eqx.Module):
    """What is looked for, in which system."""

    H: Any
    solver: AbstractSolver
    event: Any
    direction: int = eqx.field(static=True)
    size: int = eqx.field(static=True)
    stop: bool = eqx.field(static=True)

    def crosses(self, before, after):
        upward = (before < 0) & (after >= 0)
        downward = (before > 0) & (after <= 0)
        return {1: upward, -1: downward, 0: upward | downward}[self.direction]


def _check_options(max_crossings, direction):
    if direction not in (1, -1, 0):
        raise ValueError(f"direction must be +1, -1 or 0 (both), got {direction}")
    if max_crossings < 1:
        raise ValueError(f"max_crossings must be at least 1, got {max_crossings}")


def _find(search, y0, dt, num_steps, inputs, throw) -> Crossings:
    """The search with its checks but for the number of crossings."""
    H, solver = search.H, search.solver
    check_solver(solver)
    solver.check(H)
    if H.is_noisy:
        raise ValueError("sections are of runs without noise: make the system without temperature")
    y0 = check_state(H, y0)
    check_steps(dt, num_steps)
    step = jnp.asarray(dt, y0.q.dtype)
    drive, rows = make_drive(inputs, H, num_steps, step.dtype)
    _check_event(search.event, y0, step.dtype)
    traced = is_traced((H, y0, step, rows, drive, search.event))
    if throw and not traced:
        check_finite(H)
        first = None if rows is None else rows[0]
        check_start(H, solver, y0, drive.at(first, jnp.zeros((), int), 0.0, step), float(dt))
    crossings, end = _run(search, drive, y0, step, jnp.arange(num_steps), rows)
    return _check_end(crossings, end, solver) if throw else crossings


def _check_event(event, y0, dtype):
    value = eqx.filter_eval_shape(event, y0, jnp.zeros((), dtype))
    shape, kind = getattr(value, "shape", None), getattr(value, "dtype", None)
    if shape != () or kind != dtype:
        raise ValueError(
            f"event(y, t) must give one real number of type {dtype}, got "
            f"{'shape ' + str(shape) + ' of type ' + str(kind) if kind else repr(value)}: "
            "take one component, such as y.q[0]"
        )


@eqx.filter_jit
def _run(search, drive: AbstractDrive, y0, dt, order, rows):
    solver, event = search.solver, search.event
    system = solver.prepare(search.H)

    def advance(carry, x):
        state, before, found = carry
        k, row = x

        def partial(s):
            return solver.step(system, state, s * dt, lambda c: drive.at(row, k, c * s, dt))

        def level(s):
            return event(solver.read(system, partial(s)), clock(k, s, dt))

        def refine():
            s = root_in_step(level, before, after)
            return clock(k, s, dt), solver.read(system, partial(s))

        one = jnp.ones((), dt.dtype)
        moved = partial(one)
        y = solver.read(system, moved)
        after = event(y, clock(k, one, dt))
        crossed = search.crosses(before, after)
        t, y = jax.lax.cond(crossed, refine, lambda: (clock(k, one, dt), y))
        return moved, after, _noted(found, crossed, t, y)

    def one(carry, x):
        if not search.stop:
            return advance(carry, x), None
        full = carry[2].count >= search.size
        return jax.lax.cond(full, lambda: carry, lambda: advance(carry, x)), None

    state = solver.start(system, y0)
    y = solver.read(system, state)
    first = (state, event(y, jnp.zeros((), dt.dtype)), _empty(search.size, y))
    (state, _, found), _ = jax.lax.scan(one, first, (order, rows))
    return found, solver.read(system, state)


def _empty(size, y):
    ts = jnp.full(size, jnp.nan, y.q.dtype)
    ys = jax.tree.map(lambda x: jnp.full((size, *x.shape), jnp.nan, x.dtype), y)
    return Crossings(ts, ys, jnp.zeros((), int))


def _noted(found, crossed, t, y):
    """`found` with one more crossing, if it is one; written in place, without a copy."""
    slot = jnp.where(crossed, found.count, found.ts.size)
    put = lambda buffer, x: buffer.at[slot].set(x, mode="drop")  # noqa: E731
    ys = jax.tree.map(put, found.ys, y)
    return Crossings(put(found.ts, t), ys, found.count + crossed.astype(found.count.dtype))


def _check_end(crossings: Crossings, end: PhaseState, solver: AbstractSolver) -> Crossings:
    """`crossings`, or an error if the run did not stay finite: NaN has no sign to change."""
    if is_traced(end):
        bad = ~(jnp.all(jnp.isfinite(end.q)) & jnp.all(jnp.isfinite(end.p)))
        return eqx.error_if(crossings, bad, "the run diverged: reduce dt or the drive")
    for name, x in (("q", end.q), ("p", end.p)):
        if not np.all(np.isfinite(np.asarray(x))):
            raise DivergenceError(
                f"the run diverged: its last {name} is not finite. {solver.failure_hint}Reduce "
                "dt or the drive, or look at the trajectory with integrate(..., throw=False)"
            )
    return crossings
