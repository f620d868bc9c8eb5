"""Oscillators with a law of their own: varactors, van der Pol and Kuramoto, Chua."""

import math
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp
from scipy.optimize import brentq
from scipy.signal import hilbert

import circuits
import physsim
from circuits import Circuit, NetlistError

UNIT = 1e-9
TURN = 2 * math.pi * UNIT


def frequency(t, x):
    return float(circuits.frequency(jnp.asarray(t), jnp.asarray(x)))


def exact_period(a):
    """Of a unit mass with energy x^2 / 2 + x^3 / 12 that starts at rest at a."""

    def energy(x):
        return x**2 / 2 + x**3 / 12

    low = brentq(lambda x: energy(x) - energy(a), -1.9, -1e-9)
    middle, half = (a + low) / 2, (a - low) / 2

    def slowness(angle):
        x = middle + half * math.cos(angle)
        return half * math.sin(angle) / math.sqrt(2 * (energy(a) - energy(x)))

    return 2 * quad(slowness, 1e-9, math.pi - 1e-9, epsabs=1e-12)[0], half


def test_varactor_frequency_and_second_harmonic():
    """Three resonators, hardly coupled, at three amplitudes: exact periods, Landau's series."""
    starts = np.array([0.05, 0.2, 0.4])
    size = 1e-12 * 0.7
    netlist = circuits.varactor_chain(3, coupling_inductance=1e6, charges=list(starts * size))
    circuit = Circuit(netlist)
    options = {"dt": TURN / 120 / circuit.scales.time, "num_steps": 4860}
    run = physsim.integrate(circuit.hamiltonian, physsim.Yoshida4(), circuit.y0, **options)
    charges = np.asarray(run.ys.p) * circuit.scales.charge / size
    t = np.asarray(run.ts) * circuit.scales.time
    for k, a in enumerate(starts):
        period, amplitude = exact_period(a)
        found = 1 / (frequency(t, charges[:, k]) * UNIT)
        assert abs(found / period - 1) < 1e-6
        e = amplitude / 4
        shift = 1 - 2 * math.pi / period
        assert abs(shift / (5 * e**2 / 12) - 1) < 10 * e**2
        wave = np.abs(np.fft.rfft(charges[: 120 * 40, k] * np.hanning(120 * 40)))
        first = int(wave.argmax())
        assert abs(wave[2 * first] / wave[first] / (e / 6) - 1) < 0.06


def test_a_varactor_is_the_diode_capacitance():
    """C(v) = C0 / (1 + v / vj)^m, from the slope of the stored energy's voltage."""
    for m in (0.33, 0.5):
        netlist = circuits.varactor_chain(1, junction_voltage=0.6, grading=m)
        (element,) = (e for e in netlist.elements if isinstance(e, circuits.NonlinearCapacitor))
        at = {str(name): value for name, value in element.parameters}
        charge = circuits._elements.CHARGE
        energy = element.energy.subs(
            {s: at[str(s)] for s in element.energy.free_symbols - {charge}}
        )
        for Q in (-0.2e-12, 0.1e-12, 0.5e-12):
            v = float(energy.diff(charge).subs(charge, Q))
            C = 1 / float(energy.diff(charge, 2).subs(charge, Q))
            assert abs(C * (1 + v / 0.6) ** m / 1e-12 - 1) < 1e-9


def run(netlist, turns, steps):
    """Times and node voltages of tanks of 1 pF at n1, n2, ...: `steps` a turn."""
    circuit = Circuit(netlist)
    options = {"dt": TURN / steps / circuit.scales.time, "num_steps": turns * steps}
    found = physsim.integrate(circuit.hamiltonian, circuit.default_solver, circuit.y0, **options)
    v = jax.vmap(circuit.hamiltonian.conservative.velocity)(found.ys.p)
    return np.asarray(found.ts) * circuit.scales.time, np.asarray(v) * circuit.scales.voltage


