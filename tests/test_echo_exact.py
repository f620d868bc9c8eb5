"""The tangent echo is backpropagation: integrators, systems and costs, regular and chaotic.

`python -m benchmarks exactness` measures all combinations over 100,000 steps.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import physsim
from benchmarks import exactness
from benchmarks.exactness import SYSTEMS
from learning import ReversibleAdjoint
from learning._echo._echo import Echo
from learning._echo._estimator import Tangent
from learning._echo._way_back import gradient_on
from learning._problem import make_problem
from physsim import ExactReversal, StormerVerlet

STEPS = 300
PAIRS = [
    ("coupled LC", StormerVerlet()),
    pytest.param("gyrators", physsim.GaussLegendre4(), marks=pytest.mark.slow),
    ("gyrators", StormerVerlet()),
    ("junction lattice", ExactReversal(StormerVerlet())),
    pytest.param("junction lattice", physsim.PEFRL(), marks=pytest.mark.slow),
    ("not separable", physsim.ImplicitMidpoint()),
    ("not separable", physsim.Tao()),
    ("Duffing chain", physsim.SymplecticEuler()),
    ("Duffing chain", physsim.Compensated(StormerVerlet())),
    ("Duffing chain", physsim.SRKN6b()),
]


@pytest.mark.parametrize(("name", "solver"), PAIRS, ids=lambda x: getattr(x, "name", x))
def test_the_tangent_echo_is_backpropagation(name, solver):
    """By every kind of parameter, start, inputs (held, or a drive's parameters) and step."""
    found = exactness.errors(SYSTEMS[name](), solver, STEPS)
    print(name, solver.name, found)
    assert max(found.values()) <= 1e-10


def test_conserved_fluxes_have_derivatives():
    """The flux in the loop of two coils stays, and is a parameter: set by their currents."""
    system = SYSTEMS["coupled LC"]()
    names = system.H.parameter_names()
    assert {"L1.ic", "L2.ic"} <= set(names)
    _, found = ReversibleAdjoint()(
        system.H, StormerVerlet(), system.start, exactness.Mixed(jnp.ones(3)), dt=0.2,
        num_steps=STEPS, inputs=system.inputs(STEPS), targets=jnp.zeros(STEPS),
    )  # fmt: skip
    flat = np.concatenate([np.ravel(x) for x in jax.tree.leaves(found.params)])
    assert np.all(np.abs(flat[[names.index("L1.ic"), names.index("L2.ic")]]) > 1e-6)


def test_a_gyrator_against_finite_differences():
    """Its conductance turns what JAX has no derivative of: eigenvectors of a skew matrix."""
    system, at = SYSTEMS["gyrators"](), {"dt": 0.2, "num_steps": 50}
    at |= {"inputs": system.inputs(50), "targets": jnp.zeros(50)}
    cost = exactness.Mixed(jnp.ones(3))

    def run(H):
        return ReversibleAdjoint()(H, StormerVerlet(), system.start, cost, **at)

    where = lambda H: H.gyration  # noqa: E731
    _, found = run(system.H)
    moved = [eqx.tree_at(where, system.H, where(system.H) + d) for d in (1e-6, -1e-6)]
    slope = (float(run(moved[0])[0]) - float(run(moved[1])[0])) / 2e-6
    np.testing.assert_allclose(float(jnp.sum(where(found.params))), slope, rtol=1e-7)


def test_every_integrator_is_measured_or_refused():
    """None that the library offers is left out of the list that is measured."""
    names = {name for name in dir(physsim) if _is_method(getattr(physsim, name))}
    assert names == {type(solver).__name__ for solver in exactness.SOLVERS}


def _is_method(thing):
    return (
        isinstance(thing, type)
        and issubclass(thing, physsim.AbstractEchoSolver)
        and not thing.__name__.startswith("Abstract")
    )


def test_chaos():
    """On the grid exact; without it wrong altogether, and an error."""
    found = exactness.chaotic(2_000)
    print(found)
    assert found["grid"] <= 1e-9
    assert found["grid, start missed by"] == 0.0
    assert found["plain"] > 0.1


def test_the_way_back_is_exact_beside_its_tangent():
    """The echo's program holds more than the run's, and must round the state's steps alike.

    At this step, compiled together with the tangent, the way back was lost within 5,000 steps.
    """
    solver, steps, dt = ExactReversal(StormerVerlet()), 5_000, 0.5155
    cost = exactness.Mixed(jnp.array([1.0, 0.0, 0.0]))
    problem = make_problem(
        SYSTEMS["junction lattice"]().H, solver, exactness.excited(), cost, dt, steps, None,
        jnp.zeros(steps),
    )  # fmt: skip
    _, _, missed = gradient_on(problem, Echo(Tangent(), physsim.Parity()))
    assert float(missed) == 0.0


def test_a_missed_start_is_an_error():
    system = SYSTEMS["junction lattice"]()
    options = {"dt": 0.2, "num_steps": 2_000, "targets": jnp.zeros(2_000)}
    with pytest.raises(physsim.DivergenceError, match=r"missed the start.*ExactReversal"):
        ReversibleAdjoint()(
            system.H, StormerVerlet(), exactness.excited(), exactness.Mixed(jnp.ones(3)), **options
        )
