"""Kerr parametric oscillators: threshold, amplitude, and the ground states of Ising problems."""

import dataclasses
import itertools
import math
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import circuits
import physsim
from circuits import Circuit, NetlistError
from physsim import PhaseState

PERIOD = 2 * math.pi * 1e-9
STEPS = 40
PUMP = 0.04


@pytest.mark.slow
def test_threshold_growth_and_amplitude():
    """One run of three: below the threshold Q = 2 / h, above it, and far above."""
    Q, kerr = np.array([25.0, 100.0, 1000.0]), 0.01
    netlist = circuits.kerr_oscillators(3, pump=PUMP, kerr=kerr, voltages=[1e-3] * 3)
    lossy = {f"R{i}": q * 1e3 for i, q in enumerate(Q, 1)}
    elements = [
        dataclasses.replace(e, resistance=lossy[e.name]) if e.name in lossy else e
        for e in netlist.elements
    ]
    circuit = Circuit(dataclasses.replace(netlist, elements=tuple(elements)))
    periods = 500
    run = physsim.integrate(
        circuit.hamiltonian,
        physsim.Yoshida4(),
        circuit.y0,
        dt=PERIOD / STEPS / circuit.scales.time,
        num_steps=periods * STEPS,
        inputs=circuit.drive,
    )
    x = np.asarray(run.ys.q)[1:].reshape(periods, STEPS, 3) * circuit.scales.flux / 1e-9
    sizes = np.abs(x).max(axis=1)
    growth = np.polyfit(2 * np.pi * np.arange(10, 50), np.log(sizes[10:50]), 1)[0]
    np.testing.assert_allclose(growth, PUMP / 4 - 1 / (2 * Q), rtol=0.03, atol=0)
    assert growth[0] < 0 < growth[1]
    amplitude = np.sqrt(8 / (3 * kerr) * np.sqrt((PUMP / 4) ** 2 - (1 / (2 * Q[1:])) ** 2))
    assert abs(sizes[-1, 1] / amplitude[0] - 1) < 0.01
    # At the highest Q the ringing about the amplitude has not died yet: its mean has settled.
    assert abs(sizes[-200:, 2].mean() / amplitude[1] - 1) < 0.1


def ising_energy(J, s):
    return -0.5 * np.einsum("...i,ij,...j->...", s, J, s)


def test_starts_find_the_ground_state(seed=1):
    """Random problems of +-J on 6 spins with frustration, against all 64 states."""
    n, samples, periods = 6, 32, 300
    rng = np.random.default_rng(seed)
    J = np.triu(rng.choice([-1.0, 0.0, 1.0], p=[0.35, 0.3, 0.35], size=(n, n)), 1)
    pairs = {(i + 1, j + 1): 0.02 * float(J[i, j]) for i, j in np.argwhere(J).tolist()}
    netlist = circuits.kerr_oscillators(
        n, couplings=pairs, kerr=0.02, pump=0.06, pump_growth=math.log(5) / (periods * PERIOD)
    )
    circuit = Circuit(netlist)
    (pump,) = {e.waveform.frequency for e in netlist.elements if e.name == "VP"}
    unit = circuit.scales.time
    q, p = 1e-3 * rng.normal(size=(2, samples, n))
    run = physsim.integrate(
        circuit.hamiltonian,
        physsim.StormerVerlet(),
        PhaseState(jnp.asarray(q), jnp.asarray(p)),
        dt=2 / pump / STEPS / unit,
        num_steps=periods * STEPS,
        save_every=periods * STEPS,
        inputs=circuit.drive,
    )
    final = run.final
    velocity = jax.vmap(circuit.hamiltonian.conservative.velocity)(final.p)
    # The parts of x = Re(z exp(i omega t)), at a time of whole periods.
    z = np.asarray(final.q) - 1j * np.asarray(velocity) / (np.pi * pump * unit)
    signs = np.sign(np.real(z * np.conj(z[:, :1])))
    assert np.all(np.abs(np.real(z * np.conj(z[:, :1]))) > 0.5 * np.abs(z * z[:, :1]))
    J = J + J.T
    lowest = min(ising_energy(J, np.array(s)) for s in itertools.product((-1, 1), repeat=n))
    # The problem has frustration: not every coupling can have its way.
    assert lowest > -np.abs(J).sum() / 2
    found = ising_energy(J, signs)
    assert found.min() == lowest
    assert np.mean(found == lowest) > 0.3


FAULTS = [
    ({"couplings": {(1, 1): 0.1}}, "(1, 1) is no pair"),
    ({"couplings": {(1, 4): 0.1}}, "(1, 4) is no pair of two of the oscillators 1 to 3"),
    ({"couplings": {(1, 2): 0.1, (2, 1): 0.1}}, "the pair (2, 1) is there twice"),
    ({"couplings": {(1, 2): 0.6, (1, 3): 0.6}}, "those of n1 leave it no inductance"),
    ({"couplings": {(1, 2): math.inf}}, "has to be finite"),
    ({"pump": -1.0}, "pump has to be"),
    ({"quality": 0.0}, "quality has to be positive"),
]


@pytest.mark.parametrize("options, message", FAULTS, ids=[m for _, m in FAULTS])
def test_couplings_that_make_no_machine(options, message):
    with pytest.raises(NetlistError, match=re.escape(message)):
        circuits.kerr_oscillators(3, **options)
