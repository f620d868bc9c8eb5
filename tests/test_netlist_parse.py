"""What the netlist language means."""

import math
import time

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits._elements import Capacitor, CurrentSource, Inductor, Junction, NonlinearInductor
from circuits._errors import Location, NetlistError
from circuits._netlist import Netlist, Tran, parse_netlist, read_netlist
from circuits._netlist._lines import Card
from circuits._netlist._syntax import _parser, parse_card
from circuits._waveforms import DC, PWL, Pulse, Sin

FLUX = sympy.Symbol("flux", real=True)


def only(card: str, more: str = ""):
    (element,) = parse_netlist(f"title\n{card}\n{more}").elements
    return element


def value(text: str, more: str = "") -> float:
    return only(f"C1 a 0 {text}", more).capacitance


def test_every_card():
    netlist = parse_netlist(
        """A deck
* a comment
C1 In GND 1p ic=3  ; why
L1 in Out 10uH ic=-1mA $ why
I1 0 out DC 5mA
B1 out 0 icrit={2*i0} phase=-1
.param i0=1.5u
B2 in out energy={k*flux**2} k=3 ic=2f
.IC V(IN)=1 v(out)={-1}
.tran 1p 1n 0 0.5p UIC
.END
* the end
"""
    )
    k = sympy.Symbol("k", real=True)
    assert netlist.title == "A deck"
    assert netlist.elements == (
        Capacitor("C1", ("in", "0"), 1e-12, 3.0),
        Inductor("L1", ("in", "out"), 1e-5, -1e-3),
        CurrentSource("I1", ("0", "out"), DC(5e-3)),
        Junction("B1", ("out", "0"), 3e-6, -1.0),
        NonlinearInductor("B2", ("in", "out"), k * FLUX**2, (("k", 3.0),), 2e-15),
    )
    assert {node: volts for node, (volts, _) in netlist.initial_voltages.items()} == {
        "in": 1.0,
        "out": -1.0,
    }
    assert netlist.tran == Tran(1e-12, 1e-9, 0.0, 0.5e-12)
    assert netlist.parameters == {"i0": 1.5e-6}


def test_numbers_with_suffixes_and_units():
    exact = {
        "1f": 1e-15, "1F": 1e-15, "1fF": 1e-15, "3.3p": 3.3e-12, "3.3pF": 3.3e-12, "1n": 1e-9,
        "1u": 1e-6, "1µF": 1e-6, "1μ": 1e-6, "1m": 1e-3, "1M": 1e-3, "1k": 1e3, "1meg": 1e6,
        "1MEGF": 1e6, "1g": 1e9, "1t": 1e12, "1e-3": 1e-3, "1.5E+2": 150.0, ".5": 0.5,
        "+2.": 2.0, "1e3k": 1e6,
    }  # fmt: skip
    assert {text: value(text) for text in exact} == exact


def test_expressions():
    exact = {
        "1+2*3": 7.0, "(1+2)*3": 9.0, "2**3**2": 512.0, "2^3": 8.0, "2**-1": 0.5,
        "10-2**2": 6.0, "20+-2**2": 16.0, "8/2/2": 2.0, "8-2-2": 4.0, "- -3": 3.0, "+3": 3.0,
        "2k*1m": 2.0, "pi": math.pi, "sqrt(4)": 2.0, "abs(-2)": 2.0, "EXP(0)": 1.0,
        "2*log(exp(1))": 2.0, "cosh(0)+sinh(0)+tanh(0)": 1.0, "sin(pi/2)*cos(0)+tan(0)": 1.0,
    }  # fmt: skip
    assert {text: value(f"{{{text}}}") for text in exact} == exact


def test_parameters_stand_in_any_order_and_chain_to_any_length():
    assert value("{c}", ".param b={a} a=2\n.param c={b*A}") == 4.0
    chain = "\n".join(f".param x{i}={{x{i + 1}}}" for i in range(3000))
    assert value("{x0}", f"{chain}\n.param x3000=5") == 5.0


