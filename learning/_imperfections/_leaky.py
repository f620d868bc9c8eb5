"""A method that loses energy: what a run is on a machine of finite Q."""

from typing import final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from physsim import AbstractEchoSolver, PhaseState


@final
class Leaky(AbstractEchoSolver):
    """`base` with momenta that decay by exp(-rate dt / 2) on either side of a step.

    All charges leak at the same rate: Q = omega / rate at an angular frequency omega. Backwards it
    leaks just the same, which is what makes a real machine's echo miss its start.
    """

    base: AbstractEchoSolver
    rate: Float[Array, ""]

    @property
    def name(self):
        return f"{self.base.name} with losses"

    @property
    def order(self):
        return min(self.base.order, 2)

    @property
    def force_evaluations(self):
        return self.base.force_evaluations

    @property
    def palindromic(self):
        return self.base.palindromic

    @property
    def stability_limit(self):
        return self.base.stability_limit

    def check(self, H):
        self.base.check(H)

    def prepare(self, H):
        return self.base.prepare(H)

    def start(self, system, y):
        state = self.base.start(system, y)
        if state is not y:
            raise ValueError(
                f"losses are not added to {self.base.name}, which carries other than q and p: use "
                "StormerVerlet(), SRKN11b() or another plain splitting"
            )
        return state

    def read(self, system, state):
        return self.base.read(system, state)

    def substeps(self, system, state, dt, input_at, *, backward=False):
        state, visits = self.base.substeps(
            system, self._leak(state, dt), dt, input_at, backward=backward
        )
        return self._leak(state, dt), visits

    def action(self, system, visits, dt, input_at):
        return self.base.action(system, visits, dt, input_at)

    def _leak(self, state: PhaseState, dt: Float[Array, ""]) -> PhaseState:
        return eqx.tree_at(lambda y: y.p, state, state.p * jnp.exp(-0.5 * self.rate * dt))
