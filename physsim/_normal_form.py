"""Small motions about a state of a separable system, diagonalised."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

_ROUNDING = 64.0


class NormalForm(NamedTuple):
    """d2T/dp2 = `root` `root`^T, and root^T d2V/dq2 root has these eigenvalues and vectors."""

    inverse_mass: Float[Array, "n n"]
    """d2T/dp2."""
    root: Float[Array, "n n"]
    squares: Float[Array, " n"]
    """Squares of frequencies, ascending; 0 where they are rounding."""
    vectors: Float[Array, "n n"]


def normal_form(
    H: Any, q: Float[Array, " n"], p: Float[Array, " n"], u: Float[Array, " m"]
) -> NormalForm:
    """That of `H`, prepared, about (q, p) at the inputs `u`; NaN where d2T/dp2 has no root."""
    inverse_mass = symmetrised(jax.jacfwd(H.velocity)(p))
    stiffness = symmetrised(-jax.jacfwd(lambda x: H.force(x, u))(q))
    root = jnp.linalg.cholesky(inverse_mass)
    squares, vectors = jnp.linalg.eigh(symmetrised(root.T @ stiffness @ root))
    squares = jnp.where(jnp.abs(squares) > rounding_of(squares), squares, 0.0)
    return NormalForm(inverse_mass, root, squares, vectors)


def symmetrised(matrix):
    return (matrix + matrix.T) / 2


def rounding_of(values):
    """Below this an eigenvalue is rounding."""
    eps = jnp.finfo(values.real.dtype).eps
    return _ROUNDING * values.shape[0] * eps * jnp.max(jnp.abs(values))


def root_of(squares):
    """The square root where positive, else 0; with a finite derivative everywhere."""
    positive = squares > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, squares, 1.0)), 0.0)
