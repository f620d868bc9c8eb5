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

    def lift(self, y):
        return y, jax.tree.map(jnp.zeros_like, y)

    def differentiate(self, step, lifted, strength):
        zero = jnp.zeros_like(strength)
        primal, tangent = lifted
        (y, _), (dy, share) = jax.jvp(step, (zero, primal), (jnp.ones_like(zero), tangent))
        return (y, dy), share

    def displacement(self, lifted, strength):
        return lifted[1]
