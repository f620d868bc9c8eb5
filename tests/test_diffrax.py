"""Methods as solvers of diffrax: the same bits, dense output, events, reversed gradients."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optimistix
import pytest
import sympy

import physsim
from physsim import DiffraxReversibleAdjoint, DiffraxSolver, PhaseState, diffrax_term

from .systems import duffing_chain, pendulum

SPLITTINGS = [
    physsim.StormerVerlet(),
    physsim.StormerVerlet(first=physsim.Flow.KICK),
    physsim.SymplecticEuler(),
    physsim.Yoshida4(),
    physsim.BlanesMoan6(),
    physsim.SRKN11b(),
    physsim.KahanLi8(),
    physsim.Compensated(physsim.SRKN6b()),
    physsim.ExactReversal(physsim.Yoshida4()),
    physsim.ABA864(),
]
OTHERS = [physsim.GaussLegendre4(), physsim.ImplicitMidpoint(), physsim.Tao()]
DT = 0.1


class Sine(eqx.Module):
    """A drive with a parameter."""

    amplitude: jax.Array

    def __call__(self, t):
        return (self.amplitude * jnp.sin(3.0 * t))[None]


@pytest.fixture
def ranks_promote():
    with jax.numpy_rank_promotion("allow"):
        yield


def in_precision(tree, dtype):
    return jax.tree.map(lambda x: x.astype(dtype) if eqx.is_inexact_array(x) else x, tree)


def solve(term, solver, y0, steps, *, start=0, **options):
    """diffeqsolve on a clock that counts steps, in the precision of the state."""
    number = y0.q.dtype.type
    return diffrax.diffeqsolve(
        term, DiffraxSolver(solver), number(start), number(start + steps), number(1), y0, **options
    )


def both(solver, dtype, inputs, steps=40):
    """(states of diffrax, states of integrate) after each step."""
    case = duffing_chain(steps)
    held = {"held": case.inputs, "sampled": Sine(jnp.asarray(0.3))}[inputs]
    H, y0, u = in_precision((case.H, case.y0, held), dtype)
    raw = physsim.integrate(H, solver, y0, dt=DT, num_steps=steps, inputs=u).ys
    saved = diffrax.SaveAt(steps=True)
    term = diffrax_term(H, solver, dt=DT, inputs=u)
    ours = solve(term, solver, y0, steps, saveat=saved, max_steps=steps).ys
    assert ours.q.dtype == dtype
    return ours, PhaseState(raw.q[1:], raw.p[1:])


@pytest.mark.usefixtures("ranks_promote")
@pytest.mark.parametrize(
    ("dtype", "inputs"),
    [(np.float64, "held"), pytest.param(np.float32, "sampled", marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("solver", SPLITTINGS, ids=lambda s: s.name)
def test_splittings_are_the_raw_loop_to_the_bit(solver, dtype, inputs):
    ours, raw = both(solver, dtype, inputs)
    np.testing.assert_array_equal(ours.q, raw.q)
    np.testing.assert_array_equal(ours.p, raw.p)


@pytest.mark.parametrize("solver", OTHERS, ids=lambda s: s.name)
def test_other_methods_are_the_raw_loop_to_rounding(solver):
    ours, raw = both(solver, np.float64, "held")
    np.testing.assert_allclose(ours.q, raw.q, rtol=0, atol=1e-14)
    np.testing.assert_allclose(ours.p, raw.p, rtol=0, atol=1e-14)


def test_without_inputs_and_as_a_pair():
    H, y0 = pendulum(), PhaseState(jnp.ones(1), jnp.zeros(1))
    solver = physsim.SRKN11b()
    raw = physsim.integrate(H, solver, y0, dt=DT, num_steps=50).final
    term = diffrax_term(H, solver, dt=DT)
    q, p = diffrax.diffeqsolve(term, DiffraxSolver(solver), 0, 50, 1, (y0.q, y0.p)).ys
    np.testing.assert_array_equal(q[-1], raw.q)
    np.testing.assert_array_equal(p[-1], raw.p)


def swing(t):
    """A pendulum whose support shakes: time is a symbol of the energy."""
    q, p = sympy.symbols("q p")
    return physsim.symbolic(p**2 / 2 - (1 + sympy.sin(t) / 3) * sympy.cos(q), q=[q], p=[p], u=[t])


@pytest.mark.slow
def test_the_time_as_time():
    """Without dt, t is the time; steps may be adapted."""
    H, y0 = swing(sympy.symbols("t")), PhaseState(jnp.ones(1), jnp.zeros(1))
    solver, inputs = physsim.SRKN11b(), lambda t: t[None]
    exact = physsim.integrate(H, solver, y0, dt=0.02, num_steps=250, inputs=inputs).final
    term = diffrax_term(H, solver, inputs=inputs)
    fixed = diffrax.diffeqsolve(term, DiffraxSolver(solver), 0.0, 5.0, 0.1, y0).ys
    np.testing.assert_allclose(fixed.q[-1], exact.q, atol=1e-8)
    half = diffrax.HalfSolver(DiffraxSolver(solver))
    controller = diffrax.PIDController(rtol=1e-9, atol=1e-9)
    adapted = diffrax.diffeqsolve(term, half, 0.0, 5.0, 0.1, y0, stepsize_controller=controller)
    np.testing.assert_allclose(adapted.ys.q[-1], exact.q, atol=1e-8)
    assert adapted.stats["num_steps"] != 50
    # The same term is an ODE for diffrax's own solvers.
    other = diffrax.diffeqsolve(
        term, diffrax.Dopri8(), 0.0, 5.0, 0.1, (y0.q, y0.p), stepsize_controller=controller
    )
    np.testing.assert_allclose(other.ys[0][-1], exact.q, atol=1e-8)


@pytest.mark.parametrize("solver", [physsim.StormerVerlet(), physsim.Tao()], ids=lambda s: s.name)
def test_back_in_time(solver):
    """From t0 = N to t1 = 0 a palindromic method retraces its run, inputs included."""
    case = duffing_chain(50)
    term = diffrax_term(case.H, solver, dt=DT, inputs=case.inputs)
    end = solve(term, solver, case.y0, 50).ys
    end = jax.tree.map(lambda x: x[-1], end)
    back = diffrax.diffeqsolve(term, DiffraxSolver(solver), 50.0, 0.0, -1.0, end).ys
    # Tao's copies have parted by then, and start as one.
    tolerance = 1e-13 if isinstance(solver, physsim.StormerVerlet) else 0.1
    np.testing.assert_allclose(back.q[-1], case.y0.q, atol=tolerance)


@pytest.mark.slow
def test_dense_output_is_of_order_three_at_least():
    H, y0 = pendulum(), PhaseState(jnp.ones(1), jnp.zeros(1))
    solver, errors = physsim.Yoshida6(), []
    fine = physsim.integrate(H, solver, y0, dt=0.0125, num_steps=320).ys
    for every in (8, 16):
        dt, steps = 0.0125 * every, 320 // every
        term = diffrax_term(H, solver, dt=dt)
        solution = solve(
            term, solver, y0, steps, max_steps=steps, saveat=diffrax.SaveAt(dense=True)
        )
        between = jnp.arange(321) / every
        ys = jax.vmap(solution.evaluate)(between)
        at = solve(term, solver, y0, steps, max_steps=steps, saveat=diffrax.SaveAt(ts=between)).ys
        np.testing.assert_allclose(at.q, ys.q, atol=1e-13)
        errors.append(float(jnp.max(jnp.abs(ys.q - fine.q))))
    at = solve(term, solver, y0, steps, saveat=diffrax.SaveAt(ts=between)).ys
    np.testing.assert_allclose(at.q, ys.q, atol=1e-13)
    order = np.log2(errors[1] / errors[0])
    assert order > 3.0, order


def test_dense_output_of_held_inputs_and_modes(ranks_promote):
    case, solver = duffing_chain(20), physsim.ABA864()
    term = diffrax_term(case.H, solver, dt=0.05, inputs=case.inputs)
    solution = solve(
        term, solver, case.y0, 20, max_steps=20, saveat=diffrax.SaveAt(dense=True, steps=True)
    )
    halfway = solution.evaluate(7.5)
    rows = jnp.repeat(case.inputs, 2, axis=0)
    fine = physsim.integrate(case.H, solver, case.y0, dt=0.025, num_steps=40, inputs=rows)
    np.testing.assert_allclose(halfway.q, fine.ys.q[15], atol=1e-5)
    np.testing.assert_allclose(halfway.p, fine.ys.p[15], atol=1e-5)


def test_events():
    """A pendulum passes the bottom after a quarter of its period."""
    H, y0 = pendulum(), PhaseState(jnp.full(1, 1e-3), jnp.zeros(1))
    solver = physsim.SRKN11b()
    event = diffrax.Event(
        lambda t, y, args, **_: y.q[0], root_finder=optimistix.Newton(1e-10, 1e-10)
    )
    solution = solve(diffrax_term(H, solver, dt=DT), solver, y0, 100, event=event)
    assert solution.result == diffrax.RESULTS.event_occurred
    np.testing.assert_allclose(solution.ts[-1] * DT, np.pi / 2, rtol=1e-5)


def test_progress_meter(capfd):
    H, y0 = pendulum(), PhaseState(jnp.ones(1), jnp.zeros(1))
    solver = physsim.StormerVerlet()
    meter = diffrax.TextProgressMeter()
    solve(diffrax_term(H, solver, dt=DT), solver, y0, 50, progress_meter=meter)
    jax.effects_barrier()
    assert "100" in capfd.readouterr().out


def test_a_jump_starts_a_method_anew():
    """What a method carries follows the state after a jump."""
    case, solver = duffing_chain(10), physsim.Compensated(physsim.StormerVerlet())
    term = diffrax_term(case.H, solver, dt=DT, inputs=case.inputs)
    ours = DiffraxSolver(solver)
    arguments = (term, jnp.asarray(0.0), jnp.asarray(1.0))
    state = ours.init(*arguments, case.y0, None)
    other = PhaseState(case.y0.q + 1.0, case.y0.p)
    fresh = ours.step(*arguments, other, None, ours.init(*arguments, other, None), False)[0]
    jumped = ours.step(*arguments, other, None, state, jnp.asarray(True))[0]
    kept = ours.step(*arguments, other, None, state, jnp.asarray(False))[0]
    np.testing.assert_array_equal(fresh.q, jumped.q)
    assert np.max(np.abs(kept.q - fresh.q)) > 0.5


def test_float32_takes_every_step():
    """As many steps as asked for, on a clock whose last steps are within rounding of its end."""
    H, y0 = in_precision((pendulum(), PhaseState(jnp.ones(1), jnp.zeros(1))), np.float32)
    solver = physsim.StormerVerlet()
    term = diffrax_term(H, solver, dt=DT)
    for steps, start in ((100_000, 0), (131_072, 0), (1_000_000, -1_000_000)):
        term = diffrax_term(H, solver, dt=DT, start=start)
        solution = solve(term, solver, y0, steps, start=start, max_steps=None)
        raw = physsim.integrate(H, solver, y0, dt=DT, num_steps=steps, save_every=steps).final
        assert solution.stats["num_steps"] == steps
        np.testing.assert_array_equal(solution.ys.q[-1], raw.q)
        np.testing.assert_array_equal(solution.ys.p[-1], raw.p)


def test_clocks_that_do_not_count_steps_give_nan():
    H, y0 = in_precision((pendulum(), PhaseState(jnp.ones(1), jnp.zeros(1))), np.float32)
    solver = physsim.StormerVerlet()
    term = diffrax_term(H, solver, dt=DT)
    merged = solve(term, solver, y0, 200_000, max_steps=None)
    assert merged.stats["num_steps"] < 200_000 and np.isnan(merged.ys.q[-1, 0])
    clock = (np.float32(x) for x in (0.0, 5.0, 0.5))
    halves = diffrax.diffeqsolve(term, DiffraxSolver(solver), *clock, y0)
    assert np.isnan(halves.ys.q[-1, 0])
    case = duffing_chain(10)
    short = diffrax_term(case.H, solver, dt=DT, inputs=case.inputs)
    assert np.isnan(solve(short, solver, case.y0, 11).ys.q[-1]).all()


def loss(variables, solver, adjoint, steps=50):
    H, y0, inputs, dt = variables
    term = diffrax_term(H, solver, dt=dt, inputs=inputs)
    y = solve(term, solver, y0, steps, adjoint=adjoint, max_steps=steps).ys
    return jnp.sum(y.q**3) + jnp.sum(y.p * jnp.arange(3.0)[None])


@pytest.mark.usefixtures("ranks_promote")
@pytest.mark.parametrize(
    ("solver", "inputs"),
    [
        pytest.param(physsim.SRKN6b(), "held", marks=pytest.mark.slow),
        (physsim.Compensated(physsim.StormerVerlet()), "sampled"),
        pytest.param(physsim.ImplicitMidpoint(), "held", marks=pytest.mark.slow),
        pytest.param(physsim.KahanLi8(), "sampled", marks=pytest.mark.slow),
        pytest.param(physsim.Tao(), "held", marks=pytest.mark.slow),
        pytest.param(physsim.ABA864(), "sampled", marks=pytest.mark.slow),
    ],
    ids=lambda x: getattr(x, "name", x),
)
def test_gradients_by_stepping_back_are_those_of_backpropagation(solver, inputs):
    """By parameters, the start, inputs and dt."""
    case = duffing_chain(50)
    u = case.inputs if inputs == "held" else Sine(jnp.asarray(0.3))
    variables = (case.H, case.y0, u, jnp.asarray(DT))
    gradient = eqx.filter_jit(eqx.filter_grad(loss))
    ours = gradient(variables, solver, DiffraxReversibleAdjoint())
    exact = gradient(variables, solver, diffrax.RecursiveCheckpointAdjoint())
    assert jax.tree.structure(ours) == jax.tree.structure(exact)
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(exact), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def temporary_bytes(steps, adjoint):
    H, y0 = pendulum(), PhaseState(jnp.ones(1), jnp.zeros(1))
    solver = physsim.StormerVerlet()

    def end(H, y0):
        term = diffrax_term(H, solver, dt=jnp.asarray(DT))
        return jnp.sum(solve(term, solver, y0, steps, adjoint=adjoint, max_steps=steps).ys.q)

    compiled = eqx.filter_jit(eqx.filter_grad(lambda x: end(*x))).lower((H, y0)).compile()
    return compiled.compiled.memory_analysis().temp_size_in_bytes


@pytest.mark.slow
def test_memory_does_not_grow_with_the_run():
    adjoint = DiffraxReversibleAdjoint()
    assert temporary_bytes(1_000, adjoint) == temporary_bytes(10_000, adjoint)
    adjoint = diffrax.RecursiveCheckpointAdjoint()
    assert temporary_bytes(1_000, adjoint) < temporary_bytes(10_000, adjoint)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"saveat": diffrax.SaveAt(steps=True)}, r"SaveAt\(t1=True\)"),
        ({"saveat": diffrax.SaveAt(ts=jnp.ones(1))}, r"SaveAt\(t1=True\)"),
        ({"solver": physsim.SymplecticEuler()}, "palindromic"),
        ({"dt": None}, "counts steps"),
        ({"event": diffrax.Event(lambda t, y, args, **_: y.q[0])}, "events"),
        ({"stepsize_controller": diffrax.StepTo(jnp.arange(11.0))}, "ConstantStepSize"),
        ({"H": "damped"}, "lossless"),
    ],
)
def test_what_cannot_be_stepped_back(change, message):
    options = {"solver": physsim.StormerVerlet(), "dt": DT, "H": pendulum()} | change
    H, solver, dt = (options.pop(name) for name in ("H", "solver", "dt"))
    H = physsim.damped(pendulum(), conductance=0.1) if H == "damped" else H
    y0 = PhaseState(jnp.ones(1), jnp.zeros(1))
    dt0 = None if "stepsize_controller" in options else 1.0
    with pytest.raises(ValueError, match=message):
        diffrax.diffeqsolve(
            diffrax_term(H, solver, dt=dt), DiffraxSolver(solver), 0.0, 10.0, dt0, y0,
            adjoint=DiffraxReversibleAdjoint(), **options,
        )  # fmt: skip


def test_arguments_that_do_not_fit():
    case, solver = duffing_chain(10), physsim.StormerVerlet()
    with pytest.raises(ValueError, match="need dt"):
        diffrax_term(case.H, solver, inputs=case.inputs)
    with pytest.raises(ValueError, match="has inputs u"):
        diffrax_term(case.H, solver, dt=DT)
    with pytest.raises(ValueError, match="dt must be positive"):
        diffrax_term(case.H, solver, dt=-DT, inputs=case.inputs)
    hot = physsim.damped(pendulum(), conductance=0.1, temperature=1.0)
    with pytest.raises(ValueError, match="temperature"):
        diffrax_term(hot, solver, dt=DT)
    term = diffrax_term(case.H, solver, dt=DT, inputs=case.inputs)
    with pytest.raises(ValueError, match="made for StormerVerlet"):
        solve(term, physsim.SRKN11b(), case.y0, 10)
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        solve(term, solver, PhaseState(jnp.ones(2), jnp.ones(2)), 10)
    with pytest.raises(ValueError, match="PhaseState"):
        diffrax.diffeqsolve(term, DiffraxSolver(solver), 0.0, 10.0, 1.0, jnp.ones(3))
