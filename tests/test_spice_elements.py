"""Every element in ngspice, running our export, against closed forms and SciPy."""

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import eigh, expm

from circuits._netlist import parse_netlist
from circuits._ngspice import run_ngspice
from circuits._spice import to_spice
from circuits._spice_names import SpiceNames

from . import ngspice

C, L = 1e-12, 1e-9
T = 2 * math.pi * math.sqrt(L * C)
OMEGA = 1 / math.sqrt(L * C)
R = math.sqrt(L / C)


def simulate(cards: str, quantities: list[str], *, steps: int = 2000, periods: float = 3):
    """The times, and quantities by their names in the netlist."""
    ngspice.require_ngspice()
    netlist = parse_netlist(f"a test\n{cards}\n")
    names = SpiceNames(netlist)
    signals = [names.signal(quantity) for quantity in quantities]
    data = run_ngspice(to_spice(netlist, max_step=T / steps, stop=periods * T), signals)
    return data["time"], *(data[signal] for signal in signals)


def close(actual, expected, tolerance=1e-5):
    scale = np.max(np.abs(expected))
    assert scale > 0
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * scale)


def test_resistor_discharges_a_capacitor():
    time, v, i = simulate(f"C1 a 0 1p ic=2\nR1 a 0 {R!r}", ["v(a)", "i(R1)"])
    close(v, 2 * np.exp(-time / (R * C)))
    close(i, v / R)


def test_voltage_source_charges_through_a_resistor():
    cards = f"V1 in 0 3\nR1 in a {R!r}\nC1 a 0 1p ic=1"
    time, v, i = simulate(cards, ["v(a)", "i(V1)"])
    close(v, 3 - 2 * np.exp(-time / (R * C)))
    close(i, (v - 3) / R)


def test_exponential_source_moves_a_capacitor():
    rise, fall, start, turn = 0.3 * T, 0.2 * T, 0.25 * T, 1.5 * T
    wave = f"EXP(0.1m 2m {start!r} {rise!r} {turn!r} {fall!r})"
    time, v = simulate(f"C1 a 0 1p\nI1 0 a {wave}", ["v(a)"], steps=4000)

    def area(since, tau):
        since = np.maximum(since, 0)
        return since + tau * np.expm1(-since / tau)

    charge = 0.1e-3 * time + 1.9e-3 * (area(time - start, rise) - area(time - turn, fall))
    close(v, charge / C)


@pytest.mark.parametrize("k", [0.6, -0.6])
def test_two_coupled_coils(k):
    cards = f"C1 a 0 1p ic=1\nL1 a 0 1n\nC2 b 0 1p\nL2 b 0 1n\nK1 L1 L2 {k}"
    time, a, b = simulate(cards, ["v(a)", "v(b)"], steps=4000)
    even = np.cos(OMEGA * time / math.sqrt(1 + k))
    odd = np.cos(OMEGA * time / math.sqrt(1 - k))
    close(a, (even + odd) / 2)
    close(b, (even - odd) / 2)


def test_three_coils_of_one_coupling_and_their_currents():
    inductances = np.array([1e-9, 2e-9, 0.5e-9])
    k, capacitances = -0.3, np.array([1e-12, 0.7e-12, 1.5e-12])
    start = [1e-3, -2e-3, 0.5e-3]
    cards = [f"C{i} n{i} 0 {c!r}" for i, c in enumerate(capacitances.tolist())]
    coils = zip(inductances.tolist(), start, strict=True)
    cards += [f"L{i} n{i} 0 {x!r} ic={ic}" for i, (x, ic) in enumerate(coils)]
    cards.append(f"K1 L0 L1 L2 {k}")
    time, *v = simulate("\n".join(cards), ["v(n0)", "v(n1)", "v(n2)"], steps=4000)
    matrix = k * np.sqrt(np.outer(inductances, inductances))
    np.fill_diagonal(matrix, inductances)
    # C v' = -i, M i' = v, by normal modes.
    squares, modes = eigh(np.linalg.inv(matrix), np.diag(capacitances))
    push = modes.T @ -np.array(start)
    expected = modes @ (push[:, None] * np.sin(np.outer(np.sqrt(squares), time))
                        / np.sqrt(squares)[:, None])  # fmt: skip
    close(np.array(v), expected)


def test_nonlinear_capacitor_with_a_coil():
    # v = q/c + b q^3, in units of C and of one volt at q = C.
    b, start = 0.5 / C**3, 1.2 * C
    cards = (f"B1 a 0 energy={{charge**2/(2*c)+b*charge**4/4}} c=1p b={b!r} ic={start!r}\n"
             "L1 a 0 1n")  # fmt: skip
    time, v, i, into = simulate(cards, ["v(a)", "i(L1)", "i(B1)"], steps=5000)

    def slope(_, y):
        return [-y[1], y[0] + 0.5 * y[0] ** 3]

    solution = solve_ivp(slope, (0, time[-1] * OMEGA), [1.2, 0.0], "DOP853", time * OMEGA,
                         rtol=1e-11, atol=1e-13, max_step=0.05)  # fmt: skip
    q, current = solution.y
    close(v, q + 0.5 * q**3)
    close(i, current / R)
    close(into, -current / R)


