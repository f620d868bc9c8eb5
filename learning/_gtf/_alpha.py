"""How strongly to force, along training."""

from abc import abstractmethod
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Inexact

from physsim import is_traced


def check_alpha(alpha: Any, dtype=None) -> Inexact[Array, ""]:
    """alpha as an array; `ValueError` outside of [0, 1]."""
    alpha = jnp.asarray(alpha, dtype)
    if alpha.shape != ():
        raise ValueError(f"alpha must be one number, got shape {alpha.shape}")
    if not is_traced(alpha) and not 0 <= float(alpha) <= 1:
        raise ValueError(
            f"alpha must lie in [0, 1], from free-running to wholly forced, got {float(alpha)}"
        )
    return alpha


class AbstractAlpha(eqx.Module):
    """A rule for alpha before each update."""

    @property
    @abstractmethod
    def start(self) -> float:
        """alpha of the first update."""

    @abstractmethod
    def next(self, alpha: float, step: int, growth: float) -> float:
        """alpha of update `step`, after `alpha`; `growth` is the geometric mean of |J_t|."""

    @property
    def every(self) -> int | None:
        """How often `growth` is asked for, None for never (it is 1 then)."""
        return None


@final
class FixedAlpha(AbstractAlpha):
    """The same alpha always."""

    alpha: float = eqx.field(static=True)

    def __check_init__(self):
        check_alpha(self.alpha)

    @property
    def start(self):
        return self.alpha

    def next(self, alpha, step, growth):
        return self.alpha


@final
class ScheduledAlpha(AbstractAlpha):
    """From `first` to `last` within `steps` updates, by equal factors (equal steps to 0)."""

    first: float = eqx.field(static=True)
    last: float = eqx.field(static=True)
    steps: int = eqx.field(static=True)

    def __check_init__(self):
        check_alpha(self.first)
        check_alpha(self.last)
        if self.steps < 1:
            raise ValueError(f"alpha changes within at least 1 step, got {self.steps}")

    @property
    def start(self):
        return self.first

    def next(self, alpha, step, growth):
        share = min(step / self.steps, 1.0)
        if self.first > 0 and self.last > 0:
            return self.first * (self.last / self.first) ** share
        return self.first + share * (self.last - self.first)


@final
class EstimatedAlpha(AbstractAlpha):
    """1 - 1 / (geometric mean of |J_t|): raised at once, lowered by the share `rate` an estimate.

    Source: Hess, Monfared, Brenner & Durstewitz, ICML (2023), eqs. 12 and 13.
    """

    first: float = eqx.field(static=True, default=0.3)
    every: int = eqx.field(static=True, default=5)
    rate: float = eqx.field(static=True, default=0.05)
    least: float = eqx.field(static=True, default=0.01)

    def __check_init__(self):
        for value in (self.first, self.rate, self.least):
            check_alpha(value)
        if self.every < 1:
            raise ValueError(f"alpha is estimated every 1 or more updates, got {self.every}")

    @property
    def start(self):
        return self.first

    def next(self, alpha, step, growth):
        if step % self.every:
            return alpha
        if not np.isfinite(growth):
            return 1.0
        wanted = max(1 - 1 / growth, self.least) if growth > 0 else self.least
        return wanted if wanted > alpha else alpha + self.rate * (wanted - alpha)


def jacobian_norms(F, zs: Inexact[Array, "T D"], xs: Any = None) -> Inexact[Array, " T"]:
    """sigma_1 of dF/dz along a trajectory."""
    jacobians = jax.vmap(jax.jacfwd(F))(zs, xs)
    return jnp.linalg.norm(jacobians, ord=2, axis=(-2, -1))
