"""Johnson and Nyquist in netlists: spectra and variances in SI, equipartition of a lattice."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.constants import k as BOLTZMANN

import circuits
import physsim
from circuits import Circuit
from physsim import PhaseState

DECK = """a noisy tank, its coil with a resistance of its own
C1 a 0 2p
R1 a 0 3k
L1 a b 1u
R2 b 0 200
.temp 76.85
"""
R, RS, L, C, T = 3e3, 200.0, 1e-6, 2e-12, 350.0


def rest(circuit, samples):
    return jax.tree.map(lambda x: jnp.zeros((samples, x.size)), circuit.y0)


@pytest.fixture(scope="module")
def tank():
    """(circuit, step in s, v(a) [samples, time]) of a stationary run."""
    circuit = Circuit(circuits.parse_netlist(DECK))
    samples, steps = 64, 4096
    dt = 2 * np.pi * np.sqrt(L * C) / 24
    H, solver = circuit.hamiltonian, physsim.StormerVerlet()
    options = {"dt": dt / circuit.scales.time, "num_steps": steps}
    # The slowest rate is half of R2 / L: 4096 steps are over 100 times that.
    warm = physsim.integrate(
        H, solver, rest(circuit, samples), **options, save_every=steps, key=jax.random.key(1)
    ).final
    run = physsim.integrate(H, solver, warm, **options, key=jax.random.key(2))
    return circuit, dt, np.asarray(run.ys.p)[:, 1:, 0] * circuit.scales.charge / C


def psd(f):
    """4 k T Re Z of the tank, one-sided, in V^2/Hz."""
    w = 2 * np.pi * f
    return 4 * BOLTZMANN * T * np.real(1 / (1 / R + 1j * w * C + 1 / (RS + 1j * w * L)))


def test_temperature_of_the_netlist(tank):
    circuit = tank[0]
    assert circuit.netlist.temperature == pytest.approx(T, rel=1e-12)
    assert circuit.values()["temperature"] == pytest.approx(T, rel=1e-12)


def test_variance_is_kt_over_c(tank):
    """Within 4 standard errors, the samples of one path being correlated over ~ 2 Q periods."""
    _, _, v = tank
    means = (v**2).mean(axis=1) * C / (BOLTZMANN * T)
    error = means.std(ddof=1) / np.sqrt(means.size)
    print(f"variance over k T / C: {means.mean():.4f} +- {error:.4f}")
    assert error < 0.02
    assert abs(means.mean() - 1) < 4 * error, (means.mean(), error)


def test_spectrum_is_4kt_times_the_real_part_of_the_impedance(tank):
    """Means over bands, folded at the Nyquist frequency, within 4 standard errors."""
    _, dt, v = tank
    samples, steps = v.shape
    window = np.hanning(steps)
    power = np.abs(np.fft.rfft(v * window, axis=1)) ** 2 * 2 * dt / np.sum(window**2)
    f = np.fft.rfftfreq(steps, dt)
    # A wave of the step's method runs fast by (omega dt)^2 / 24: measured against its clock.
    folded = sum(psd(np.abs(f + m / dt)) for m in range(-100, 101))
    use = np.flatnonzero((f > 20 / (steps * dt)) & (f < 0.2 / dt))
    for band in np.array_split(use, 20):
        ratio = (power[:, band] / folded[band]).mean()
        # A Hann window ties neighbouring bins: 1.5 times the variance of independent ones at most.
        error = np.sqrt(35 / 18 / (samples * len(band)))
        print(f"{f[band[0]] / 1e6:.1f} MHz: {ratio:.4f} of 4 k T Re Z, +- {error:.4f}")
        assert abs(ratio - 1) < 4 * error + 5e-3, (f[band[0]], ratio, error)


@pytest.mark.slow
def test_equipartition_of_a_lossy_lattice():
    """k T / 2 in the charge of every node and the flux of every mode, within 4 standard errors."""
    kelvin, n, samples = 4.2, 16, 4096
    netlist = circuits.lattice(4, 4, inductance=1e-6, capacitance=1e-12, voltages=[0.0] * n)
    lossy = circuits.with_finite_q(netlist, frequency=159.15e6, capacitors=4.0)
    lossy = dataclasses.replace(lossy, temperature=kelvin)
    circuit = Circuit(lossy)
    H, scales = circuit.hamiltonian, circuit.scales
    run = physsim.integrate(
        H, physsim.Yoshida4(), rest(circuit, samples),
        dt=0.2e-9 / scales.time, num_steps=400, save_every=400, key=jax.random.key(5),
    )  # fmt: skip
    kT = BOLTZMANN * kelvin
    v = np.asarray(run.final.p) * scales.charge / 1e-12
    error = np.sqrt(2 / samples)
    kinetic = 1e-12 * v**2 / kT
    assert np.all(np.abs(kinetic.mean(0) - 1) < 4 * error), kinetic.mean(0)
    # Fluxes in the modes of the grid; the uniform one has no stiffness.
    q = np.asarray(run.final.q) * scales.flux
    laplacian = np.zeros((n, n))
    for e in netlist.elements:
        if isinstance(e, circuits.Inductor):
            a, b = (4 * (int(i) - 1) + int(j) - 1 for i, j in (m[1:].split("_") for m in e.nodes))
            laplacian[[a, b, a, b], [a, b, b, a]] += [1, 1, -1, -1]
    stiffness, shapes = np.linalg.eigh(laplacian / 1e-6)
    potential = stiffness * (q @ shapes) ** 2 / kT
    assert np.all(np.abs(potential[:, 1:].mean(0) - 1) < 4 * error), potential.mean(0)
    # Both halves of the energy in all: 16 + 15 degrees of freedom.
    total = kinetic.sum(axis=1) + potential[:, 1:].sum(axis=1)
    share, error = total.mean() / 31, np.sqrt(2 / 31 / samples)
    print(f"energy of a lattice by 31 k T / 2: {share:.4f} +- {error:.4f}")
    assert abs(total.mean() / 31 - 1) < 4 * np.sqrt(2 / 31 / samples)
    assert isinstance(circuit.y0, PhaseState)
