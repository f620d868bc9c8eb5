"""Ladders and transmission lines: dispersion, delay, impedance, what a matched end reflects."""

import math
import re

import jax
import numpy as np
import pytest

import circuits
import physsim
from circuits import PWL, Circuit, NetlistError

Z0, T = 50.0, 10e-9


def test_ladder_dispersion():
    """Open at both ends, a whole section of capacitance at each: standing waves of N sections."""
    n, L, C = 9, 2e-6, 3e-12
    circuit = Circuit(circuits.ladder(n, inductance=L, capacitance=C))
    found = np.sort(physsim.normal_modes(circuit.hamiltonian).frequencies) / circuit.scales.time
    exact = 2 * np.sin(np.pi * np.arange(n) / 2 / n) / math.sqrt(L * C)
    np.testing.assert_allclose(found, exact, rtol=1e-12, atol=1e-7 * exact[-1])


def pulse(width):
    """A raised cosine of 1 V."""
    t = np.linspace(0, width, 65)
    return PWL(tuple(t.tolist()), tuple((0.5 - 0.5 * np.cos(2 * np.pi * t / width)).tolist()))


def ends(netlist, stop, steps):
    """Times in T, and the voltages of the first and last node."""
    circuit = Circuit(netlist)
    H, unit = circuit.hamiltonian, circuit.scales.time
    options = {"dt": stop / steps / unit, "num_steps": steps, "inputs": circuit.drive}
    run = physsim.integrate(H, physsim.StormerVerlet(), circuit.y0, **options)
    v = np.asarray(jax.vmap(H.conservative.velocity)(run.ys.p)) * circuit.scales.voltage
    return np.asarray(run.ts) * unit / T, v[:, 0], v[:, -1]


def test_delay_and_what_a_matched_end_reflects():
    """The pulse's centre comes after T whatever N is; reflections fall with the square of N."""
    heights = []
    for sections in (15, 30):
        line = circuits.transmission_line(sections, impedance=Z0, delay=T, source=pulse(T))
        t, first, last = ends(line, 8 * T, 12000)
        # Into its own impedance: half the source, at both ends.
        assert abs(first.max() - 0.5) < 0.01
        assert abs(last.max() - 0.5) < 0.01
        late = np.sum(t * last) / np.sum(last)
        assert abs(late - 0.5 - 1.0) < 1e-4
        heights.append(np.abs(first[t > 1.6]).max())
    order = math.log2(heights[0] / heights[1])
    assert 1.8 < order < 2.2, heights


def test_impedance_and_open_end():
    """Behind 3 Z0 a long pulse sees a divider by 4, and an open end doubles what arrives."""
    ramp = PWL((0.0, T / 2), (0.0, 1.0))
    line = circuits.transmission_line(
        40, impedance=Z0, delay=T, source=ramp, source_resistance=3 * Z0, load_resistance=math.inf
    )
    t, first, last = ends(line, 2.9 * T, 6000)
    assert abs(first[(t > 1.2) & (t < 1.9)].mean() - 0.25) < 1e-3
    assert abs(last[(t > 2.2) & (t < 2.8)].mean() - 0.5) < 2e-3
    assert np.abs(last[t < 0.8]).max() < 1e-3


def test_a_wave_in_the_line_has_the_documented_velocity():
    """Modes of the open line: omega = omega_c sin(pi m / 2 N)."""
    n = 12
    line = circuits.transmission_line(
        n, impedance=Z0, delay=T, source_resistance=math.inf, load_resistance=math.inf
    )
    circuit = Circuit(line)
    found = np.sort(physsim.normal_modes(circuit.hamiltonian).frequencies) / circuit.scales.time
    exact = 2 * n / T * np.sin(np.pi * np.arange(n + 1) / 2 / n)
    np.testing.assert_allclose(found, exact, rtol=1e-12, atol=1e-7 * exact[-1])


FAULTS = [
    (lambda: circuits.transmission_line(0), "number of sections"),
    (lambda: circuits.transmission_line(4, delay=0.0), "delay has to be positive"),
    (lambda: circuits.transmission_line(4, load_resistance=0.0), "RL has to be positive"),
    (lambda: circuits.transmission_line(4, source_resistance=math.nan), "RS has to be positive"),
]


@pytest.mark.parametrize("build, message", FAULTS, ids=[m for _, m in FAULTS])
def test_arguments_that_make_no_line(build, message):
    with pytest.raises(NetlistError, match=re.escape(message)):
        build()
