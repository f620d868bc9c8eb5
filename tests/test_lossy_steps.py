"""Steps with losses run in one loop: the same as substep by substep, and as short to compile."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import circuits
import physsim

DECK = """losses across and in series, driven
V1 in 0 SIN(0 1 3meg 10n)
R1 in a 50
L1 a out 1u
C1 out 0 150p ic=0.3
R2 out 0 1k
"""
SPLITTINGS = (
    physsim.SymplecticEuler(),
    physsim.StormerVerlet(physsim.Flow.KICK),
    physsim.BlanesMoan4(),
    physsim.BlanesMoan6(),
)


def stepped(solver):
    circuit = circuits.loads(DECK)
    system = solver.prepare(circuit.hamiltonian)
    k, dt = jnp.asarray(3), jnp.asarray(0.05)
    drive = circuit.drive

    def inputs(fraction):
        return drive((k + fraction) * dt)

    return system, circuit.y0, dt, inputs


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("solver", SPLITTINGS, ids=lambda solver: solver.name)
def test_a_loop_is_its_substeps(solver, backward):
    arguments = stepped(solver)
    looped = solver.step(*arguments, backward=backward)
    unrolled, _ = solver.substeps(*arguments, backward=backward)
    for x, y in zip(jax.tree.leaves(looped), jax.tree.leaves(unrolled), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-14, atol=1e-15)
    assert not np.array_equal(looped.q, arguments[1].q)


def test_more_substeps_take_no_more_code():
    def code(solver):
        system, y, dt, inputs = stepped(solver)
        return len(str(jax.make_jaxpr(lambda y: solver.step(system, y, dt, inputs))(y)))

    assert code(physsim.BlanesMoan6()) < 1.1 * code(physsim.BlanesMoan4())
