"""The linear recurrent unit: harmonic modes, each with a step of its own."""

import math
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact, PRNGKeyArray

from ._modes import AbstractModes
from ._unit import AbstractHRU, Projection, along, entries, projection_names, stable_step


@final
class Oscillators(AbstractModes):
    """H(q, p, r) = sum_i h_i (p_i^2 / 2 + A_i q_i^2 / 2 - q_i r_i).

    One step of length 1 is a step of length h_i of each mode, since the modes don't couple.
    """

    h: Inexact[Array, " n"]
    A: Inexact[Array, " n"]
    potential_is_quadratic = True

    def potential(self, q, u):
        return jnp.sum(along(self.h, q) * q * (along(self.A, q) * q / 2 - u), 0)

    def force(self, q, u):
        return along(self.h, q) * (u - along(self.A, q) * q)

    def describe(self):
        return f"{self.h.shape[0]} harmonic modes, uncoupled"

    def parameter_names(self):
        n = self.h.shape[0]
        return entries("h", n) + entries("A", n)


@final
class LinearHRU(AbstractHRU):
    """H = sum p^2 / 2 + A q^2 / 2 - q . B u with diagonal A > 0, leapfrog steps h of each mode.

    A = exp(log_stiffness), and h is `stable_step(exp(log_step), A)`, so that h^2 A < 4 for all
    values of the free numbers. With `copies` = 2 the state is complex, B and the read-out too:
    real and imaginary parts are modes 0..n-1 and n..2n-1, of the same A and h.
    Source: arXiv 2506.05259; the same recurrence is in arXiv 2410.03943 (IMEX).
    """

    log_stiffness: Float[Array, " n"]
    log_step: Float[Array, " n"]
    projection: Projection
    copies: int = eqx.field(static=True, default=1)

    def __check_init__(self):
        n, rows = self.log_stiffness.shape[0], self.projection.B.shape[0]
        if self.log_step.shape != (n,) or rows != self.copies * n:
            raise ValueError(
                f"{n} modes with {self.copies} copies need log_step of shape ({n},) and "
                f"{self.copies * n} rows of B; got {self.log_step.shape} and {rows}"
            )

    @property
    def core(self):
        A = jnp.exp(self.log_stiffness)
        h = stable_step(jnp.exp(self.log_step), A)
        return Oscillators(jnp.tile(h, self.copies), jnp.tile(A, self.copies))

    @property
    def dt(self):
        return jnp.ones((), self.log_step.dtype)

    def parameter_names(self):
        n = self.log_step.shape[0]
        own = entries("log_stiffness", n) + entries("log_step", n)
        return own + projection_names(self.projection)


def make_linear_hru(
    modes: int,
    signals: int,
    *,
    key: PRNGKeyArray,
    copies: int = 1,
    step: tuple[float, float] = (0.05, 1.0),
) -> LinearHRU:
    """Random modes: A uniform in (0, 1), h log-uniform between the bounds `step`."""
    frequency_key, step_key, input_key = jax.random.split(key, 3)
    low, high = (math.log(x) for x in step)
    A = jax.random.uniform(frequency_key, (modes,), minval=0.01)
    B = jax.random.normal(input_key, (copies * modes, signals)) / math.sqrt(signals)
    log_step = jax.random.uniform(step_key, (modes,), minval=low, maxval=high)
    return LinearHRU(jnp.log(A), log_step, Projection(B), copies)
