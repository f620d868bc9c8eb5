"""Netlists built in Python, written out and read again."""

import dataclasses
import math
from functools import partial

import pytest
import sympy
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from circuits._elements import (
    CHARGE,
    FLUX,
    Capacitor,
    Coupling,
    CurrentSource,
    Gyrator,
    Inductor,
    Junction,
    NonlinearCapacitor,
    NonlinearResistor,
    Resistor,
    Transformer,
    VoltageSource,
)
from circuits._errors import NetlistError
from circuits._netlist import Ac, Netlist, Tolerance, Tran, parse_netlist
from circuits._values import values_of, with_values
from circuits._waveforms import DC, PWL, Exp, Pulse, Sin

FULL = """A deck of everything
.param f=1k g={2*f}
V1 in 0 SIN(0 1 {f}) AC 1 45
I1 0 in PULSE(0 1 0 1n 1n 2n 10n)
R1 in a 1k
.subckt tank n params: c=1n
C1 n m {c} ic=1
L1 m 0 {c*1000} ic=2m
L2 m 0 1u
K1 L1 L2 0.3
.ends
X1 a tank c=2n
.model jm jj(icrit=1m cap=1p rn=3)
B1 a 0 jm area=2 phase=1
B2 a 0 energy={(flux/l+flux)**2*l + abs(flux)**3/sqrt(1+flux**2)**3/7 + flux+flux} l=1n
B3 a b energy={charge**2/(2*c)+min(charge,min(c,2))*max(-charge,1)} c=1p ic=1p
B4 b 0 i={-1m*v+sign(v)*atan(v)/asinh(3+exp(-v))+log(1+v^2)} ic2=0.5
P1 a 0 c 0 gyrator=-1m
P2 c 0 d 0 ratio=2
C2 d 0 1p
.tran 1n 1u 0.5u
.ac lin 7 1 2
.op
.temp -268.95
.tolerance C*=5% *.L?=1% dist=uniform
.ic v(x1.m)=0.1
""".replace(" ic2=0.5", "")


def without_places(netlist: Netlist) -> Netlist:
    voltages = {n: (v, None) for n, (v, _) in netlist.initial_voltages.items()}
    return dataclasses.replace(netlist, initial_voltages=voltages)


def comes_back(netlist: Netlist) -> None:
    again = parse_netlist(netlist.to_text(), netlist.file)
    assert without_places(again) == without_places(netlist)


def test_a_deck_of_everything_comes_back():
    netlist = parse_netlist(FULL)
    comes_back(netlist)
    assert "L:X1.L1 x1.m 0" in netlist.to_text()


numbers = st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False)
positive = st.floats(1e-300, 1e300)
up_to_one = st.floats(1e-300, 1.0)
words = st.text("abXY019._+-$*/#:[]µß", min_size=1, max_size=6).filter(lambda w: w != "$")
pairs = st.tuples(words, words).filter(lambda ends: ends[0].lower() != ends[1].lower())
maybe = st.none() | numbers
amplitudes = st.just((0.0, 0.0)) | st.tuples(numbers, numbers)


def later(kind, *parts):
    """What makes a `kind` of the parts when called: type checks draw numbers of their own."""
    return st.builds(partial, st.just(kind), *parts)


def made(part):
    return part.func(*map(made, part.args)) if isinstance(part, partial) else part


def points(pairs):
    return PWL(*map(tuple, zip(*sorted(pairs), strict=True)))


def ports(kind, name, first, second, value):
    return kind(name, (*first, *second), value)


periods = st.none() | positive
waveforms = (
    later(DC, numbers)
    | later(Sin, numbers, numbers, positive, numbers, numbers, numbers)
    | later(Pulse, numbers, numbers, numbers, positive, positive, positive, periods)
    | later(
        points,
        st.lists(st.tuples(numbers, numbers), min_size=1, max_size=25, unique_by=lambda p: p[0]),
    )
    | later(Exp, numbers, numbers, st.floats(-1e9, 0), positive, positive, positive)
)


