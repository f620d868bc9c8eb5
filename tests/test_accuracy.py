"""Runs without a given step are accurate wherever their circuit takes them."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import circuits
import learning
import physsim

from .pace import mostly_slow

HARD = {
    "quartic inductor, softly started": (
        "t\nC1 a 0 1n ic=1\nB1 a 0 energy={flux^2/(2*l)+b*flux^4} l=1u b=1e23",
        2e-6,
    ),
    "purely quartic": ("t\nC1 a 0 1n ic=1\nB1 a 0 energy={b*flux^4} b=1e20", 2e-5),
    "rotating junction": ("t\nC1 a 0 1p ic=10m\nB1 a 0 icrit=10u", 2e-11),
    "junction at its maximum": ("t\nC1 a 0 100f\nB1 a 0 icrit=1u phase=1.56", 3e-10),
    "slow tank, fast source": ("t\nC1 a 0 1u\nL1 a 0 1m\nI1 0 a SIN(0 1m 3meg)", 1e-6),
}


@pytest.mark.parametrize(
    "name",
    mostly_slow(HARD, ("purely quartic", "junction at its maximum", "slow tank, fast source")),
)
def test_the_default_step_resolves_what_is_met(name):
    text, t_end = HARD[name]
    circuit = circuits.loads(text)
    chosen = circuit.simulate(t_end)
    fine = circuit.simulate(t_end, t_end / 400_000, save_every=400_000)
    size = np.max(np.abs(chosen.v("a")))
    assert abs(chosen.v("a")[-1] - fine.v("a")[-1]) <= 1e-4 * size
    assert chosen.t[-1] == pytest.approx(t_end, rel=1e-12)


def test_a_capacitor_charges_linearly():
    """Nothing oscillates, so nothing but the run's length limits the step."""
    result = circuits.loads("t\nC1 a 0 1n\nI1 0 a 1m").simulate("1u")
    np.testing.assert_allclose(result.v("a"), 1e6 * result.t, rtol=1e-12, atol=1e-15)
    assert len(result.t) > 40


def test_rough_steps_are_warned_about_and_long_ones_told_in_seconds():
    circuit = circuits.loads("t\nC1 a 0 1n ic=1\nL1 a 0 1u")
    with pytest.warns(UserWarning, match="reduce dt"):
        circuit.simulate(1e-6, 5e-8, solver=physsim.StormerVerlet())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        circuit.simulate(1e-6, 1e-8)
    with pytest.raises(physsim.DivergenceError, match=r"dt = 1e-07 s .* below 9.93.*e-08 s"):
        circuit.simulate(1e-6, 1e-7)


@pytest.mark.parametrize("coupling", ["1u", "1m", "100m"])
def test_widely_spread_capacitors_in_a_loop(coupling):
    """One femtofarad beside a huge coupling capacitor: the two nodes move as one."""
    text = f"t\nC1 a 0 1f ic=1\nC2 b 0 1f ic=1\nC12 a b {coupling}\nL1 a 0 1u"
    circuit = circuits.loads(text)
    period = 2 * np.pi * np.sqrt(1e-6 * 2e-15)
    result = circuit.simulate(10 * period, period / 20)
    assert abs(result.v("a")[0] - 1) <= 1e-12
    np.testing.assert_allclose(result.v("a"), np.cos(2 * np.pi * result.t / period), atol=2e-5)


def test_values_of_a_trained_circuit_reach_its_netlist():
    circuit = circuits.loads(
        "t\nC1 a 0 1n ic=1\nL1 a 0 1u ic=1m\nB1 a 0 icrit=1m phase=0.2\n"
        "B2 a 0 energy={b*flux^4} b=1e18 ic=1n"
    )
    doubled = circuit.with_hamiltonian(jax.tree.map(lambda x: 2 * x, circuit.hamiltonian))
    again = circuits.Circuit(doubled.netlist)
    assert again.values() == pytest.approx(doubled.values(), rel=1e-12)
    assert circuit.netlist.elements[0].capacitance == 1e-9


def test_training_that_diverges_keeps_what_it_had():
    import optax
    import sympy

    q, p, k = sympy.symbols("q p k")
    H = physsim.symbolic(p**2 / 2 + k * q**2 / 2, q=[q], p=[p], params={k: 1.0})
    y0 = physsim.PhaseState(jnp.ones(1), jnp.zeros(1))
    arguments = (H, physsim.StormerVerlet(), y0, lambda H, y, u, t: -(y.q[0] ** 2))
    options = {"dt": 0.1, "num_steps": 50, "optimiser": optax.sgd(1.0), "progress": False}
    with pytest.warns(UserWarning, match="training stopped before update"):
        fit = learning.fit(*arguments, **options, iterations=50)
    assert 1 <= len(fit.losses) < 50 and fit.best == min(fit.losses)
    with pytest.raises(ValueError, match="at least 1"):
        learning.fit(*arguments, **options, iterations=0)


def test_echoes_at_the_optimum():
    """The nudges vanish there; RHEL finds a gradient of zero, not noise blown up."""
    circuit = circuits.loads("t\nC1 a 0 1n ic=1\nL1 a 0 1u")
    readout = circuit.readout("v(a)")
    H, solver = circuit.hamiltonian, physsim.SRKN11b()
    run = physsim.integrate(H, solver, circuit.y0, dt=0.5, num_steps=400)
    targets = jax.vmap(lambda y: readout(H, y, jnp.zeros(0)))(run.ys)[1:] * (1 + 1e-15)
    cost = lambda H, y, u, target: (readout(H, y, u) - target) ** 2  # noqa: E731
    options = {"dt": 0.5, "num_steps": 400, "targets": targets}
    _, gradient = learning.RHEL()(H, solver, circuit.initial_state, cost, **options)
    assert all(float(jnp.max(jnp.abs(x))) < 1e-4 for x in jax.tree.leaves(gradient.params))
