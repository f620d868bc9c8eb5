"""Random linear networks of every kind of element against the MNA pencil.

NETWORKS=200 in the environment takes more of them.
"""

import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits import (
    DC,
    Capacitor,
    Circuit,
    Coupling,
    CurrentSource,
    Gyrator,
    Inductor,
    Netlist,
    NetlistError,
    Resistor,
    Sin,
    Transformer,
    VoltageSource,
)
from physsim import PhaseState

from .pencil import Pencil

NETWORKS = int(os.environ.get("NETWORKS", "20"))
UNIT = 1e9  # 1/s: values are near 1 nF, 1 nH, 1 Ohm
KINDS = ("C", "C", "C", "L", "L", "L", "R", "R")


def random_netlist(rng, sources=False, two_ports=True):
    """Any topology of C, L, K, R, and of V, I, gyrators and transformers."""
    nodes = ["0", *(f"n{i}" for i in range(1, rng.integers(2, 6)))]
    elements, coils = [], []
    for k in range(rng.integers(3, 12)):
        kind = KINDS[rng.integers(len(KINDS))]
        ends = tuple(str(n) for n in rng.choice(nodes, 2, replace=False))
        value = float(np.exp(rng.uniform(-1, 1)))
        if kind == "C":
            elements.append(Capacitor(f"C{k}", ends, value * 1e-9))
        elif kind == "R":
            elements.append(Resistor(f"R{k}", ends, value))
        else:
            elements.append(Inductor(f"L{k}", ends, value * 1e-9))
            coils.append(f"L{k}")
    elements += _sources(rng, nodes) if sources else []
    if two_ports and rng.random() < 0.3 and len(nodes) > 2:
        a, b = (tuple(str(n) for n in rng.choice(nodes, 2, replace=False)) for _ in range(2))
        make = Gyrator if rng.random() < 0.5 else Transformer
        elements.append(make("P1", (*a, *b), float(rng.uniform(0.5, 2))))
    couplings = []
    if len(coils) >= 2 and rng.random() < 0.6:
        chosen = tuple(str(c) for c in rng.choice(coils, 2, replace=False))
        couplings.append(Coupling("K1", chosen, float(rng.uniform(-0.9, 0.9))))
    return Netlist("random", tuple(elements), couplings=tuple(couplings))


def _sources(rng, nodes):
    wave = Sin(0.3, 1.0, 0.2e9, 0.0, 0.0, 30.0)
    found = []
    if rng.random() < 0.7:
        ends = tuple(str(n) for n in rng.choice(nodes, 2, replace=False))
        found.append(VoltageSource("V1", ends, wave))
    if rng.random() < 0.7 or not found:
        ends = tuple(str(n) for n in rng.choice(nodes, 2, replace=False))
        found.append(CurrentSource("I1", ends, wave))
    return found


def reduced(rng, **options):
    """A random network that has a Hamiltonian here; refusals are counted elsewhere."""
    while True:
        netlist = random_netlist(rng, **options)
        try:
            return netlist, Circuit(netlist)
        except NetlistError:
            continue


def system_eigenvalues(circuit):
    """Of the state's linear flow, without those of conserved combinations, in units of UNIT."""
    H, n = circuit.hamiltonian, len(circuit.hamiltonian.coordinates)
    u = jnp.zeros(len(H.input_names))

    def field(x):
        return jnp.concatenate(H.vector_field(x[:n], x[n:], u))

    matrix = np.asarray(jax.jacfwd(field)(jnp.zeros(2 * n)))
    values = np.linalg.eigvals(matrix) / (circuit.scales.time * UNIT)
    return values[abs(values) > 1e-6]


def matched(found, expected):
    """The largest distance between the two sets, member by member."""
    assert len(found) == len(expected), (found, expected)
    cost = abs(found[:, None] - expected[None, :])
    rows, columns = scipy.optimize.linear_sum_assignment(cost)
    return cost[rows, columns].max(initial=0.0)


@pytest.mark.slow
@settings(deadline=None, max_examples=NETWORKS, derandomize=True)
@given(st.integers(0, 2**32 - 1))
def test_natural_frequencies(seed):
    """Eigenvalues of degenerate pencils (multiple ones) are compared loosely by nature."""
    netlist, circuit = reduced(np.random.default_rng(seed))
    expected = Pencil(netlist).eigenvalues(UNIT)
    found = system_eigenvalues(circuit)
    gap = matched(found, expected)
    spread = min((abs(a - b) for i, a in enumerate(expected) for b in expected[:i]), default=1.0)
    print(f"frequencies off by {gap / max(abs(expected), default=1.0):.1e}, least gap {spread:.0e}")
    assert gap <= (1e-9 if spread > 1e-3 else 1e-5) * max(abs(expected), default=1.0)


