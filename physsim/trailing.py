"""Values that have no batch, beside arrays [n, *batch]."""

import jax.numpy as jnp


def as_column(values, like):
    """Values [n, ...], or a scalar, in a shape that multiplies `like` [n, *batch]."""
    missing = like.ndim - values.ndim if values.ndim else 0
    return values.reshape(values.shape + (1,) * missing)


def times(matrix, x):
    """A matrix [n, n] or its diagonal [n] times x [n, *batch]; None stands for zeros."""
    if matrix is None:
        return jnp.zeros_like(x)
    return matrix @ x if matrix.ndim == 2 else as_column(matrix, x) * x
