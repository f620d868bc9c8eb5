"""Functions of a matrix, applied to vectors and differentiable where eigenvalues agree.

f(M) x = W f(rates) W^T x. Derivatives through the eigenvectors would be infinite where two
rates agree; the derivative of f(M) itself is not (Daleckii and Krein): in the basis W it is
the tangent of M times the divided differences of f, entry by entry. For a matrix that is not
symmetric W^-1 stands for W^T.
"""

import functools
from collections.abc import Callable
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from .trailing import as_column

_CLOSE = 1e-5


@final
class Spectrum(eqx.Module):
    """A symmetric matrix with its eigenvalues and eigenvectors."""

    matrix: Float[Array, "r r"]
    rates: Float[Array, " r"]
    vectors: Float[Array, "r r"]

    @classmethod
    def of(cls, matrix: Float[Array, "r r"]) -> "Spectrum":
        matrix = (matrix + matrix.T) / 2
        rates, vectors = jnp.linalg.eigh(jax.lax.stop_gradient(matrix))
        return cls(matrix, rates, vectors)

    def apply(
        self, f: Callable[..., Array], tau: Float[Array, ""], x: Float[Array, "r *batch"]
    ) -> Float[Array, "r *batch"]:
        """f(M, tau) x for a function f(rate, tau) of numbers."""
        rates, vectors = jax.lax.stop_gradient((self.rates, self.vectors))
        return _apply(f, self.matrix, rates, vectors, tau, x)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _apply(f, matrix, rates, vectors, tau, x):
    values = f(rates, tau)
    return vectors @ (as_column(values, x) * (vectors.T @ x))


@_apply.defjvp
def _(f, primals, tangents):
    matrix, rates, vectors, tau, x = primals
    d_matrix, _, _, d_tau, dx = tangents
    by_tau = jax.jvp(lambda t: f(rates, t), (tau,), (jnp.ones_like(tau),))[1]
    inner = vectors.T @ d_matrix @ vectors * _divided(f, rates, tau) + jnp.diag(by_tau * d_tau)
    moved = vectors @ (inner @ (vectors.T @ x))
    return _apply(f, *primals), _apply(f, matrix, rates, vectors, tau, dx) + moved


@final
class GeneralSpectrum(eqx.Module):
    """A real matrix with a full set of eigenvectors, complex like its eigenvalues."""

    matrix: Float[Array, "r r"]
    rates: Complex[Array, " r"]
    vectors: Complex[Array, "r r"]
    inverse: Complex[Array, "r r"]

    @classmethod
    def of(cls, matrix: Float[Array, "r r"]) -> "GeneralSpectrum":
        rates, vectors = jnp.linalg.eig(jax.lax.stop_gradient(matrix))
        return cls(matrix, rates, vectors, jnp.linalg.inv(vectors))

    def apply(
        self, f: Callable[..., Array], tau: Float[Array, ""], x: Float[Array, "r *batch"]
    ) -> Float[Array, "r *batch"]:
        """f(M, tau) x for a function f(rate, tau) that is real where the rate is."""
        basis = jax.lax.stop_gradient((self.rates, self.vectors, self.inverse))
        return _apply_general(f, self.matrix, *basis, jnp.asarray(tau), x)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _apply_general(f, matrix, rates, vectors, inverse, tau, x):
    values = f(rates, tau.astype(rates.dtype))
    inner = inverse @ x.astype(rates.dtype)
    return (vectors @ (as_column(values, x) * inner)).real


@_apply_general.defjvp
def _(f, primals, tangents):
    matrix, rates, vectors, inverse, tau, x = primals
    d_matrix, *_, d_tau, dx = tangents
    time = tau.astype(rates.dtype)
    by_tau = jax.jvp(lambda t: f(rates, t), (time,), (jnp.ones_like(time),))[1]
    inner = inverse @ d_matrix.astype(rates.dtype) @ vectors * _divided(f, rates, time)
    inner = inner + jnp.diag(by_tau * d_tau.astype(rates.dtype))
    moved = vectors @ (inner @ (inverse @ x.astype(rates.dtype)))
    steady = _apply_general(f, matrix, rates, vectors, inverse, tau, dx)
    return _apply_general(f, *primals), steady + moved.real


def _divided(f, rates, tau):
    """(f(a) - f(b)) / (a - b) for all pairs of rates; f' where they all but agree."""
    a, b = jnp.broadcast_arrays(rates[:, None], rates[None, :])
    values = f(rates, tau)
    middle = (a + b) / 2
    slope = jax.jvp(lambda r: f(r, tau), (middle,), (jnp.ones_like(middle),))[1]
    close = jnp.abs((a - b) * tau) < _CLOSE
    gap = jnp.where(close, 1.0, a - b)
    return jnp.where(close, slope, (values[:, None] - values[None, :]) / gap)
