"""Steps of an optimiser of optax, whatever JAX says of mixed dtypes."""

from typing import Any

import jax
import optax
from jaxtyping import PyTree

_SEARCHES = (optax.ScaleByZoomLinesearchState, optax.ScaleByBacktrackingLinesearchState)


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


def searches_lines(memory: PyTree) -> bool:
    """Whether the optimiser that carries this takes only steps that a line search accepts."""

    def is_search(x: Any) -> bool:
        return isinstance(x, _SEARCHES)

    return any(map(is_search, jax.tree.leaves(memory, is_leaf=is_search)))
