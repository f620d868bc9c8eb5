"""Charges of islands and fluxes of loops over 10^6 steps, and in what reads them."""

import numpy as np
import pytest

import circuits
import physsim
from circuits import Circuit
from circuits._conserved import count_loops, find_islands, find_loops
from circuits._result import Result

PHI0 = 2.067833848461929e-15
STEPS = 1_000_000

# A loop of two inductors and a junction with 0.4 Phi_0 in it, and one of two coupled coils.
LOOPS = """rf squid with trapped flux
.param phi0=2.067833848e-15
C1 a 0 40f ic=10u
L1 a b 50p ic={0.4*phi0/80p}
C2 b 0 10f
L2 b 0 30p ic={0.4*phi0/80p}
B1 a 0 icrit=4u
C3 c 0 20f ic=20u
L3 c d 100p ic=2u
C4 d 0 15f
L4 d 0 60p ic=2u
L5 c 0 80p
K1 L3 L4 0.3
"""

# Nodes a and b that a junction joins, c with a coil to d, and e: no current leads off them.
ISLANDS = """islands
CJ a b 1f
C1 a 0 3f ic=50u
C2 b 0 2f ic=-20u
B1 a b icrit=10n phase=0.4
CG b c 0.5f
C3 c 0 4f ic=70u
L1 c d 2n
C4 d 0 5f
C5 c e 1f
C6 e 0 2f ic=30u
"""


def run(deck, solver, steps=STEPS, saves=200):
    circuit = Circuit(circuits.parse_netlist(deck))
    step = physsim.suggest_dt(circuit.hamiltonian, solver, circuit.y0)
    solution = physsim.integrate(
        circuit.hamiltonian, solver, circuit.y0,
        dt=step, num_steps=steps, save_every=steps // saves,
    )  # fmt: skip
    return Result(circuit, solution)


@pytest.fixture(scope="module")
def loops():
    return circuits.conserved(run(LOOPS, physsim.StormerVerlet()))


@pytest.fixture(scope="module")
def islands():
    return circuits.conserved(run(ISLANDS, physsim.StormerVerlet()))


def test_flux_of_loops_is_exact(loops):
    """No drift in 10^6 steps: what is off is the rounding of one sum, whenever it is taken."""
    assert list(loops.loop.values) == ["L2 -B1 L1", "L3 L4 -L5"]
    trapped = loops.flux.values[0] / PHI0
    # 0.4 Phi_0, and 2 uA (160 pH + 2 * 0.3 sqrt(100 * 60) pH) = 0.2 Phi_0.
    exact = [0.4, 2e-6 * (160e-12 + 0.6e-12 * np.sqrt(6000)) / PHI0]
    np.testing.assert_allclose(trapped, exact, rtol=1e-9)
    print("flux of loops, largest drift:", drift(loops.flux))
    assert np.all(drift(loops.flux) < 1e-15)


def drift(data):
    return np.abs(data.values / data.values[0] - 1).max(axis=0)


def test_charge_of_islands(islands):
    """A node alone: bit for bit. Of a sum of nodes each step rounds every part: as sqrt(steps)."""
    assert list(islands.island.values) == ["a b", "c d", "e"]
    mutual, other = 0.5e-15 * (-20e-6 - 70e-6), 1e-15 * (70e-6 - 30e-6)
    exact = [
        3e-15 * 50e-6 - 2e-15 * 20e-6 + mutual,
        4e-15 * 70e-6 - mutual + other,
        2e-15 * 30e-6 - other,
    ]
    np.testing.assert_allclose(islands.charge.values[0], exact, rtol=1e-12)
    off = drift(islands.charge)
    print("charge of islands, largest drift:", off)
    assert off[2] == 0.0
    assert np.all(off < 1e-12), off


def test_compensated_sums_keep_charges_to_rounding():
    found = circuits.conserved(run(ISLANDS, physsim.Compensated(physsim.StormerVerlet())))
    print("the same with compensated sums:", drift(found.charge))
    assert np.all(drift(found.charge) < 1e-15)


def test_no_islands_and_no_loops():
    found = circuits.conserved(
        run("t\nC1 a 0 1n ic=1\nL1 a 0 1u\n", physsim.StormerVerlet(), 10, 5)
    )
    assert dict(found.sizes) == {"time": 6, "island": 0, "loop": 0}
    assert found.charge.units == "C" and found.flux.units == "Wb"


def test_loops_of_a_grid_have_the_right_number_and_flux():
    """Edges - nodes + 1 loops; each goes round: neighbours in it share a node."""
    netlist = circuits.lattice(4, 5)
    loops = find_loops(netlist)
    coils = {e.name: e.nodes for e in netlist.elements if isinstance(e, circuits.Inductor)}
    assert len(loops) == count_loops(netlist) == len(coils) - 20 + 1
    for loop in loops:
        steps = [coils[name][::sign] for name, sign in loop]
        assert all(a[1] == b[0] for a, b in zip(steps, steps[1:] + steps[:1], strict=True))
    # All nodes together: no current leads to ground.
    assert [len(island) for island in find_islands(netlist)] == [20]
    parallel = circuits.parse_netlist("t\nC1 a 0 1n\nL1 a 0 1u\nL2 0 a 1u\nL3 a 0 2u\n")
    assert find_loops(parallel) == [(("L2", 1), ("L1", 1)), (("L3", 1), ("L1", -1))]


def test_modes_leave_them_out_and_name_them():
    islands = circuits.loads(ISLANDS).modes()
    assert islands.constants == ("charge of a b", "charge of c d", "charge of e")
    loops = circuits.loads(LOOPS).modes()
    assert len(loops.constants) == 2 and all(n.startswith("flux of ") for n in loops.constants)
    # A source of current drives the run's charge, but in a small motion it stands still.
    driven = "t\nI1 0 a SIN(0 1m 1meg)\nC1 a 0 1n\nL1 a b 1u\nC2 b 0 1n\n"
    assert circuits.loads(driven).modes().constants == ("charge of a b",)
    assert circuits.loads("t\nC1 a 0 1n\nL1 a 0 1u\n").modes().constants == ()


def test_the_report_counts_them():
    report = Circuit(circuits.parse_netlist(ISLANDS)).report()
    assert "conserved charges: 3, of the islands of nodes a b, c d, e" in report
    report = Circuit(circuits.parse_netlist(LOOPS)).report()
    assert "conserved fluxes: 2, in loops" in report and "conserved charges" not in report
    assert (
        "conserved charges and fluxes: none" in circuits.loads("t\nC1 a 0 1\nL1 a 0 1\n").report()
    )
