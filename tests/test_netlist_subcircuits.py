"""Subcircuits are flattened; names mean what they mean where they stand."""

import time

import pytest

from circuits._elements import Capacitor, Coupling, Inductor, Junction, Resistor
from circuits._errors import NetlistError
from circuits._netlist import parse_netlist


def parse(cards: str):
    return parse_netlist(f"title\n{cards}\n", "deck.cir")


def test_elements_and_nodes_are_named_by_their_path():
    netlist = parse("""
.subckt tank In GND_ params: c=1p
C1 In m {c}
Lx m GND_ 1n
R1 m 0 1k
.ends tank
X1 a 0 tank
Xb a b TANK c=2p
""")
    assert netlist.elements == (
        Capacitor("X1.C1", ("a", "x1.m"), 1e-12),
        Inductor("X1.Lx", ("x1.m", "0"), 1e-9),
        Resistor("X1.R1", ("x1.m", "0"), 1e3),
        Capacitor("Xb.C1", ("a", "xb.m"), 2e-12),
        Inductor("Xb.Lx", ("xb.m", "b"), 1e-9),
        Resistor("Xb.R1", ("xb.m", "0"), 1e3),
    )


def test_initial_voltages_of_ports_are_those_of_the_nodes_outside():
    netlist = parse(".subckt s p\nC1 p m 1\nC2 m 0 1\n.ic v(m)=2 v(p)=1\n.ends\nX1 a s")
    assert {n: v for n, (v, _) in netlist.initial_voltages.items()} == {"x1.m": 2.0, "a": 1.0}
    with pytest.raises(
        NetlistError, match=r"deck.cir:4:7: .* 'a' is already given on line 4; keep"
    ):
        parse(".subckt s p\nC1 p 0 1\n.ic v(p)=1\n.ends\nX1 a s\nX2 a s")


def test_parameters_of_calls_are_those_of_the_caller():
    netlist = parse("""
.param c=1 d=10
.subckt inner n params: c=3 e={2*c}
.param f={e+d}
C1 n 0 {c}
C2 n 0 {e}
C3 n 0 {f}
.ends
.subckt outer n params: c=5
X1 n inner c={c+1}
X2 n inner e={c}
C1 n 0 {c}
.ends
X1 a outer c={c*7}
""")
    values = {e.name: e.capacitance for e in netlist.elements}
    assert values == {
        "X1.X1.C1": 8.0, "X1.X1.C2": 16.0, "X1.X1.C3": 26.0,
        "X1.X2.C1": 3.0, "X1.X2.C2": 7.0, "X1.X2.C3": 17.0,
        "X1.C1": 7.0,
    }  # fmt: skip
    assert netlist.parameters == {"c": 1.0, "d": 10.0}


def test_definitions_nest_and_hide():
    netlist = parse("""
.param k=2
.model jm jj(icrit=1)
.subckt leaf n
C1 n 0 1
.ends leaf
.subckt outer n params: k=5
.model jm jj(icrit={k})
.subckt leaf n
C1 n 0 {k}
B1 n 0 jm
.ends leaf
X1 n leaf
.ends outer
X1 a outer
X2 a outer k=6
X3 a leaf
B1 a 0 jm
""")
    assert netlist.elements == (
        Capacitor("X1.X1.C1", ("a", "0"), 5.0),
        Junction("X1.X1.B1", ("a", "0"), 5.0),
        Capacitor("X2.X1.C1", ("a", "0"), 6.0),
        Junction("X2.X1.B1", ("a", "0"), 6.0),
        Capacitor("X3.C1", ("a", "0"), 1.0),
        Junction("B1", ("a", "0"), 1.0),
    )


def test_a_subcircuit_in_a_subcircuit_is_not_seen_from_outside():
    with pytest.raises(NetlistError, match="no subcircuit 'inner'"):
        parse(".subckt outer n\n.subckt inner n\nC1 n 0 1\n.ends\n.ends\nX1 a inner")


def test_couplings_name_the_coils_beside_them():
    netlist = parse("""
.subckt pair a b
L1 a 0 1
L2 b 0 1
K1 l1 L2 0.5
.ends
X1 a b pair
X2 c d pair
K1 X1.L1 X2.L2 0.1
""")
    assert netlist.couplings == (
        Coupling("X1.K1", ("X1.l1", "X1.L2"), 0.5),
        Coupling("X2.K1", ("X2.l1", "X2.L2"), 0.5),
        Coupling("K1", ("X1.L1", "X2.L2"), 0.1),
    )


def test_inner_nodes_are_reached_from_outside():
    netlist = parse(".subckt s n\nC1 n m 1\n.ends\nX1 a s\nL1 X1.m 0 1\n.ic v(X1.m)=3")
    assert netlist.elements[1] == Inductor("L1", ("x1.m", "0"), 1.0)
    assert list(netlist.initial_voltages) == ["x1.m"]


def test_spice_may_leave_params_out_and_call_before_the_definition():
    netlist = parse("X1 a s y=2\n.subckt s n x=3 y=4\nC1 n 0 {x*y}\n.ends")
    assert netlist.elements == (Capacitor("X1.C1", ("a", "0"), 6.0),)


def test_depth_and_number_are_bounded(monkeypatch):
    definitions = [f".subckt s{i} n\nX1 n s{i + 1}\nX2 n s{i + 1}\n.ends" for i in range(60)]
    last = ".subckt s60 n\nC1 n 0 1\n.ends"
    with pytest.raises(NetlistError, match="nested more than 50 deep"):
        parse("\n".join([*definitions, last, "X1 a s0"]))
    monkeypatch.setattr("circuits._netlist._scope._MOST_LINES", 1000)
    with pytest.raises(NetlistError, match=r"make more than 1000 lines \(in X1\.X"):
        parse("\n".join([*definitions, last, "X1 a s20"]))


def test_copies_of_one_subcircuit_are_read_quickly():
    cell = ".subckt cell a b\nB1 a b icrit={1u*(1+1)} phase=0.1\nC1 a 0 {2*1p}\nL1 a b 1n\n.ends"
    calls = "\n".join(f"X{i} n{i} n{i + 1} cell" for i in range(3000))
    start = time.perf_counter()
    netlist = parse(f"{cell}\n{calls}")
    assert len(netlist.elements) == 9000
    # 0.4 s without run-time type checks; read by the grammar copy by copy, 3 s more.
    assert time.perf_counter() - start < 20
