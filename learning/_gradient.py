"""The one signature of all gradient methods."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree, Shaped

from physsim import (
    AbstractHamiltonian,
    AbstractSolver,
    DivergenceError,
    Inputs,
    PhaseState,
    check_finite,
    check_hamiltonian,
    check_solver,
    check_start,
    check_steps,
    is_traced,
)

from ._problem import Problem, make_problem

Cost = Callable[..., Any]
"""cost(H, y, u, target) -> scalar, summed over the states after steps 1..K."""

InitialState = PhaseState | Callable[..., Any]
"""A state, or a function H -> state where it depends on parameters."""


@final
class Gradients(eqx.Module):
    """Derivatives of the summed cost.

    `params` is shaped like the Hamiltonian and includes what the initial state and the
    cost owe to the parameters; `y0` is by the initial state; `inputs` is an array [K, m],
    or shaped like the callable that gave the inputs, or None; `dt` is by the step.
    """

    params: PyTree
    y0: PhaseState
    inputs: PyTree
    dt: Float[Array, ""]


class AbstractGradient(eqx.Module):
    """A way to compute the cost of a run and its gradient."""

    @abstractmethod
    def check(self, H: AbstractHamiltonian, solver: AbstractSolver) -> None:
        """Raise `ValueError` where this method can't be used."""

    @abstractmethod
    def evaluate(self, problem: Problem) -> tuple[Float[Array, ""], Gradients]:
        """The computation itself, on checked arguments."""

    def __call__(
        self,
        H: AbstractHamiltonian,
        solver: AbstractSolver,
        y0: InitialState,
        cost: Cost,
        *,
        dt: float | Float[Array, ""],
        num_steps: int,
        inputs: Inputs = None,
        targets: Shaped[Array, "rows ..."] | None = None,
    ) -> tuple[Float[Array, ""], Gradients]:
        """(value, gradients) of sum_k cost(H, y_k, u_k, target_k), k = 1..num_steps.

        `y0` is a state that stays as it is, or a function H -> state such as
        `circuit.initial_state`: gradients then count what the start owes to the parameters, as
        charges C v do.

        y_k is the state after k steps; u_k is the input held during step k, or the
        callable's value at t = k dt; `targets` has one row a step. The cost is
        differentiated with respect to H, y and u.

        Raises `ValueError` for arguments that don't fit, `DivergenceError` where the value
        or a gradient is not finite.
        """
        check_hamiltonian(H)
        check_solver(solver)
        check_steps(dt, num_steps)
        self.check(H, solver)
        problem = make_problem(H, solver, y0, cost, dt, num_steps, inputs, targets)
        _check_start(problem)
        value, gradients = self.evaluate(problem)
        return _checked(value, gradients)


def _check_start(problem: Problem) -> None:
    if is_traced(eqx.filter(problem, eqx.is_array)):
        return
    check_finite(problem.H)
    start, u = problem.start(problem.H), problem.first_input()
    check_start(problem.H, problem.solver, start, u, float(problem.dt))


def _checked(value, gradients):
    leaves = jax.tree.leaves((value, eqx.filter(gradients, eqx.is_inexact_array)))
    finite = jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in leaves]))
    message = (
        "the cost or its gradient is not finite: the run diverged (try a smaller dt) or "
        "the cost has no derivative somewhere on it"
    )
    if is_traced(finite):
        return eqx.error_if((value, gradients), ~finite, message)
    if not bool(finite):
        raise DivergenceError(message)
    return value, gradients