def test_varactor_between_two_nodes():
    # A varactor with C(v) = c / (1 + v): its charge is c ln(1 + v), v = exp(q/c) - 1.
    cards = (f"B1 a b energy={{c*(exp(charge/c)-1)-charge}} c=1p ic=0.5p\nR1 a 0 {R!r}\n"
             f"L1 b 0 1n\nC1 b 0 1p ic=0")  # fmt: skip
    time, v, u = simulate(cards, ["v(a)", "v(b)"], steps=4000)

    def slope(_, y):
        q, b, i = y
        current = -(b + np.expm1(q))
        return [current, current - i, b]

    solution = solve_ivp(slope, (0, time[-1] * OMEGA), [0.5, 0.0, 0.0], "DOP853", time * OMEGA,
                         rtol=1e-11, atol=1e-13, max_step=0.05)  # fmt: skip
    q, b, _ = solution.y
    close(u, b)
    close(v, b + np.expm1(q))


def test_nonlinear_resistor_is_chuas_diode():
    inner, outer = 1.2 / R, 0.7 / R
    law = "-b*v - (a-b)*(abs(v+1)-abs(v-1))/2"
    # The law is odd, so it is the same from 0 to a; only the current has the other sign.
    cards = f"C1 a 0 1p ic=0.1\nL1 a 0 1n\nB1 0 a i={{{law}}} a={inner!r} b={outer!r}"
    time, v, i = simulate(cards, ["v(a)", "i(B1)"], periods=1.5)

    def diode(v):
        return -0.7 * v - 0.5 * (abs(v + 1) - abs(v - 1)) / 2

    def slope(_, y):
        return [-y[1] - diode(y[0]), y[0]]

    solution = solve_ivp(slope, (0, time[-1] * OMEGA), [0.1, 0.0], "DOP853", time * OMEGA,
                         rtol=1e-11, atol=1e-13, max_step=0.01)  # fmt: skip
    assert np.max(np.abs(solution.y[0])) > 2
    close(v, solution.y[0], 1e-4)
    close(i, -diode(solution.y[0]) / R, 1e-4)


@pytest.mark.parametrize(
    ("law", "function"),
    [
        ("max(v, 0) + min(v, 0.2)/2", lambda v: max(v, 0) + min(v, 0.2) / 2),
        ("atan(v)", math.atan),
        ("asinh(3*v)", lambda v: math.asinh(3 * v)),
        ("v*sign(v)*v", lambda v: v * abs(v)),
        ("tanh(v)**3", lambda v: math.tanh(v) ** 3),
    ],
)
def test_functions_of_currents(law, function):
    time, v = simulate(f"C1 a 0 1p ic=1\nL1 a 0 1n\nB1 a 0 i={{({law})/r}} r={R!r}", ["v(a)"])

    def slope(_, y):
        return [-y[1] - function(y[0]), y[0]]

    solution = solve_ivp(slope, (0, time[-1] * OMEGA), [1.0, 0.0], "DOP853", time * OMEGA,
                         rtol=1e-11, atol=1e-13, max_step=0.01)  # fmt: skip
    close(v, solution.y[0], 3e-5)


def test_energy_with_a_corner():
    # Two inductances for the two signs of flux: half periods of one and of the other.
    energy = "max(flux,0)**2/(2*1n) + min(flux,0)**2/(2*4n)"
    time, v = simulate(f"C1 a 0 1p ic=1\nB1 a 0 energy={{{energy}}}", ["v(a)"], steps=4000)
    angle = np.mod(OMEGA * time, 3 * np.pi)
    close(v, np.where(angle < np.pi, np.cos(angle), -np.cos((angle - np.pi) / 2)))


def test_gyrator_exchanges_the_energy_of_two_capacitors():
    g = 0.8 / R
    cards = f"C1 a 0 1p ic=1\nC2 b 0 4p\nP1 a 0 b 0 gyrator={g!r}"
    time, a, b, i = simulate(cards, ["v(a)", "v(b)", "i(P1)"])
    # C1 va' = -g vb, C2 vb' = g va.
    omega = g / math.sqrt(C * 4 * C)
    close(a, np.cos(omega * time))
    close(b, np.sin(omega * time) / 2)
    close(i, g * b)


def test_transformer_of_a_floating_secondary():
    n = -2.5
    cards = f"C1 a 0 1p ic=1\nP1 a 0 b c ratio={n}\nL1 b c 1n"
    time, a, i = simulate(cards, ["v(a)", "i(P1)"], steps=4000)
    # Seen from the first port, the inductance is n^2 L.
    omega = OMEGA / abs(n)
    close(a, np.cos(omega * time))
    close(i, C * omega * np.sin(omega * time))


