"""The Hamiltonian of random networks against modified nodal analysis."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

import circuits
from circuits import Capacitor, Inductor, Junction, Netlist, NetlistError

VALUES = st.floats(0.2, 5.0)


@st.composite
def networks(draw):
    """Capacitors that span all nodes, in any direction and with loops; any inductors."""
    count = draw(st.integers(1, 6))
    nodes = ["0", *(f"n{i}" for i in range(1, count + 1))]
    order = draw(st.permutations(nodes))
    elements = []
    for i, node in enumerate(order[1:], start=1):
        other = order[draw(st.integers(0, i - 1))]
        ends = (node, other) if draw(st.booleans()) else (other, node)
        ic = draw(st.one_of(st.none(), st.floats(-2, 2)))
        elements.append((Capacitor, f"C{i}", ends, draw(VALUES) * 1e-12, ic))
    pairs = st.lists(st.sampled_from(nodes), min_size=2, max_size=2, unique=True)
    for i in range(draw(st.integers(0, 3))):
        ends = tuple(draw(pairs))
        # No ic here: it would have to agree with the others around the loop.
        elements.append((Capacitor, f"Cx{i}", ends, draw(VALUES) * 1e-12, None))
    for i in range(draw(st.integers(1, 6))):
        ic = draw(st.one_of(st.none(), st.floats(-1e-3, 1e-3)))
        elements.append((Inductor, f"L{i}", tuple(draw(pairs)), draw(VALUES) * 1e-6, ic))
    return draw(st.permutations(elements))


def build(cards):
    """The netlist; made outside the strategy, where types are checked by sampling."""
    return Netlist("random", tuple(kind(*card) for kind, *card in cards))


def mna_frequencies(netlist):
    """Angular frequencies of C v'' + K v = 0 over all nodes but ground, in rad/s."""
    names = sorted({n for e in netlist.elements for n in e.nodes} - {"0"})
    at = {n: i for i, n in enumerate(names)}
    C, K = np.zeros((2, len(names), len(names)))
    for e in netlist.elements:
        a = np.zeros(len(names))
        for node, sign in zip(e.nodes, (1, -1), strict=True):
            if node != "0":
                a[at[node]] = sign
        if isinstance(e, Capacitor):
            C += e.capacitance * np.outer(a, a)
        else:
            K += np.outer(a, a) / e.inductance
    return np.sqrt(np.maximum(scipy.linalg.eigh(K * 1e-6, C * 1e12)[0], 0) * 1e18)


def hamiltonian_frequencies(circuit):
    H, n = circuit.hamiltonian, len(circuit.hamiltonian.coordinates)
    zero, u = jnp.zeros(n), jnp.zeros(0)
    stiffness = -jax.jacfwd(lambda q: H.force(q, u))(zero)
    mass = jax.jacfwd(H.velocity)(zero)
    squares = np.linalg.eigvals(np.asarray(mass @ stiffness)).real
    return np.sqrt(np.sort(np.maximum(squares, 0))) / circuit.scales.time


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(networks())
def test_frequencies_are_those_of_the_nodal_matrices(cards):
    netlist = build(cards)
    expected = mna_frequencies(netlist)
    found = hamiltonian_frequencies(circuits.Circuit(netlist))
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-6 * expected.max())


@settings(deadline=None, max_examples=8)
@given(networks())
def test_kirchhoffs_current_law_and_initial_values(cards):
    netlist = build(cards)
    circuit = circuits.Circuit(netlist)
    H, y = circuit.hamiltonian, circuit.y0
    u = jnp.zeros(0)
    moved = type(y)(y.q + 0.3, y.p - 0.2)
    out = dict.fromkeys(circuit.tree.nodes, 0.0)
    size = 0.0
    for e in netlist.elements:
        current = float(circuit.readout(f"i({e.name})")(H, moved, u))
        out[e.nodes[0]] += current
        out[e.nodes[1]] -= current
        size = max(size, abs(current))
        if isinstance(e, Inductor) and e.ic is not None:
            start = float(circuit.readout(f"i({e.name})")(H, y, u))
            np.testing.assert_allclose(start, e.ic, rtol=1e-9, atol=1e-15)
    assert max(abs(x) for x in out.values()) <= 1e-11 * max(size, 1e-9)
    for c in netlist.elements:
        if isinstance(c, Capacitor) and c.ic is not None:
            v = float(circuit.readout(f"v({c.nodes[0]},{c.nodes[1]})")(H, y, u))
            np.testing.assert_allclose(v, c.ic, rtol=1e-9, atol=1e-9)


def test_units_are_canonical():
    scales = circuits.load(library("junction_chain.cir")).scales
    np.testing.assert_allclose(scales.flux * scales.charge, scales.energy * scales.time)
    np.testing.assert_allclose(scales.voltage * scales.time, scales.flux)
    np.testing.assert_allclose(scales.energy, scales.capacitance * scales.voltage**2)


def library(name):
    from .systems import physsim_library

    return physsim_library(name)


@pytest.mark.slow
def test_energy_is_that_of_the_textbook():
    """H in SI against v, i and phase of each element."""
    circuit = circuits.load(library("junction_chain.cir"))
    result = circuit.simulate(2e-10, 1e-12)
    joule = np.zeros_like(result.t)
    for e in circuit.netlist.elements:
        if isinstance(e, Capacitor):
            joule += e.capacitance * result.v(*e.nodes) ** 2 / 2
        elif isinstance(e, Junction):
            ratio = np.clip(result.i(e.name) / e.critical_current, -1, 1)
            energy = 2.067833848461929e-15 * e.critical_current / (2 * np.pi)
            joule += energy * (1 - np.sqrt(1 - ratio**2))
    source = result.i("I1") * circuit.scales.flux * np.asarray(result.solution.ys.q)[:, 3]
    drive = -source  # I1 runs from ground to n4: its flux is that of n4, negative
    np.testing.assert_allclose(joule + drive, result.energy, rtol=1e-9, atol=1e-30)


def test_symbolic_energy_is_the_compiled_one():
    """`expr`, with numbers put in, against the Hamiltonian in SI."""
    import sympy

    circuit = circuits.load(library("coupled_lc.cir"))
    numbers = {s: circuit.values().get(f"{s}.C", circuit.values().get(f"{s}.L"))
               for s in circuit.expr.free_symbols}  # fmt: skip
    rng = np.random.default_rng(0)
    q, p = rng.normal(size=(2, 2))
    state = {
        "phi_in": q[0] * circuit.scales.flux,
        "phi_out": q[1] * circuit.scales.flux,
        "Q_in": p[0] * circuit.scales.charge,
        "Q_out": p[1] * circuit.scales.charge,
    }
    numbers = {s: state.get(s.name, v) for s, v in numbers.items()}
    energy = float(circuit.expr.subs(numbers)) / circuit.scales.energy
    ours = circuit.hamiltonian(jnp.asarray(q), jnp.asarray(p), jnp.zeros(0))
    np.testing.assert_allclose(energy, float(ours), rtol=1e-12)
    assert isinstance(circuit.expr, sympy.Expr)


@pytest.mark.filterwarnings("ignore:.*where no current can flow")
@pytest.mark.parametrize(
    ("cards", "message"),
    [
        ("C1 a 0 1p\nB1 a b icrit=1u\nL1 b 0 1u", r"node b .*add a capacitor"),
        ("C1 a 0 1p\nI1 0 b DC 1m\nL1 a 0 1u", "cutset of current sources"),
        ("L1 a 0 1u", "the circuit has no state"),
        ("V1 a 0 DC 1\nV2 a 0 DC 2\nC1 a 0 1p", "V2 closes a loop of voltage sources .V2, V1"),
        ("C1 a 0 1p\nL1 a b 1u\nR1 b 0 1\n.ic v(b)=1", "no capacitor holds this voltage"),
        ("C1 a 0 1p\nR1 a b 1\nB1 b 0 i={v^3}\nL1 b 0 1u", "B1 leads to .*its voltage is no state"),
        (
            "C1 a 0 1p\nB1 a 0 energy={charge^2/2p + charge^4}",
            "C1 closes a loop with the nonlinear capacitor B1",
        ),
        ("C1 a 0 1p ic=1\nC2 a 0 1p ic=2\nL1 a 0 1u", "contradicts"),
        ("C1 a 0 1p ic=1\nL1 a 0 1u\n.ic v(a)=3", "contradicts"),
    ],
)
def test_networks_without_coordinates_are_refused(cards, message):
    with pytest.raises(NetlistError, match=message) as caught:
        circuits.loads(f"title\n{cards}\n.end", "my.cir")
    assert str(caught.value).startswith("my.cir")
    assert "\n" not in str(caught.value)


def test_networks_without_ground():
    circuit = circuits.loads("tank\nC1 a b 1n ic=1\nL1 a b 1u")
    result = circuit.simulate(1e-6, 1e-9)
    omega = 1 / np.sqrt(1e-9 * 1e-6)
    np.testing.assert_allclose(result.v("a", "b"), np.cos(omega * result.t), atol=1e-9)


def test_capacitor_currents_in_loops_of_capacitors():
    """i = C dv/dt, against differences of the waveform."""
    circuit = circuits.load(library("junction_chain.cir"))
    result = circuit.simulate(1e-10, 1e-13)
    for name, ends, value in (("CJ2", ("n2", "n1"), 100e-15), ("CG4", ("n4",), 20e-15)):
        slope = np.gradient(result.v(*ends), result.t)[1:-1]
        np.testing.assert_allclose(
            result.i(name)[1:-1], value * slope, atol=2e-4 * np.abs(result.i(name)).max()
        )


def test_open_nodes_start_at_zero_and_given_ones_hold():
    text = "t\nC1 a 0 1n\nC2 a b 1n ic=0.5\nC3 b 0 2n\nL1 a b 1u\nC4 c 0 1n\nC5 c a 1n\n.ic v(c)=2"
    circuit = circuits.loads(text)
    result = circuit.simulate(1e-9, 1e-9)
    start = {node: result.v(node)[0] for node in "abc"}
    np.testing.assert_allclose([start["a"], start["b"], start["c"]], [0, -0.5, 2], atol=1e-12)
