"""Operating points against closed forms, ngspice, and what is conserved on the way there."""

import numpy as np
import pytest
from scipy.constants import physical_constants
from scipy.optimize import brentq

import circuits
from circuits import NetlistError
from circuits._operating_point import operating_point

from .ngspice_small_signal import analyse
from .small_signal_decks import DECKS

PHI = physical_constants["mag. flux quantum"][0] / (2 * np.pi)


def op(text):
    return circuits.loads("title\n" + text).op()


@pytest.mark.parametrize("name", DECKS)
def test_ngspice_agrees(name):
    ours, theirs, signals = DECKS[name]
    point = circuits.loads(ours).op()
    found = [point.measure(signal) for signal in signals]
    expected = analyse(theirs, "op", signals)
    expected = [float(expected[signal.lower()][0]) for signal in signals]
    print(name, *(f"{s} {x:.9g}" for s, x in zip(signals, found, strict=True)))
    # A junction's voltage is zero, ngspice's what its phase's leak makes it.
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8)
    assert point.stable


def test_a_divider():
    point = op("V1 in 0 DC 3\nR1 in a 1k\nR2 a 0 2k\nC1 a 0 1n\nI1 a 0 SIN(1m 5m 1k)\n")
    np.testing.assert_allclose(point.v("a"), 2 - 1e-3 * 2e3 / 3, rtol=1e-14)
    np.testing.assert_allclose(point.i("R1"), (3 - point.v("a")) / 1e3, rtol=1e-14)
    np.testing.assert_allclose(point.i("V1"), -point.i("r1"), rtol=1e-14)
    assert point.i("I1") == 1e-3 and point.i("C1") == 0.0
    assert point.v("a", "in") == point.v("a") - point.v("in")


def test_a_junction_carries_its_bias():
    point = op("I1 0 a DC 0.6m\nB1 a 0 icrit=1m\nC1 a 0 50f\nR1 a 0 10\n")
    np.testing.assert_allclose(point.phases["B1"], np.arcsin(0.6), rtol=1e-13)
    np.testing.assert_allclose(point.i("B1"), 0.6e-3, rtol=1e-13)
    np.testing.assert_allclose(point.fluxes["B1"], np.arcsin(0.6) * PHI, rtol=1e-13)
    assert point.v("a") == 0.0


@pytest.mark.parametrize("turns", [0.0, 2 * np.pi, -4 * np.pi])
def test_the_flux_of_a_superconducting_loop_is_kept(turns):
    """An rf SQUID: L i + phase is what it was at the start; the branch too is chosen by it."""
    text = f"B1 a 0 icrit=0.1m phase={turns + 0.3}\nL1 a 0 2p ic=60u\nC1 a 0 50f\nR1 a 0 5\n"
    point = op(text)
    # Through L from a to ground, and back through the junction.
    conserved = 2e-12 * 60e-6 - PHI * (turns + 0.3)
    phase = brentq(
        lambda x: 2e-12 * (-0.1e-3 * np.sin(x)) - PHI * x - conserved, turns - 2, turns + 2,
        xtol=1e-15,
    )  # fmt: skip
    np.testing.assert_allclose(point.phases["B1"], phase, rtol=1e-10)
    np.testing.assert_allclose(point.i("L1"), -point.i("B1"), rtol=1e-10)


def test_coupled_loops_keep_both_fluxes():
    text = """L1 a 0 1u ic=2m
L2 a 0 3u ic=-1m
L3 b 0 2u ic=5m
R3 b 0 4
K1 L1 L2 0.2
K2 L2 L3 0.5
K3 L1 L3 -0.1
C1 a 0 1n
R1 a 0 50
"""
    point = op(text)
    M = np.diag([1e-6, 3e-6, 2e-6])
    for i, j, k in ((0, 1, 0.2), (1, 2, 0.5), (0, 2, -0.1)):
        M[i, j] = M[j, i] = k * np.sqrt(M[i, i] * M[j, j])
    before, after = np.array([2e-3, -1e-3, 5e-3]), [point.i(f"L{k}") for k in (1, 2, 3)]
    fluxes = M @ np.array(after) - M @ before
    np.testing.assert_allclose(fluxes[0], fluxes[1], atol=1e-20)
    np.testing.assert_allclose(after[0] + after[1], 0.0, atol=1e-16)
    # L3 is shorted by its own resistor alone: a loop too, but one that loses its flux.
    assert after[2] == 0.0