def test_subcircuits_and_models_have_names_that_tell_what_they_are():
    critical = 2e-6
    cards = f"""
.model jm jj(icrit={critical!r} cap=1f r0=50)
.subckt cell a-1 g.2 params: x=1
B1 a-1 g.2 jm area={{x}} phase=0.5
L1 a-1 m/1 1n ic=1u
L2 m/1 g.2 2n ic=1u
K1 L1 L2 0.5
.ends
X1 in 0 cell
X2 in 0 cell x=2
C1 in 0 1f
C_X1_B1_cap in x2.new_node 1f
R2 x2.new_node 0 50"""
    netlist = parse_netlist(f"t\n{cards}")
    names = SpiceNames(netlist)
    assert names.element("X1.L1") == "L_X1_L1"
    assert names.element("x2.b1.R") == "R_X2_B1_r"
    assert names.element("X1.B1.cap") == "C_X1_B1_cap_2"
    assert names.element("C_X1_B1_cap") == "C_X1_B1_cap"
    assert names.node("x1.m/1") == "x1_m_1"
    assert names.signal("i(x1.L2)") == "i(l_x1_l2)"
    _, v, i = simulate(cards, ["v(in)", "i(X2.L1)"], periods=1)
    assert np.all(np.isfinite(v)) and np.max(np.abs(i)) > 0
    with pytest.raises(ValueError, match=r"no node 'x1\.m2'"):
        names.signal("v(x1.m2)")
    with pytest.raises(ValueError, match=r"expected v\(node\)"):
        names.signal("p(x1)")


def test_any_legal_node_is_legal_in_ngspice():
    odd = [
        "a+b",
        "a-b",
        "1.5",
        "2a",
        "1e3",
        "$x",
        "#",
        "%",
        "[0]",
        "x/y",
        "µ",
        "~",
        "a&b",
        "<",
        "|",
    ]
    odd += ["!", "?", "@r1[i]", "a:b", "time", "pi", "temper", "e", "00", "\\", "^", "`", "*"]
    chain = list(zip(["0", *odd[:-1]], odd, strict=True))
    cards = [f"R{i} {a} {b} 1k" for i, (a, b) in enumerate(chain)]
    cards += [f"B{i} {b} 0 i={{v**3*1u}}" for i, (_, b) in enumerate(chain)]
    netlist = "\n".join([*cards, f"V1 {odd[-1]} 0 1", "C1 a+b 0 1p"])
    _, last, first = simulate(netlist, [f"v({odd[-1]})", "v(a+b)"], periods=1)
    close(last, np.ones_like(last))
    assert np.all((first > 0) & (first < 1 / 20))


def test_amplitudes_of_ac_analyses_are_kept():
    deck = to_spice(
        parse_netlist("t\nV1 a 0 SIN(0 1 1) AC 2 90\nI1 a 0 DC 1 AC 3\nC1 a 0 1p\nR1 a 0 1"),
        max_step=1.0,
        stop=2.0,
    )
    assert "V1 a 0 SIN(0.0 1.0 1.0 0.0 0.0 0.0) AC 2.0 90.0" in deck
    assert "I1 a 0 DC 1.0 AC 3.0 0.0" in deck


def test_a_network_of_everything():
    """Two ports, coupled coils and losses together, against the matrix exponential."""
    g, n, k, m = 0.5 / R, 2.0, 0.4, math.sqrt(2)
    cards = f"""C1 a 0 1p ic=1
R1 a 0 {2 * R!r}
P1 a 0 b 0 gyrator={g!r}
C2 b 0 2p
L1 b 0 1n
L2 d 0 2n
K1 L1 L2 {k}
P2 c 0 d 0 ratio={n}
C3 c 0 0.5p ic=-0.5"""
    time, *v = simulate(cards, ["v(a)", "v(b)", "v(c)"], steps=4000, periods=2)
    inductance = np.array([[1, k * m], [k * m, 2]])
    inverse = np.linalg.inv(inductance)
    # States va, vb, vc, i1, i2 in units of 1 V and 1 V / R; the transformer shows i2 / n to C3.
    A = np.zeros((5, 5))
    A[0, :2] = [-0.5, -0.5]
    A[1, [0, 3]] = [0.5 / 2, -1 / 2]
    A[2, 4] = -1 / n / 0.5
    A[3:, 1] = inverse[:, 0]
    A[3:, 2] = inverse[:, 1] / n
    picked = np.linspace(0, len(time) - 1, 60).astype(int)
    start = np.array([1, 0, -0.5, 0, 0])
    expected = np.array([expm(A * OMEGA * t) @ start for t in time[picked]]).T
    close(np.array(v)[:, picked], expected[:3], 2e-5)
