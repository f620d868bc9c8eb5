"""What is wrong with a run is said before it starts, or where it ended."""

import jax
import jax.numpy as jnp
import pytest
import sympy

import circuits
import physsim
from physsim import PhaseState

Q, P, K, U, T = sympy.symbols("q p k u t")
START = PhaseState(jnp.array([0.0]), jnp.array([0.3]))


def oscillator(potential=K * Q**2 / 2, **options):
    return physsim.symbolic(P**2 / 2 + potential, q=[Q], p=[P], params={K: 1.0}, **options)


def run(H, solver=None, y0=START, **options):
    solver = physsim.SRKN11b() if solver is None else solver
    return physsim.integrate(H, solver, y0, **{"dt": 0.1, "num_steps": 10, **options})


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_parameters_that_are_not_finite(bad):
    H = jax.tree.map(lambda x: x * bad, oscillator())
    with pytest.raises(ValueError, match="the parameter k is not finite"):
        run(H)
    with pytest.raises(ValueError, match="k must be finite"):
        physsim.symbolic(K * Q**2 + P**2, q=[Q], p=[P], params={K: bad})


@pytest.mark.parametrize(
    ("potential", "message"),
    [
        (sympy.log(Q), "not defined"),
        (sympy.sqrt(Q - 1), "not defined"),
        (sympy.sqrt(Q) * K, "no finite derivative by the position of q"),
        (1 / Q, "not defined"),
    ],
)
def test_energies_that_are_not_analytic_at_the_start(potential, message):
    with pytest.raises(ValueError, match=message):
        run(oscillator(potential))


@pytest.mark.parametrize("bad", [0.0, -0.1, float("nan"), float("inf")])
def test_steps_that_are_none(bad):
    with pytest.raises(ValueError, match="dt must be positive and finite"):
        run(oscillator(), dt=bad)


def test_steps_beyond_stability():
    for solver in (physsim.StormerVerlet(), physsim.BlanesMoan6(), physsim.KahanLi8()):
        with pytest.raises(physsim.DivergenceError, match=r"beyond the stability limit"):
            run(oscillator(), solver, dt=solver.stability_limit * 1.05)
        run(oscillator(), solver, dt=solver.stability_limit * 0.95)
    run(oscillator(), physsim.ImplicitMidpoint(physsim.Newton()), dt=50.0)
    run(oscillator(), physsim.ABA864(), dt=50.0)


def test_a_gyrator_is_no_harmonic_energy():
    deck = "a gyrator\nC1 a 0 1n ic=1\nC2 b 0 1n\nP1 a 0 b 0 gyrator=1m\n"
    with pytest.raises(ValueError, match="without losses or gyrators"):
        physsim.ABA864().check(circuits.loads(deck).hamiltonian)


def test_symbols():
    cases = (
        ({"q": [Q], "p": [Q]}, "two roles"),
        ({"q": [Q], "p": [P], "u": [K], "params": {K: 1.0}}, "two roles"),
        ({"q": [Q], "p": [P], "t": K, "params": {K: 1.0}}, "two roles"),
        ({"q": [Q], "p": [P]}, "contains k"),
        ({"q": [Q, U], "p": [P], "params": {K: 1.0}}, "same length"),
        ({"q": [Q], "p": [P], "params": {K: 1j}}, "real number"),
    )
    for roles, message in cases:
        with pytest.raises(ValueError, match=message):
            physsim.symbolic(P**2 / 2 + K * Q**2, **roles)
    for energy in (sympy.I * Q, sympy.nan * Q, sympy.oo * Q):
        with pytest.raises(ValueError, match="real and finite"):
            physsim.symbolic(P**2 / 2 + energy, q=[Q], p=[P])


@pytest.mark.parametrize(
    "energy",
    [sympy.Heaviside(Q), sympy.besselj(0, Q), sympy.Abs(Q), sympy.floor(Q), sympy.gamma(Q)],
)
def test_functions_that_jax_does_not_have(energy):
    with pytest.raises(ValueError, match="can't be expressed in JAX"):
        physsim.symbolic(P**2 / 2 + energy, q=[Q], p=[P])


def test_time_is_fed_by_the_run():
    """H with explicit time and the same H with the time as an input agree."""
    explicit = oscillator(K * Q**2 / 2 * (1 + sympy.cos(T) / 3), t=T)
    fed = oscillator(K * Q**2 / 2 * (1 + sympy.cos(U) / 3), u=[U])
    assert explicit.has_clock and explicit.input_names == ("t",)
    a = run(explicit).final
    b = run(fed, inputs=lambda t: t[None]).final
    assert float(a.q[0]) == float(b.q[0]) and float(a.p[0]) == float(b.p[0])
    H = oscillator(K * Q**2 / 2 - U * Q * sympy.cos(T), u=[U], t=T)
    assert H.input_names == ("u", "t")
    run(H, inputs=jnp.ones((10, 1)))
    with pytest.raises(ValueError, match=r"has inputs u: pass inputs, .* \(10, 1\)"):
        run(H)


def test_names_of_constants_and_functions_are_free():
    """A parameter called e or sin is a parameter."""
    e, sin = sympy.symbols("e sin")
    energy = P**2 / 2 + e * sympy.E * Q + sympy.sin(sin * Q)
    H = physsim.symbolic(energy, q=[Q], p=[P], params={e: 10.0, sin: 2.0})
    u = jnp.zeros(0)
    expected = 10 * float(sympy.E) * 1.0 + float(sympy.sin(2.0))
    assert float(H.potential(jnp.array([1.0]), u)) == pytest.approx(expected, rel=1e-14)


def test_descriptions():
    assert "T quadratic" in oscillator().describe()
    assert "conductance G: diagonal" in physsim.damped(oscillator(), conductance=0.1).describe()
    mixed = physsim.symbolic(Q * P, q=[Q], p=[P])
    assert "mixes q and p" in mixed.describe()
    assert [str(e.rhs) for e in mixed.equations()] == ["q", "-p"]


def test_a_run_that_does_not_fit_into_memory_is_refused(monkeypatch):
    tank = circuits.loads("a tank\nL1 out 0 1u\nC1 out 0 1n ic=1\n")
    assert tank.simulate("1u", "1n").t.size == 1001
    # 1001 samples of a time, a flux and a charge, four times over, in as many bytes but one.
    monkeypatch.setattr(
        "circuits._plan.os.sysconf", lambda name: {"SC_PAGE_SIZE": 1}.get(name, 95_999)
    )
    with pytest.raises(ValueError, match=r"more than the .* of this machine: stop earlier"):
        tank.simulate("1u", "1n")
    assert tank.simulate("1u", "1n", save_every=2).t.size == 501
