"""Transport along runs of circuits: oscillators in the metric of energy, RC sections and
voltage-controlled conductances as what leaky and gated networks are made of."""

import dataclasses

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
import sympy
from scipy.integrate import quad

import circuits
import learning
import physsim
from physsim import SRKN11b
from physsim.cli._timescales_target import circuit_target

TANKS = """two tanks
C1 a 0 1n ic=1
L1 a 0 1u
C2 b 0 2n
L2 b 0 0.9u
L12 a b 4u
"""
LAGS = [1, 10, 100, 1000, 10_000]


@pytest.mark.slow
def test_a_lossless_linear_circuit_carries_everything_at_every_lag():
    target = circuit_target(circuits.loads(TANKS), None, 100e-6, 100e-6 / 10_010, SRKN11b())
    found = target.transport(LAGS, windows=1)
    print(
        f"gain - 1 {np.abs(np.exp(found.log_gain) - 1).max():.1e}, sigma ratio - 1 "
        f"{np.abs(found.anisotropy().ratio - 1).max():.1e}, ln det "
        f"{np.abs(found.log_det).max():.1e}, Euclidean gain "
        f"{np.round(np.exp(found.log_gain_euclidean[:, 0]), 2)}"
    )
    assert len(target.states) > 10_000 and found.log_gain.shape == (5, 1)
    np.testing.assert_allclose(np.exp(found.log_gain), 1, atol=1e-6)
    np.testing.assert_allclose(found.anisotropy().ratio, 1, atol=1e-6)
    np.testing.assert_allclose(found.log_det, 0, atol=1e-11)
    # In the Euclidean norm it would seem to amplify.
    assert np.exp(np.max(found.log_gain_euclidean)) > 1.3
    # A mode's credit is not lost, and comes at the phase omega t.
    np.testing.assert_allclose(found.modal_log_modulus, 0, atol=1e-9)
    omega = 2 * np.pi * target.circuit.modes().frequencies
    turned = np.exp(1j * omega * (found.lags * target.dt)[:, None])
    np.testing.assert_allclose(np.exp(1j * np.asarray(found.modal_phase[:, 0])), turned, atol=1e-4)


@pytest.mark.slow
def test_losses_take_gain_and_volume_at_their_rate():
    """Of resistors with one R C, gamma = 1 / (R C): gain exp(-gamma t / 2), volume its power 4."""
    gamma = 1 / (5e3 * 1e-9)
    circuit = circuits.loads(TANKS + "R1 a 0 5k\nR2 b 0 2.5k\n")
    target = circuit_target(circuit, None, 10e-6, 10e-6 / 1010, SRKN11b())
    found = target.transport([1, 10, 100, 1000], windows=1)
    t = found.lags * target.dt
    print(
        f"gain / exp(-gamma t / 2) - 1 {np.exp(found.log_gain[:, 0] + gamma * t / 2) - 1}, "
        f"ln det + 2 gamma t {np.abs(found.log_det[:, 0] + 2 * gamma * t).max():.1e}"
    )
    assert np.exp(-gamma * t[-1] / 2) < 0.4
    np.testing.assert_allclose(np.exp(found.log_gain[:, 0]), np.exp(-gamma * t / 2), rtol=1e-2)
    np.testing.assert_allclose(found.log_det[:, 0], -2 * gamma * t, rtol=0, atol=1e-13 * 1000)
    modal = -np.stack([gamma * t / 2] * 2, 1)
    np.testing.assert_allclose(found.modal_log_modulus[:, 0], modal, rtol=1e-6)


def duffing_frequency(amplitude, beta):
    """omega of q'' = -q - beta q^3, whose period is 4 int_0^{pi/2} of the first integral."""

    def slowness(angle):
        return 1 / np.sqrt(1 + beta * amplitude**2 * (1 + np.sin(angle) ** 2) / 2)

    return np.pi / 2 / quad(slowness, 0, np.pi / 2, epsabs=1e-13)[0]


def test_a_nonlinear_circuit_shears_at_the_rate_of_its_frequency():
    """Over N whole periods T(A) the neighbour of other amplitude falls behind by N dT/dA."""
    beta, per_period, amplitude = 0.1, 48, 1.0
    q, p, b = sympy.symbols("q p b")
    H = physsim.symbolic(p**2 / 2 + q**2 / 2 + b * q**4 / 4, q=[q], p=[p], params={b: beta})
    period = 2 * np.pi / duffing_frequency(amplitude, beta)
    steps = 32 * per_period + 2
    solver, xs = physsim.SRKN11b(), (jnp.arange(steps), None)
    F = learning.StepMap(
        H, solver, physsim.make_drive(None, H, steps, float)[0], period / per_period
    )
    # One step before the turning point: the window starts on it.
    after = F(jnp.array([amplitude, 0.0]), (jnp.asarray(0), None))
    states = learning.run_map(F, after * jnp.array([1.0, -1.0]), xs)
    found = learning.transport(
        F, states, xs, per_period * np.array([1, 8, 32]), windows=1, modes=False
    )
    d = 1e-4
    slope = (duffing_frequency(1 + d, beta) - duffing_frequency(1 - d, beta)) / (2 * d)
    expected = slope * (amplitude + beta * amplitude**3) / duffing_frequency(1, beta)
    shear = found.frequency_shear()[:, 0] / F.dt
    print(f"shear {shear} against {expected:.8f}, {np.abs(shear / expected - 1).max():.1e} away")
    np.testing.assert_allclose(shear, expected, rtol=1e-6)
    np.testing.assert_allclose(found.log_det, 0, atol=1e-11)


