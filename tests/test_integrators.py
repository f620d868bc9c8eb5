"""Every integrator: its order with damping, drive and time dependence, its exact invariants."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import sympy

import physsim
from physsim import PhaseState

from .pace import mostly_slow
from .systems import pendulum
from .test_order import exact_pendulum, slope

SPLITTINGS = {
    "SymplecticEuler": physsim.SymplecticEuler(),
    "StormerVerlet": physsim.StormerVerlet(),
    "StormerVerlet, kick first": physsim.StormerVerlet(physsim.Flow.KICK),
    "PEFRL": physsim.PEFRL(),
    "McLachlan4": physsim.McLachlan4(),
    "BlanesMoan4": physsim.BlanesMoan4(),
    "Yoshida4": physsim.Yoshida4(),
    "SRKN6b": physsim.SRKN6b(),
    "BlanesMoan6": physsim.BlanesMoan6(),
    "Yoshida6": physsim.Yoshida6(),
    "SRKN11b": physsim.SRKN11b(),
    "SRKN14a": physsim.SRKN14a(),
    "Yoshida8": physsim.Yoshida8(),
    "KahanLi8": physsim.KahanLi8(),
}
IMPLICIT = {
    "ImplicitMidpoint": physsim.ImplicitMidpoint(),
    "GaussLegendre4": physsim.GaussLegendre4(),
    "GaussLegendre6": physsim.GaussLegendre6(),
    "KahanLi8 of midpoints": physsim.KahanLi8(physsim.ImplicitMidpoint()),
}
HARMONIC = {"ABA864": physsim.ABA864(), "ABA1064": physsim.ABA1064()}
TAO = {"Tao": physsim.Tao(2.0), "KahanLi8 of Tao": physsim.KahanLi8(physsim.Tao(2.0))}
ROUNDING = {
    "compensated": physsim.Compensated(physsim.SRKN11b()),
    "exact reversal": physsim.ExactReversal(physsim.SRKN11b()),
}
LOSSLESS = SPLITTINGS | IMPLICIT | HARMONIC | TAO | ROUNDING

# Steps over a time of about ten whose errors are asymptotic and well above rounding.
STEPS = {
    1: (1600, 2263, 3200),
    2: (226, 320, 453),
    4: (120, 170, 240),
    6: (34, 40, 48),
    8: (30, 35, 41),
}
OWN_STEPS = {
    "SRKN6b": (240, 300, 380),
    "SRKN14a": (30, 36, 43),
    "KahanLi8 of Tao": (50, 60, 72),
    "Yoshida8": (90, 107, 128),
}


def steps_of(name, solver):
    return OWN_STEPS.get(name, STEPS[solver.order])


def final_errors(H, solver, y0, t, steps, exact, inputs=None):
    errors = []
    for n in steps:
        options = {"dt": t / n, "num_steps": n, "save_every": n, "inputs": inputs}
        end = physsim.integrate(H, solver, y0, **options).final
        miss = np.concatenate([end.q, end.p]) - np.concatenate(np.atleast_1d(*exact))
        errors.append(np.linalg.norm(miss))
    return errors


@pytest.mark.parametrize("name", LOSSLESS)
def test_order_on_a_pendulum(name):
    solver, t = LOSSLESS[name], 11.0
    y0 = PhaseState(jnp.array([2.0]), jnp.array([0.0]))
    steps = steps_of(name, solver)
    errors = final_errors(pendulum(), solver, y0, t, steps, exact_pendulum(2.0, t))
    assert abs(slope(steps, errors) - solver.order) < 0.15, errors


Q, P, T, U = sympy.symbols("q:2"), sympy.symbols("p:2"), sympy.Symbol("t"), sympy.Symbol("u")
CONDUCTANCE = np.array([[0.3, -0.1], [-0.1, 0.2]])
RESISTANCE = np.array([[0.2, 0.05], [0.05, 0.02]])


def driven_pair(nonlinear):
    """Two oscillators with parametric pumping, an input and, perhaps, a quartic term."""
    energy = (P[0] ** 2 + P[1] ** 2 / sympy.Rational(3, 2)) / 2
    energy += (1 + sympy.cos(1.3 * T) * 3 / 10) * Q[0] ** 2 / 2 if nonlinear else Q[0] ** 2 / 2
    energy += (Q[0] - Q[1]) ** 2 / 3 + int(nonlinear) * Q[1] ** 4 / 8 - U * Q[1]
    return physsim.symbolic(energy, q=Q, p=P, u=[U], t=T if nonlinear else None)


def inputs(t):
    return jnp.sin(2 * t)[None]


def reference(H, y0, t):
    """An adaptive Runge-Kutta method of order 8 at the tightest tolerance it takes."""
    field = eqx.filter_jit(H.vector_field)

    def flat(t, x):
        u = np.concatenate([np.sin([2 * t]), [t]]) if H.has_clock else np.sin([2 * t])
        return np.concatenate(field(jnp.asarray(x[:2]), jnp.asarray(x[2:]), jnp.asarray(u)))

    start = np.concatenate([y0.q, y0.p])
    end = scipy.integrate.solve_ivp(flat, (0, t), start, "DOP853", rtol=3e-14, atol=1e-15).y[:, -1]
    return end[:2], end[2:]


@pytest.fixture(scope="module")
def pumped():
    """A damped, driven and time-dependent system, where it starts, and where it ends."""
    H = physsim.damped(driven_pair(True), conductance=CONDUCTANCE)
    y0 = PhaseState(jnp.array([0.7, -0.4]), jnp.array([0.2, 0.5]))
    return H, y0, reference(H, y0, 9.0)


@pytest.mark.parametrize(
    "name",
    mostly_slow(
        SPLITTINGS | IMPLICIT, ("StormerVerlet", "SRKN11b", "KahanLi8", "ImplicitMidpoint")
    ),
)
def test_order_with_damping_drive_and_time_dependence(name, pumped):
    solver = (SPLITTINGS | IMPLICIT)[name]
    H, y0, exact = pumped
    steps = steps_of(name, solver)
    errors = final_errors(H, solver, y0, 9.0, steps, exact, inputs)
    assert abs(slope(steps, errors) - solver.order) < 0.15, errors


@pytest.mark.parametrize("name", mostly_slow(HARMONIC | TAO, ("ABA864", "Tao")))
def test_order_with_drive_and_time_dependence_but_no_losses(name):
    """For the methods that refuse damping."""
    solver, H = (HARMONIC | TAO)[name], driven_pair(True)
    y0 = PhaseState(jnp.array([0.7, -0.4]), jnp.array([0.2, 0.5]))
    steps = steps_of(name, solver)
    errors = final_errors(H, solver, y0, 5.0, steps, reference(H, y0, 5.0), inputs)
    assert abs(slope(steps, errors) - solver.order) < 0.15, errors


@pytest.fixture(scope="module")
def series():
    H = physsim.damped(driven_pair(False), conductance=CONDUCTANCE, resistance=RESISTANCE)
    y0 = PhaseState(jnp.array([0.7, -0.4]), jnp.array([0.2, 0.5]))
    return H, y0, reference(H, y0, 9.0)


@pytest.mark.parametrize(
    "name",
    mostly_slow(("StormerVerlet", "BlanesMoan4", "BlanesMoan6", "KahanLi8"), ("StormerVerlet",)),
)
def test_order_with_losses_in_series(name, series):
    solver = SPLITTINGS[name]
    H, y0, exact = series
    steps = steps_of(name, solver)
    errors = final_errors(H, solver, y0, 9.0, steps, exact, inputs)
    assert abs(slope(steps, errors) - solver.order) < 0.15, errors


@pytest.mark.parametrize("name", TAO | IMPLICIT)
def test_order_where_q_and_p_mix(name):
    """H = (q^2 + 1)(p^2 + 1) / 2, whose motion is an elliptic function."""
    solver = (TAO | IMPLICIT)[name]
    q, p = sympy.symbols("q p")
    H = physsim.symbolic((q**2 + 1) * (p**2 + 1) / 2, q=[q], p=[p])
    y0 = PhaseState(jnp.array([0.0]), jnp.array([-0.8]))

    def field(t, x):
        return [(x[0] ** 2 + 1) * x[1], -x[0] * (x[1] ** 2 + 1)]

    options = {"rtol": 3e-14, "atol": 1e-15}
    end = scipy.integrate.solve_ivp(field, (0, 6), [0.0, -0.8], "DOP853", **options).y[:, -1]
    steps = steps_of(name, solver)
    errors = final_errors(H, solver, y0, 6.0, steps, (end[:1], end[1:]))
    assert abs(slope(steps, errors) - solver.order) < 0.15, errors


def duffing_pair():
    q, p = sympy.symbols("q:2"), sympy.symbols("p:2")
    energy = sum(x**2 for x in p) / 2 + sum(x**2 / 2 + x**4 / 8 for x in q) - q[0] * q[1] / 3
    return physsim.symbolic(energy, q=q, p=p)


@pytest.mark.parametrize("name", SPLITTINGS | IMPLICIT | HARMONIC)
def test_symplectic(name):
    solver = (SPLITTINGS | IMPLICIT | HARMONIC)[name]
    y = PhaseState(jnp.array([0.4, -0.2]), jnp.array([0.3, 0.6]))
    assert float(physsim.symplecticity_defect(duffing_pair(), solver, y, dt=0.4)) <= 1e-13


@pytest.mark.parametrize("name", SPLITTINGS)
def test_conformally_symplectic_when_damped(name):
    """G = rate M shrinks every area by exp(-rate dt), exactly."""
    H = physsim.damped(duffing_pair(), conductance=0.3)
    y = PhaseState(jnp.array([0.4, -0.2]), jnp.array([0.3, 0.6]))
    defect = physsim.symplecticity_defect(H, SPLITTINGS[name], y, dt=0.4, rate=0.3)
    assert float(defect) <= 1e-13
    assert float(physsim.symplecticity_defect(H, SPLITTINGS[name], y, dt=0.4)) > 1e-2


@pytest.mark.parametrize("name", sorted(LOSSLESS.keys() - TAO.keys() - {"SymplecticEuler"}))
def test_a_flip_of_the_momenta_reverses(name):
    y = PhaseState(jnp.array([0.4, -0.2]), jnp.array([0.3, 0.6]))
    miss = physsim.reversal_error(duffing_pair(), LOSSLESS[name], y, dt=0.2, num_steps=1000)
    assert float(miss) <= (0.0 if name == "exact reversal" else 1e-11)


def test_euler_is_reversed_by_its_adjoint():
    """Not palindromic, so the echo runs its substeps backwards."""
    y = PhaseState(jnp.array([0.4, -0.2]), jnp.array([0.3, 0.6]))
    solver = physsim.SymplecticEuler()
    assert not solver.palindromic
    assert float(physsim.reversal_error(duffing_pair(), solver, y, dt=0.2, num_steps=1000)) <= 1e-11


def test_harmonic_part_is_exact():
    """Without nonlinearity a step of ABA864 has no error, however long it is."""
    q, p = sympy.symbols("q:3"), sympy.symbols("p:3")
    energy = sum((i + 1) * x**2 for i, x in enumerate(p)) / 2 + (q[0] + 2 * q[1] - q[2]) ** 2
    H = physsim.symbolic(energy + q[0] ** 2 + q[1] ** 2, q=q, p=p)
    y0 = PhaseState(jnp.array([0.3, -0.2, 0.5]), jnp.array([0.1, 0.4, 0.0]))
    fine = physsim.integrate(H, physsim.SRKN14a(), y0, dt=0.02, num_steps=2000).final
    for solver in HARMONIC.values():
        coarse = physsim.integrate(H, solver, y0, dt=8.0, num_steps=5).final
        np.testing.assert_allclose(coarse.q, fine.q, atol=2e-11)
        np.testing.assert_allclose(coarse.p, fine.p, atol=2e-11)


def mixed_end(value, root):
    """Where a run of an energy with the parameter `value` ends."""
    q, p, k = sympy.symbols("q p k")
    H = physsim.symbolic((q**2 + 1) * (p**2 + k) / 2, q=[q], p=[p], params={k: 1.0})
    H = jax.tree.map(lambda _: value, H)
    y0 = PhaseState(jnp.array([0.3]), jnp.array([-0.8]))
    return physsim.integrate(H, physsim.GaussLegendre4(root), y0, dt=0.2, num_steps=20).final.q[0]


@pytest.mark.parametrize("root", [physsim.FixedPoint(), physsim.Newton()])
def test_implicit_steps_are_solved_to_rounding_and_differentiated(root):
    """Both iterations give the same state, and the derivative that differences give."""
    here, h = jnp.asarray(1.0), 1e-5
    np.testing.assert_allclose(mixed_end(here, root), mixed_end(here, physsim.Newton()), rtol=1e-13)
    difference = (mixed_end(here + h, root) - mixed_end(here - h, root)) / (2 * h)
    end = lambda value: mixed_end(value, root)  # noqa: E731
    np.testing.assert_allclose(jax.grad(end)(here), difference, rtol=1e-8)
    np.testing.assert_allclose(jax.jvp(end, (here,), (jnp.ones(()),))[1], difference, rtol=1e-8)


def test_an_unsolved_implicit_step_says_so():
    q, p = sympy.symbols("q p")
    H = physsim.symbolic((q**2 + 1) * (p**2 + 1) / 2, q=[q], p=[p])
    y0 = PhaseState(jnp.array([3.0]), jnp.array([2.0]))
    with pytest.raises(
        physsim.DivergenceError, match=r"not solved to rounding.*root=physsim\.Newton\(\) in P"
    ):
        physsim.integrate(H, physsim.ImplicitMidpoint(), y0, dt=1.0, num_steps=3)


def test_refusals():
    mixed = physsim.symbolic(Q[0] * P[0], q=Q[:1], p=P[:1])
    quartic = physsim.symbolic(P[0] ** 4 + Q[0] ** 2, q=Q[:1], p=P[:1])
    lossy = physsim.damped(duffing_pair(), conductance=0.1)
    in_series = physsim.damped(driven_pair(False), resistance=0.1)
    y1, y2 = (PhaseState(jnp.ones(n), jnp.ones(n)) for n in (1, 2))
    cases = (
        (mixed, physsim.SRKN11b(), y1, "separable"),
        (quartic, physsim.SRKN14a(), y1, "quadratic"),
        (in_series, physsim.SRKN11b(), y2, "losses in the kick"),
        (lossy, physsim.ABA864(), y2, "without losses"),
        (lossy, physsim.Tao(), y2, "lossless"),
        (lossy, physsim.ExactReversal(physsim.SRKN11b()), y2, "damped"),
    )
    for H, solver, y, message in cases:
        with pytest.raises(ValueError, match=message):
            physsim.integrate(H, solver, y, dt=0.1, num_steps=1, inputs=None)
    with pytest.raises(ValueError, match="palindromic"):
        physsim.ExactReversal(physsim.SymplecticEuler())
    with pytest.raises(ValueError, match="palindromic method of order 2"):
        physsim.KahanLi8(physsim.Yoshida4())
    with pytest.raises(ValueError, match="copies"):
        physsim.Tao().check_reversible(duffing_pair())
    with pytest.raises(ValueError, match="integrator such as"):
        physsim.check_solver(physsim.SRKN11b)


def test_the_default_method_fits_and_says_why():
    mixed = physsim.symbolic(Q[0] * P[0], q=Q[:1], p=P[:1])
    quartic = physsim.symbolic(P[0] ** 4 + Q[0] ** 2, q=Q[:1], p=P[:1])
    in_series = physsim.damped(driven_pair(False), resistance=0.1)
    cases = (
        (mixed, physsim.GaussLegendre4, "mixes"),
        (quartic, physsim.BlanesMoan6, "not quadratic"),
        (in_series, physsim.BlanesMoan6, "losses"),
        (duffing_pair(), physsim.SRKN11b, "quadratic"),
    )
    for H, method, word in cases:
        solver, reason = physsim.default_solver(H)
        assert isinstance(solver, method) and word in reason
        solver.check(H)


def test_new_numbers_do_not_trace_again():
    """A Hamiltonian rebuilt with other parameters, and another start and step, run at once."""
    q, p, k = sympy.symbols("q p k")
    solver = physsim.SRKN11b()

    @eqx.filter_jit
    @eqx.debug.assert_max_traces(max_traces=1)
    def end(H, y0, dt):
        return physsim.integrate(H, solver, y0, dt=dt, num_steps=10, throw=False).final

    for value in (1.0, 2.0, 3.0):
        H = physsim.symbolic(p**2 / 2 + k * q**2 / 2, q=[q], p=[p], params={k: value})
        y0 = PhaseState(jnp.array([value]), jnp.zeros(1))
        exact = value * np.cos(np.sqrt(value) * 0.1 * 10)
        np.testing.assert_allclose(end(H, y0, jnp.asarray(0.1)).q[0], exact, rtol=1e-9)
