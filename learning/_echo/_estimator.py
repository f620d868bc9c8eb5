"""Derivatives of an echo by the strength of its nudges, at zero strength."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Inexact, PyTree

from ._forward import Sizes

EchoStep = Callable[..., Any]
"""(epsilon, state) -> (the next state, what this step adds to the gradient)."""


class AbstractEstimator(eqx.Module):
    """Carries one or more echoes abreast and differentiates what they add up."""

    @property
    def measures(self) -> bool:
        """Whether `strength` has to know the sizes of the nudges."""
        return True

    @property
    def retraces(self) -> bool:
        """Whether an echo without nudges runs along, which has to return to the start."""
        return False

    def adapt(self, tree: PyTree) -> PyTree:
        """`tree` with its numbers as the echoes need them."""
        return tree

    @abstractmethod
    def strength(self, sizes: Sizes | None, num_steps: int) -> Inexact[Array, ""]:
        """The strength of the nudges, from their sizes in the run."""

    @abstractmethod
    def lift(self, state: PyTree) -> PyTree:
        """What is carried, starting from the flipped final state."""

    @abstractmethod
    def differentiate(
        self, step: EchoStep, lifted: PyTree, strength: Inexact[Array, ""]
    ) -> tuple[PyTree, PyTree]:
        """One step of all echoes, and the derivative of their share of the gradient."""

    @abstractmethod
    def displacement(self, lifted: PyTree, strength: Inexact[Array, ""]) -> PyTree:
        """d state / d epsilon."""

    @abstractmethod
    def centre(self, lifted: PyTree) -> PyTree:
        """The state without nudges, or what comes closest to it."""


def _scaled(epsilon, sizes: Sizes | None, num_steps: int) -> Inexact[Array, ""]:
    """`epsilon`, scaled so that the largest nudge displaces the state by it."""
    assert sizes is not None
    # An echo is nudged by the gradient at its own, displaced state. Near an optimum that
    # is mostly the displacement's own doing, and would grow from step to step.
    capped = jnp.minimum(epsilon, largest_epsilon(sizes, num_steps)) / sizes.nudge
    return jnp.where(sizes.nudge > 0, capped, epsilon)


def largest_epsilon(sizes: Sizes, num_steps: int) -> Inexact[Array, ""]:
    """The largest displacement by a nudge that the echoes' own displacement stays small beside."""
    bend = 10.0 * num_steps * sizes.bend
    return jnp.where(bend > 0, sizes.nudge / jnp.where(bend > 0, bend, 1.0), jnp.inf)


@final
class TwoSided(AbstractEstimator):
    """(A(epsilon) - A(-epsilon)) / 2 epsilon, subtracted step by step: bias O(epsilon^2)."""

    epsilon: Inexact[Array, ""]

    def strength(self, sizes, num_steps):
        return _scaled(self.epsilon, sizes, num_steps)

    def lift(self, state):
        return _twice(state)

    def differentiate(self, step, lifted, strength):
        lifted, shares = jax.vmap(step)(jnp.stack([strength, -strength]), lifted)
        return lifted, self.displacement(shares, strength)

    def displacement(self, lifted, strength):
        return jax.tree.map(lambda x: (x[0] - x[1]) / (2 * strength), lifted)

    def centre(self, lifted):
        return jax.tree.map(lambda x: (x[0] + x[1]) / 2, lifted)


@final
class OneSided(AbstractEstimator):
    """(A(epsilon) - A(0)) / epsilon, subtracted step by step: bias O(epsilon)."""

    epsilon: Inexact[Array, ""]

    def strength(self, sizes, num_steps):
        return _scaled(self.epsilon, sizes, num_steps)

    def lift(self, state):
        return _twice(state)

    def differentiate(self, step, lifted, strength):
        lifted, shares = jax.vmap(step)(jnp.stack([strength, jnp.zeros_like(strength)]), lifted)
        return lifted, self.displacement(shares, strength)

    def displacement(self, lifted, strength):
        return jax.tree.map(lambda x: (x[0] - x[1]) / strength, lifted)

    def centre(self, lifted):
        return jax.tree.map(lambda x: x[1], lifted)


def _twice(tree):
    return jax.tree.map(lambda x: jnp.stack([x, x]), tree)


@final
class Tangent(AbstractEstimator):
    """The limit itself, by forward-mode differentiation of the unnudged echo."""

    @property
    def measures(self):
        return False

    @property
    def retraces(self):
        return True

    def strength(self, sizes, num_steps):
        return jnp.ones(())

    def lift(self, state):
        return state, jax.tree.map(jnp.zeros_like, state)

    def differentiate(self, step, lifted, strength):
        primal, tangent = lifted
        unit = jnp.ones((), jax.tree.leaves(primal)[0].dtype)
        (state, _), (moved, share) = jax.jvp(step, (jnp.zeros_like(unit), primal), (unit, tangent))
        return (state, moved), share

    def displacement(self, lifted, strength):
        return lifted[1]

    def centre(self, lifted):
        return lifted[0]


@final
class ComplexStep(AbstractEstimator):
    """Im A(i epsilon) / epsilon: nothing is subtracted, so epsilon may be as small as it likes.

    Bias O(epsilon^2), far below rounding. Needs an energy and a cost that are analytic.
    """

    epsilon: Inexact[Array, ""]

    def adapt(self, tree):
        return jax.tree.map(lambda x: _complex(x) if eqx.is_inexact_array(x) else x, tree)

    def strength(self, sizes, num_steps):
        return _scaled(self.epsilon, sizes, num_steps)

    def lift(self, state):
        return jax.tree.map(_complex, state)

    def differentiate(self, step, lifted, strength):
        lifted, shares = step(jax.lax.complex(jnp.zeros_like(strength), strength), lifted)
        return lifted, self.displacement(shares, strength)

    def displacement(self, lifted, strength):
        return jax.tree.map(lambda x: jnp.imag(x) / strength, lifted)

    def centre(self, lifted):
        return jax.tree.map(jnp.real, lifted)


def _complex(x):
    return jax.lax.complex(x, jnp.zeros_like(x))
