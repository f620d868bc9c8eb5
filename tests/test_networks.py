"""Networks built in Python against their textbooks: dispersion, solitons, thresholds, delays."""

import re
from collections import Counter

import numpy as np
import pytest

import circuits
import physsim
from circuits import Circuit, Inductor, NetlistError


def angular_frequencies(netlist):
    """Those of small motion about rest, in rad/s, ascending."""
    circuit = Circuit(netlist)
    return np.sort(physsim.normal_modes(circuit.hamiltonian).frequencies) / circuit.scales.time


def test_ring_dispersion():
    n, L, C = 8, 2e-6, 3e-12
    found = angular_frequencies(circuits.ring(n, inductance=L, capacitance=C))
    exact = np.sort(2 * np.abs(np.sin(np.pi * np.arange(n) / n)) / np.sqrt(L * C))
    np.testing.assert_allclose(found, exact, rtol=1e-12, atol=1e-6 * exact[-1])


def test_lattice_dispersion():
    rows, columns, L, C = 3, 4, 2e-6, 3e-12
    found = angular_frequencies(circuits.lattice(rows, columns, inductance=L, capacitance=C))
    j, k = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    squares = np.sin(np.pi * j / 2 / rows) ** 2 + np.sin(np.pi * k / 2 / columns) ** 2
    exact = np.sort(2 * np.sqrt(squares / (L * C)).ravel())
    np.testing.assert_allclose(found, exact, rtol=1e-12, atol=1e-6 * exact[-1])


def adjacency(netlist, nodes):
    places = {f"n{i}": i - 1 for i in range(1, nodes + 1)}
    matrix = np.zeros((nodes, nodes))
    for e in netlist.elements:
        if isinstance(e, Inductor):
            a, b = (places[n] for n in e.nodes)
            matrix[a, b] += 1
            matrix[b, a] += 1
    return matrix


@pytest.mark.parametrize("nodes, degree", [(40, 3), (21, 4), (5, 4), (9, 2)])
def test_random_graphs_are_regular_simple_and_connected(nodes, degree):
    for seed in range(5):
        A = adjacency(circuits.random_graph(nodes, degree, seed=seed), nodes)
        np.testing.assert_array_equal(A.sum(axis=0), degree)
        assert A.max() == 1
        assert np.linalg.eigvalsh(np.diag(A.sum(0)) - A)[1] > 1e-6


@pytest.mark.slow
def test_random_graph_spectrum():
    """Frequencies are the Laplacian's; the graph is no lattice: Friedman's bound, few triangles."""
    nodes, degree = 40, 3
    netlist = circuits.random_graph(nodes, degree, seed=7, inductance=2e-6, capacitance=3e-12)
    A = adjacency(netlist, nodes)
    laplacian = np.linalg.eigvalsh(degree * np.eye(nodes) - A)
    exact = np.sqrt(np.abs(laplacian) / (2e-6 * 3e-12))
    np.testing.assert_allclose(
        angular_frequencies(netlist), exact, rtol=1e-10, atol=1e-6 * exact[-1]
    )
    # Almost all such graphs have |lambda_2| < 2 sqrt(d - 1) + epsilon (Friedman 2008); the
    # circulant one that the shuffle starts from has 2.93.
    assert np.sort(np.linalg.eigvalsh(A))[-2] < 2 * np.sqrt(degree - 1) + 0.05
    same = circuits.random_graph(nodes, degree, seed=7, inductance=2e-6, capacitance=3e-12)
    assert netlist == same
    assert netlist != circuits.random_graph(nodes, degree, seed=8)


def test_random_graphs_are_uniform():
    """All 3 cycles through 4 nodes are equally likely: chi-squared at 1 in 10^4."""
    counts = Counter(
        tuple(map(tuple, adjacency(circuits.random_graph(4, 2, seed=s), 4))) for s in range(600)
    )
    assert len(counts) == 3
    assert sum((n - 200) ** 2 / 200 for n in counts.values()) < 18.4


FAULTS = [
    (lambda: circuits.ladder(1), "number of sections of a ladder"),
    (lambda: circuits.ring(2), "at least 3, got 2"),
    (lambda: circuits.ring(3, capacitance=-1e-12), "C1"),
    (lambda: circuits.ring(3, voltages=[1.0, 2.0]), "one value a node: 3 (n1 to n3), got 2"),
    (lambda: circuits.lattice(1, 5), "number of rows"),
    (lambda: circuits.random_graph(5, 3, seed=0), "one of the two has to be even"),
    (lambda: circuits.random_graph(4, 4, seed=0), "number of nodes"),
]


@pytest.mark.parametrize("build, message", FAULTS, ids=[m for _, m in FAULTS])
def test_arguments_that_make_no_network_are_refused(build, message):
    with pytest.raises(NetlistError, match=re.escape(message)):
        build()
