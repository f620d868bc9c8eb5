"""The same Duffing chain in other people's integrators.

Each function returns a `Peer`, ready to run a number of steps.
"""

from collections.abc import Callable
from typing import NamedTuple

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pyhamsys
import rebound
import scipy.integrate

from .systems import System


class Peer(NamedTuple):
    """A ready run. With `forces` None it returns (steps made, forces evaluated) itself."""

    name: str
    run: Callable[[int], object]
    forces: float | None
    """Force evaluations a step, of a constant step."""


def chain_force(system: System, dtype, trailing: int = 0) -> Callable:
    """The force of a Duffing chain in numpy; with a batch on trailing axes."""
    shape = (-1,) + (1,) * trailing
    k, beta, coupling = (
        system.arrays[name].astype(dtype).reshape(shape) for name in ("k", "beta", "coupling")
    )

    def force(q):
        out = -q * (k + beta * (q * q))
        pull = coupling * (q[1:] - q[:-1])
        out[:-1] += pull
        out[1:] -= pull
        return out

    return force


def numpy_leapfrog(system: System, dt: float, dtype, y0) -> Peer:
    """The leapfrog that a physicist writes in numpy."""
    q, p = (np.ascontiguousarray(np.asarray(x).T) for x in (y0.q, y0.p))
    force = chain_force(system, dtype, q.ndim - 1)
    weight = (1 / system.arrays["m"]).astype(dtype).reshape((-1,) + (1,) * (q.ndim - 1))
    half, whole = dtype(dt / 2), dtype(dt)

    def run(steps):
        x, y = q.copy(), p.copy()
        for _ in range(steps):
            x += half * (weight * y)
            y += whole * force(x)
            x += half * (weight * y)
        return x, y

    return Peer("numpy leapfrog", run, 1)


def pyhamsys_peer(system: System, dt: float, method: str, forces: int) -> Peer:
    """pyhamsys, in whose steps both halves of a composition evaluate their own force."""
    force, weight = chain_force(system, np.float64), 1 / system.arrays["m"]
    n = len(weight)
    start = np.concatenate([system.q, system.p])

    def chi(h, t, y):
        q = y[:n] + h * (weight * y[n:])
        return np.concatenate([q, y[n:] + h * force(q)])

    def chi_star(h, t, y):
        p = y[n:] + h * force(y[:n])
        return np.concatenate([y[:n] + h * (weight * p), p])

    def run(steps):
        end = steps * dt
        parameters = pyhamsys.Parameters(solver=method, step=dt)
        return pyhamsys.solve_ivp_symp(
            chi, chi_star, (0, end), start, t_eval=[0, end], params=parameters
        ).y

    return Peer(f"pyhamsys {method}", run, forces)


def vector_field(system: System) -> Callable:
    """dy/dt of y = (q, p), flat, in numpy."""
    force, weight = chain_force(system, np.float64), 1 / system.arrays["m"]
    n = len(weight)

    def field(t, y):
        return np.concatenate([weight * y[n:], force(y[:n])])

    return field


def scipy_dop853(system: System, tolerance: float = 1e-6) -> Peer:
    """scipy's DOP853 with its own steps, time and forces counted per accepted step."""
    field, start = vector_field(system), np.concatenate([system.q, system.p])

    def run(steps):
        # Steps of about 0.5 at this tolerance; what counts is what comes back.
        result = scipy.integrate.solve_ivp(
            field, (0, 0.5 * steps), start, "DOP853", rtol=tolerance, atol=tolerance
        )
        return len(result.t) - 1, result.nfev

    return Peer(f"scipy DOP853, tolerance {tolerance:g}", run, None)


def rebound_bs(system: System, tolerance: float = 1e-6) -> Peer:
    """rebound's Bulirsch-Stoer integrator with a right-hand side in Python.

    rebound's symplectic integrators are for gravity; a network can only go through its
    interface for other differential equations.
    """
    field, n = vector_field(system), 2 * len(system.q)
    start, calls = np.concatenate([system.q, system.p]), [0]

    def derivatives(ode, out, y, t):
        calls[0] += 1
        np.ctypeslib.as_array(out, (n,))[:] = field(t, np.ctypeslib.as_array(y, (n,)))

    def run(steps):
        simulation = rebound.Simulation()
        simulation.integrator = "bs"
        simulation.integrator.eps_rel = simulation.integrator.eps_abs = tolerance
        ode = simulation.create_ode(length=n, needs_nbody=False)
        ode.derivatives = derivatives
        np.ctypeslib.as_array(ode.y, (n,))[:] = start
        calls[0] = 0
        simulation.integrate(0.5 * steps)
        return simulation.steps_done, calls[0]

    return Peer("rebound BS, Python derivatives", run, None)


def diffrax_constant(system: System, solver, dt: float, y0, forces: int) -> Peer:
    """diffrax with a constant step on the whole vector field, the batch trailing."""
    start, dtype = jax.tree.map(lambda x: x.T, (y0.q, y0.p)), y0.q.dtype
    u = jnp.zeros(0, dtype)

    @eqx.filter_jit
    def solve(y, H, end):
        return diffrax.diffeqsolve(
            diffrax.ODETerm(lambda t, y, H: H.vector_field(*y, u)),
            solver,
            jnp.zeros((), dtype),
            end,
            jnp.asarray(dt, dtype),
            y,
            args=H.prepare(),
            saveat=diffrax.SaveAt(t1=True),
            stepsize_controller=diffrax.ConstantStepSize(),
            max_steps=None,
        ).ys

    def run(steps):
        return solve(start, system.H, jnp.asarray(steps * dt, dtype))

    return Peer(f"diffrax {type(solver).__name__}", run, forces)
