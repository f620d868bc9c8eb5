"""The nonlinear recurrent unit: modes with a saturating force, the family of UnICORNN."""

import math
from abc import abstractmethod
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact, PRNGKeyArray

from ._modes import AbstractModes
from ._unit import AbstractHRU, Projection, along, entries, projection_names, stable_step


@jax.custom_jvp
def log_cosh(x: Inexact[Array, " *n"]) -> Inexact[Array, " *n"]:
    """log cosh x without overflow: |x| + log(1 + exp(-2 |x|)) - log 2."""
    size = jnp.abs(x)
    return size + jnp.log1p(jnp.exp(-2 * size)) - math.log(2)


@log_cosh.defjvp
def _log_cosh_jvp(primals, tangents):
    # Through |x| the second derivative at 0, where states start, would come out as 0.
    (x,), (dx,) = primals, tangents
    return log_cosh(x), jnp.tanh(x) * dx


class AbstractCoupling(eqx.Module):
    """W of the saturating force, and the energy that has it."""

    @abstractmethod
    def curvature(self, alpha: Array, c: Array) -> Array:
        """A bound on the second derivative of the potential, a mode (or one for all)."""

    @abstractmethod
    def argument(self, q: Array, r: Array) -> Array:
        """W q + r, which the force's tanh is of."""

    @abstractmethod
    def energy(self, c: Array, q: Array, r: Array) -> Array:
        """The saturating energy of each mode, before its step."""

    @abstractmethod
    def force(self, h: Array, c: Array, q: Array, r: Array) -> Array:
        """The saturating force on each mode: minus the slope of sum h energy by q."""

    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """One a number."""


@final
class DiagonalCoupling(AbstractCoupling):
    """Each mode by itself: c log cosh(w q + r) / w with w = exp(log_w) > 0.

    A negative w would be the same as a negative c with the signs of r turned.
    """

    log_w: Float[Array, " n"]

    def curvature(self, alpha, c):
        return alpha + jnp.abs(c) * jnp.exp(self.log_w)

    def argument(self, q, r):
        return along(jnp.exp(self.log_w), q) * q + r

    def energy(self, c, q, r):
        return along(c, q) * log_cosh(self.argument(q, r)) / along(jnp.exp(self.log_w), q)

    def force(self, h, c, q, r):
        return -along(h * c, q) * jnp.tanh(self.argument(q, r))

    def names(self):
        return entries("log_w", self.log_w.shape[0])


def _above(x: Inexact[Array, " n"]) -> Inexact[Array, " 1"]:
    """A smooth bound on the largest of positive numbers: their 16-norm, at most n^(1/16) above.

    The maximum itself has no derivative where two are equal, as all are at the start.
    """
    scale = jax.lax.stop_gradient(jnp.maximum(jnp.max(x), jnp.finfo(x.dtype).tiny))
    total = jnp.sum((x / scale) ** 16, keepdims=True)
    return scale * jnp.maximum(total, jnp.finfo(x.dtype).tiny) ** (1 / 16)


@final
class DenseCoupling(AbstractCoupling):
    """All modes coupled: c . log cosh(W q + r), which all modes take with one step."""

    W: Float[Array, "n n"]

    def curvature(self, alpha, c):
        # The largest eigenvalue of W^T diag(|c|) W is below its largest column sum.
        size = jnp.abs(self.W)
        rows = jnp.abs(c) * jnp.sum(size, 1)
        return _above(alpha) + _above(size.T @ rows)

    def argument(self, q, r):
        return jnp.tensordot(self.W, q, 1) + r

    def energy(self, c, q, r):
        return along(c, q) * log_cosh(self.argument(q, r))

    def force(self, h, c, q, r):
        slope = along(h * c, q) * jnp.tanh(self.argument(q, r))
        return -jnp.tensordot(self.W.T, slope, 1)

    def names(self):
        n = self.W.shape[0]
        return tuple(f"W[{i},{j}]" for i in range(n) for j in range(n))


