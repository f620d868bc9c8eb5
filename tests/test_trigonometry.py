"""The fast sine and cosine against extended precision."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy
from hypothesis import example, given, settings
from hypothesis import strategies as st

from physsim import compile_scalar
from physsim._trigonometry import fast_cos, fast_sin

PAIRS = [(fast_sin, np.sin, sympy.sin), (fast_cos, np.cos, sympy.cos)]
PAIRS = [pytest.param(*pair, id=pair[0].__name__) for pair in PAIRS]
ALLOWED = {"float64": 3e-16, "float32": 2e-7}


def errors(function, exact, x):
    """Absolute errors, compiled as in a run; numpy's long double has 64 bits or more."""
    found = np.asarray(jax.jit(function)(jnp.asarray(x)), np.longdouble)
    return np.abs(found - exact(x.astype(np.longdouble)))


@pytest.mark.parametrize(("fast", "exact", "symbolic"), PAIRS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("size", [1e-3, 2.0, 1e2, 1e4, 1e6])
def test_error_over_the_range_of_phases(fast, exact, symbolic, dtype, size):
    x = np.random.default_rng(0).uniform(-size, size, 100_000).astype(dtype)
    # The zeros and extrema of both functions are where reductions go wrong.
    x[:5000] = np.round(x[:5000] / (np.pi / 2)) * (np.pi / 2)
    assert errors(fast, exact, x).max() < ALLOWED[dtype]


@pytest.mark.slow
@pytest.mark.parametrize(("fast", "exact", "symbolic"), PAIRS)
@settings(deadline=None, max_examples=200)
@given(x=st.floats(-1e300, 1e300) | st.floats(-1e9, 1e9))
@example(x=2.0**53)
@example(x=1.5707963267948966)
@example(x=5.319372648326541e255)
def test_error_is_never_above_the_spacing_of_numbers(fast, exact, symbolic, x):
    for dtype, small in ALLOWED.items():
        with np.errstate(over="ignore"):
            value = np.asarray([x], dtype)
        if np.abs(value[0]) > np.finfo(dtype).max / 4:
            continue
        correct = float(sympy.N(symbolic(sympy.Rational(float(value[0]))), 30))
        error = abs(float(fast(jnp.asarray(value))[0]) - correct)
        assert error <= max(small, float(np.spacing(np.abs(value[0]))))


@pytest.mark.parametrize(("fast", "exact", "symbolic"), PAIRS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_special_values(fast, exact, symbolic, dtype):
    bad = jnp.asarray([np.nan, np.inf, -np.inf], dtype)
    assert np.isnan(fast(bad)).all()
    np.testing.assert_array_equal(fast(jnp.zeros(1, dtype)), exact(np.zeros(1)))
    assert fast(jnp.zeros(1, dtype)).dtype == dtype
    assert float(fast(2)) == pytest.approx(float(exact(2.0)), abs=2e-7)


def test_derivatives_are_each_other():
    x = jnp.linspace(-7.0, 7.0, 101)
    np.testing.assert_array_equal(jax.vmap(jax.grad(fast_sin))(x), fast_cos(x))
    np.testing.assert_array_equal(jax.vmap(jax.grad(fast_cos))(x), -fast_sin(x))
    np.testing.assert_array_equal(jax.vmap(jax.grad(jax.grad(fast_sin)))(x), -fast_sin(x))


def test_they_are_what_energies_compile_to():
    x = sympy.Symbol("x", real=True)
    program = str(jax.make_jaxpr(compile_scalar(sympy.sin(x) * sympy.cos(2 * x), (x,)))(0.3))
    assert "fast_sin" in program and "fast_cos" in program