def _laws(variable: str):
    atoms = st.sampled_from([variable, "k", "1", "2", "3", "0.1", "7e-5"])

    def combined(part):
        one = [
            "sin",
            "exp",
            "abs",
            "tanh",
            "atan",
            "asinh",
            "cosh",
            "-",
            "+",
            "1/(1+abs",
            "sqrt(abs",
        ]
        return (
            st.builds("({}{}{})".format, part, st.sampled_from("+-*"), part)
            | st.builds(lambda f, x: f"{f}({x})" + ")" * f.count("("), st.sampled_from(one), part)
            | st.builds("({})**{}".format, part, st.sampled_from(["2", "3", "-1", "0.5", "1.5"]))
            | st.builds("max({},{})".format, part, part)
        )

    return st.recursive(atoms, combined, max_leaves=6)


def name_of(part):
    return next(arg for arg in part.args if isinstance(arg, str)).lower()


elements = (
    later(Capacitor, words, pairs, positive, maybe)
    | later(Inductor, words, pairs, positive, maybe)
    | later(Resistor, words, pairs, positive)
    | later(CurrentSource, words, pairs, waveforms, amplitudes)
    | later(VoltageSource, words, pairs, waveforms, amplitudes)
    | later(Junction, words, pairs, positive, numbers)
    | later(partial(ports, Gyrator), words, pairs, pairs, positive)
    | later(partial(ports, Transformer), words, pairs, pairs, positive)
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(elements, min_size=1, max_size=6, unique_by=name_of),
    st.none() | later(Tran, up_to_one, st.just(1.0), st.just(0.25), st.none() | positive),
    st.none() | later(Ac, st.sampled_from(["dec", "oct", "lin"]), st.integers(1, 10**9),
                          st.just(1.5), st.floats(2, 1e300)),
    st.booleans(),
    st.none() | st.integers(0, 10**7).map(lambda n: n / 1000),
    st.lists(numbers, max_size=2),
)  # fmt: skip
def test_any_netlist_comes_back(parts, tran, ac, op, temperature, volts):
    elements = tuple(map(made, parts))
    nodes = sorted({n for e in elements for n in e.nodes} - {"0"})
    comes_back(
        Netlist(
            "a title: * + $ µ",
            elements,
            {node: (v, None) for node, v in zip(nodes, volts, strict=False)},
            tran=made(tran),
            ac=made(ac),
            op=op,
            temperature=temperature,
            tolerances=(Tolerance("*", 0.05, "uniform"),),
            parameters={"x": 0.1, "long_name": -1e300},
        )
    )


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["flux", "charge", "v"]).flatmap(lambda v: st.tuples(st.just(v), _laws(v))))
def test_any_law_comes_back(case):
    variable, law = case
    key = "i" if variable == "v" else "energy"
    try:
        netlist = parse_netlist(f"t\nB1 a 0 {key}={{{law} + k*{variable}}} k=2.5")
    except NetlistError as error:
        assert any(word in str(error) for word in ("finite", "jumps", "contain", "depend")), error
        reject()
    (element,), (again,) = netlist.elements, parse_netlist(netlist.to_text()).elements
    assert again == element


def test_fractions_come_back_as_decimals():
    third = sympy.Rational(1, 3)
    element = NonlinearCapacitor("B1", ("a", "0"), third * CHARGE**2 + sympy.pi * CHARGE)
    (again,) = parse_netlist(Netlist("t", (element,)).to_text()).elements
    assert float(again.energy.subs(CHARGE, 0.7)) == pytest.approx(
        0.49 / 3 + 0.7 * math.pi, rel=1e-15
    )