@final
class SaturatingOscillators(AbstractModes):
    """H(q, p, r) = sum_i h_i (p_i^2 / 2 + alpha_i q_i^2 / 2 + E_i(q, r)), E of the coupling."""

    h: Inexact[Array, " n"]
    alpha: Inexact[Array, " n"]
    c: Inexact[Array, " n"]
    coupling: AbstractCoupling
    potential_is_quadratic = False

    def potential(self, q, u):
        energies = along(self.alpha, q) * q**2 / 2 + self.coupling.energy(self.c, q, u)
        return jnp.sum(along(self.h, q) * energies, 0)

    def force(self, q, u):
        return self.coupling.force(self.h, self.c, q, u) - along(self.h * self.alpha, q) * q

    def describe(self):
        name = type(self.coupling).__name__.lower()
        return f"{self.c.shape[0]} modes with a saturating force, coupling {name}"

    def parameter_names(self):
        n = self.c.shape[0]
        return entries("h", n) + entries("alpha", n) + entries("c", n) + self.coupling.names()


@final
class NonlinearHRU(AbstractHRU):
    """H = sum p^2 / 2 + alpha q^2 / 2 + c . log cosh(W q + B u + b) / W, leapfrog steps h.

    alpha = exp(log_alpha); h is `stable_step(exp(log_step), curvature)`, with the largest
    curvature the potential can have, so a step is stable wherever the state goes. `log_step` has
    shape [n] with a `DiagonalCoupling` coupling and [1] with a `DenseCoupling` one.
    Sources: arXiv 2506.05259; UnICORNN, arXiv 2103.05487, eq. 2-3.
    """

    log_alpha: Float[Array, " n"]
    c: Float[Array, " n"]
    log_step: Float[Array, " steps"]
    coupling: AbstractCoupling
    projection: Projection

    def __check_init__(self):
        n, rows = self.c.shape[0], self.projection.B.shape[0]
        steps = 1 if isinstance(self.coupling, DenseCoupling) else n
        if self.log_alpha.shape != (n,) or self.log_step.shape != (steps,) or rows != n:
            raise ValueError(
                f"{n} modes need log_alpha of shape ({n},), log_step of shape ({steps},) and {n} "
                f"rows of B; got {self.log_alpha.shape}, {self.log_step.shape} and {rows}"
            )

    @property
    def core(self):
        alpha = jnp.exp(self.log_alpha)
        h = stable_step(jnp.exp(self.log_step), self.coupling.curvature(alpha, self.c))
        return SaturatingOscillators(
            jnp.broadcast_to(h, self.c.shape), alpha, self.c, self.coupling
        )

    @property
    def dt(self):
        return jnp.ones((), self.c.dtype)

    def parameter_names(self):
        n = self.c.shape[0]
        own = entries("log_alpha", n) + entries("c", n)
        steps = entries("log_step", self.log_step.shape[0])
        return own + steps + self.coupling.names() + projection_names(self.projection)


def make_nonlinear_hru(
    modes: int,
    signals: int,
    *,
    key: PRNGKeyArray,
    dense: bool = False,
    step: tuple[float, float] = (0.03, 0.3),
) -> NonlinearHRU:
    """Random modes: w in (0, 1) or W normal / sqrt(n), alpha = c = 1, h between the bounds."""
    w_key, step_key, input_key = jax.random.split(key, 3)
    low, high = (math.log(x) for x in step)
    steps = 1 if dense else modes
    log_step = jax.random.uniform(step_key, (steps,), minval=low, maxval=high)
    coupling = (
        DenseCoupling(jax.random.normal(w_key, (modes, modes)) / math.sqrt(modes))
        if dense
        else DiagonalCoupling(jnp.log(jax.random.uniform(w_key, (modes,), minval=0.05)))
    )
    B = jax.random.normal(input_key, (modes, signals)) / math.sqrt(signals)
    ones = jnp.ones(modes)
    projection = Projection(B, jnp.zeros(modes))
    return NonlinearHRU(jnp.zeros_like(ones), ones, log_step, coupling, projection)
