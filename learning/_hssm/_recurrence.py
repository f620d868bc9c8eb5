"""Running a unit's core over many steps: one after another, or in parallel."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Inexact

from physsim import AbstractSolver, PhaseState

from ._linear import Oscillators
from ._unit import along


def run_core(
    solver: AbstractSolver,
    core: Any,
    dt: Inexact[Array, ""],
    start: Any,
    drive: Inexact[Array, "k T *series"],
) -> tuple[Any, Inexact[Array, "n T *series"]]:
    """(what is carried at the end, positions after each step), `start` being carried, too."""

    def one(state, r):
        state = solver.step(core, state, dt, lambda _: r)
        return state, solver.read(core, state).q

    end, q = jax.lax.scan(one, start, time_first(drive))
    return end, time_second(q)


def parallel_states(
    core: Oscillators, start: PhaseState, drive: Inexact[Array, "n T *series"]
) -> PhaseState:
    """The same positions, and momenta, of drift-kick-drift leapfrog by an associative scan.

    A step is z -> M z + (h / 2, 1) h r with a 2 x 2 matrix M for each mode; such maps compose.
    """
    length = drive.shape[1]
    M, push = leapfrog_map(core)
    M = [jnp.broadcast_to(x, (length, *x.shape)) for x in M]
    r = time_first(drive)
    offset = [along(x, r[0])[None] * r for x in push]
    first = apply_map([x[0] for x in M], (start.q, start.p))
    offset = [x.at[0].add(y) for x, y in zip(offset, first, strict=True)]

    def then(early, late):
        return _compose(early[:4], late[:4]) + _moved(late[:4], early[4:], late[4:])

    *_, q, p = jax.lax.associative_scan(then, (*M, *offset))
    return PhaseState(time_second(q), time_second(p))


def leapfrog_map(core: Oscillators) -> tuple[list[Array], list[Array]]:
    """([M_qq, M_qp, M_pq, M_pp], [dq/dr, dp/dr]) of one step, each of shape [n]."""
    h, A = core.h, core.A
    turn = 1 - h**2 * A / 2
    M = [turn, h * (1 - h**2 * A / 4), -h * A, turn]
    return M, [h**2 / 2, h]


def apply_map(M, z):
    """M z, M of shape [n] and z of shape [n, *series]."""
    a, b, c, d = (along(x, z[0]) for x in M)
    return a * z[0] + b * z[1], c * z[0] + d * z[1]


def _compose(early, late):
    a, b, c, d = late
    e, f, g, h = early
    return a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h


def _moved(M, z, offset):
    """M z + offset with a time axis in front of all."""
    a, b, c, d = (x.reshape(x.shape + (1,) * (z[0].ndim - x.ndim)) for x in M)
    return a * z[0] + b * z[1] + offset[0], c * z[0] + d * z[1] + offset[1]


def time_first(x: Inexact[Array, "n T *series"]) -> Inexact[Array, "T n *series"]:
    return jnp.swapaxes(x, 0, 1)


time_second = time_first
