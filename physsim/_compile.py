"""SymPy expressions to JAX functions, each compiled once.

The cache returns the *same* function for an equal expression, so a Hamiltonian that is
rebuilt with new numbers does not trace again.
"""

import functools
from collections.abc import Callable

import jax.numpy as jnp
import sympy
from jaxtyping import Array

from ._trigonometry import fast_cos, fast_sin

_MODULES = [{"sin": fast_sin, "cos": fast_cos}, "jax"]


@functools.lru_cache(maxsize=1024)
def compile_vector(
    exprs: tuple[sympy.Expr, ...], args: tuple[sympy.Symbol, ...]
) -> Callable[..., list[Array]]:
    """A JAX function of `args` for several expressions that share subexpressions."""
    # Dummies, so that a symbol may be called e, pi or sin.
    function = sympy.lambdify(args, list(exprs), modules=_MODULES, cse=True, dummify=True)

    def evaluate(*values):
        # A constant expression comes out as a bare number: give it shape and dtype.
        shape, dtype = jnp.shape(values[0]), values[0].dtype
        return [jnp.broadcast_to(x, shape).astype(dtype) for x in function(*values)]

    return evaluate


def compile_scalar(expr: sympy.Expr, args: tuple[sympy.Symbol, ...]) -> Callable[..., Array]:
    """A JAX function of `args` (scalars, or arrays of one shape) for `expr`."""
    function = compile_vector((expr,), args)
    return lambda *values: function(*values)[0]


@functools.lru_cache(maxsize=1024)
def gradient(expr: sympy.Expr, symbols: tuple[sympy.Symbol, ...]) -> tuple[sympy.Expr, ...]:
    """The partial derivatives of `expr` by each of `symbols`."""
    return tuple(sympy.diff(expr, symbol) for symbol in symbols)


@functools.lru_cache(maxsize=1024)
def is_quadratic(expr: sympy.Expr, symbols: tuple[sympy.Symbol, ...]) -> bool:
    """Whether `expr` is a polynomial of at most second degree in `symbols`."""
    variables = set(symbols)
    for first in gradient(expr, symbols):
        for symbol in first.free_symbols & variables:
            second = sympy.diff(first, symbol)
            if second.free_symbols & variables and sympy.simplify(second).free_symbols & variables:
                return False
    return True


@functools.lru_cache(maxsize=1024)
def is_diagonal(expr: sympy.Expr, symbols: tuple[sympy.Symbol, ...]) -> bool:
    """Whether the derivative by each symbol contains no other of `symbols`."""
    variables = set(symbols)
    pairs = zip(symbols, gradient(expr, symbols), strict=True)
    return all(not (first.free_symbols & variables) - {symbol} for symbol, first in pairs)


@functools.lru_cache(maxsize=1024)
def is_even(expr: sympy.Expr, symbols: tuple[sympy.Symbol, ...]) -> bool:
    """Whether `expr` keeps its value when all of `symbols` change sign."""
    flipped = expr.subs({symbol: -symbol for symbol in symbols}, simultaneous=True)
    return flipped == expr or sympy.simplify(flipped - expr) == 0
