"""Gated networks: their Jacobians against autodiff, products, and the first-order expansion."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import learning
from learning import expand_product, window_product

UNITS, INPUTS, STEPS = 8, 3, 20


def make(name, gain=1.0):
    key = jax.random.key(3)
    return {
        "leaky": lambda: learning.leaky_rnn(key, UNITS, INPUTS, 0.3, gain),
        "scalar": lambda: learning.scalar_gate_rnn(key, UNITS, INPUTS, 0.2, gain),
        "multi": lambda: learning.multi_gate_rnn(key, UNITS, INPUTS, 0.2, gain),
    }[name]()


@jax.jit
def run(cell, us):
    """States before each step, and the last."""

    def step(x, u):
        return cell(x, u), x

    return jax.lax.scan(step, jnp.full(UNITS, 0.1), us)


@pytest.fixture(scope="module")
def us():
    return jnp.asarray(np.random.default_rng(0).normal(size=(STEPS, INPUTS)))


@pytest.mark.parametrize("name", ["leaky", "scalar", "multi"])
def test_jacobians_and_their_products_are_those_of_autodiff(name, us):
    cell = make(name)
    _, xs = run(cell, us)
    analytic = jax.jit(jax.vmap(cell.jacobian))(xs, us)
    automatic = jax.jit(jax.vmap(jax.jacfwd(cell)))(xs, us)
    np.testing.assert_allclose(analytic, automatic, rtol=0, atol=1e-14)

    def final(x):
        return jax.lax.scan(lambda x, u: (cell(x, u), None), x, us)[0]

    # The whole window at once, differentiated in reverse: the order of the factors counts.
    whole = jax.jit(jax.jacrev(final))(xs[0])
    product = window_product(analytic).value
    apart, far = np.abs(analytic - automatic).max(), np.abs(product - whole) / np.abs(whole).max()
    print(f"{name}: Jacobians {apart:.1e} from forward, products {far.max():.1e} from reverse mode")
    np.testing.assert_allclose(product, whole, rtol=0, atol=1e-12 * np.abs(whole).max())
    reverse = window_product(analytic[::-1]).value
    assert np.abs(reverse - whole).max() > 1e-2 * np.abs(whole).max()


@jax.jit
def parts_of(cell, us):
    _, xs = run(cell, us)
    return jax.vmap(cell.jacobian_parts)(xs, us)


@pytest.mark.parametrize("name", ["scalar", "multi"])
def test_the_remainder_of_the_expansion_is_of_second_order(name, us):
    held, moved = parts_of(make(name), us)
    epsilons = np.array([1e-4, 3e-4, 1e-3, 3e-3, 1e-2])
    sizes = []
    for epsilon in epsilons:
        parts = expand_product(held, moved, epsilon)
        whole = window_product(held + epsilon * moved)
        shift = jnp.exp(parts.log_scale - whole.log_scale)
        summed = shift * (parts.zeroth + epsilon * parts.first + parts.remainder)
        np.testing.assert_allclose(summed, whole.matrix, rtol=0, atol=1e-13)
        sizes.append(float(jnp.linalg.norm(parts.remainder) * jnp.exp(parts.log_scale)))
    slope = np.polyfit(np.log(epsilons), np.log(sizes), 1)[0]
    assert abs(slope - 2) < 0.05
    # The first-order term by a finite difference of the whole product.
    d = 1e-5
    up, down = (window_product(held + e * moved).value for e in (d, -d))
    parts = expand_product(held, moved)
    first = jnp.exp(parts.log_scale) * parts.first
    np.testing.assert_allclose(
        (up - down) / (2 * d), first, rtol=0, atol=1e-8 * np.abs(first).max()
    )
    # At epsilon = 1, the network itself, the remainder is no small thing.
    print(
        f"{name}: slope {slope:.4f}, remainder / product at epsilon 1 "
        f"{float(parts.relative_remainder):.3f}"
    )
    assert 1e-3 < float(parts.relative_remainder) < 10


def test_a_constant_gate_has_nothing_to_expand(us):
    parts = expand_product(*parts_of(make("leaky"), us))
    assert not np.any(parts.first) and not np.any(parts.remainder)


@pytest.mark.parametrize("factor", [1e-3, 1e3])
def test_long_products_neither_vanish_nor_overflow(factor):
    rng = np.random.default_rng(1)
    rotations = np.linalg.qr(rng.normal(size=(2000, 4, 4)))[0]
    product = window_product(jnp.asarray(factor * rotations))
    sizes = np.log(np.linalg.svd(product.matrix, compute_uv=False)) + product.log_scale
    np.testing.assert_allclose(sizes, 2000 * np.log(factor), rtol=1e-12)


def test_a_leak_of_zero_and_a_gate_beyond_one_are_refused():
    key = jax.random.key(0)
    with pytest.raises(ValueError, match="leak must be above 0"):
        learning.leaky_rnn(key, 2, 1, 0.0)
    with pytest.raises(ValueError, match="openness must lie"):
        learning.multi_gate_rnn(key, 2, 1, 1.5)


def test_float32_stays_float32(us):
    cell = learning.multi_gate_rnn(jax.random.key(0), UNITS, INPUTS, 0.2, dtype=jnp.float32)
    x, u = jnp.zeros(UNITS, jnp.float32), us[0].astype(jnp.float32)
    assert cell(x, u).dtype == cell.jacobian(x, u).dtype == jnp.float32


def test_saturated_gates_are_counted():
    shut, opened = learning.saturation(jnp.array([0.0, 1e-4, 0.5, 0.9999]))
    assert (shut, opened) == (0.5, 0.25)
