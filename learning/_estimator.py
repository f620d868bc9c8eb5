"""Derivatives of an echo by the strength of its nudges, at zero strength."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from physsim import PhaseState

EchoStep = Callable[..., Any]
"""(epsilon, y) -> (the next state, what this step adds to the gradient)."""


class AbstractEstimator(eqx.Module):
    """Carries one or more echoes abreast and differentiates what they add up."""

    @abstractmethod
    def strength(self, nudge: PyTree, bend: PyTree, num_steps: int) -> Float[Array, ""]:
        """How much to strengthen the nudges, from their sizes in the run.

        `nudge` is the largest gradient of the cost, `bend` the largest change of that gradient
        over a displacement by the state itself.
        """

    @abstractmethod
    def lift(self, y: PhaseState) -> PyTree:
        """What is carried, starting from the flipped final state."""

    @abstractmethod
    def differentiate(
        self, step: EchoStep, lifted: PyTree, strength: Float[Array, ""]
    ) -> tuple[PyTree, PyTree]:
        """One step of all echoes, and the derivative of their share of the gradient."""

    @abstractmethod
    def displacement(self, lifted: PyTree, strength: Float[Array, ""]) -> PhaseState:
        """dy / d epsilon."""


@final
class TwoSided(AbstractEstimator):
    """(A(epsilon) - A(-epsilon)) / 2 epsilon, subtracted step by step.

    `strength` scales the nudges so that the largest displaces by `epsilon`, and the
    result is scaled back.
    """

    epsilon: Float[Array, ""]

    def strength(self, nudge, bend, num_steps):
        # An echo is nudged by the gradient at its own, displaced state. Near an optimum that
        # is mostly the displacement's own doing, and would grow from step to step.
        scale = jnp.maximum(nudge, 10.0 * num_steps * self.epsilon * bend)
        return 1.0 / jnp.where(scale > 0, scale, 1.0)

    def lift(self, y):
        return jax.tree.map(lambda x: jnp.stack([x, x]), y)

    def differentiate(self, step, lifted, strength):
        epsilon = self.epsilon * strength
        lifted, shares = jax.vmap(step)(jnp.stack([epsilon, -epsilon]), lifted)
        return lifted, _slope(shares, epsilon)

    def displacement(self, lifted, strength):
        return _slope(lifted, self.epsilon * strength)


def _slope(pair, epsilon):
    return jax.tree.map(lambda x: (x[0] - x[1]) / (2 * epsilon), pair)


@final
class Tangent(AbstractEstimator):
    """The limit itself, by forward-mode differentiation of the unnudged echo."""

    def strength(self, nudge, bend, num_steps):
        return jnp.ones_like(nudge)

    def lift(self, y):
        return y, jax.tree.map(jnp.zeros_like, y)

    def differentiate(self, step, lifted, strength):
        zero = jnp.zeros_like(strength)
        primal, tangent = lifted
        (y, _), (dy, share) = jax.jvp(step, (zero, primal), (jnp.ones_like(zero), tangent))
        return (y, dy), share

    def displacement(self, lifted, strength):
        return lifted[1]