def rc(tau, end=40.0):
    tran = f".tran {min(1.0, end)} {end}"
    return circuits.loads(f"rc\nC1 out 0 1u ic=1\nR1 out 0 {float(tau) / 1e-6}\n{tran}\n")


@pytest.mark.slow
def test_an_rc_section_is_a_leaky_integrator():
    """x' = x + alpha (V - x) with 1 - alpha = exp(-h / tau), state for state."""
    tau, h, level = 3e-3, 1e-3, 0.6
    circuit = circuits.loads(f"driven\nV1 in 0 {level}\nR1 in out 3k\nC1 out 0 1u ic=0.1\n")
    target = circuit_target(circuit, "v(out)", 20 * h, h, SRKN11b())
    cell = learning.LeakyRNN(
        jnp.zeros((1, 1)), jnp.ones((1, 1)), jnp.zeros(1), jnp.asarray(1 - np.exp(-h / tau))
    )
    us = jnp.full((20, 1), np.arctanh(level))
    xs = learning.run_map(cell, jnp.full(1, 0.1), us)
    volts = target.states / target.states[0, 0] * 0.1
    # The source's step is split off the decay with an error of order 7 in h / tau.
    np.testing.assert_allclose(volts, xs, rtol=1e-10)
    lags = [1, 4, 16]
    ours, theirs = target.transport(lags), learning.transport(cell, xs, us, lags)
    np.testing.assert_allclose(ours.log_gain, theirs.log_gain, rtol=1e-10)
    np.testing.assert_allclose(ours.log_gain[:, 0], -h * np.array(lags) / tau, rtol=1e-10)
    np.testing.assert_allclose(ours.modes.time_constants() * target.dt, tau, rtol=1e-10)


@pytest.mark.slow
def test_a_conductance_that_its_voltage_controls_is_a_gate():
    """C v' = -G(v) v, G = g + k v^2: with the gate held v(t) / v(0) is carried, in truth d v(t) /
    d v(0), and what lies between is the derivative of the gate."""
    g, k, C, v0 = 1e-3, 2e-3, 1e-6, 0.8
    circuit = circuits.loads(f"gate\nC1 out 0 1u ic={v0}\nB1 out 0 i={{(g+k*v^2)*v}} g={g} k={k}\n")
    target = circuit_target(circuit, "v(out)", t_end=2e-3, dt=2e-5)
    found = target.transport([1, 10, 50, 98], windows=1)
    start = float(target.states[1, 0] / target.states[0, 0]) * v0
    t = found.lags * target.dt

    def decayed(v):
        """Bernoulli's equation in closed form."""
        e = np.exp(-2 * g * t / C)
        return np.sqrt(g * e / (g / v**2 + k * (1 - e)))

    slope = (decayed(start + 1e-6) - decayed(start - 1e-6)) / 2e-6
    np.testing.assert_allclose(np.exp(found.log_gain[:, 0]), slope, rtol=1e-6)
    held = decayed(start) / start
    volts = target.states[1 + found.lags, 0] / target.states[1, 0]
    np.testing.assert_allclose(volts, held, rtol=1e-6)
    assert np.all(slope[1:] < 0.9 * held[1:])


def test_what_tau_does_at_a_lag_is_most_where_tau_is_the_lag():
    lag, dt = 40, 1e-3
    taus = np.geomspace(0.4, 2.5, 11) * lag * dt
    target = circuit_target(rc(lag * dt, 0.1), "v(out)", dt=dt)
    found = []
    for tau in taus:
        other = with_resistance(target, tau)
        result = other.transport([lag], windows=1, modes=False)
        by_name = dict(zip(other.names, other.sensitivity(result)[0], strict=True))
        np.testing.assert_allclose(
            by_name["R1.R"], dt / tau * np.exp(-(lag + 1) * dt / tau), rtol=1e-6
        )
        found.append(by_name["R1.R"])
    peak = np.argmax(found)
    near = slice(peak - 1, peak + 2)
    bent = np.polyfit(np.log(taus[near]), found[near], 2)
    best = np.exp(-bent[1] / (2 * bent[0]))
    print(f"R is felt most at tau = {best / (lag * dt):.4f} lags")
    assert abs(best / (lag * dt) - 1) < 0.05


def with_resistance(target, tau):
    """The same steps and units, another resistance, and the run from its own start."""
    H, values = target.circuit.hamiltonian, target.circuit.values()
    factor = tau / (values["R1.R"] * values["C1.C"])
    H = eqx.tree_at(lambda H: H.link_resistance, H, H.link_resistance * factor)
    circuit = rc(tau, 0.1).with_hamiltonian(H)
    F = eqx.tree_at(lambda F: F.H, target.F, H)
    start = F.basis.T @ jnp.concatenate([circuit.y0.q, circuit.y0.p])
    states = learning.run_map(F, start, target.inputs)
    return dataclasses.replace(target, circuit=circuit, F=F, states=states)


def test_without_an_end_or_with_too_many_steps_there_is_no_run():
    with pytest.raises(ValueError, match="how long"):
        circuit_target(circuits.loads(TANKS))
    with pytest.raises(ValueError, match="too many"):
        circuit_target(circuits.loads(TANKS), t_end=1.0)
