"""Predictors of effective learning rates, directions of optimisers, and training on sequences."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from learning import (
    MEMORY_TASKS,
    GatedSetting,
    anisotropy_by_kind,
    direction_anisotropy,
    fit_decay,
    rate_predictors,
    rates_by_lag,
    run_directions,
    sample_directions,
)


def test_predictors_of_a_constant_gate_are_powers_of_it():
    gates = jnp.full((30, 4), 0.8)
    found = rate_predictors(gates, np.array([1, 5]), np.array([1, 3, 11]))
    np.testing.assert_allclose(found["gates"], 0.8 ** np.array([0, 2, 10]))
    np.testing.assert_allclose(found["leaks"], 0.2 ** np.array([0, 2, 10]))
    assert not np.any(rate_predictors(jnp.ones((30, 4)), np.array([1]), np.array([1, 3]))["leaks"])


def test_the_mean_is_over_neurons_and_the_product_over_time():
    gates = np.random.default_rng(0).uniform(0.1, 0.9, (12, 3))
    found = rate_predictors(jnp.asarray(gates), np.array([2]), np.array([1, 4]))
    expected = gates[2:6].prod(axis=0).mean() / gates[2].mean()
    np.testing.assert_allclose(found["gates"][1], expected)


def test_a_fitted_decay_covers_the_true_one():
    lags = np.arange(1, 30)
    noise = np.random.default_rng(1).normal(0, 0.05, lags.size)
    r, (low, high), fit = fit_decay(lags, 3 * 0.9**lags * np.exp(noise))
    assert low < 0.9 < high and high - low < 0.01 and fit > 0.99
    assert abs(r - 0.9) < 0.005


def test_directions_of_optimisers_are_their_formulas():
    rng = np.random.default_rng(2)
    g = rng.normal(size=(5, 3))
    theta = jnp.zeros(3)
    history = run_directions(optax.sgd(0.1, momentum=0.9), jnp.asarray(g), theta)
    carried = np.zeros(3)
    for step, gradient in zip(history, g, strict=True):
        carried = 0.9 * carried + gradient
        np.testing.assert_allclose(step, -0.1 * carried, rtol=1e-12)
    # One sample's direction from the state that Adam has reached.
    adam = optax.adam(0.01)
    state = adam.init(theta)
    m, v = np.zeros(3), np.zeros(3)
    for gradient in g:
        with jax.numpy_dtype_promotion("standard"):
            _, state = adam.update(jnp.asarray(gradient), state, theta)
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
    samples = rng.normal(size=(4, 3))
    found = sample_directions(adam, state, jnp.asarray(samples), theta)
    first = (0.9 * m + 0.1 * samples) / (1 - 0.9**6)
    second = (0.999 * v + 0.001 * samples**2) / (1 - 0.999**6)
    np.testing.assert_allclose(found, -0.01 * first / (np.sqrt(second) + 1e-8), rtol=1e-9)


def test_adam_evens_out_what_is_uneven_in_its_coordinates():
    rng = np.random.default_rng(3)
    g = jnp.asarray(rng.normal(size=(400, 4)) * np.array([100.0, 10, 1, 0.1]))
    theta, adam = jnp.zeros(4), optax.adam(1e-3)
    with jax.numpy_dtype_promotion("standard"):
        step = jax.jit(lambda state, g: adam.update(g, state, theta)[1])
        state = adam.init(theta)
        for gradient in g[:200]:
            state = step(state, gradient)
    raw = direction_anisotropy(g[200:])
    made = direction_anisotropy(sample_directions(adam, state, g[200:], theta))
    assert raw.participation < 1.1 and raw.ratio > 100
    assert made.participation > 3.5 and made.ratio < 2


@pytest.fixture(scope="module")
def small():
    return GatedSetting(units=10, channels=2, steps=30, gain=1.0, leak=0.8, openness=0.3,
                        iterations=4, batch=4, seeds=2, samples=12)  # fmt: skip


@pytest.mark.slow
def test_a_study_of_rates_tells_seed_by_seed(small):
    found = rates_by_lag(small, "leaky", MEMORY_TASKS["adding"], optax.sgd(1e-2), [1, 3, 8])
    assert np.shape(found["rates"]) == (2, 3) and found["rates"][0] != found["rates"][1]
    np.testing.assert_allclose(found["gates"], [[1, 0.8**2, 0.8**7]] * 2, rtol=1e-6)
    np.testing.assert_allclose(found["mean_gate"], 0.8, rtol=1e-6)
    # A constant leak is not trained, and has nothing to expand.
    assert not np.any(found["remainder"]) and not np.any(found["saturated"])


@pytest.mark.slow
def test_a_study_of_anisotropy_tells_raw_gradients_and_directions(small):
    found = anisotropy_by_kind(small, "plain", MEMORY_TASKS["delay-sum"], optax.sgd(1e-2), [1, 5])
    for raw, made in zip(found["raw"], found["direction"], strict=True):
        # SGD only scales.
        np.testing.assert_allclose(raw["participation"], made["participation"], rtol=1e-6)
        np.testing.assert_allclose(raw["ratio"], made["ratio"], rtol=1e-6)
    assert np.shape(found["transport_ratio"]) == (2, 2)


@pytest.mark.parametrize("task", MEMORY_TASKS)
def test_targets_are_of_unit_size_and_depend_on_the_first_channels_alone(task):
    draw = jax.jit(jax.vmap(lambda k: MEMORY_TASKS[task](k, 60, 3, jnp.float64)))
    us, ys = draw(jax.random.split(jax.random.key(0), 4000))
    assert us.shape == (4000, 60, 3) and abs(ys.mean()) < 0.1 and 0.8 < ys.std() < 1.2
    noise = us[:, -10:, 2]
    worst = max(abs(np.corrcoef(noise[:, i], ys)[0, 1]) for i in range(10))
    assert worst < 0.07
