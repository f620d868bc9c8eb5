"""How increments are added to a state: plainly, compensated, or exactly on a grid."""

from abc import abstractmethod
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Inexact, PyTree


class AbstractSum(eqx.Module):
    """The arithmetic of x += increment."""

    @abstractmethod
    def start(self, x: Inexact[Array, " ..."]) -> PyTree:
        """What is carried for the variable `x`."""

    @abstractmethod
    def value(self, carried: PyTree) -> Inexact[Array, " ..."]:
        """The variable."""

    @abstractmethod
    def add(self, carried: PyTree, increment: Inexact[Array, " ..."]) -> PyTree:
        """The sum."""


@final
class PlainSum(AbstractSum):
    """Floating-point addition."""

    def start(self, x):
        return x

    def value(self, carried):
        return carried

    def add(self, carried, increment):
        return carried + increment


@final
class CompensatedSum(AbstractSum):
    """Kahan's sum: what rounding took from one addition is given back at the next."""

    def start(self, x):
        return x, jnp.zeros_like(x)

    def value(self, carried):
        return carried[0]

    def add(self, carried, increment):
        x, lost = carried
        # The product in the increment has to be rounded by itself: fused with this addition
        # the errors are biased, and the energy drifts (measured: ten times as much). No
        # compiler can see that the maximum changes nothing.
        increment = jnp.maximum(increment, -jnp.finfo(x.dtype).max) + lost
        total = x + increment
        return total, increment - (total - x)


@final
class GridSum(AbstractSum):
    """Increments rounded to multiples of 2^-bits, so that every addition is exact.

    A state beyond `limit` would be rounded: it becomes NaN, which ends the run.
    """

    bits: int = eqx.field(static=True)
    limit: float = eqx.field(static=True)

    def start(self, x):
        return self._inside(on_grid(x, self.bits))

    def value(self, carried):
        return carried

    def add(self, carried, increment):
        return self._inside(carried + on_grid(increment, self.bits))

    def _inside(self, x):
        return jnp.where(jnp.abs(x) < self.limit, x, jnp.nan)


def on_grid(x: Inexact[Array, " ..."], bits: int) -> Inexact[Array, " ..."]:
    """`x` rounded to a multiple of 2^-bits; its derivative is one (straight through)."""
    return _round(x, 2.0**bits)


@jax.custom_jvp
def _round(x, scale):
    return jnp.round(x * scale) / scale


@_round.defjvp
def _round_jvp(primals, tangents):
    return _round(*primals), tangents[0]