def test_van_der_pol_period_and_amplitude():
    """omega = 1 - mu^2 / 16 + 17 mu^4 / 3072 - ..., amplitude 2 + mu^2 / 96 (Andersen & Geer)."""
    mu = 0.5
    t, v = run(circuits.van_der_pol_ring(1, stiffness=mu, voltages=[2.0]), 40, 60)
    late = t > 20 * TURN
    t, v = t[late], v[late, 0]
    omega = 1 - mu**2 / 16 + 17 * mu**4 / 3072 + 35 * mu**6 / 884736
    assert abs(frequency(t, v) * TURN / omega - 1) < 5e-6
    assert abs(np.abs(v).max() - (2 + mu**2 / 96)) < 1e-3


def test_two_oscillators_lock_within_kuramotos_limit():
    """|d omega| < A12 + A21 = 0.01 omega: a phase asin of the ratio; beyond it a slow beat."""
    pull = 0.01
    netlist = circuits.van_der_pol_ring(
        2, coupling_resistance=1e3 / pull, voltages=[2.0, 2.0], detuning=[0.0, 0.0]
    )
    A = circuits.kuramoto(netlist).resistive * UNIT
    np.testing.assert_allclose(A, [[0, pull / 2], [pull / 2, 0]], rtol=1e-12)
    ratios = np.array([0.5, 0.8, 1.3])
    shifted = 1e-6 / (1 + ratios * pull) ** 2
    waves = circuits.sweep(
        Circuit(netlist), {"L2.L": list(shifted)}, ["v(n1)", "v(n2)"],
        t_end=400 * TURN, dt=TURN / 24,
    )  # fmt: skip
    angles = np.unwrap(np.angle(hilbert(waves.values, axis=-1)), axis=-1)
    apart = angles[:, 1] - angles[:, 0]
    t = waves.time.values
    settled = (t > 250 * TURN) & (t < 380 * TURN)
    for k in (0, 1):
        assert abs(apart[k, settled].mean() - math.asin(ratios[k])) < 5e-3
        assert np.ptp(apart[k, settled]) < 0.05
    # One beat has the period 2 pi / sqrt(d omega^2 - pull^2).
    beat = math.sqrt(ratios[2] ** 2 - 1) * pull / UNIT
    a, b = (int(np.argmax(apart[2] > level)) for level in (2.0, 2.0 + 2 * math.pi))
    assert abs(2 * math.pi / (t[b] - t[a]) / beat - 1) < 0.05


@pytest.mark.slow
def test_a_ring_follows_its_phase_model():
    """Five oscillators with resistors and capacitors between them, against the phase model."""
    rng = np.random.default_rng(4)
    start = rng.uniform(-0.8, 0.8, 5)
    detuning = list(0.002 * rng.normal(size=5))
    netlist = circuits.van_der_pol_ring(
        5,
        coupling_resistance=150e3,
        coupling_capacitance=2e-15,
        detuning=detuning,
        voltages=list(2 * np.cos(start)),
    )
    currents = {f"L{i}": 2e-3 * math.sin(x) for i, x in enumerate(start, 1)}
    netlist = netlist_with_currents(netlist, currents)
    model = circuits.kuramoto(netlist)
    t, v = run(netlist, 150, 24)
    found = np.unwrap(np.angle(hilbert(v.T, axis=1)), axis=1)
    found = found - found.mean(axis=0)
    options = {"t_eval": t, "rtol": 1e-9, "atol": 1e-9}
    exact = solve_ivp(lambda t, x: model.rates(x), (0, t[-1]), start, **options).y
    exact = exact - exact.mean(axis=0)
    inside = (t > 5 * TURN) & (t < 145 * TURN)
    moved = np.ptp(exact[:, inside], axis=1).max()
    assert moved > 0.3
    assert np.abs(found - exact)[:, inside].max() < 0.05


def netlist_with_currents(netlist, currents):
    import dataclasses

    elements = [
        dataclasses.replace(e, ic=currents[e.name]) if e.name in currents else e
        for e in netlist.elements
    ]
    return dataclasses.replace(netlist, elements=tuple(elements))


RC2 = 1.8e3 * 90e-9


@pytest.fixture(scope="module")
def chua():
    return Circuit(circuits.chua())


