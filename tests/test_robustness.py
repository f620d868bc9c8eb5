"""The echo on imperfect machines, at the limits where theory says what it must be."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import learning
import physsim
from learning import EchoErrors
from learning._imperfections._imperfect_echo import _rounded
from learning._objective import Objective

from .pace import mostly_slow
from .systems import driven_tanks, duffing_chain

STEPS, DT = 60, 0.15


def make(case, cost=None, samples=None):
    problem = case(STEPS)
    H = problem.H
    domain = learning.make_domain(H)
    shared = learning.Samples(problem.inputs, problem.targets)
    solver = physsim.StormerVerlet()
    start = (problem.y0, problem.cost if cost is None else cost, DT, STEPS, shared)
    return learning.make_machines(Objective(H, domain, solver, *start), samples)


@pytest.fixture(scope="module")
def chain():
    return make(duffing_chain)


@pytest.mark.parametrize("case", mostly_slow([duffing_chain, driven_tanks], [duffing_chain]))
def test_an_ideal_machine_has_the_true_gradient(case):
    found = learning.echo_fidelity(make(case), EchoErrors(np.array([1e-4])), seeds=1)
    np.testing.assert_allclose(found.cosine, 1.0, atol=1e-6)
    np.testing.assert_allclose(found.ratio, 1.0, atol=1e-6)
    assert found.error.max() < 1e-5


def test_the_best_nudge_grows_as_the_cube_root_of_the_noise(chain):
    sizes = learning.nudge_size(
        chain, levels=np.logspace(-6, -3, 4), epsilons=np.logspace(-3.5, 0, 15), seeds=24
    )
    np.testing.assert_allclose(sizes.slope, 1 / 3, atol=0.03)
    np.testing.assert_allclose(sizes.measured, sizes.predicted, rtol=0.15)
    # What both are made of: at either end one of the two alone is seen.
    np.testing.assert_allclose(sizes.errors[0, -3:], sizes.bias[-3:], rtol=0.05)
    np.testing.assert_allclose(sizes.errors[:, 0] / sizes.levels, sizes.noise / 10**-3.5, rtol=0.01)


def test_an_echo_far_longer_than_q_fails(chain):
    """Q = omega / loss; at Q >> omega T the losses hardly matter, at Q << omega T all is lost."""
    times_lost = np.array([1e-3, 0.1, 1.0, 10.0])
    errors = EchoErrors(1e-3, loss=times_lost / (STEPS * DT))
    cosine = learning.echo_fidelity(chain, errors, seeds=1).cosine[:, 0]
    assert cosine[0] > 1 - 1e-5 and cosine[-1] < 0.5
    assert np.all(np.diff(cosine) < 0)


def test_every_imperfection_counts_and_more_of_it_more(chain):
    sizes = {
        "diffusion": (1e-6, 1e-4), "drift": (1e-3, 1e-2), "mismatch": (1e-5, 1e-4),
        "flip_gain": (1e-3, 1e-2), "flip_delay": (1e-3, 1e-2), "flip_jitter": (1e-3, 1e-2),
        "readout_noise": (1e-5, 1e-4), "adc_bits": (20, 14), "dac_bits": (8, 4),
    }  # fmt: skip
    ideal = {name: np.inf if name.endswith("bits") else 0.0 for name in sizes}
    rows = [ideal | {name: level} for name, levels in sizes.items() for level in levels]
    columns = {name: np.array([float(row[name]) for row in rows]) for name in ideal}
    error = learning.echo_fidelity(chain, EchoErrors(1e-2, **columns), seeds=8).error.reshape(-1, 2)
    bias = learning.echo_fidelity(chain, EchoErrors(np.array([1e-2])), seeds=1).error[0]
    for name, (small, large) in zip(sizes, error, strict=True):
        assert large > 2 * small and large > 2 * bias, (name, small, large, bias)


def test_thermal_noise_heats_as_it_says():
    """Energy grows by `diffusion` a unit of time in each momentum, whatever its mass."""
    from learning._imperfections._imperfect_echo import _Noise, mass_root

    problem = duffing_chain(1)
    root, diffusion = mass_root(problem.H), 0.02
    np.testing.assert_allclose(root @ root.T, 0.8 * np.eye(3), atol=1e-12)
    noise = jax.vmap(lambda key: _Noise(root * jnp.sqrt(2 * diffusion * DT), key)(problem.y0, 0))
    kicked = noise(jax.random.split(jax.random.key(0), 20000))
    energy = np.mean((np.asarray(kicked.p) - np.asarray(problem.y0.p)) ** 2, axis=0) / (2 * 0.8)
    np.testing.assert_allclose(energy, diffusion * DT, rtol=0.05)


def test_converters_round_to_their_steps():
    x = jnp.linspace(-1.0, 1.0, 101)
    np.testing.assert_array_equal(_rounded(x, 1.0, jnp.inf), x)
    coarse = np.asarray(_rounded(x, 1.0, 3.0))
    np.testing.assert_allclose(coarse * 4, np.round(coarse * 4), atol=1e-12)
    assert np.abs(coarse - np.asarray(x)).max() <= 0.125 + 1e-12
    assert len(np.unique(coarse)) == 9


@pytest.mark.slow
def test_training_by_echoes_of_an_ideal_machine_is_training_by_the_gradient(chain):
    errors = EchoErrors(np.array([1e-4, 1e-4]), readout_noise=np.array([0.0, 1e3]))
    good, bad = learning.reached(chain, errors, optax.adam(0.02), updates=8)
    z, memory = chain.start, optax.adam(0.02).init(chain.start)
    slope = jax.jit(lambda z: chain.objective.slope(learning.BPTT(), z, None)[1])
    for _ in range(8):
        with jax.numpy_dtype_promotion("standard"):
            step, memory = optax.adam(0.02).update(slope(z), memory, z)
        z = z + step
    np.testing.assert_allclose(good, chain.objective.value(z, None), rtol=1e-5)
    assert bad > good
    exact = learning.reached(chain, errors, optax.adam(0.02), updates=8, exact=True)
    np.testing.assert_allclose(exact, good, rtol=1e-5)


def energies(H, y, u, target):
    return jnp.stack([y.q[0] ** 2, y.p[-1] ** 2])


def share(totals, label):
    return -jnp.log(totals[label] / jnp.sum(totals))


@pytest.mark.slow
def test_classes_are_learned_from_what_a_noisy_run_adds_up_to():
    problem = duffing_chain(STEPS)
    outcome = learning.Outcome(energies, share)
    samples = learning.Samples(labels=jnp.asarray([0, 1]))
    shared = learning.Samples(problem.inputs, problem.targets)
    objective = Objective(problem.H, learning.make_domain(problem.H), physsim.StormerVerlet(),
                          problem.y0, outcome, DT, STEPS, shared)  # fmt: skip
    machines = learning.make_machines(objective, samples)
    errors = EchoErrors(1e-4, diffusion=np.array([0.0, 1e-3]))
    found = learning.echo_fidelity(machines, errors, seeds=3)
    np.testing.assert_allclose(found.cosine[0], 1.0, atol=1e-6)
    assert np.all(found.cosine[1] < 1 - 1e-6) and len(set(found.cosine[1])) == 3


def test_what_has_no_echo_is_refused():
    import sympy

    q, p = sympy.symbols("q p")
    H = physsim.symbolic(p**4 / 4 + q**2, q=[q], p=[p])
    y0 = physsim.PhaseState(jnp.ones(1), jnp.ones(1))
    shared = learning.Samples(None, jnp.ones(4))

    def cost(H, y, u, target):
        return (y.q[0] - target) ** 2

    objective = Objective(H, learning.make_domain(physsim.symbolic(
        p**2 / 2 + q**2, q=[q], p=[p], params={sympy.Symbol("k"): 1.0}
    )), physsim.StormerVerlet(), y0, cost, 0.1, 4, shared)  # fmt: skip
    with pytest.raises(ValueError, match="T quadratic in p"):
        learning.make_machines(objective, None)


def test_echoes_that_diverge_are_infinitely_wrong():
    gradients, truth = np.array([[[1.0, 2.0]], [[np.nan, 1.0]], [[1e300, 1e300]]]), np.ones((3, 2))
    found = learning.Fidelity(gradients, truth)
    assert found.cosine[1, 0] == 0 and np.isinf(found.error[1]) and np.isinf(found.ratio[1, 0])
    assert np.isinf(found.error[2]) and np.isinf(found.ratio[2, 0])
    np.testing.assert_allclose(found.cosine[0, 0], 3 / np.sqrt(10))
    np.testing.assert_allclose(found.ratio[0, 0], np.sqrt(5 / 2))
