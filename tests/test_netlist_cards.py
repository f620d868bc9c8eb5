"""What the cards of sources, two-ports, models, analyses and options mean."""

import re

import pytest
import sympy

from circuits._elements import (
    CHARGE,
    FLUX,
    VOLTAGE,
    Capacitor,
    Coupling,
    CurrentSource,
    Gyrator,
    Junction,
    NonlinearCapacitor,
    NonlinearInductor,
    NonlinearResistor,
    Resistor,
    Transformer,
    VoltageSource,
)
from circuits._errors import NetlistError
from circuits._netlist import Ac, Netlist, NetlistWarning, Tolerance, parse_netlist
from circuits._waveforms import DC, Exp, Pulse, Sin


def parse(cards: str) -> Netlist:
    return parse_netlist(f"title\n{cards}\n", "deck.cir")


def only(card: str):
    (element,) = parse(card).elements
    return element


def test_resistors_and_two_ports():
    assert only("R1 a b 4.7kOhm") == Resistor("R1", ("a", "b"), 4700.0)
    assert only("P1 a b c 0 gyrator=2mS") == Gyrator("P1", ("a", "b", "c", "0"), 2e-3)
    assert only("P1 a b c 0 gyrator=-2m").conductance == -2e-3
    assert only("P1 a b c 0 ratio={-1/4}") == Transformer("P1", ("a", "b", "c", "0"), -0.25)


def test_sources_and_their_amplitudes():
    ends = ("a", "0")
    cards = {
        "V1 a 0 5V": VoltageSource("V1", ends, DC(5.0)),
        "V1 a 0 AC 2": VoltageSource("V1", ends, DC(0.0), (2.0, 0.0)),
        "V1 a 0 DC 5 AC 2mV -90deg": VoltageSource("V1", ends, DC(5.0), (2e-3, -90.0)),
        "V1 a 0 ac {1+1} 45 sin(0 1V 1k)": VoltageSource(
            "V1", ends, Sin(0.0, 1.0, 1e3), (2.0, 45.0)
        ),
        "I1 a 0 3m AC 1": CurrentSource("I1", ends, DC(3e-3), (1.0, 0.0)),
        "V1 a 0 PULSE(0 1 0 1n 1n 2n) AC 1": VoltageSource(
            "V1", ends, Pulse(0.0, 1.0, 0.0, 1e-9, 1e-9, 2e-9), (1.0, 0.0)
        ),
        "I1 a 0 EXP(0 1mA 1n 2n 10n 3n)": CurrentSource(
            "I1", ends, Exp(0.0, 1e-3, 1e-9, 2e-9, 1e-8, 3e-9)
        ),
    }
    assert {card: only(card) for card in cards} == cards


def test_couplings():
    netlist = parse("La a 0 1\nLb b 0 1\nLc c 0 1\nK1 La lb LC {-1/4}")
    assert netlist.couplings == (Coupling("K1", ("La", "lb", "LC"), -0.25),)


@pytest.mark.parametrize("size", [3, 400])
def test_a_ring_of_coils_is_positive_definite_up_to_its_smallest_eigenvalue(size):
    """Of a ring with k between neighbours it is 1 - 2 k (an even ring: 1 - 2|k|)."""

    def ring(k):
        coils = [f"L{i} n{i} 0 1" for i in range(size)]
        return parse(
            "\n".join([*coils, *(f"K{i} L{i} L{(i + 1) % size} {k!r}" for i in range(size))])
        )

    assert len(ring(-0.5 * (1 - 1e-9)).couplings) == size
    with pytest.raises(NetlistError, match="are not positive definite"):
        ring(-0.5 * (1 + 1e-9))
    with pytest.raises(NetlistError, match="are not positive definite"):
        ring(-0.5)


def test_groups_of_coils_are_judged_one_by_one():
    cards = "\n".join(f"L{i} n{i} 0 1" for i in range(5))
    good = "K1 L0 L1 0.9\nK2 L2 L3 L4 -0.45"
    assert len(parse(f"{cards}\n{good}").couplings) == 2
    with pytest.raises(NetlistError, match=r"the couplings K2 contradict .* of L2, L3, L4 are not"):
        parse(f"{cards}\n{good.replace('-0.45', '-0.55')}")


