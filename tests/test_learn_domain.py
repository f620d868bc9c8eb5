"""The free numbers that stand for trained values."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import learning
from learning._domain import from_free

from .systems import duffing_chain

INTERVALS = [(-np.inf, np.inf), (0.0, np.inf), (0.5, np.inf), (-np.inf, 2.0), (-1.0, 2.0), (0.1, 9)]


@pytest.mark.parametrize(("lower", "upper"), INTERVALS)
def test_free_numbers_and_back(lower, upper):
    H = duffing_chain(2).H
    lows, highs = (jax.tree.map(lambda _, x=x: x, H) for x in (min(lower, 0.4), upper))
    chosen = jax.tree.map(lambda _: True, H)
    chosen.params["beta"] = False
    domain = learning.make_domain(H, lower=lows, upper=highs, trainable=chosen)
    z = domain.to_free(H)
    assert z.shape == (2,)
    back = domain.from_free(H, z)
    for name in ("k", "m", "beta"):
        np.testing.assert_allclose(float(back.params[name]), float(H.params[name]), rtol=1e-14)
    moved = domain.from_free(H, z + 0.1)
    assert float(moved.params["beta"]) == float(H.params["beta"])
    assert float(moved.params["k"]) != float(H.params["k"])


@pytest.mark.parametrize(("lower", "upper"), INTERVALS)
@settings(max_examples=25, deadline=None)
@given(z=st.floats(-800, 800))
def test_values_stay_within_bounds_and_slopes_stay_finite(lower, upper, z):
    point, low, high = (jnp.full(1, x, jnp.float64) for x in (z, lower, upper))
    value, slope = jax.jvp(lambda z: from_free(z, low, high), (point,), (jnp.ones(1),))
    assert lower <= float(value[0]) <= upper
    if np.isfinite(upper) == np.isfinite(lower) or abs(z) < 700:
        assert np.isfinite(float(slope[0]))


@pytest.mark.parametrize(("lower", "upper"), INTERVALS)
def test_slope_is_the_finite_difference(lower, upper):
    z, low, high = (jnp.full(1, x, jnp.float64) for x in (0.3, lower, upper))
    (slope,) = jax.vjp(lambda z: from_free(z, low, high), z)[1](jnp.ones(1))
    h = 1e-5
    difference = (from_free(z + h, low, high) - from_free(z - h, low, high)) / (2 * h)
    np.testing.assert_allclose(slope, difference, rtol=1e-8)


def test_in_the_middle_a_free_number_counts_as_the_logarithm():
    low, high = jnp.full(1, 0.25), jnp.full(1, 4.0)
    (slope,) = jax.vjp(lambda z: from_free(z, low, high), jnp.zeros(1))[1](jnp.ones(1))
    np.testing.assert_allclose(from_free(jnp.zeros(1), low, high), 1.0, rtol=1e-15)
    np.testing.assert_allclose(slope, 1.0, rtol=1e-14)


def test_masks_of_another_shape_are_refused():
    H = duffing_chain(2).H
    with pytest.raises(ValueError, match="must have 3 leaves like H: 1"):
        learning.make_domain(H, lower=jnp.zeros(1))