@pytest.mark.slow
@settings(deadline=None, max_examples=NETWORKS, derandomize=True)
@given(st.integers(0, 2**32 - 1))
def test_the_vector_field_solves_the_networks_equations(seed):
    """Every node voltage and source current at a complex frequency, from the state's flow."""
    rng = np.random.default_rng(seed)
    netlist, circuit = reduced(rng, sources=True)
    pencil = Pencil(netlist)
    H, n = circuit.hamiltonian, len(circuit.hamiltonian.coordinates)
    s = UNIT * complex(0.3, 0.7)
    step = s * circuit.scales.time
    m = len(H.input_names)

    def field(x, u):
        return jnp.concatenate(H.vector_field(x[:n], x[n:], u))

    zero = jnp.zeros(2 * n), jnp.zeros(m)
    A, B = (np.asarray(j) for j in jax.jacfwd(field, (0, 1))(*zero))
    for name, expected in pencil.response(s).items():
        drive = np.array(
            [
                (k.source == name) * {"VALUE": 1, "INTEGRAL": 1 / s, "SLOPE": s}[k.aspect.name]
                / k.unit
                for k in circuit.signals
            ]
        )  # fmt: skip
        x = np.linalg.solve(step * np.eye(2 * n) - A, B @ drive)
        measured = {f"v({node})": expected[i] for node, i in pencil.nodes.items()}
        measured |= {f"i({e})": expected[k] for e, k in pencil.extra.items() if e != "P1"}
        # Volts and amperes of order one for one of a source's; what it can't reach is zero.
        size = max(1.0, *(abs(v) for v in measured.values()))
        for quantity, value in measured.items():
            readout = circuit.readout(quantity)

            def read(x, u, readout=readout):
                return readout(H, PhaseState(x[:n], x[n:]), u)

            by_x, by_u = (np.asarray(j) for j in jax.jacfwd(read, (0, 1))(*zero))
            found = by_x @ x + by_u @ drive
            print(f"{quantity} at a complex frequency off by {abs(found - value) / size:.1e}")
            assert abs(found - value) <= 1e-9 * size, (quantity, found, value)


@pytest.mark.slow
@settings(deadline=None, max_examples=NETWORKS // 3, derandomize=True)
@given(st.integers(0, 2**32 - 1))
def test_losses_take_energy_away(seed):
    """The symmetric part of what resistors do is negative semidefinite."""
    _, circuit = reduced(np.random.default_rng(seed))
    H, n = circuit.hamiltonian, len(circuit.hamiltonian.coordinates)
    u = jnp.zeros(len(H.input_names))

    def power(x):
        """dH/dt along the flow, a quadratic form."""
        slope = jax.grad(lambda x: H(x[:n], x[n:], u))(x)
        return slope @ jnp.concatenate(H.vector_field(x[:n], x[n:], u))

    form = np.asarray(jax.hessian(power)(jnp.zeros(2 * n)))
    assert np.linalg.eigvalsh(form).max() <= 1e-12 * max(abs(form).max(), 1.0)


@pytest.mark.slow
@settings(deadline=None, max_examples=NETWORKS // 3, derandomize=True)
@given(st.integers(0, 2**32 - 1))
def test_waveforms(seed):
    """Against the matrix exponential of the linear flow, drives included as oscillators."""
    rng = np.random.default_rng(seed)
    _netlist, circuit = reduced(rng, sources=True, two_ports=False)
    H, n = circuit.hamiltonian, len(circuit.hamiltonian.coordinates)
    rate = max(abs(system_eigenvalues(circuit)), default=1.0)
    dt = 0.02 / max(rate, 1.3)
    result = circuit.simulate(40 * dt / UNIT, dt / UNIT)
    u = jax.vmap(circuit.drive)(result.solution.ts)
    reference = _reference(H, n, circuit)
    for k in (1, 10, 40):
        exact = reference(float(result.solution.ts[k]))
        got = np.concatenate([result.solution.ys.q[k], result.solution.ys.p[k]])
        off = abs(got - exact).max(initial=0.0) / max(1.0, abs(exact).max(initial=0.0))
        print(f"waveform off by {off:.1e}")
        np.testing.assert_allclose(got, exact, rtol=0, atol=1e-9 * max(1.0, abs(exact).max()))
    assert u.shape[1] == len(H.input_names)


def _reference(H, n, circuit):
    """x(t) by an adaptive Runge-Kutta method of order 8, of the same vector field."""
    from scipy.integrate import solve_ivp

    field = jax.jit(lambda t, x: jnp.concatenate(H.vector_field(x[:n], x[n:], circuit.drive(t))))
    y0 = circuit.y0
    start = np.concatenate([y0.q, y0.p])

    def at(t):
        options = {"rtol": 1e-12, "atol": 1e-13 * max(1.0, abs(start).max())}
        run = solve_ivp(lambda s, x: field(jnp.asarray(s), x), (0, t), start, "DOP853", **options)
        return run.y[:, -1]

    return at


def test_dc_sources_are_understood():
    circuit = Circuit(
        Netlist(
            "t",
            (
                VoltageSource("V1", ("a", "0"), DC(1.0)),
                Resistor("R1", ("a", "b"), 2.0),
                Capacitor("C1", ("b", "0"), 1e-9),
            ),
        )
    )
    result = circuit.simulate(40e-9, 0.1e-9)
    np.testing.assert_allclose(result.v("b"), 1 - np.exp(-result.t / 2e-9), atol=1e-12)
