"""Fixed points z = g(z), solved to rounding and differentiated implicitly."""

from abc import abstractmethod
from collections.abc import Callable
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Inexact

Map = Callable[[Inexact[Array, " n"]], Inexact[Array, " n"]]

_ROUNDING = 64.0


class AbstractRoot(eqx.Module):
    """How an implicit method solves its equations.

    Stops when an iteration no longer comes closer, which in floating point it must; then
    the last correction has to be at the level of rounding, or the result is NaN.
    """

    max_iterations: eqx.AbstractVar[int]

    @abstractmethod
    def correction(self, g: Map, start: Inexact[Array, " n"]) -> Map:
        """z -> the next iterate minus z."""

    def solve(self, g: Map, start: Inexact[Array, " n"]) -> Inexact[Array, " n"]:
        """z with z = g(z), near `start`. NaN if it is not found to rounding."""
        return jax.lax.custom_root(
            lambda z: z - g(z), start, lambda _, z: self._iterate(g, z), _solve_linear
        )

    def _iterate(self, g, start):
        correct = self.correction(g, start)

        def unfinished(carry):
            _, now, before, count = carry
            closer = (now > 0) & (now < before)
            return (count < self.max_iterations) & ((count < 2) | closer)

        def improve(carry):
            z, now, _, count = carry
            delta = correct(z)
            return z + delta, jnp.max(jnp.abs(delta)), now, count + 1

        infinite = jnp.full((), jnp.inf, start.dtype)
        first = (start, infinite, infinite, jnp.zeros((), int))
        z, last, _, _ = jax.lax.while_loop(unfinished, improve, first)
        unit = _ROUNDING * jnp.finfo(start.dtype).eps
        solved = last <= unit * (1.0 + jnp.max(jnp.abs(z)))
        return jnp.where(solved, z, jnp.nan)


@final
class FixedPoint(AbstractRoot):
    """Plain iteration: cheap, no matrices; converges for omega dt below about 1."""

    max_iterations: int = 200

    def correction(self, g, start):
        return lambda z: g(z) - z


@final
class Newton(AbstractRoot):
    """Newton's iteration with the dense Jacobian: few iterations, for small systems."""

    max_iterations: int = 30

    def correction(self, g, start):
        identity = jnp.eye(start.size, dtype=start.dtype)
        return lambda z: jnp.linalg.solve(identity - jax.jacfwd(g)(z), g(z) - z)


def _solve_linear(linear, b):
    return jnp.linalg.solve(jax.jacfwd(linear)(jnp.zeros_like(b)), b)