def test_an_island_keeps_its_charge():
    """Between three capacitors, with a resistor inside."""
    text = "V1 in 0 DC 2\nC1 in a 1n ic=0.5\nC2 a 0 2n\nR1 a b 1k\nC3 b 0 5n ic=0.3\n"
    point = op(text)
    # At the start a is at 1.5 V, b at 0.3 V.
    charge = -1e-9 * 0.5 + 2e-9 * 1.5 + 5e-9 * 0.3
    level = (charge + 1e-9 * 2) / 8e-9
    np.testing.assert_allclose([point.v("a"), point.v("b")], level, rtol=1e-13)


def test_floating_parts_and_two_ports():
    text = """V1 p 0 DC 1
R1 p a 10
P1 a 0 s t ratio=0.5
R2 s t 40
C2 s t 1n
P2 s t u w gyrator=20m
R3 u w 25
C3 u w 1n
"""
    point = op(text)
    # R3 looks like 1 / (g^2 R) across s and t, everything there n^2 times as large at a.
    load = 0.25 * 1 / (1 / 40 + (20e-3) ** 2 * 25)
    np.testing.assert_allclose(point.v("a"), load / (10 + load), rtol=1e-12)
    np.testing.assert_allclose(point.v("s", "t"), point.v("a") / 0.5, rtol=1e-12)
    np.testing.assert_allclose(abs(point.v("u", "w")), 25 * 20e-3 * point.v("s", "t"), rtol=1e-12)


def test_several_equilibria_are_told_apart_by_stability():
    """A negative resistance limited by its cube: v = 0 is unstable, the others are stable."""
    text = "B1 a 0 i={c*v^3 - g*v} g=3m c=1m\nC1 a 0 1n ic=0.1\nR1 a 0 1k\n"
    point = op(text)
    assert point.v("a") == 0.0 and point.stable is False
    np.testing.assert_allclose(np.sort(point.eigenvalues.real), [2e-3 / 1e-9], rtol=1e-9)


def test_a_long_ladder_is_a_divider():
    """A ladder of 500 nodes: all is sparse, and the answer is the divider's."""
    n = 500
    rows = [f"R{k} n{k} n{k + 1} 1\nC{k} n{k + 1} 0 1n" for k in range(n)]
    netlist = circuits.parse_netlist("long\nV1 n0 0 DC 1\n" + "\n".join(rows) + f"\nR n{n} 0 {n}\n")
    point = operating_point(netlist)
    np.testing.assert_allclose(point.v(f"n{n // 2}"), 0.75, rtol=1e-9)
    assert point.stable is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "V1 a 0 DC 1\nL1 a 0 1u\nC1 b 0 1n\nR1 b a 5\n",
            "L1, V1 form a loop of inductors and voltage sources",
        ),
        ("I1 0 a DC 1m\nC1 a 0 1n\n", "I1, C1 form a cutset of capacitors and current sources"),
        (
            "I1 0 a DC 2m\nB1 a 0 icrit=1m\nC1 a 0 50f\n",
            "no DC operating point was found.*critical current",
        ),
        (
            "V1 a 0 DC 1\nP1 a 0 b 0 ratio=2\nL1 b 0 1u\nR1 a c 5\nC1 c 0 1n\n",
            "form a loop of inductors and voltage sources",
        ),
    ],
)
def test_where_something_rises_for_ever(text, message):
    with pytest.raises(NetlistError, match=message):
        op(text)


def test_sources_that_cancel_make_no_rise():
    """0.1 + 0.2 - 0.3 is not zero in binary."""
    text = "V1 a 0 DC 0.1\nV2 b a DC 0.2\nV3 c 0 DC 0.3\nL1 b c 1u ic=4m\nR1 b d 1k\nC1 d 0 1n\n"
    np.testing.assert_allclose(op(text).i("L1"), 4e-3, rtol=1e-14)
