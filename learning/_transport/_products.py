"""Products of Jacobians over a window of time, and their expansion in the gates' derivatives.

Factors come in time order and the latest stands on the left. Products are kept at order one by
powers of e taken out as they grow, so that windows of any length neither over- nor underflow.
"""

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


@final
class ScaledMatrix(eqx.Module):
    """exp(log_scale) * matrix [n, n], the largest entry of `matrix` being 1 in size."""

    matrix: Float[Array, "*batch n n"]
    log_scale: Float[Array, "*batch"]

    @property
    def value(self) -> Float[Array, "*batch n n"]:
        """The product itself, which may over- or underflow."""
        return jnp.exp(self.log_scale)[..., None, None] * self.matrix


def identity(shape: tuple[int, ...], dtype) -> ScaledMatrix:
    """Products of no factors, of shape [*batch, n, n]."""
    unit = jnp.broadcast_to(jnp.eye(shape[-1], dtype=dtype), shape)
    return ScaledMatrix(unit, jnp.zeros(shape[:-2], dtype))


def times(factor: Float[Array, "*batch n n"], product: ScaledMatrix) -> ScaledMatrix:
    """One later factor more; a product that is zero stays zero."""
    matrix = factor @ product.matrix
    size = _size(matrix)
    return ScaledMatrix(matrix / size[..., None, None], product.log_scale + jnp.log(size))


def _size(matrix):
    """The largest entry of each, 1 where there is none."""
    size = jnp.max(jnp.abs(matrix), axis=(-2, -1))
    return jnp.where(size == 0, jnp.ones_like(size), size)


@jax.jit
def window_product(factors: Float[Array, "h n n"]) -> ScaledMatrix:
    """factors[h-1] ... factors[1] factors[0]."""
    start = identity(factors.shape[1:], factors.dtype)
    return jax.lax.scan(lambda product, J: (times(J, product), None), start, factors)[0]


@final
class Expansion(eqx.Module):
    """prod (A + epsilon B) = exp(log_scale) (zeroth + epsilon first + remainder)."""

    zeroth: Float[Array, "n n"]
    """prod A: transport with the gates held."""
    first: Float[Array, "n n"]
    """sum over steps of (later A's) B (earlier A's)."""
    remainder: Float[Array, "n n"]
    """Of order epsilon^2, computed by a recursion of its own and not as a difference."""
    log_scale: Float[Array, ""]
    epsilon: Float[Array, ""]

    @property
    def relative_remainder(self) -> Float[Array, ""]:
        """|remainder| / |product| in Frobenius norm."""
        whole = self.zeroth + self.epsilon * self.first + self.remainder
        return jnp.linalg.norm(self.remainder) / jnp.linalg.norm(whole)


@jax.jit
def expand_product(
    held: Float[Array, "h n n"], moved: Float[Array, "h n n"], epsilon: float | Array = 1.0
) -> Expansion:
    """The window's product of A + epsilon B to first order in B, and what is left.

    `held` are the A's, `moved` the B's of `AbstractGatedRNN.jacobian_parts`, in time order.
    With P, Q and R for the three terms a step makes of them

        P <- A P,    Q <- A Q + B P,    R <- (A + epsilon B) R + epsilon^2 B Q.
    """
    n, dtype = held.shape[-1], held.dtype
    epsilon = jnp.asarray(epsilon, dtype)

    def step(carry, factors):
        (P, Q, R, log_scale), (A, B) = carry, factors
        R = (A + epsilon * B) @ R + epsilon**2 * (B @ Q)
        Q = A @ Q + B @ P
        P = A @ P
        size = jnp.max(jnp.abs(jnp.stack([P, Q, R])))
        return (P / size, Q / size, R / size, log_scale + jnp.log(size)), None

    zero = jnp.zeros((n, n), dtype)
    start = (jnp.eye(n, dtype=dtype), zero, zero, jnp.zeros((), dtype))
    P, Q, R, log_scale = jax.lax.scan(step, start, (held, moved))[0]
    return Expansion(P, Q, R, log_scale, epsilon)
