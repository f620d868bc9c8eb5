"""The one loop over a splitting's substeps: integrator, echo and gradient quadrature."""

from abc import abstractmethod
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Inexact

from .._damping import LossyFlows
from .._hamiltonian import AbstractHamiltonian, AbstractSeparableHamiltonian
from .._types import PhaseState
from ._base import AbstractEchoSolver
from ._sums import AbstractSum, PlainSum
from ._tableau import Flow, SplittingTableau, Substep


class Visit(NamedTuple):
    """A substep and the state before it."""

    substep: Substep
    q: Inexact[Array, " *n"]
    p: Inexact[Array, " *n"]


class AbstractSplitting(AbstractEchoSolver):
    """A composition of exact flows of T and V, given by its tableau."""

    @property
    @abstractmethod
    def tableau(self) -> SplittingTableau:
        """The method itself."""

    @property
    def name(self):
        return self.tableau.name

    @property
    def order(self):
        return self.tableau.order

    @property
    def force_evaluations(self):
        return self.tableau.force_evaluations

    @property
    def palindromic(self):
        return self.tableau.palindromic

    @property
    def stability_limit(self):
        return self.tableau.stability_limit

    def check(self, H: AbstractHamiltonian) -> None:
        if not isinstance(H, AbstractSeparableHamiltonian):
            raise ValueError(
                f"{self.name} needs a separable Hamiltonian T(p) + V(q, u); in this one some "
                "term mixes momenta with positions or inputs. Use GaussLegendre4() or Tao()"
            )
        if not H.has_exact_flows:
            raise ValueError(
                f"{self.name} needs closed forms for drift and kick, and nonlinear losses have "
                "none: use GaussLegendre4() or ImplicitMidpoint()"
            )
        if self.tableau.needs_quadratic_kinetic and not H.is_nystrom:
            raise ValueError(
                f"{self.name} needs T quadratic in p and no losses in the kick (it would drop "
                "to order 4 or less): use BlanesMoan6() or Yoshida4()"
            )

    def substeps(self, system, state, dt, input_at, *, backward=False):
        q, p, visits = self.run(
            system, (state.q, state.p), dt, input_at, backward=backward, sums=PlainSum()
        )
        return PhaseState(q, p), visits

    def step(self, system, state, dt, input_at, *, backward=False):
        if not isinstance(system, LossyFlows):
            return super().step(system, state, dt, input_at, backward=backward)
        return self._looped(system, state, dt, input_at, backward)

    def _looped(self, system, state, dt, input_at, backward: bool) -> PhaseState:
        """A step with one drift and one kick in a loop: those with losses take long to compile."""
        sequence = self.tableau.substeps[::-1] if backward else self.tableau.substeps

        def follow(pair, flow, length, time):
            if flow is Flow.DRIFT:
                return _drift(system, *pair, length * dt, PlainSum())
            return _kick(system, *pair, length * dt, input_at(time), PlainSum())

        def both(pair, numbers):
            for substep, (length, time) in zip(sequence[:2], numbers, strict=True):
                pair = follow(pair, substep.flow, length, time)
            return pair, None

        paired = len(sequence) // 2 * 2
        numbers = jnp.asarray([s[1:] for s in sequence[:paired]], state.q.dtype).reshape(-1, 2, 2)
        pair, _ = jax.lax.scan(both, (state.q, state.p), numbers)
        for substep in sequence[paired:]:
            pair = follow(pair, *substep)
        return PhaseState(*pair)

    def run(
        self, system, pair, dt, input_at, *, backward: bool, sums: AbstractSum
    ) -> tuple[Any, Any, list[Visit]]:
        """All substeps from `pair` = (q, p), added up as `sums` says."""
        q, p = pair
        visits = []
        sequence = self.tableau.substeps
        for substep in reversed(sequence) if backward else sequence:
            tau = substep.length * dt
            visits.append(Visit(substep, sums.value(q), sums.value(p)))
            if substep.flow is Flow.DRIFT:
                q, p = sums.follow(_drift, system, q, p, tau)
            else:
                q, p = sums.follow(_kick, system, q, p, tau, input_at(substep.time))
        return q, p, visits

    def action(self, system, visits, dt, input_at):
        total = 0.0 * dt
        for substep, q, p in visits:
            tau = substep.length * dt
            if substep.flow is Flow.DRIFT:
                total = total + tau * self.drift_energy(system, q, p)
            else:
                total = total + tau * system.potential(q, input_at(substep.time))
        return total

    def drift_energy(self, system: Any, q: Array, p: Array) -> Inexact[Array, ""]:
        """The energy whose flow the drift is: its derivatives by parameters stay constant."""
        return system.kinetic(p)


def _drift(system, q, p, tau, sums):
    return system.drift(q, p, tau, sums)


def _kick(system, q, p, tau, u, sums):
    return system.kick(q, p, tau, u, sums)
