"""Echoes of lossy, magnetic and gyrating systems, and of methods that are no palindromes."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy

import circuits
import learning
import physsim
from learning import BPTT, RHEL, ReversibleAdjoint
from physsim import PhaseState

from .pace import mostly_slow

STEPS = 60


class Cost(eqx.Module):
    """Quadratic, reads momenta, and depends on a parameter."""

    weight: float = eqx.field(static=True, default=1.0)

    def __call__(self, H, y, u, target):
        first = jax.tree.leaves(H)[0]
        return self.weight * (
            (y.q[0] - target) ** 2 + 0.3 * y.p[-1] * y.q[-1] + 0.1 * jnp.sum(first) * y.p[0]
        )


def chain(n=3):
    q, p = sympy.symbols(f"q:{n}"), sympy.symbols(f"p:{n}")
    m, k, beta = sympy.symbols("m k beta")
    energy = sum(x**2 for x in p) / (2 * m) + sum(x**2 / 2 + beta * x**4 / 4 for x in q)
    energy += sum(k * (a - b) ** 2 / 2 for a, b in zip(q[1:], q[:-1], strict=True))
    return physsim.symbolic(energy, q=q, p=p, params={m: 0.8, k: 0.5, beta: 0.3})


def magnetic():
    """A charge in a field: odd in b together with the momenta."""
    (x, y), (px, py), (b, k) = (sympy.symbols(s) for s in ("x y", "p_x p_y", "b k"))
    energy = ((px + b * y / 2) ** 2 + (py - b * x / 2) ** 2) / 2 + k * (x**2 + 2 * y**2) / 2
    energy += x**4 / 8
    return physsim.symbolic(energy, q=[x, y], p=[px, py], params={b: 0.7, k: 1.1})


def start(n):
    return PhaseState(jnp.linspace(0.6, -0.3, n), jnp.linspace(0.1, 0.4, n))


def both(method, H, solver, y0, dt, cost=None, **options):
    options = {"dt": dt, "num_steps": STEPS, "targets": jnp.linspace(-1, 1, STEPS), **options}
    cost = Cost() if cost is None else cost
    value, found = method(H, solver, y0, cost, **options)
    expected, exact = BPTT()(H, solver, y0, cost, **options)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    return found, exact


def distance(found, exact):
    """The largest difference, of the largest entry."""
    pairs = zip(jax.tree.leaves(found), jax.tree.leaves(exact), strict=True)
    size = max(float(jnp.max(jnp.abs(x), initial=0.0)) for x in jax.tree.leaves(exact))
    return max(float(jnp.max(jnp.abs(a - b), initial=0.0)) for a, b in pairs) / size


MATRIX = np.array([[0.3, 0.1, 0.0], [0.1, 0.2, -0.05], [0.0, -0.05, 0.1]])


@pytest.mark.parametrize(
    "losses", [{"conductance": 0.1}, {"conductance": MATRIX}], ids=["uniform", "matrix"]
)
@pytest.mark.parametrize(
    "solver",
    [pytest.param(physsim.SRKN6b(), marks=pytest.mark.slow), physsim.StormerVerlet()],
    ids=lambda s: s.name,
)
def test_reversible_adjoint_of_lossy_systems(losses, solver):
    H = physsim.damped(chain(), **losses)
    found, exact = both(ReversibleAdjoint(), H, solver, start(3), 0.2)
    assert distance(found, exact) <= 1e-10


@pytest.mark.slow
def test_reversible_adjoint_of_series_losses():
    q, p, k = sympy.symbols("q p k")
    H = physsim.symbolic(p**2 / 2 + k * q**2 / 2, q=[q], p=[p], params={k: 1.3})
    H = physsim.damped(H, resistance=0.2, conductance=0.1)
    found, exact = both(ReversibleAdjoint(), H, physsim.Yoshida4(), start(1), 0.2)
    assert distance(found, exact) <= 1e-10


def linear_cost(H, y, u, target):
    """Both echoes get the same nudges, so that there is no bias of order epsilon^2."""
    return target * (y.q[0] + 0.5 * y.p[-1])


def uniformly_damped():
    q, p = sympy.symbols("q:2"), sympy.symbols("p:2")
    m, k = sympy.symbols("m k")
    energy = sum(x**2 for x in p) / (2 * m) + k * (q[0] - q[1]) ** 2 / 2 + q[0] ** 2 / 2
    H = physsim.symbolic(energy, q=q, p=p, params={m: 0.8, k: 0.5})
    return physsim.damped(H, conductance=0.1)


def test_literal_echo_with_gain():
    found, exact = both(
        RHEL(gain=True), uniformly_damped(), physsim.StormerVerlet(), start(2), 0.2, linear_cost
    )
    assert distance(found.params.H, exact.params.H) <= 1e-8
    assert distance(found.y0, exact.y0) <= 1e-8


def modally_damped():
    """Losses in proportion to the stiffness: each mode has a rate of its own."""
    q, p = sympy.symbols("q:2"), sympy.symbols("p:2")
    m, k = sympy.symbols("m k")
    energy = sum(x**2 for x in p) / (2 * m) + k * (q[0] - q[1]) ** 2 / 2 + q[0] ** 2 / 2
    H = physsim.symbolic(energy, q=q, p=p, params={m: 0.8, k: 0.5})
    return physsim.damped(H, conductance=0.1 * np.array([[1.5, -0.5], [-0.5, 0.5]]))


@pytest.mark.parametrize(
    "build", mostly_slow([uniformly_damped, modally_damped], [uniformly_damped])
)
def test_an_echo_with_gain_is_exact(build):
    """Where nudges are fixed and the system is linear there is no bias, so epsilon may be large."""
    method = RHEL(0.1, gain=True)
    found, exact = both(method, build(), physsim.StormerVerlet(), start(2), 0.2, linear_cost)
    print(build.__name__, distance(found, exact))
    assert distance(found, exact) <= 1e-10


def test_literal_echo_without_gain_is_biased_by_the_losses():
    """The bias falls with the losses: in proportion to gamma T where that is small."""
    biases = []
    for gamma in (0.02, 0.01):
        H = physsim.damped(uniformly_damped().H, conductance=gamma)
        found, exact = both(
            RHEL(gain=False), H, physsim.StormerVerlet(), start(2), 0.2, linear_cost
        )
        biases.append(distance(found.params.H, exact.params.H))
    assert 1e-3 < biases[1] < biases[0]
    np.testing.assert_allclose(biases[0] / biases[1], 2.0, atol=0.3)


def test_lossy_systems_are_refused_by_name():
    with pytest.raises(ValueError, match=r"lossy \(conductance at q0.*RHEL\(gain=True\)"):
        RHEL()(
            physsim.damped(chain(), conductance=0.1),
            physsim.StormerVerlet(),
            start(3),
            Cost(),
            dt=0.1,
            num_steps=4,
            targets=jnp.zeros(4),
        )


@pytest.mark.parametrize(
    "method", [ReversibleAdjoint(), RHEL(epsilon=1e-5)], ids=["tangent", "two"]
)
def test_magnetic_field_is_reversed(method):
    H = magnetic()
    assert H.parity.params == ("b",)
    cost = Cost() if isinstance(method, ReversibleAdjoint) else linear_cost
    found, exact = both(method, H, physsim.GaussLegendre4(), start(2), 0.1, cost)
    assert distance(found, exact) <= (1e-10 if isinstance(method, ReversibleAdjoint) else 1e-7)


@pytest.mark.parametrize("odd", [("b",), ("b", "k"), ()])
def test_a_declared_parity_has_to_leave_the_energy(odd):
    """That of `magnetic` is odd in b alone."""
    method, H = ReversibleAdjoint(parity=physsim.Parity(odd)), magnetic()
    if odd == ("b",):
        method.check(H, physsim.GaussLegendre4())
        return
    with pytest.raises(ValueError, match="changes the energy from"):
        method.check(H, physsim.GaussLegendre4())


def test_energies_without_parity_are_refused():
    q, p = sympy.symbols("q p")
    H = physsim.symbolic(p**2 / 2 + p**3 / 10 + q**2 / 2, q=[q], p=[p])
    with pytest.raises(ValueError, match=r"p\*\*3/10 of the energy is not the same"):
        ReversibleAdjoint()(
            H, physsim.StormerVerlet(), start(1), linear_cost, dt=0.1, num_steps=4,
            targets=jnp.zeros(4),
        )  # fmt: skip


def test_methods_that_are_no_palindromes_run_their_adjoint_order():
    found, exact = both(ReversibleAdjoint(), chain(), physsim.SymplecticEuler(), start(3), 0.1)
    assert distance(found, exact) <= 1e-10


@pytest.mark.parametrize(
    ("estimator", "bound"),
    [(learning.OneSided, 1e-4), (learning.TwoSided, 1e-8), (learning.ComplexStep, 1e-10)],
)
def test_estimators(estimator, bound):
    method = RHEL(estimator=estimator)
    found, exact = both(method, chain(), physsim.StormerVerlet(), start(3), 0.2, linear_cost)
    assert distance(found, exact) <= bound


LOSSY = """a lossy filter, driven
V1 in 0 SIN(0 1 4meg)
R1 in a 50
C1 a 0 1n
L1 a b 1u
R2 b c 2
C2 c 0 1n
R3 c 0 200
K1 L1 L2 0.4
L2 d 0 2u
C3 d 0 1n
"""


@pytest.mark.slow
def test_circuits_with_resistors_train():
    """Every resistance, coupling, inductance and capacitance against backpropagation."""
    circuit = circuits.loads(LOSSY)
    readout = circuit.readout("v(c)")
    found, exact = both(
        ReversibleAdjoint(),
        circuit.hamiltonian,
        physsim.Yoshida4(),
        circuit.initial_state,
        5e-9 / circuit.scales.time,
        lambda H, y, u, target: (readout(H, y, u) - target) ** 2,
        inputs=circuit.drive,
    )
    assert distance(found.params, exact.params) <= 1e-9
    names = circuit.hamiltonian.parameter_names()
    flat = np.concatenate([np.ravel(x) for x in jax.tree.leaves(exact.params)])
    assert {"R1.R", "R2.R", "R3.R", "K1.k", "L1.L", "C3.C"} <= set(names)
    assert np.all(flat[[names.index(n) for n in ("R1.R", "R2.R", "K1.k", "L2.L")]] != 0)