def test_laws():
    k = sympy.Symbol("k", real=True)
    element = only("B1 a 0 energy={k*charge**2} k=3 ic=2pC")
    assert element == NonlinearCapacitor("B1", ("a", "0"), k * CHARGE**2, (("k", 3.0),), 2e-12)
    element = only("B1 a 0 energy={k*flux**2} k=3 ic=2pWb")
    assert element == NonlinearInductor("B1", ("a", "0"), k * FLUX**2, (("k", 3.0),), 2e-12)
    element = only("B1 a 0 i={k*v**3} k=3")
    assert element == NonlinearResistor("B1", ("a", "0"), k * VOLTAGE**3, (("k", 3.0),))


@pytest.mark.parametrize("x", [-1.7, -0.2, 0.0, 0.4, 2.5])
def test_functions_of_numbers_and_of_symbols_agree(x):
    law = "10 + min({0}, 0.3) + 2*max({0}, -1)*sign({0}) - atan(3*{0}) + asinh({0}/2) + {1}"
    law = law.format("{0}", "abs(min({0}, max({0}, 1)))")
    numeric = only(f"C1 a 0 {{{law.format(f'({x!r})')}}}").capacitance
    symbolic = only(f"B1 a 0 i={{{law.format('v')}}}").current
    assert float(symbolic.subs(VOLTAGE, x)) == pytest.approx(numeric, rel=1e-14)


def test_models_expand():
    cards = """
.param w=2
.model jm jj(icrit={w*1m}, cap=3p r0=10)
B1 a b jm
B2 a b JM area=4 phase={w/4}
"""
    ends = ("a", "b")
    assert parse(cards).elements == (
        Junction("B1", ends, 2e-3),
        Capacitor("B1.cap", ends, 3e-12),
        Resistor("B1.r", ends, 10.0),
        Junction("B2", ends, 8e-3, 0.5),
        Capacitor("B2.cap", ends, 12e-12),
        Resistor("B2.r", ends, 2.5),
    )
    for model, names in {
        "icrit=1m": ["B1"],
        "icrit=1m rn=5": ["B1", "B1.r"],
        "icrit=1m rn=5 rtype=1": ["B1", "B1.r"],
        "icrit=1m rn=5 r0=7 rtype=0": None,
        "icrit=1m rn=5 rtype=0": ["B1"],
        "icrit=1m rtype=0 cap=1p": ["B1", "B1.cap"],
    }.items():
        cards = f".model jm jj {model}\nB1 a 0 jm"
        if names is None:
            with pytest.raises(NetlistError, match="rn= and r0= together"):
                parse(cards)
        else:
            assert [e.name for e in parse(cards).elements] == names


def test_a_junction_has_its_model_or_its_numbers():
    """`area` and `phase` may be own parameters of no energy; a model's name is no setting."""
    assert only("B1 a 0 icrit = 1u") == Junction("B1", ("a", "0"), 1e-6)


def test_names_with_a_colon_are_what_follows_it():
    assert only("C:X1.C2 a 0 1").name == "X1.C2"
    assert only("b:strange a 0 icrit=1") == Junction("strange", ("a", "0"), 1.0)


def test_analyses():
    netlist = parse("C1 a 0 1\n.ac DEC 10 1k {2*5meg}\n.op\n.temp -268.95")
    assert netlist.ac == Ac("dec", 10, 1e3, 1e7)
    assert netlist.op
    assert netlist.temperature == 4.2
    assert parse("C1 a 0 1\n.options temp=27").temperature == 300.15
    assert parse("C1 a 0 1\n.temp -273.15").temperature == 0.0
    plain = parse("C1 a 0 1")
    assert (plain.ac, plain.op, plain.temperature, plain.tolerances) == (None, False, None, ())


def test_options_of_spice_are_left_out_with_a_warning():
    with pytest.warns(NetlistWarning) as caught:
        netlist = parse("C1 a 0 1\n.OPTIONS reltol=1e-6 temp=0\n+ method=gear acct relto=2 zzz")
    assert netlist.temperature == 273.15
    assert [str(w.message) for w in caught] == [
        "deck.cir:3:10: the option 'reltol' of SPICE has no meaning here and is left out",
        "deck.cir:4:3: the option 'method' of SPICE has no meaning here and is left out",
        "deck.cir:4:15: the option 'acct' of SPICE has no meaning here and is left out",
        "deck.cir:4:20: there is no option 'relto': it is left out; did you mean 'reltol'?",
        "deck.cir:4:28: there is no option 'zzz': it is left out",
    ]