def test_chua_equilibria(chua):
    """Nothing moves at x = 0 and +-1.5 with z = -x; eigenvalues of the two linear pieces."""
    H, scales, u = chua.hamiltonian, chua.scales, jnp.zeros(0)
    flux = 1.8e3 * 90e-9 * 7 / 100 / scales.flux
    rates = jax.jit(jax.jacfwd(lambda s: jnp.concatenate(H.vector_field(s[:2], s[2:], u))))
    for x in (0.0, 1.5, -1.5):
        # The inductor's current is -z = x volts over R, its flux L x / R.
        y = jnp.array([0.0, flux * x, 10e-9 * x / scales.charge, 0.0])
        velocity, force = H.vector_field(y[:2], y[2:], u)
        assert abs(float(velocity[1])) < 1e-14
        assert np.abs(force).max() < 1e-14
        found = np.linalg.eigvals(np.asarray(rates(y))) * RC2 / scales.time
        # The flux of C1 is no state: nothing depends on it.
        found = np.sort_complex(found[np.argsort(np.abs(found))[1:]])
        np.testing.assert_allclose(found, characteristic(-8 / 7 if x == 0 else -5 / 7), rtol=1e-9)


def characteristic(slope):
    matrix = [[-9 * (1 + slope), 9, 0], [1, -1, 1], [0, -100 / 7, 0]]
    return np.sort_complex(np.linalg.eigvals(np.array(matrix)))


def test_chua_double_scroll(chua):
    """Both scrolls are visited, in bounds; the start agrees with an adaptive method."""
    H, scales = chua.hamiltonian, chua.scales
    options = {"dt": RC2 / 40 / scales.time, "num_steps": 40 * 200}
    run = physsim.integrate(H, chua.default_solver, chua.y0, **options)
    x, y = np.asarray(run.ys.p).T * scales.charge / np.array([[10e-9], [90e-9]])

    def field(t, s):
        x, y, z = s
        diode = -5 / 7 * x - 3 / 14 * (abs(x + 1) - abs(x - 1))
        return [9 * (y - x - diode), x - y + z, -100 / 7 * y]

    options = {"method": "DOP853", "rtol": 1e-10, "atol": 1e-12, "t_eval": np.arange(121) / 40}
    exact = solve_ivp(field, (0, 3), [0.7, 0, 0], **options).y
    np.testing.assert_allclose(x[:121], exact[0], rtol=0, atol=1e-3)
    late = x[40 * 20 :]
    assert 1.8 < late.max() < 2.6 and -2.6 < late.min() < -1.8
    assert np.abs(y).max() < 0.5
    crossings = int(np.sum(np.diff(np.sign(late)) != 0))
    assert 10 < crossings < 80


def test_chua_lyapunov_exponent(chua):
    """0.327 per R C2 (Sprott); the mean over 2000 of them scatters by about 0.01."""
    found = physsim.lyapunov_exponent(
        chua.hamiltonian,
        chua.default_solver,
        chua.y0,
        dt=RC2 / 25 / chua.scales.time,
        num_steps=25 * 2100,
        renormalise_every=25,
        discard=25 * 100,
    )
    exponent = float(found.exponent) * RC2 / chua.scales.time
    assert abs(exponent - 0.327) < 0.03, exponent


FAULTS = [
    (lambda: circuits.varactor_chain(1, grading=1.0), "grading has to be below 1"),
    (lambda: circuits.varactor_chain(1, charges=[-1.5e-12]), "keep it above -1.4e-12 C"),
    (lambda: circuits.varactor_chain(2, charges=[0.0]), "one value a node: 2"),
    (lambda: circuits.van_der_pol_ring(2, detuning=[0.0, -1.0]), "above -1, got -1"),
    (lambda: circuits.van_der_pol_ring(2, stiffness=0.0), "stiffness has to be positive"),
    (lambda: circuits.kuramoto(circuits.ring(3)), "node n1 is no tank"),
    (lambda: circuits.chua(beta=0.0), "beta has to be positive"),
]


@pytest.mark.parametrize("build, message", FAULTS, ids=[m for _, m in FAULTS])
def test_arguments_that_make_no_oscillator(build, message):
    with pytest.raises(NetlistError, match=re.escape(message)):
        build()
