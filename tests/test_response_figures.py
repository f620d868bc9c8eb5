"""Figures of responses over component values: against the small-signal analysis of the network
equations, closed forms, and differences of them."""

import functools

import numpy as np
import pytest

import circuits
from circuits import NetlistError

RC = "rc\nV1 in 0 AC 2\nR1 in out {r}\nC1 out 0 1n\n"
FILTER = """a step of a filter, from a voltage source
V1 in 0 AC 1 30
R1 in a 50
L1 a b 1u
R2 b out 2
C1 out 0 150p
R3 out 0 10k
"""
TANKS = """coupled tanks, from a current source; a source inside of a loop of capacitors
I1 0 a AC 1m
R1 a 0 2k
C1 a 0 100p
L1 a 0 2.5u
C12 a out 5p
C2 out b 200p
V1 b 0 AC 0
C3 out 0 50p
L2 out 0 2.5u
R2 out 0 2k
"""
GRID = circuits.Ac("dec", 20, 100e3, 1e9)
CORNER = 1 / (2 * np.pi * 1e3 * 1e-9)


def figure(circuit, measure):
    found = circuits.sensitivity(circuit, "v(out)", measure, frequencies=GRID)
    return found.attrs["figure"], found


def size(circuit, f):
    return float(abs(circuit.ac("v(out)", [f])["v(out)"].values[0]))


@pytest.mark.parametrize("deck", [FILTER, TANKS])
def test_the_band_is_that_of_the_small_signal_analysis(deck):
    circuit = circuits.loads(deck)
    peak, slopes = figure(circuit, circuits.peak_gain)
    at, _ = figure(circuit, circuits.peak_frequency)
    high, _ = figure(circuit, circuits.cutoff)
    band, _ = figure(circuit, circuits.bandwidth)
    np.testing.assert_allclose(size(circuit, at), peak, rtol=1e-10)
    assert max(size(circuit, at * x) for x in (0.9999, 1.0001)) < peak
    np.testing.assert_allclose(size(circuit, high), peak / np.sqrt(2), rtol=1e-9)
    np.testing.assert_allclose(size(circuit, high - band), peak / np.sqrt(2), rtol=1e-9)
    assert at < high
    exact = circuit.ac_sensitivity("v(out)", [at])[0]
    phase = circuit.ac("v(out)", [at])["v(out)"].values[0]
    for name in slopes.value.values:
        wanted = np.real(np.conj(phase) * exact.sel(value=name).values) / abs(phase)
        np.testing.assert_allclose(slopes.sel(value=name), wanted, rtol=1e-6)


@pytest.mark.parametrize("measure", [circuits.cutoff, circuits.bandwidth, circuits.peak_frequency])
def test_derivatives_are_those_of_differences(measure):
    _, slopes = figure(circuits.loads(FILTER), measure)
    step = 1e-4
    above, below = (
        figure(circuits.loads(FILTER.replace("1u", f"{1 + x}u")), measure)[0] for x in (step, -step)
    )
    wanted = (above - below) / (2 * step * 1e-6)
    np.testing.assert_allclose(slopes.sel(value="L1.L"), wanted, rtol=1e-6)


def test_the_corner_and_its_spread_are_known_in_closed_form():
    circuit = circuits.loads(RC.format(r="1k"))
    options = {"frequencies": circuits.Ac("dec", 10, 1.0, 1e7)}
    found = circuits.monte_carlo(
        circuit, "v(out)", circuits.cutoff, tolerances={"R1": 0.03, "C1": 0.04},
        samples=400, limits=(CORNER, np.inf), **options,
    )  # fmt: skip
    # At 1 Hz the response is 1 - 2e-11 of that at rest.
    np.testing.assert_allclose(found.nominal, CORNER, rtol=1e-9)
    np.testing.assert_allclose(found.slopes, [-CORNER, -CORNER], rtol=1e-8)
    np.testing.assert_allclose(found.predicted_deviation, 0.05 * CORNER, rtol=1e-8)
    wanted = 1 / (2 * np.pi * np.prod(found.values, axis=1))
    np.testing.assert_allclose(found.figures, wanted, rtol=1e-9)
    at_corner = functools.partial(circuits.gain, at=CORNER)
    gain = circuits.sensitivity(circuit, "v(out)", at_corner, **options)
    np.testing.assert_allclose(gain.attrs["figure"], np.sqrt(2), rtol=1e-12)


def test_a_figure_for_a_list_of_values():
    circuit, ohms = circuits.loads(RC.format(r="1k")), [500.0, 1e3, 3e3]
    grid = circuits.Ac("dec", 10, 1.0, 1e7)
    found = circuits.sweep_figure(
        circuit, {"R1.R": ohms}, "v(out)", circuits.cutoff, frequencies=grid
    )
    np.testing.assert_allclose(found, CORNER * 1e3 / np.array(ohms), rtol=1e-9)
    levels = circuits.sweep_figure(
        circuits.loads(RC.format(r="1k").replace("AC 2", "DC 2")),
        {"R1.R": ohms}, "v(out)", circuits.final, t_end="1u", dt="1n",
    )  # fmt: skip
    wanted = 2 * (1 - np.exp(-1e-6 / (np.array(ohms) * 1e-9)))
    np.testing.assert_allclose(levels, wanted, rtol=1e-6)


def test_no_edge_on_the_grid_is_infinite_and_is_refused_in_samples():
    circuit = circuits.loads(RC.format(r="1k"))
    low = {"frequencies": [1e3, 1e4]}
    with pytest.raises(ValueError, match="take further frequencies"):
        circuits.monte_carlo(
            circuit, "v(out)", circuits.cutoff, samples=2, tolerances={"R1": 0.01}, **low
        )


@pytest.mark.parametrize(
    ("deck", "start", "measure"),
    [(FILTER, 20e6, circuits.cutoff), (FILTER, 20e6, circuits.peak_gain),
     (TANKS, 9.9e6, circuits.bandwidth), (TANKS, 12e6, circuits.peak_frequency)],
)  # fmt: skip
def test_what_begins_below_the_grid_is_not_found(deck, start, measure):
    found = circuits.sweep_figure(
        circuits.loads(deck), {"C1.C": [150e-12]}, "v(out)", measure,
        frequencies=circuits.Ac("dec", 20, start, 1e9),
    )  # fmt: skip
    assert np.isinf(found).all()


@pytest.mark.parametrize(
    ("deck", "options", "message"),
    [
        (RC.format(r="1k"), {"t_end": "1u"}, "no t_end"),
        (RC.format(r="1k").replace("AC 2", "DC 2"), {}, "no source has an AC amplitude"),
        (
            "j\nI1 0 out AC 1\nB1 out 0 icrit=1u\nC1 out 0 1p\nR1 out 0 1k\n",
            {},
            "nonlinear elements",
        ),
    ],
)
def test_what_has_no_such_figure_is_refused(deck, options, message):
    with pytest.raises((ValueError, NetlistError), match=message):
        circuits.sensitivity(
            circuits.loads(deck), "v(out)", circuits.cutoff, frequencies=GRID, **options
        )
