"""Sweeps and tolerances against closed forms and single runs."""

import numpy as np
import pytest

import circuits
from circuits import NetlistError

RLC = "rlc\nC1 a 0 1n ic=1\nR1 a 0 1k\nL1 a 0 1u\n.tolerance C*=2% L1=3% dist=gauss\n"


def ring_frequency(L, C, R):
    return np.sqrt(1 / (L * C) - 1 / (2 * R * C) ** 2) / (2 * np.pi)


@pytest.fixture(scope="module")
def circuit():
    return circuits.loads(RLC)


def test_sweep_is_the_single_runs(circuit):
    values = [100.0, 300.0, 1e3]
    swept = circuits.sweep(circuit, {"R1.R": values}, ["v(a)", "i(R1)"], t_end=1e-6, dt=4e-9)
    for k, R in enumerate(values):
        one = circuits.loads(RLC.replace("1k", f"{R}")).simulate(1e-6, 4e-9)
        np.testing.assert_allclose(swept[k, 0], one.v("a"), rtol=0, atol=1e-12)
        np.testing.assert_allclose(swept[k, 1], one.i("R1"), rtol=0, atol=1e-14)
    np.testing.assert_allclose(swept.time, one.t, rtol=1e-12)


def test_tolerances_spread_the_frequency_as_the_gradient_says(circuit):
    result = circuits.monte_carlo(
        circuit, "v(a)", circuits.frequency, samples=1000, t_end=3e-6, dt=4e-9,
        limits=(4.9e6, 5.2e6),
    )  # fmt: skip
    exact = ring_frequency(result.values[:, 1], result.values[:, 0], 1e3)
    assert result.names == ("C1.C", "L1.L")
    np.testing.assert_allclose(result.figures, exact, rtol=1e-3)
    # d log f / d log C = -1/2 to first order in 1/Q^2.
    np.testing.assert_allclose(result.slopes / result.nominal, -0.5, atol=5e-3)
    deviation = np.hypot(0.02, 0.03) / 2 * result.nominal
    np.testing.assert_allclose(result.predicted_deviation, deviation, rtol=1e-2)
    # 1000 samples: the deviation within 4 of its own standard errors, 2.2 % each.
    np.testing.assert_allclose(result.figures.std(), deviation, rtol=0.09)
    error = np.sqrt(result.yield_ * (1 - result.yield_) / 1000)
    assert abs(result.yield_ - result.predicted_yield) <= 4 * error + 0.01


def test_quality_of_a_ring_down(circuit):
    run = circuit.simulate(4e-6, 2e-9)
    found = float(circuits.quality(run.t, run.v("a")))
    np.testing.assert_allclose(found, 1e3 * np.sqrt(1e-9 / 1e-6), rtol=2e-3)
    steady = np.cos(0.31 * np.arange(400.0) + 0.2)
    assert np.isinf(circuits.quality(np.arange(400.0), steady))


@pytest.mark.parametrize(
    ("values", "message"),
    [({"R9.R": [1.0]}, "no value 'R9.R'"), ({"R1.R": [-1.0]}, "R1"), ({"R1.R": []}, "one length")],
)
def test_bad_sweeps(circuit, values, message):
    with pytest.raises((NetlistError, ValueError), match=message):
        circuits.sweep(circuit, values, "v(a)", t_end=1e-6)


@pytest.mark.parametrize(
    ("relative", "message"),
    [(5, "not at 500 %; write 5% or 0.05"), (0.0, "not at 0 %"), (float("nan"), "not at nan %")],
)
def test_a_tolerance_is_a_part_of_the_value(circuit, relative, message):
    with pytest.raises(NetlistError, match=f"tolerance c\\*: .*{message}"):
        circuits.monte_carlo(circuit, "v(a)", circuits.rms, tolerances={"C*": relative}, t_end=1e-6)


def test_nothing_to_spread():
    bare = circuits.loads("t\nC1 a 0 1n ic=1\nL1 a 0 1u\n")
    with pytest.raises(ValueError, match="no value has a tolerance"):
        circuits.monte_carlo(bare, "v(a)", circuits.rms, t_end=1e-6)
