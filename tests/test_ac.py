"""Small signals against ngspice, the dense MNA pencil, closed forms and each other."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import circuits
from circuits import Ac, CurrentSource, NetlistError, VoltageSource
from circuits._ac import ac

from .ngspice_small_signal import analyse
from .pencil import Pencil
from .small_signal_decks import DECKS, RLC
from .test_linear_networks import UNIT, reduced

LIBRARY = Path(circuits.__file__).parent / "library"


@pytest.mark.parametrize("name", DECKS)
def test_ngspice_agrees(name):
    ours, theirs, signals = DECKS[name]
    low, high = (1e10, 1e12) if name == "junctions" else (1e5, 1e8)
    found = circuits.loads(ours).ac(signals, Ac("dec", 7, low, high))
    expected = analyse(theirs, f"ac dec 7 {low} {high}", signals)
    np.testing.assert_allclose(found.frequency, expected["frequency"].real, rtol=1e-12)
    for signal in signals:
        reference = expected[signal.lower()]
        error = np.max(np.abs(found[signal].values - reference) / np.abs(reference))
        print(f"{name} {signal}: {error:.1e}")
        assert error <= 1e-6


def test_random_networks_have_the_response_of_their_pencil():
    rng = np.random.default_rng(5)
    compared = 0
    for _ in range(25):
        netlist, _ = reduced(rng, sources=True)
        pencil = Pencil(netlist)
        frequencies = UNIT / (2 * np.pi) * rng.uniform(0.2, 3, 3)
        rows = {f"v({n})": row for n, row in pencil.nodes.items()}
        rows |= {f"i({n})": row for n, row in pencil.extra.items()}
        for source in pencil.sources:
            alone = with_source(netlist, source)
            try:
                found = ac(alone, list(rows), frequencies)
            except NetlistError as error:
                # Two-ports may leave a potential open, in the pencil too.
                assert "nothing determines" in str(error)
                assert np.linalg.cond(pencil.A + 2j * UNIT * pencil.E) > 1e14
                continue
            expected = np.stack([pencil.response(2j * np.pi * f)[source] for f in frequencies])
            for signal, row in rows.items():
                error = np.max(abs(found[signal].values - expected[:, row]))
                assert error <= 1e-10 * np.max(abs(expected))
            compared += 1
    assert compared >= 25


def with_source(netlist, name):
    """The netlist with AC amplitude 1 at one source alone."""
    sources = (VoltageSource, CurrentSource)
    return dataclasses.replace(
        netlist,
        elements=tuple(
            dataclasses.replace(e, ac=(float(e.name == name), 0.0)) if isinstance(e, sources) else e
            for e in netlist.elements
        ),
    )


def test_impedance_of_a_tank_and_its_inverse():
    circuit = circuits.loads("tank\nR1 a 0 2k\nL1 a m 1u\nR2 m 0 4\nC1 a 0 1n\n")
    f = np.geomspace(1e5, 1e8, 31)
    s = 2j * np.pi * f
    expected = 1 / (1 / 2e3 + 1 / (s * 1e-6 + 4) + s * 1e-9)
    np.testing.assert_allclose(circuit.impedance(("a", "gnd"), f), expected, rtol=1e-12)
    np.testing.assert_allclose(circuit.admittance(("A", "0"), f), 1 / expected, rtol=1e-12)


def test_two_ports_of_a_ladder_section():
    circuit = circuits.loads("section\nC1 a 0 1n\nR1 a x 50\nL1 x b 1u\nC2 b 0 2n\n")
    f = np.geomspace(1e5, 1e7, 7)
    s = 2j * np.pi * f
    series = 1 / (50 + s * 1e-6)
    Y = np.moveaxis(np.array([[s * 1e-9 + series, -series], [-series, s * 2e-9 + series]]), 2, 0)
    ports = [("a", "0"), ("b", "0")]
    np.testing.assert_allclose(circuit.admittance(ports, f), Y, rtol=1e-11)
    np.testing.assert_allclose(circuit.impedance(ports, f), np.linalg.inv(Y), rtol=1e-11)


@pytest.mark.filterwarnings("ignore:.*only .* touches node")
def test_an_element_in_series_has_an_admittance_alone():
    circuit = circuits.loads("series\nR1 a x 50\nC1 x b 1n\nR3 c 0 1\n")
    Y = circuit.admittance([("a", "0"), ("b", "0")], [1e6])[0]
    one = 1 / (50 + 1 / (2j * np.pi * 1e6 * 1e-9))
    np.testing.assert_allclose(Y, one * np.array([[1, -1], [-1, 1]]), rtol=1e-12)
    with pytest.raises(NetlistError, match="nothing connects a and 0"):
        circuit.impedance(("a", "0"), [1e6])


def test_lists_of_frequencies():
    circuit = circuits.loads(RLC + ".ac oct 2 1k 8k\n")
    octaves = circuit.ac("v(out)").frequency.values
    np.testing.assert_allclose(octaves, 1e3 * 2 ** (np.arange(7) / 2), rtol=1e-12)
    linear = circuit.transfer("V1", "v(out)", Ac("lin", 3, 1e3, 3e3))
    np.testing.assert_array_equal(linear, circuit.transfer("v1", "v(out)", [1e3, 2e3, 3e3]))


@pytest.mark.parametrize(
    ("elements", "slowest", "fastest"),
    [
        ("L1 a 0 1u\nC1 a 0 1n\nR1 a 0 1k", 1e9 / np.sqrt(1000), 1e9 / np.sqrt(1000)),
        ("C1 a 0 1n\nR1 a 0 1k\nC2 b 0 1p\nR2 b 0 1k", 1e6, 1e9),
        # The charge between the two capacitors is conserved, and no motion.
        ("L1 a 0 1u\nC1 a b 2n\nC2 b 0 2n", 1e9 / np.sqrt(1000), 1e9 / np.sqrt(1000)),
        # So are the charge of the whole and the flux of the two coils.
        ("C1 a 0 2n\nC2 b 0 2n\nL1 a b 2u\nL2 a b 2u", 1e9 / np.sqrt(1000), 1e9 / np.sqrt(1000)),
    ],
)
def test_frequencies_lie_around_the_natural_ones(elements, slowest, fastest):
    circuit = circuits.loads(f"t\nI1 0 a AC 1\n{elements}\n")
    f = circuit.ac("v(a)").frequency.values
    np.testing.assert_allclose(f[0], slowest / (2 * np.pi) / 5, rtol=1e-7)
    assert f[-1] <= fastest / (2 * np.pi) * 5 * (1 + 1e-7) <= f[-1] * 10**0.01
    np.testing.assert_allclose(f[1:] / f[:-1], 10**0.01, rtol=1e-9)


def test_the_range_about_an_operating_point_is_that_of_the_modes():
    for name in ("chua.cir", "junction_chain.cir"):
        circuit = circuits.load(LIBRARY / name)
        modes, found = circuit.modes(), circuits.natural_range(circuit.netlist)
        rates = np.hypot(2 * np.pi * modes.frequencies, modes.rates) / (2 * np.pi)
        np.testing.assert_allclose([5 * found.start, found.stop / 5],
                                   [rates.min(), rates.max()], rtol=1e-9)  # fmt: skip


def test_where_nothing_moves_frequencies_have_to_be_given():
    circuit = circuits.loads("t\nV1 a 0 AC 1\nR1 a b 1k\nR2 b 0 1k\n")
    with pytest.raises(NetlistError, match=r"no \.ac card, and there is no natural fr"):
        circuit.ac("v(b)")


def test_all_sources_add_up():
    circuit = circuits.loads(RLC)
    found = circuit.ac(["v(out)", "i(I1)"], [1e6])
    one = np.exp(1j * np.pi / 6) * circuit.transfer("V1", "v(out)", [1e6])
    two = 2e-3 * circuit.transfer("I1", "v(out)", [1e6])
    np.testing.assert_allclose(found["v(out)"], one + two, rtol=1e-13)
    np.testing.assert_allclose(found["i(I1)"], 2e-3, rtol=1e-15)
    assert found["i(I1)"].units == "A"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: c.ac("v(out)", [0.0]), "greater than 0"),
        (lambda c: c.ac("v(out)", [1e6, np.nan]), "finite"),
        (lambda c: c.ac("v(out)", Ac("dec", 10, 1e6, 1e3)), "1000"),
        (lambda c: c.ac("v(nowhere)", [1e6]), "no node 'nowhere'"),
        (lambda c: c.ac("i(R9)", [1e6]), "no element 'R9'"),
        (lambda c: c.ac("p(R1)", [1e6]), "expected v"),
        (lambda c: c.transfer("R1", "v(out)", [1e6]), "R1 is no source"),
        (lambda c: c.impedance(("out", "out"), [1e6]), "pair of two nodes"),
        (lambda c: c.impedance([], [1e6]), "pair of two nodes"),
        (lambda c: c.admittance(("in", "0"), [1e6]), "nothing determines"),
    ],
)
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(NetlistError, match=message):
        call(circuits.loads(RLC))


def test_a_resonance_without_loss_is_named():
    circuit = circuits.loads("tank\nI1 0 a AC 1\nL1 a 0 1u\nC1 a 0 1n\n")
    f = 1 / (2 * np.pi * np.sqrt(1e-15))
    with pytest.raises(NetlistError, match=r"resonance without loss at f = 50329\d\d"):
        circuit.ac("v(a)", [1e6, f])
    silent = circuits.loads("tank\nL1 a 0 1u\nC1 a 0 1n\n")
    with pytest.raises(NetlistError, match="no source has an AC amplitude"):
        silent.ac("v(a)", [1e6])
