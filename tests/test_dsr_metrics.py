"""Measures of a reconstruction, where the answer is known."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import learning
from physsim import DivergenceError

from .parallel_maps import recurrence

rng = np.random.default_rng(0)
WHITE = rng.normal(size=(4000, 3))


@pytest.fixture(scope="module")
def lorenz():
    """Two runs of Lorenz-63, and one that goes round elsewhere."""
    fields = [learning.Lorenz63(), learning.Lorenz63(), learning.Lorenz63(rho=jnp.asarray(45.0))]
    fields = [learning.Lorenz63(*(jnp.asarray(float(x)) for x in (f.sigma, f.rho, f.beta)))
              for f in fields]  # fmt: skip
    runs = [
        learning.generate(field, 20_000, dt=0.02, seed=seed) for seed, field in enumerate(fields)
    ]
    return [run.values for run in runs]


@pytest.mark.parametrize("measure", ["state_space_divergence", "spectral_distance"])
def test_same_system_is_near_and_others_are_far(lorenz, measure):
    distance = getattr(learning, measure)
    same, again, other = lorenz
    noise = same.mean(axis=0) + same.std(axis=0) * np.random.default_rng(1).normal(size=same.shape)
    near, far, white = (distance(same, x) for x in (again, other, noise))
    assert distance(same, same) == pytest.approx(0, abs=1e-7)
    assert near < 0.5 * far and near < 0.5 * white
    assert near < (1.0 if measure == "state_space_divergence" else 0.06)


def test_divergence_of_uniform_states():
    """Half of the measured range not visited: p log(p/q) with q = 1e-5 there."""
    grid = np.linspace(0, 1, 3000)[:, None]
    left = np.linspace(0, 0.5, 3000)[:, None]
    found = learning.state_space_divergence(grid, left)
    low = -0.1 * grid.std()
    edges = np.linspace(low, 1 - low, 31)
    p = np.diff([np.sum(grid < e) for e in edges]) + 1e-5
    q = np.diff([np.sum(left < e) for e in edges]) + 1e-5
    p, q = p / p.sum(), q / q.sum()
    assert found == pytest.approx(np.sum(p * np.log(p / q)), rel=1e-9)
    assert found > 3


def test_divergence_of_runs_that_left():
    """Farther than a run that stands still, and the farther the more of it left."""
    x = rng.normal(size=(3000, 2))
    still = np.broadcast_to(x[:1], x.shape)
    half = np.where(np.arange(3000)[:, None] < 1500, x, 1e3)
    left, stays = (learning.state_space_divergence(x, y) for y in (x + 1e3, still))
    assert left > stays > 3
    assert learning.state_space_divergence(x, half) > 0.6


def test_divergence_does_not_depend_on_units(lorenz):
    same, _, other = lorenz
    scaled = [3e-9 * x + 7e-9 for x in (same, other)]
    expected = learning.state_space_divergence(same, other)
    assert learning.state_space_divergence(*scaled) == pytest.approx(expected, rel=1e-2)


def test_divergence_in_many_dimensions():
    """Of Gaussians d apart (beside their own width 1 and the mixture's 1), d^2 / 4 a direction."""
    a, b = rng.normal(size=(2, 3000, 8))
    assert abs(learning.state_space_divergence(a, b)) < 0.2
    moved = learning.state_space_divergence(a, b + np.array([2.0] + [0.0] * 7))
    assert moved == pytest.approx(1.0, abs=0.3)


def test_spectral_distance_of_sines():
    t = np.arange(8192)[:, None]
    slow, fast = np.sin(2 * np.pi * 200 / 8192 * t), np.sin(2 * np.pi * 2000 / 8192 * t)
    assert learning.spectral_distance(slow, 5 * slow + 3) < 1e-6
    assert learning.spectral_distance(slow, fast) > 0.99
    # Two Gaussians of sigma 20 bins, 40 apart: H^2 = 1 - exp(-d^2 / 8 sigma^2).
    beside = np.sin(2 * np.pi * 240 / 8192 * t)
    expected = np.sqrt(1 - np.exp(-(40**2) / (8 * 20**2)))
    assert learning.spectral_distance(slow, beside) == pytest.approx(expected, rel=0.02)
    assert learning.spectral_distance(slow, np.ones_like(slow)) == 1
    assert learning.spectral_distance(slow, 1e300 * slow) < 1e-6


def test_prediction_error_of_a_linear_map():
    A = np.array([[0.9, 0.2], [-0.2, 0.9]])
    states = [np.array([1.0, 0.0])]
    for _ in range(60):
        states.append(A @ states[-1])
    states = np.asarray(states)
    model = recurrence(2)
    exact = _Rotation(jnp.asarray(A))
    observation = learning.IdentityObservation()
    data = jnp.asarray(states)
    assert learning.prediction_error(exact, observation, data, data, 7) < 1e-25
    wrong = _Rotation(jnp.asarray(1.01 * A))
    expected = np.mean(((1.01**7 - 1) * states[7:]) ** 2)
    found = learning.prediction_error(wrong, observation, data, data, 7)
    assert found == pytest.approx(expected, rel=1e-9)
    with pytest.raises(ValueError, match="more than the steps"):
        learning.prediction_error(model, observation, data, data, 61)


class _Rotation(eqx.Module):
    A: object

    def __call__(self, z, x):
        return self.A @ z


class _Logistic(eqx.Module):
    def __call__(self, z, x):
        return 4 * z * (1 - z)


def test_exponents():
    found = learning.map_lyapunov_exponent(_Logistic(), jnp.asarray([0.3]), num_steps=50_000)
    assert found == pytest.approx(np.log(2), rel=0.01)
    A = jnp.asarray(np.diag([0.5, 0.8, 0.3]))
    found = learning.map_lyapunov_exponent(_Rotation(A), jnp.ones(3), num_steps=200, dt=0.1)
    assert found == pytest.approx(np.log(0.8) / 0.1, rel=1e-6)
    with pytest.raises(DivergenceError, match="diverged at step"):
        learning.map_lyapunov_exponent(_Rotation(1e10 * A), jnp.ones(3), num_steps=100)


def test_exponent_of_lorenz63():
    """0.906, Sprott, Chaos and Time-Series Analysis (2003), table A."""
    map_ = learning.RungeKutta4(learning.Lorenz63(), 0.02)
    found = learning.map_lyapunov_exponent(
        map_, jnp.asarray([1.0, 2.0, 20.0]), num_steps=50_000, dt=0.02
    )
    assert found == pytest.approx(0.906, rel=0.03)


@pytest.mark.parametrize(
    ("measured", "generated", "message"),
    [
        (WHITE, WHITE[:, :2], "shape \\(times >= 2, 3\\)"),
        (WHITE, np.where(WHITE > 4, np.nan, WHITE) * np.nan, "the model diverged"),
        (WHITE * [1, 0, 1], WHITE, "constant in channel 1"),
        (WHITE[0], WHITE, "measured series must have shape"),
        (np.where(np.arange(4000)[:, None] == 7, np.inf, WHITE), WHITE, "row 7, channel 0"),
    ],
)
def test_series_that_can_not_be_compared(measured, generated, message):
    for distance in (learning.state_space_divergence, learning.spectral_distance):
        with pytest.raises(ValueError, match=message):
            distance(measured, generated)
