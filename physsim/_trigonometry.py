"""Sine and cosine that a CPU vectorises.

XLA calls a scalar routine for each sine in float64, which dominates the time of a junction
network. Here x is reduced by the nearest multiple of pi in three exact pieces (Cody and
Waite) and an odd polynomial, a minimax fit on [-pi/2, pi/2], does the rest without a branch:
about ten times faster, with an error below 3e-16 for |x| < 1e6 (in float32 2e-7 up to 1e6)
and below the spacing of floating-point numbers at x beyond.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array


class _Recipe(NamedTuple):
    """The numbers for one type of floating-point numbers."""

    pi: tuple[float, float, float]
    """pi in pieces so short that small multiples of the first two are exact."""
    polynomial: tuple[float, ...]
    """(sin r - r) / r^3 in powers of r^2, the second nudged so that sin(pi / 2) is 1."""
    limit: float
    """Where neighbouring numbers are two apart, so that a sine means nothing."""


_DOUBLE = _Recipe(
    pi=(
        float.fromhex("0x1.921fb54400000p+1"),
        float.fromhex("0x1.0b4611a600000p-33"),
        float.fromhex("0x1.3198a2e037073p-68"),
    ),
    polynomial=(
        -0.16666666666666666,
        0.008333333333333118,
        -0.00019841269841184954,
        2.7557319207625095e-06,
        -2.505210659244962e-08,
        1.605892714434483e-10,
        -7.642695288878398e-13,
        2.7183133294794587e-15,
    ),
    limit=2.0**53,
)

_SINGLE = _Recipe(
    pi=(3.140625, 0.0009675025939941406, 1.5099579909783765e-07),
    polynomial=(
        -0.1666666660586719,
        0.008333333767950535,
        -0.00019840801270638885,
        2.752248201838041e-06,
        -2.384433784724512e-08,
    ),
    limit=2.0**24,
)

_RECIPES = {np.dtype(np.float64): _DOUBLE, np.dtype(np.float32): _SINGLE}


@jax.custom_jvp
def fast_sin(x: ArrayLike) -> Array:
    """sin x; NaN where x is not finite."""
    x = jnp.asarray(x)
    recipe = _RECIPES.get(x.dtype)
    if recipe is None:
        return jnp.sin(x)
    turns = jnp.round(x * (1 / math.pi))
    return _sign(turns) * _sine(_rest(x, turns, recipe), recipe)


@jax.custom_jvp
def fast_cos(x: ArrayLike) -> Array:
    """cos x; NaN where x is not finite."""
    x = jnp.asarray(x)
    recipe = _RECIPES.get(x.dtype)
    if recipe is None:
        return jnp.cos(x)
    # cos x = -sin(x - pi / 2): the zeros of the cosine are what is subtracted.
    turns = jnp.round(x * (1 / math.pi) - 0.5)
    return -_sign(turns) * _sine(_rest(x, turns + 0.5, recipe), recipe)


@fast_sin.defjvp
def _fast_sin_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    return fast_sin(x), fast_cos(x) * dx


@fast_cos.defjvp
def _fast_cos_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    return fast_cos(x), -fast_sin(x) * dx


def _rest(x, turns, recipe):
    """x - pi turns; zero where x is so large that its rounding exceeds a turn."""
    rest = x
    for piece in recipe.pi:
        rest = rest - turns * piece
    return jnp.where(jnp.abs(x) < recipe.limit, rest, 0.0)


def _sine(r, recipe):
    square = r * r
    series = jnp.full_like(r, recipe.polynomial[-1])
    for coefficient in recipe.polynomial[-2::-1]:
        series = series * square + coefficient
    return r + r * square * series


def _sign(turns):
    """(-1)^turns, and NaN for turns that are not finite."""
    return 1.0 - 2.0 * (turns - 2.0 * jnp.floor(0.5 * turns))