def test_waveforms():
    waveforms = {
        "2m": DC(2e-3),
        "DC {1+1}": DC(2.0),
        "dc{2}": DC(2.0),
        "SIN(0 1m 1megHz)": Sin(0.0, 1e-3, 1e6),
        "sin (0, 1m, 1meg, 1n, 2, 90deg)": Sin(0.0, 1e-3, 1e6, 1e-9, 2.0, 90.0),
        "PULSE(0 1 0 1n 1n 2n)": Pulse(0.0, 1.0, 0.0, 1e-9, 1e-9, 2e-9),
        "PULSE(0 1 0 1n 1n 2n 10n)": Pulse(0.0, 1.0, 0.0, 1e-9, 1e-9, 2e-9, 1e-8),
        "PWL(0 0, 1n {2*1m}, 2n -1)": PWL((0.0, 1e-9, 2e-9), (0.0, 2e-3, -1.0)),
    }
    assert {text: only(f"I1 a 0 {text}").waveform for text in waveforms} == waveforms


def test_energy_keeps_the_elements_own_parameters_symbolic():
    card = "Bq a 0 energy={(flux-x)**2/(2*l) + scale*cos(2*pi*flux)} L=2u x={3*scale}"
    element = only(card, ".param scale=2 l=7")
    length, offset = sympy.Symbol("l", real=True), sympy.Symbol("x", real=True)
    assert element.parameters == (("l", 2e-6), ("x", 6.0))
    expected = (FLUX - offset) ** 2 / (2 * length) + 2 * sympy.cos(2 * math.pi * FLUX)
    point = {FLUX: 0.3, length: 0.7, offset: 0.2}
    assert math.isclose(element.energy.subs(point), expected.subs(point), rel_tol=1e-15)
    assert element.energy.diff(FLUX).subs(point).is_finite


def test_continuation_comments_and_case():
    text = "t\n  c1 A ; one\n* between\n\n  + b;two\n+ 1p $ three\n+ IC = 2\n"
    (element,) = parse_netlist(text).elements
    assert element == Capacitor("c1", ("a", "b"), 1e-12, 2.0)
    assert element.location == Location("<netlist>", 2, 3)
    assert only("C1 a$b $x 1p $ ic=2") == Capacitor("C1", ("a$b", "$x"), 1e-12)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_any_newline(newline):
    assert parse_netlist(newline.join(["t", "C1 a 0", "+ 1p", ""])).elements[0].capacitance == 1e-12


def test_file(tmp_path):
    path = tmp_path / "deck.cir"
    path.write_text("\ufefftitle µ\nL1 a 0 1µ\n", encoding="utf-8")
    netlist = read_netlist(path)
    assert (netlist.title, netlist.file) == ("title µ", str(path))
    assert netlist.elements == (Inductor("L1", ("a", "0"), 1e-6),)


def test_networks_built_in_python_are_checked_alike():
    netlist = Netlist("t", (Capacitor("C1", ("A", "GND"), 1.0),), {"A": (1.0, None)})
    assert netlist.elements[0].nodes == ("a", "0")
    assert netlist.initial_voltages == {"a": (1.0, None)}
    with pytest.raises(NetlistError, match=r"^B1: a critical current .* not -1$"):
        Netlist("t", (Junction("B1", ("a", "0"), -1.0),))
    with pytest.raises(NetlistError, match="C1 has both ends on node '0'"):
        Netlist("t", (Capacitor("C1", ("gnd", "0"), 1.0),))


_word = st.text("abc019.+-$_:/*", min_size=1, max_size=5).filter(lambda w: w != "$")


@settings(deadline=None)
@given(st.sampled_from(["capacitor", "inductor"]), _word, _word, _word, st.just("  "))
def test_plain_cards_are_read_as_by_the_grammar(rule, a, b, c, blank):
    text = f"c1{a}{blank}{b} {c}{blank}{a}"
    quick = parse_card(rule, Card(text, "f", ((0, 1, 1),)))
    slow = _parser(rule).parse(text).children
    assert quick == slow
    assert [(t.type, t.start_pos) for t in quick] == [(t.type, t.start_pos) for t in slow]


def test_a_large_ladder_is_read_quickly():
    lines = [f"L{i} n{i} n{i + 1} 1u\nC{i} n{i + 1} 0 1p" for i in range(5_000)]
    start = time.perf_counter()
    netlist = parse_netlist("ladder\n" + "\n".join(lines))
    assert len(netlist.elements) == 10_000
    # 0.3 s without run-time type checks; the bound is against quadratic growth.
    assert time.perf_counter() - start < 20
