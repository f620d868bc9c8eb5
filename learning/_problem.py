"""A learning problem in the form all gradient methods work on."""

from collections.abc import Callable
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Inexact, Int, PyTree

from physsim import (
    AbstractDrive,
    AbstractHamiltonian,
    AbstractSolver,
    PhaseState,
    check_state,
    make_drive,
)

from ._cost_check import check_cost


@final
class Row(eqx.Module):
    """What belongs to one step: its held inputs and its target."""

    inputs: PyTree
    target: PyTree


@final
class Cotangents(eqx.Module):
    """A cost known by its derivatives alone, by what is carried after every `every` steps."""

    rows: PyTree
    """What is carried, with a leading axis [K / every]."""
    every: int = eqx.field(static=True)

    def after(self, k: Int[Array, ""]) -> PyTree:
        """The derivative by what is carried after step `k` (counted from 0)."""
        if self.every == 1:
            return jax.tree.map(lambda x: x[k], self.rows)
        at, left = jnp.divmod(k + 1, self.every)
        return jax.tree.map(
            lambda x: jnp.where(left == 0, x[at - 1], jnp.zeros_like(x[0])), self.rows
        )


@final
class Problem(eqx.Module):
    """Arguments of a gradient method, checked; `rows` has a leading axis [K]."""

    H: AbstractHamiltonian
    solver: AbstractSolver
    initial: Any
    cost: Any
    dt: Inexact[Array, ""]
    drive: AbstractDrive
    rows: Row
    num_steps: int = eqx.field(static=True)
    seen: Any = None
    """`H` as the cost sees it, where that is not `H` itself: see `H.with_inverses`."""

    def start(self, H: AbstractHamiltonian) -> PhaseState:
        """The initial state, as it depends on the parameters."""
        return check_state(H, _start(self.initial, H))

    def first_input(self) -> Inexact[Array, " m"]:
        """The input at t = 0."""
        first = jax.tree.map(lambda x: x[0], self.rows.inputs)
        return self.drive.at(first, jnp.zeros((), int), 0.0, self.dt)

    def scan(
        self,
        step: Callable[..., Any],
        carry: PyTree,
        *,
        rows: Row | None = None,
        reverse: bool = False,
    ) -> tuple[PyTree, PyTree]:
        """`lax.scan` of step(carry, k, row) -> (carry, output) over k = 0..K-1, or back.

        The step number is counted in the carry: an array of them would take memory.
        """

        def one(counted, row):
            k, carry = counted
            carry, output = step(carry, k, row)
            return (k - 1 if reverse else k + 1, carry), output

        first = jnp.asarray(self.num_steps - 1 if reverse else 0)
        rows = self.rows if rows is None else rows
        (_, carry), outputs = jax.lax.scan(
            one, (first, carry), rows, length=self.num_steps, reverse=reverse
        )
        return carry, outputs

    def cost_at(
        self,
        H: AbstractHamiltonian,
        y: PhaseState,
        drive: AbstractDrive,
        row: Row,
        k: Int[Array, ""],
        dt: Inexact[Array, ""],
    ) -> Any:
        """The running cost of the state `y` after step `k` (counted from 0)."""
        u = drive.at(row.inputs, k, 1.0, dt)
        return self.cost(H, y, u, row.target)


def make_problem(H, solver, y0, cost, dt, num_steps, inputs, targets) -> Problem:
    """Check the arguments of a gradient method against each other.

    Raises `ValueError` if the state, inputs or targets have the wrong shape, or if the
    cost is not a real scalar or has no derivative.
    """
    start = check_state(H, _start(y0, H))
    dtype = start.q.dtype
    drive, held = make_drive(inputs, H, num_steps, dtype)
    if targets is not None:
        targets = jnp.asarray(targets)
        if targets.shape[:1] != (num_steps,):
            raise ValueError(
                f"targets must have one row a step: ({num_steps}, ...), got {targets.shape}"
            )
    step = jnp.asarray(dt, dtype)
    problem = Problem(H, solver, y0, cost, step, drive, Row(held, targets), num_steps)
    _check_cost(problem, start)
    return problem


def _start(initial: Any, H: AbstractHamiltonian) -> Any:
    return initial(H) if callable(initial) else initial


def _check_cost(problem: Problem, y: PhaseState) -> None:
    k, row = jnp.zeros((), int), jax.tree.map(lambda x: x[0], problem.rows)
    check_cost(lambda H, y: problem.cost_at(H, y, problem.drive, row, k, problem.dt), problem.H, y)
