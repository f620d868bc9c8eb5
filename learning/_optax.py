"""Steps of an optimiser of optax, whatever JAX says of mixed dtypes."""

from typing import Any

import jax
from jaxtyping import PyTree


def begin(optimiser: Any, x: PyTree) -> PyTree:
    """What the optimiser carries at first."""
    with jax.numpy_dtype_promotion("standard"):
        return optimiser.init(x)


def propose(
    optimiser: Any, gradient: PyTree, memory: PyTree, x: PyTree, **extra: Any
) -> tuple[PyTree, PyTree]:
    """(the step from `x`, what is carried on)."""
    # Optimisers count updates with integers and mix them with floats.
    with jax.numpy_dtype_promotion("standard"):
        return optimiser.update(gradient, memory, x, **extra)


def move(
    optimiser: Any, gradient: PyTree, memory: PyTree, x: PyTree, **extra: Any
) -> tuple[PyTree, PyTree]:
    """(`x` after the step, in its own dtypes, what is carried on)."""
    step, memory = propose(optimiser, gradient, memory, x, **extra)
    return jax.tree.map(lambda x, dx: x + dx.astype(x.dtype), x, step), memory