def test_what_has_no_spelling_is_refused():
    for part in (Capacitor("C 1", ("a", "0"), 1.0), Capacitor("C1", ("$", "0"), 1.0)):
        with pytest.raises(ValueError, match="cannot stand in a netlist: rename it"):
            Netlist("t", (part,)).to_text()
    with pytest.raises(ValueError, match="no line of a netlist"):
        Netlist("two\nlines", (Capacitor("C1", ("a", "0"), 1.0),)).to_text()
    strange = NonlinearResistor("B1", ("a", "0"), sympy.erf(sympy.Symbol("v", real=True)))
    with pytest.raises(ValueError, match="no word for erf"):
        Netlist("t", (strange,)).to_text()


def test_elements_are_added_to_a_new_netlist():
    empty = Netlist("title")
    pair = empty.add(Inductor("L1", ("a", "0"), 1.0), Inductor("L2", ("b", "0"), 1.0))
    netlist = pair.add(Coupling("K1", ("L1", "L2"), 0.5), Capacitor("C1", ("a", "0"), 1.0))
    assert (empty.elements, pair.couplings) == ((), ())
    assert [e.name for e in netlist.elements] == ["L1", "L2", "C1"]
    assert netlist.couplings[0].coefficient == 0.5
    assert Netlist().title == ""
    with pytest.raises(NetlistError, match="already an element 'c1' as 'C1'"):
        netlist.add(Resistor("c1", ("a", "0"), 1.0))
    with pytest.raises(NetlistError, match="there is no inductor 'L3'; K cards name"):
        netlist.add(Coupling("K2", ("L1", "L3"), 0.5))
    with pytest.raises(NetlistError, match="K2 couples fewer than two"):
        netlist.add(Coupling("K2", ("L1",), 0.5))


def test_a_netlist_becomes_a_deck():
    netlist = Netlist("t").add(Capacitor("C1", ("a", "0"), 1.0), Resistor("R1", ("a", "0"), 2.0))
    lines = netlist.to_spice(max_step=0.5, stop=4.0, step=1.0).splitlines()
    assert lines[1:3] == ["C1 a 0 1.0 ic=0.0", "R1 a 0 2.0"]
    assert lines[-2] == ".tran 1.0 4.0 0.0 0.5 uic"


@pytest.mark.parametrize(
    "change",
    [
        {"ac": Ac("log", 1, 1.0, 2.0)},
        {"temperature": -1.0},
        {"temperature": math.nan},
        {"tolerances": (Tolerance("R1", 0.1),)},
        {"tolerances": (Tolerance("*", 0.1, "normal"),)},
        {"couplings": (Coupling("K1", ("L1", "L2"), 0.5),)},
    ],
)
def test_bad_parts_are_refused(change):
    with pytest.raises(NetlistError):
        Netlist("t", (Capacitor("C1", ("a", "0"), 1.0),), **change)


def test_values_by_name():
    netlist = parse_netlist(FULL)
    values = values_of(netlist)
    assert values["R1.R"] == 1e3
    assert values["X1.K1.k"] == 0.3
    assert (values["P1.g"], values["P2.n"]) == (-1e-3, 2.0)
    assert (values["B3.c"], values["B3.ic"], values["B1.icrit"]) == (1e-12, 1e-12, 2e-3)
    assert (values["X1.L1.ic"], values["temperature"]) == (2e-3, 4.2)
    assert "C2.ic" not in values
    other = {name: value * 0.5 for name, value in values.items()}
    changed = with_values(netlist, other)
    assert values_of(changed) == other
    assert with_values(changed, values) == netlist
    assert with_values(netlist, {"C2.C": 5.0, "nothing.C": 1.0}).elements[-1].capacitance == 5.0
    with pytest.raises(NetlistError, match="between -1 and 1"):
        with_values(netlist, {"X1.K1.k": 2.0})


def test_flux_is_reserved_for_energies():
    assert FLUX.name == "flux"
    with pytest.raises(NetlistError, match="a meaning of its own"):
        parse_netlist("t\n.param v=1\nC1 a 0 1")
