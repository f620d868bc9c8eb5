"""What every integrator offers."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Inexact, PyTree

from .._hamiltonian import AbstractHamiltonian
from .._types import PhaseState

InputAt = Callable[[Any], Inexact[Array, " ..."]]
"""The inputs at a fraction of the step."""


class AbstractSolver(eqx.Module):
    """A one-step method. What it integrates is prepared once, what it carries is its own.

        system = solver.prepare(H)
        state = solver.start(system, y)
        state = solver.step(system, state, dt, input_at)     repeated
        y = solver.read(system, state)

    Most methods carry the `PhaseState` itself; some carry more (copies of it, rounding
    errors, other coordinates), and `read` takes the `PhaseState` out.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """The method's name in the literature."""

    @property
    @abstractmethod
    def order(self) -> int:
        """The order of convergence."""

    @property
    @abstractmethod
    def force_evaluations(self) -> int:
        """Forces a step (for implicit methods, a typical number of them)."""

    @property
    @abstractmethod
    def palindromic(self) -> bool:
        """Whether a step with -dt is the inverse of one with dt."""

    @property
    @abstractmethod
    def stability_limit(self) -> float:
        """The largest omega dt at which a harmonic oscillator stays bounded."""

    @property
    def failure_hint(self) -> str:
        """What a state that is not finite may mean, besides overflow."""
        return ""

    @abstractmethod
    def check(self, H: AbstractHamiltonian) -> None:
        """Raise `ValueError` if this method can't integrate `H` at its order."""

    def check_reversible(self, H: AbstractHamiltonian) -> None:
        """Raise `ValueError` if flipping the momenta does not reverse this method on `H`."""
        self.check(H)
        if not self.palindromic:
            raise ValueError(f"{self.name} is not palindromic: an echo does not retrace it")
        if not H.is_lossless:
            raise ValueError(
                "the system is damped, so flipping the momenta does not reverse time: "
                "remove its losses"
            )
        if not H.is_even:
            raise ValueError(
                "the energy is not even in p, so flipping the momenta does not "
                "reverse time: remove the terms odd in p"
            )

    def prepare(self, H: AbstractHamiltonian) -> Any:
        """What `step` works on: `H` with all that stays constant along a run computed once."""
        return H.prepare()

    def start(self, system: Any, y: PhaseState) -> PyTree:
        """What the method carries, at the state `y`."""
        return y

    def read(self, system: Any, state: PyTree) -> PhaseState:
        """The state of the system."""
        return state

    @abstractmethod
    def step(
        self,
        system: Any,
        state: PyTree,
        dt: Inexact[Array, ""],
        input_at: InputAt,
        *,
        backward: bool = False,
    ) -> PyTree:
        """One step.

        `backward` runs the substeps in reverse order, with the inputs of the same times:
        after a flip of the momenta this retraces the step.
        """


class AbstractEchoSolver(AbstractSolver):
    """A method whose own echo gives the gradient of its run.

    It moves the state by flows of parts of the energy, each part being constant (or, in a
    collocation method, sampled) along its flow: `visits` tell where.
    """

    def check_echo(self, H: AbstractHamiltonian) -> None:
        """Raise `ValueError` if this method's substeps, retraced, do not give gradients.

        Of `H` only what concerns the method is asked; palindromic it need not be.
        """
        self.check(H)

    def flip(self, state: PyTree) -> PyTree:
        """What is carried with all momenta reversed."""
        return jax.tree.map(PhaseState.reverse, state, is_leaf=_is_phase_state)

    def conjugate(self, state: PyTree) -> PyTree:
        """(q, p) -> (-p, -q): an echo's displacement as a gradient by what is carried.

        And back: it is its own inverse.
        """
        return jax.tree.map(lambda y: PhaseState(-y.p, -y.q), state, is_leaf=_is_phase_state)

    @abstractmethod
    def substeps(
        self,
        system: Any,
        state: PyTree,
        dt: Inexact[Array, ""],
        input_at: InputAt,
        *,
        backward: bool = False,
    ) -> tuple[PyTree, list[Any]]:
        """One step, with what `action` needs of each substep."""

    @abstractmethod
    def action(
        self, system: Any, visits: list[Any], dt: Inexact[Array, ""], input_at: InputAt
    ) -> Inexact[Array, ""]:
        """Sum over substeps of length * (the energy that moves the state there).

        Its derivative by parameters, inputs or step, at fixed states, is the integrand
        of every echo gradient.
        """

    def step(self, system, state, dt, input_at, *, backward=False):
        return self.substeps(system, state, dt, input_at, backward=backward)[0]


def _is_phase_state(x):
    return isinstance(x, PhaseState)
