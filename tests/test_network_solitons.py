"""Nonlinear lattices: the soliton of Toda's, the recurrence of Fermi, Pasta, Ulam and Tsingou."""

import math
import re

import jax
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import circuits
import physsim
from circuits import Circuit, NetlistError


def run(circuit, solver, stop, dt, save_every=1):
    """Times (s), node fluxes (Wb, from the start on) and node voltages of a chain of capacitors."""
    H, scales = circuit.hamiltonian, circuit.scales
    steps = round(stop / dt)
    options = {"dt": dt / scales.time, "num_steps": steps, "save_every": save_every}
    found = physsim.integrate(H, solver, circuit.y0, **options)
    v = jax.vmap(H.conservative.velocity)(found.ys.p)
    t = np.asarray(found.ts) * scales.time
    return t, np.asarray(found.ys.q) * scales.flux, np.asarray(v) * scales.voltage


def test_toda_soliton():
    """Shape and speed sinh(kappa) / kappa, from the first section to once round the ring."""
    N, kappa, L, C, volts = 24, 1.2, 2e-6, 3e-12, 0.5
    netlist = circuits.toda(N, inductance=L, capacitance=C, voltage=volts, steepness=kappa)
    rate = math.sinh(kappa) / math.sqrt(L * C)
    turn = N * kappa / rate
    t, _, v = run(Circuit(netlist), physsim.BlanesMoan4(), turn, turn / 1500)
    phase = kappa * (np.arange(1, N + 1) - (N + 1) / 2) - rate * t[:, None]
    phase -= N * kappa * np.round(phase / (N * kappa))
    exact = volts * (math.sinh(kappa) / np.cosh(phase)) ** 2
    np.testing.assert_allclose(v, exact, rtol=0, atol=1e-8 * exact.max())
    assert rate / kappa > 1 / math.sqrt(L * C)


def mode_energies(x, v):
    """Of positions and velocities [time, N - 1] between fixed ends, in linear modes."""
    N = x.shape[1] + 1
    k = np.arange(1, N)
    shapes = np.sqrt(2 / N) * np.sin(np.pi * np.outer(k, k) / N)
    omega = 2 * np.sin(np.pi * k / 2 / N)
    return ((v @ shapes) ** 2 + (omega * (x @ shapes)) ** 2) / 2


def chain_of_springs(N, alpha, times):
    """The same chain by an adaptive method of order 8."""

    def field(t, y):
        stretch = np.diff(y[: N - 1], prepend=0.0, append=0.0)
        return np.concatenate([y[N - 1 :], np.diff(stretch + alpha * stretch**2)])

    start = np.concatenate([np.sin(np.pi * np.arange(1, N) / N), np.zeros(N - 1)])
    options = {"method": "DOP853", "rtol": 1e-10, "atol": 1e-12, "t_eval": times}
    y = solve_ivp(field, (0, times[-1]), start, **options).y.T
    return mode_energies(y[:, : N - 1], y[:, N - 1 :])


@pytest.mark.slow
def test_fput_recurrence():
    """Energy leaves the first mode for the next few, and comes back after tens of periods."""
    N, alpha = 16, 0.25
    circuit = Circuit(circuits.fput(N, alpha=alpha))
    unit = 1e-9
    period = np.pi / math.sin(np.pi / 2 / N) * unit
    t, moved, v = run(circuit, physsim.BlanesMoan4(), 60 * period, period / 80, save_every=8)
    start = np.sin(np.pi * np.arange(1, N) / N)
    E = mode_energies(moved / 1e-9 + start, v)
    reference = chain_of_springs(N, alpha, t / unit)
    np.testing.assert_allclose(E, reference, rtol=0, atol=1e-5 * E[0, 0])
    part, t = E[:, 0] / E[0, 0], t / period
    back = int(np.argmax(np.where(t > 30, part, 0.0)))
    assert part.min() < 0.2
    assert part[back] > 0.98
    assert 50 < t[back] < 52
    # Few modes take part: no equipartition.
    assert E[:, 7:].sum(axis=1).max() < 0.01 * E[0, 0]


def test_fput_beta_has_symmetric_springs():
    """Even modes stay at rest where the first one moves, to rounding."""
    N = 8
    circuit = Circuit(circuits.fput(N, beta=0.8))
    _, moved, v = run(circuit, physsim.StormerVerlet(), 200e-9, 0.1e-9, save_every=10)
    E = mode_energies(moved / 1e-9 + np.sin(np.pi * np.arange(1, N) / N), v)
    assert E[:, 1::2].max() < 1e-20 * E[:, 0].max()
    assert E[:, 2].max() > 1e-4 * E[:, 0].max()


FAULTS = [
    (lambda: circuits.toda(2), "at least 3, got 2"),
    (lambda: circuits.toda(5, steepness=0.0), "steepness has to be positive"),
    (lambda: circuits.fput(1), "at least 2, got 1"),
    (lambda: circuits.fput(4, mode=0), "the mode of an FPUT chain"),
    (lambda: circuits.fput(4, flux=0.0), "flux has to be positive"),
]


@pytest.mark.parametrize("build, message", FAULTS, ids=[m for _, m in FAULTS])
def test_arguments_that_make_no_lattice(build, message):
    with pytest.raises(NetlistError, match=re.escape(message)):
        build()
