"""Thermal noise against theory: equipartition, Johnson and Nyquist, Boltzmann."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
import scipy.stats
import sympy

import physsim
from physsim import PhaseState
from physsim._noise import make_thermostat

from .pace import mostly_slow

KT = 0.7


def rest(n, batch):
    return PhaseState(jnp.zeros((batch, n)), jnp.zeros((batch, n)))


def chain(n=6, conductance=0.5, resistance=None):
    """Unequal masses and springs, coupled to neighbours, with a conductance matrix."""
    q, p = sympy.symbols(f"q:{n}"), sympy.symbols(f"p:{n}")
    energy = sum(x**2 / (2 + i) for i, x in enumerate(p))
    energy += sum(x**2 * (1 + i) / 4 for i, x in enumerate(q))
    energy += sum((a - b) ** 2 / 2 for a, b in zip(q[1:], q[:-1], strict=True))
    H = physsim.symbolic(energy, q=q, p=p)
    return physsim.damped(H, conductance=conductance, resistance=resistance, temperature=KT)


def graph_matrix(n):
    """Conductances to neighbours: no diagonal matrix, and a singular one."""
    matrix = 0.4 * (2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1))
    matrix[0, 0] = matrix[-1, -1] = 0.4
    return matrix


@pytest.mark.parametrize("case", mostly_slow(["diagonal", "matrix", "series"], ["matrix"]))
def test_equipartition(case):
    """k_B T / 2 in every quadratic degree of freedom, within four standard errors."""
    n, samples = 6, 4096
    losses = {
        "diagonal": (0.5, None),
        "matrix": (graph_matrix(n) + 0.1 * np.eye(n), None),
        "series": (None, 0.4),
    }
    H = chain(n, *losses[case])
    options = {"dt": 0.2, "num_steps": 300, "save_every": 300, "key": jax.random.key(3)}
    end = physsim.integrate(H, physsim.BlanesMoan4(), rest(n, samples), **options).final
    kinetic = np.asarray(end.p) ** 2 / (2.0 + np.arange(n))
    error = KT / 2 * np.sqrt(2 / samples)
    assert np.all(np.abs(kinetic.mean(0) - KT / 2) < 4 * error), kinetic.mean(0)
    potential = np.asarray(jax.vmap(lambda q: H.potential(q, jnp.zeros(0)))(end.q))
    assert abs(potential.mean() - n * KT / 2) < 4 * KT / 2 * np.sqrt(2 * n / samples)


def one_sided_spectrum(v, dt):
    """Averaged over samples: [batch, K] -> (f, S(f)), without a window (rectangular)."""
    K = v.shape[1]
    power = np.abs(np.fft.rfft(v, axis=1)) ** 2 * 2 * dt / K
    return np.fft.rfftfreq(K, dt)[1:-1], power[:, 1:-1]


def johnson(C, R, L=None):
    """The voltage across C in parallel with R (and L), at temperature KT."""
    q, p = sympy.symbols("q p")
    energy = p**2 / (2 * C) + (q**2 / (2 * L) if L else 0)
    H = physsim.symbolic(energy, q=[q], p=[p])
    return physsim.damped(H, conductance=1 / R, temperature=KT)


@pytest.mark.parametrize("L", [None, 0.4])
def test_johnson_and_nyquist(L):
    """S_v = 4 kT Re Z(f): the mean over bands against theory, within four standard errors.

    The spectrum of the samples contains what lies above their Nyquist frequency, so the
    theory is folded likewise.
    """
    C, R, dt, K, samples = 1.5, 2.0, 0.05, 4096, 64
    H = johnson(C, R, L)
    settle = PhaseState(jnp.zeros((samples, 1)), jnp.zeros((samples, 1)))
    key = jax.random.key(11)
    warm = physsim.integrate(
        H, physsim.SRKN11b(), settle, dt=dt, num_steps=1000, save_every=1000, key=key
    ).final
    run = physsim.integrate(H, physsim.SRKN11b(), warm, dt=dt, num_steps=K, key=jax.random.key(12))
    f, power = one_sided_spectrum(np.asarray(run.ys.p[:, 1:, 0]) / C, dt)

    def theory(f):
        w = 2 * np.pi * f
        admittance = 1 / R + 1j * w * C + (1 / (1j * w * L) if L else 0)
        return 4 * KT * np.real(1 / admittance)

    folded = sum(theory(np.abs(f + m / dt)) for m in range(-200, 201))
    # Leakage of a rectangular window is far below the statistical error above some bins.
    use = slice(20, len(f))
    bands = np.array_split(np.arange(len(f))[use], 40)
    for band in bands:
        ratio = (power[:, band] / folded[band]).mean()
        assert abs(ratio - 1) < 4 / np.sqrt(samples * len(band)) + 2e-3, (f[band[0]], ratio)
    variance = float(np.mean(np.asarray(run.ys.p) ** 2)) / C**2
    assert abs(variance * C / KT - 1) < 0.03


def test_boltzmann_in_a_double_well():
    """A nonlinear circuit's positions and momenta by Kolmogorov and Smirnov."""
    q, p = sympy.symbols("q p")
    H = physsim.symbolic(p**2 / 2 + (q**2 - 1) ** 2 / 2 + q / 5, q=[q], p=[p])
    H = physsim.damped(H, conductance=0.8, temperature=KT)
    samples = 3000
    options = {"dt": 0.1, "num_steps": 1500, "save_every": 1500, "key": jax.random.key(7)}
    end = physsim.integrate(H, physsim.SRKN11b(), rest(1, samples), **options).final
    x = np.linspace(-4, 4, 20001)
    density = np.exp(-((x**2 - 1) ** 2 / 2 + x / 5) / KT)
    cdf = np.cumsum(density) / density.sum()
    position = scipy.stats.kstest(np.asarray(end.q[:, 0]), lambda v: np.interp(v, x, cdf))
    momentum = scipy.stats.kstest(np.asarray(end.p[:, 0]) / np.sqrt(KT), "norm")
    assert position.pvalue > 0.01 and momentum.pvalue > 0.01, (position, momentum)
    # The same numbers from a distribution 40 % hotter would be found out.
    hot = np.cumsum(density ** (1 / 1.4)) / (density ** (1 / 1.4)).sum()
    assert scipy.stats.kstest(np.asarray(end.q[:, 0]), lambda v: np.interp(v, x, hot)).pvalue < 0.01


