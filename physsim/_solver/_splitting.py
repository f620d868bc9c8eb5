"""The one loop over a splitting's substeps: integrator, echo and gradient quadrature."""

from abc import abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
from jaxtyping import Array, Float

from .._hamiltonian import AbstractHamiltonian, AbstractSeparableHamiltonian
from .._types import PhaseState
from ._tableau import Flow, SplittingTableau, Substep

InputAt = Callable[[float], Float[Array, " m"]]
"""The inputs at a fraction of the step."""


class Visit(NamedTuple):
    """A substep and the variable that stays fixed during it: q in a kick, p in a drift."""

    substep: Substep
    fixed: Float[Array, " n"]


class AbstractSplitting(eqx.Module):
    """A composition of exact flows of T and V, given by its tableau."""

    @property
    @abstractmethod
    def tableau(self) -> SplittingTableau:
        """The method itself."""

    def check(self, H: AbstractHamiltonian) -> AbstractSeparableHamiltonian:
        """`H`; or a `ValueError` if this method can't integrate it at its order."""
        name = self.tableau.name
        if not isinstance(H, AbstractSeparableHamiltonian):
            raise ValueError(
                f"{name} needs a separable Hamiltonian T(p) + V(q, u); in this one some term "
                "mixes momenta with positions or inputs"
            )
        if self.tableau.needs_quadratic_kinetic and not H.kinetic_is_quadratic:
            raise ValueError(
                f"{name} needs T quadratic in p (it would drop to order 4): use Yoshida4()"
            )
        return H

    def check_reversible(self, H: AbstractHamiltonian) -> None:
        """Raise `ValueError` if flipping the momenta does not reverse this method on `H`."""
        separable = self.check(H)
        if not self.tableau.palindromic:
            raise ValueError(f"{self.tableau.name} is not palindromic: an echo does not retrace it")
        if not separable.kinetic_is_even:
            raise ValueError(
                "the kinetic energy is not even in p, so flipping the momenta does not "
                "reverse time: remove its odd terms"
            )

    def substeps(
        self,
        H: AbstractSeparableHamiltonian,
        y: PhaseState,
        dt: Float[Array, ""],
        input_at: InputAt,
        *,
        backward: bool = False,
    ) -> tuple[PhaseState, list[Visit]]:
        """One step from `y`, with what `action` needs of each substep.

        `backward` runs the substeps in reverse order, with the inputs of the same times:
        after a flip of the momenta this retraces the step.
        """
        q, p = y.q, y.p
        visits = []
        sequence = self.tableau.substeps
        for substep in reversed(sequence) if backward else sequence:
            tau = substep.length * dt
            if substep.flow is Flow.DRIFT:
                visits.append(Visit(substep, p))
                q = q + tau * H.velocity(p)
            else:
                visits.append(Visit(substep, q))
                p = p + tau * H.force(q, input_at(substep.time))
        return PhaseState(q, p), visits

    def step(self, H, y, dt, input_at, *, backward=False) -> PhaseState:
        """One step from `y`."""
        return self.substeps(H, y, dt, input_at, backward=backward)[0]

    def action(
        self,
        H: AbstractSeparableHamiltonian,
        visits: list[Visit],
        dt: Float[Array, ""],
        input_at: InputAt,
    ) -> Float[Array, ""]:
        """Sum over substeps of length * (the energy that moves the state there).

        Its derivative by parameters, inputs or step, at fixed states, is the integrand
        of every echo gradient.
        """
        total = 0.0 * dt
        for substep, fixed in visits:
            tau = substep.length * dt
            if substep.flow is Flow.DRIFT:
                total = total + tau * H.kinetic(fixed)
            else:
                total = total + tau * H.potential(fixed, input_at(substep.time))
        return total