def test_tolerances():
    netlist = parse("""C1 a 0 1
L1 a 0 1
.subckt s n
R1 n 0 1
.ends
X1 a s
.tolerance C*=5% l?=0.02 dist=uniform
.tolerance *.R1={1/8}
""")
    assert netlist.tolerances == (
        Tolerance("c*", 0.05, "uniform"),
        Tolerance("l?", 0.02, "uniform"),
        Tolerance("*.r1", 0.125, "gauss"),
    )


def test_a_title_card_counts_where_the_first_line_is_empty():
    assert parse_netlist("\nC1 a 0 1\n.TITLE  Two Tanks ").title == "Two Tanks"


@pytest.mark.parametrize(
    "text", ["", "\n", "title", "title\n.param x=1", "t\n.subckt s a\nC1 a 0 1\n.ends"]
)
def test_a_file_without_elements_is_refused(text):
    with pytest.raises(NetlistError, match=r"^<netlist>:1:1: there are no elements"):
        parse_netlist(text)


NETWORK = "L1 a 0 1u\nC2 a 0 {c}\n.param c=2n\n.subckt tank x\nCx x 0 1n\n.ends"


@pytest.mark.parametrize(
    "title",
    [
        "C1 a 0 1n ic=1", "V1 in 0 SIN(0 1 1meg)", "R1 b d 50", "C9 d e {c}", "I1 0 a DC 1m AC 1",
        "Rload a 0 1k", "X1 a tank", "K1 L1 L2 0.5", "B1 a 0 icrit=1u", "P1 a 0 b 0 ratio=2",
        ".tran 1n 1u",
    ],
)  # fmt: skip
def test_a_title_that_reads_as_a_card_is_warned_of(title):
    with pytest.warns(NetlistWarning, match=rf"^deck.cir:1:1: .*'{re.escape(title)}'") as caught:
        netlist = parse_netlist(f"{title}\n{NETWORK}", "deck.cir")
    assert len(caught) == 1
    assert [e.name for e in netlist.elements] == ["L1", "C2"]


@pytest.mark.parametrize(
    "title",
    [
        "RC low pass, 2 poles", "Loop filter of a PLL", "LC ladder of 1000 sections",
        "Low pass filter 2", "Coupled LC tank 3", "L2 norm of error", "V2 of the filter",
        "X1 is the new chip", "K2 summit radio data", "C4 bumps", "B3 circuit", ".5 GHz filter",
        "Resonator at 5 GHz", "Voltage source and 1k", "Icrit versus temperature 3", "R", "",
    ],
)  # fmt: skip
def test_an_ordinary_title_is_not_warned_of(title):
    assert parse_netlist(f"{title}\n{NETWORK}").title == title


@pytest.mark.parametrize("value", ["50M", "1.5M", "2e3M", "50MOhm", "1.M"])
def test_a_resistor_of_capital_m_is_warned_of(value):
    deck = f"t\nC1 a 0 1n\n R1 a\n+ 0 {value}"
    with pytest.warns(NetlistWarning, match=rf"deck.cir:4:5: '{value}' is in milliohm.* meg "):
        netlist = parse_netlist(deck, "deck.cir")
    assert netlist.elements[1] == Resistor("R1", ("a", "0"), float(value.split("M")[0]) * 1e-3)


@pytest.mark.parametrize(
    "card", ["V2 a 0 SIN(0 1 10M)", ".ac dec 10 1m 10M", "I1 a 0 SIN(0 1 10MHz)"]
)
def test_a_frequency_of_capital_m_is_warned_of(card):
    with pytest.warns(NetlistWarning, match=r"deck.cir:3:\d+: '10M(Hz)?' is in millihertz.* meg "):
        parse_netlist(f"t\nC1 a 0 1n\n{card}\nV1 a 0 AC 1", "deck.cir")


def test_other_milli_and_mega_are_not_warned_of():
    parse_netlist("t\nL1 a 0 1M\nC1 a 0 1M\nV1 a 0 SIN(0 1M 1MEG)\nR1 a 0 50m\nR2 a 0 50MEG")