def stationary_variance(solver, h):
    """<q^2> of an oscillator under thermostat / 2, step, thermostat / 2: without sampling."""
    q, p = sympy.symbols("q p")
    H = physsim.damped(
        physsim.symbolic(p**2 / 2 + q**2 / 2, q=[q], p=[p]), conductance=0.3, temperature=KT
    )
    thermostat, u, dt = make_thermostat(H), jnp.zeros(0), jnp.asarray(h)
    system = solver.prepare(H.conservative)
    unit = jnp.eye(2)
    step = jax.vmap(lambda x: flat(solver.step(system, pair(x), dt, lambda c: u)), 0, 1)(unit)
    loss = float(thermostat.parallel.loss(jnp.ones(1), dt / 2)[0])
    spread = float(thermostat.parallel.noise(jnp.ones(1), dt / 2, thermostat.temperature)[0])
    half, noise = np.diag([1.0, 1.0 - loss]), np.diag([0.0, spread**2])
    A = half @ np.asarray(step) @ half
    Q = half @ np.asarray(step) @ noise @ np.asarray(step).T @ half + noise
    return scipy.linalg.solve_discrete_lyapunov(A, Q)[0, 0]


def pair(x):
    return PhaseState(x[:1], x[1:])


def flat(y):
    return jnp.concatenate([y.q, y.p])


@pytest.mark.parametrize(
    "solver", [physsim.StormerVerlet(), physsim.Yoshida4(), physsim.SRKN11b()], ids=lambda s: s.name
)
def test_bias_is_of_the_order_of_the_method(solver):
    """The distribution is off by the method's energy error alone: dt^2 for leapfrog."""
    steps = np.array([0.2, 0.24, 0.29])
    bias = [abs(stationary_variance(solver, h) / KT - 1) for h in steps]
    order = np.polyfit(np.log(steps), np.log(bias), 1)[0]
    assert abs(order - solver.order) < 0.1, bias


def test_noise_needs_a_key_and_only_then():
    H, y0 = johnson(1.0, 1.0, 1.0), PhaseState(jnp.ones(1), jnp.zeros(1))
    cold = physsim.damped(H.H, conductance=1.0)
    options = {"dt": 0.1, "num_steps": 5}
    with pytest.raises(ValueError, match=r"pass key=jax\.random\.key"):
        physsim.integrate(H, physsim.SRKN11b(), y0, **options)
    with pytest.raises(ValueError, match="has no temperature"):
        physsim.integrate(cold, physsim.SRKN11b(), y0, **options, key=jax.random.key(0))
    with pytest.raises(ValueError, match="backward"):
        physsim.integrate(H, physsim.SRKN11b(), y0, **options, key=jax.random.key(0), backward=True)
    with pytest.raises(ValueError, match="new-style key"):
        physsim.integrate(H, physsim.SRKN11b(), y0, **options, key=jax.random.PRNGKey(0))
    one = physsim.integrate(H, physsim.SRKN11b(), y0, **options, key=jax.random.key(5)).final
    two = physsim.integrate(H, physsim.SRKN11b(), y0, **options, key=jax.random.key(5)).final
    assert float(one.p[0]) == float(two.p[0])


def test_losses_that_make_no_sense():
    q, p = sympy.symbols("q:2"), sympy.symbols("p:2")
    H = physsim.symbolic(sum(x**2 for x in (*q, *p)) / 2, q=q, p=p)
    quartic = physsim.symbolic(sum(x**4 for x in (*q, *p)) / 2, q=q, p=p)
    cases = (
        (H, {}, "without losses"),
        (H, {"conductance": [1.0, 2.0, 3.0]}, r"of shape \(2,\)"),
        (H, {"conductance": -1.0}, "positive semidefinite"),
        (H, {"conductance": [[1.0, 2.0], [2.0, 1.0]]}, "positive semidefinite"),
        (H, {"conductance": [[1.0, 0.5], [0.0, 1.0]]}, "symmetric"),
        (H, {"resistance": np.nan}, "not finite"),
        (H, {"conductance": 1.0, "temperature": -1.0}, "temperature"),
        (quartic, {"conductance": 1.0}, "T quadratic"),
        (quartic, {"resistance": 1.0}, "V quadratic"),
    )
    for system, losses, message in cases:
        with pytest.raises(ValueError, match=message):
            physsim.damped(system, **losses)
