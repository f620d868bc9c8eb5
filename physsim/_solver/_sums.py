"""How increments are added to a state: plainly, compensated, or exactly on a grid."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, final

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

    def follow(
        self, flow: Callable[..., Any], system: Any, q: PyTree, p: PyTree, tau: Any, *inputs: Any
    ) -> tuple[PyTree, PyTree]:
        """One substep, (q, p) = flow(system, q, p, tau, *inputs, self)."""
        return flow(system, q, p, tau, *inputs, self)


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

    def follow(self, flow, system, q, p, tau, *inputs):
        return _apart((system, q, p, tau, *inputs), flow=flow, sums=self)

    def _inside(self, x):
        return jnp.where(jnp.abs(x) < self.limit, x, jnp.nan)


@eqx.filter_custom_jvp
def _apart(arguments, *, flow, sums):
    """A substep compiled apart from what stands around it, so that every program rounds it alike.

    Compilers contract a b + c as suits its surroundings. An increment that differs in its last
    place is, once in many thousand steps, rounded to another multiple, and the way back is lost
    in chaos. A branch is compiled for itself; derivatives are kept out of it.
    """
    _, q, p, tau, *_ = arguments
    return jax.lax.cond(
        jnp.isfinite(tau),
        lambda: flow(*arguments, sums),
        lambda: jax.tree.map(lambda x: jnp.full_like(x, jnp.nan), (q, p)),
    )


@_apart.def_jvp
def _apart_jvp(primals, tangents, *, flow, sums):
    _, moved = eqx.filter_jvp(lambda arguments: flow(*arguments, sums), primals, tangents)
    return _apart(*primals, flow=flow, sums=sums), moved


def on_grid(x: Inexact[Array, " ..."], bits: int) -> Inexact[Array, " ..."]:
    """`x` rounded to a multiple of 2^-bits; its derivative is one (straight through)."""
    return _round(x, 2.0**bits)


@jax.custom_jvp
def _round(x, scale):
    return jnp.round(x * scale) / scale


@_round.defjvp
def _round_jvp(primals, tangents):
    return _round(*primals), tangents[0]
