"""Junction arrays and LC ladders: dispersion, the plasma frequency, the pendulum."""

import math
import re

import numpy as np
import pytest
from scipy.special import ellipk

import circuits
import physsim
from circuits import Circuit, NetlistError

REDUCED = 2.067833848461929e-15 / (2 * math.pi)
IC, CJ, CG = 2e-6, 40e-15, 3e-15


def angular_frequencies(netlist):
    circuit = Circuit(netlist)
    return np.sort(physsim.normal_modes(circuit.hamiltonian).frequencies) / circuit.scales.time


@pytest.mark.parametrize("rows, columns", [pytest.param(1, 6, marks=pytest.mark.slow), (3, 4)])
def test_plasma_waves(rows, columns):
    """omega^2 = s / L_J (C_g + C_J s), s = 4 sum sin^2(k / 2), below the plasma frequency."""
    found = angular_frequencies(
        circuits.junction_array(
            columns, rows, critical_current=IC, capacitance=CJ, ground_capacitance=CG
        )
    )
    j, k = np.meshgrid(np.arange(rows), np.arange(columns))
    s = 4 * (np.sin(np.pi * j / 2 / rows) ** 2 + np.sin(np.pi * k / 2 / columns) ** 2)
    exact = np.sort(np.sqrt(s / (REDUCED / IC * (CG + CJ * s))).ravel())
    np.testing.assert_allclose(found, exact, rtol=1e-12, atol=1e-7 * exact[-1])
    assert exact[-1] < math.sqrt(IC / REDUCED / CJ)


def test_a_junction_swings_like_a_pendulum():
    """At 2 rad the period is 2 K(sin 1) / pi times that of the plasma oscillation: 30 % longer."""
    amplitude = 2.0
    volts = math.sqrt(2 * REDUCED * IC * (1 - math.cos(amplitude)) / CJ)
    netlist = circuits.junction_array(
        2, critical_current=IC, capacitance=CJ, ground_capacitance=0.0, voltages=[0.0, volts]
    )
    plasma = math.sqrt(REDUCED * CJ / IC)
    period = 4 * plasma * ellipk(math.sin(amplitude / 2) ** 2)
    assert period / plasma > 1.3 * 2 * math.pi
    circuit = Circuit(netlist)
    run = physsim.integrate(
        circuit.hamiltonian,
        physsim.BlanesMoan4(),
        circuit.y0,
        dt=period / 200 / circuit.scales.time,
        num_steps=2000,
    )
    phase = np.asarray(run.ys.q)[:, 0] * circuit.scales.flux / REDUCED
    assert abs(np.abs(phase).max() - amplitude) < 1e-3
    np.testing.assert_allclose(phase[200::200], 0.0, atol=1e-7)
    np.testing.assert_allclose(np.abs(phase[50::100]), amplitude, rtol=1e-7)


FAULTS = [
    (lambda: circuits.junction_array(1), "number of columns of a junction array"),
    (lambda: circuits.junction_array(2, 0), "number of rows of a junction array"),
    (lambda: circuits.junction_array(3, capacitance=0.0), "capacitance has to be positive"),
    (lambda: circuits.junction_array(3, ground_capacitance=-1e-15), "ground_capacitance has to"),
    (lambda: circuits.junction_array(3, voltages=[1.0]), "one value a node: 3"),
]


@pytest.mark.parametrize("build, message", FAULTS, ids=[m for _, m in FAULTS])
def test_arguments_that_make_no_array(build, message):
    with pytest.raises(NetlistError, match=re.escape(message)):
        build()
