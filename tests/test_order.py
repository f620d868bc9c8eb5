"""Order of convergence, by regression against exact solutions."""

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
import scipy.special

import circuits
import physsim
from physsim import PhaseState

from .systems import SOLVERS, pendulum

# Steps an error of which is well above rounding and in the asymptotic regime, a method.
STEPS = {
    "StormerVerlet": [160, 226, 320, 453],
    "Yoshida4": [160, 226, 320, 453],
    "SRKN11b": [28, 34, 40, 48],
}


def slope(steps, errors):
    return -np.polyfit(np.log(steps), np.log(errors), 1)[0]


def exact_linear(H, y0, t):
    """The matrix exponential of the linear flow."""
    n = y0.q.size
    u = jnp.zeros(0)
    zero = jnp.zeros(n)
    columns = []
    for x in np.eye(2 * n):
        velocity, force = H.vector_field(jnp.asarray(x[:n]) + zero, jnp.asarray(x[n:]), u)
        columns.append(np.concatenate([velocity, force]))
    x = scipy.linalg.expm(np.array(columns).T * t) @ np.concatenate([y0.q, y0.p])
    return x[:n], x[n:]


def exact_pendulum(q0, t):
    """Release from rest at q0: q = 2 asin(k cd(t)), with k = sin(q0 / 2)."""
    k = np.sin(q0 / 2)
    sn, cn, dn, _ = scipy.special.ellipj(t, k**2)
    return 2 * np.arcsin(k * cn / dn), -2 * k * np.sqrt(1 - k**2) * sn / dn


@pytest.mark.parametrize("name", SOLVERS)
def test_linear_network(name):
    circuit = circuits.Circuit(circuits.ladder(5))
    H, y0, t = circuit.hamiltonian, circuit.y0, 8.0
    q, p = exact_linear(H, y0, t)
    errors = []
    for steps in STEPS[name]:
        end = physsim.integrate(H, SOLVERS[name], y0, dt=t / steps, num_steps=steps).final
        errors.append(max(np.max(np.abs(end.q - q)), np.max(np.abs(end.p - p))))
    order = SOLVERS[name].tableau.order
    assert abs(slope(STEPS[name], errors) - order) < 0.1, errors


@pytest.mark.parametrize("name", SOLVERS)
def test_pendulum(name):
    H, t = pendulum(), 11.0
    y0 = PhaseState(jnp.array([2.0]), jnp.array([0.0]))
    q, p = exact_pendulum(2.0, t)
    errors = []
    for steps in STEPS[name]:
        end = physsim.integrate(H, SOLVERS[name], y0, dt=t / steps, num_steps=steps).final
        errors.append(np.hypot(float(end.q[0]) - q, float(end.p[0]) - p))
    order = SOLVERS[name].tableau.order
    assert abs(slope(STEPS[name], errors) - order) < 0.1, errors


def driven_oscillator(t):
    """q'' = -q + sin(2 t) from rest: q = (2 sin t - sin 2t) / 3."""
    return (2 * np.sin(t) - np.sin(2 * t)) / 3


@pytest.mark.parametrize("name", SOLVERS)
def test_callable_inputs_are_sampled_at_the_stages(name):
    """The order survives a drive, so its times follow the drifts."""
    import sympy

    q, p, u = sympy.symbols("q p u")
    H = physsim.symbolic(p**2 / 2 + q**2 / 2 - u * q, q=[q], p=[p], u=[u])
    y0, t = PhaseState(jnp.zeros(1), jnp.zeros(1)), 9.0
    errors = []
    for steps in STEPS[name]:
        end = physsim.integrate(
            H,
            SOLVERS[name],
            y0,
            dt=t / steps,
            num_steps=steps,
            inputs=lambda t: jnp.sin(2 * t)[None],
        ).final
        errors.append(abs(float(end.q[0]) - driven_oscillator(t)))
    order = SOLVERS[name].tableau.order
    assert abs(slope(STEPS[name], errors) - order) < 0.15, errors
