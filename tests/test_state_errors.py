"""A circuit, its Hamiltonian, its start and a function of it: each mix-up is told apart."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import circuits
import learning
import physsim

CIRCUIT = circuits.loads("a tank\nC1 a 0 1n ic=1\nL1 a 0 1u\n")
H, SOLVER = CIRCUIT.hamiltonian, physsim.StormerVerlet()
SPAN = {"dt": 0.1, "num_steps": 5}


def energy(H, y, u, target):
    return jnp.sum(y.p**2)


MIXED_UP = {
    "a function to integrate": (
        lambda: physsim.integrate(H, SOLVER, CIRCUIT.initial_state, **SPAN),
        r"must be a PhaseState\(q, p\), got a function: .*initial_state\(H\)",
    ),
    "no state": (
        lambda: learning.BPTT()(H, SOLVER, CIRCUIT, energy, **SPAN),
        r"must be a PhaseState\(q, p\), got a Circuit",
    ),
    "a circuit to integrate": (
        lambda: physsim.integrate(CIRCUIT, SOLVER, CIRCUIT.y0, **SPAN),
        "must be a Hamiltonian, got a Circuit: pass its hamiltonian",
    ),
    "a circuit to a gradient method": (
        lambda: learning.BPTT()(CIRCUIT, SOLVER, CIRCUIT.y0, energy, **SPAN),
        "must be a Hamiltonian, got a Circuit: pass its hamiltonian",
    ),
    "a circuit to its start": (
        lambda: CIRCUIT.initial_state(CIRCUIT),
        "must be a Hamiltonian, got a Circuit: pass its hamiltonian",
    ),
}
TRACED = {
    "values": lambda H: jnp.sum(CIRCUIT.with_hamiltonian(H).simulate("50n").v("a")),
    "a Hamiltonian": lambda H: jnp.sum(
        circuits.Circuit(CIRCUIT.netlist, H).simulate("50n", "5n").v("a")
    ),
}


@pytest.mark.parametrize("name", MIXED_UP)
def test_what_is_mixed_up_is_named(name):
    call, message = MIXED_UP[name]
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("name", TRACED)
def test_gradients_through_a_circuits_run_are_refused_with_what_to_take(name):
    with pytest.raises(ValueError, match=r"circuits\.sensitivity.*BPTT.*initial_state\(H\)"):
        eqx.filter_grad(TRACED[name])(H)


def test_a_traced_time_is_refused():
    with pytest.raises(ValueError, match=r"jax\.grad, jit and vmap"):
        jax.grad(lambda t: jnp.sum(CIRCUIT.simulate(t, 5e-9).v("a")))(5e-8)


def test_what_the_message_says_to_take_works():
    def cost(H):
        run = physsim.integrate(H, SOLVER, CIRCUIT.initial_state(H), **SPAN)
        return jnp.sum(run.ys.p[1:] ** 2)

    _, told = learning.BPTT()(H, SOLVER, CIRCUIT.initial_state, energy, **SPAN)
    found = jax.tree.leaves(eqx.filter_grad(cost)(H))
    for x, y in zip(found, jax.tree.leaves(told.params), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-12)
