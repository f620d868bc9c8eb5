"""The systems that gradients and integrators are tested on."""

import itertools
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import sympy

import circuits
import physsim
from physsim import PhaseState

SOLVERS = {
    "StormerVerlet": physsim.StormerVerlet(),
    "Yoshida4": physsim.Yoshida4(),
    "SRKN11b": physsim.SRKN11b(),
}


class Case(NamedTuple):
    """A learning problem: its arguments but for solver, step and number of steps."""

    H: Any
    y0: Any
    cost: Any
    inputs: Any
    targets: Any

    def state(self):
        return self.y0(self.H) if callable(self.y0) else self.y0

    def largest_dt(self, solver, fraction=0.5):
        """A step at `fraction` of the stability limit."""
        u = jnp.zeros(len(self.H.input_names))
        omega = float(physsim.fastest_frequency(self.H, self.state(), u))
        return fraction * solver.tableau.stability_limit / omega


class Squares(eqx.Module):
    """A cost of a read-out, of the state and of the input: every share of a gradient occurs."""

    readout: Any
    steps: int = eqx.field(static=True)

    def __call__(self, H, y, u, target):
        measured = self.readout(H, y, u)
        momentum = 0.1 * jnp.sum(y.p**2)
        return ((measured - target) ** 2 + momentum + 0.1 * jnp.sum(u * y.q[:1])) / self.steps


DRIVEN_TANKS = """two tanks, driven
C1 in 0 1n ic=1
L1 in 0 1u ic=5m
C2 out 0 1.2n
L2 out 0 0.9u
L12 in out 4u
I1 0 in SIN(0 20m 3.9meg)
"""


def driven_tanks(steps):
    """Coupled LC with a drive; the inputs are an array."""
    circuit = circuits.loads(DRIVEN_TANKS)
    return _circuit_case(circuit, "v(out)", steps, held=True)


def junction_chain(steps):
    """Four junctions with shunt capacitances, driven by a callable from the netlist."""
    path = physsim_library("junction_chain.cir")
    return _circuit_case(circuits.load(path), "v(n4)", steps, held=False)


def physsim_library(name):
    from importlib.resources import files

    return str(files("circuits") / "library" / name)


def _circuit_case(circuit, quantity, steps, *, held):
    readout = circuit.readout(quantity)
    scaled = Scaled(readout, circuit.scales.voltage)
    rng = np.random.default_rng(0)
    inputs = jnp.asarray(0.3 * rng.normal(size=(steps, 1))) if held else circuit.drive
    targets = jnp.asarray(rng.normal(size=steps))
    H = circuit.hamiltonian
    return Case(H, circuit.initial_state, Squares(scaled, steps), inputs, targets)


class Scaled(eqx.Module):
    """A read-out in dimensionless units."""

    readout: Any
    unit: float = eqx.field(static=True)

    def __call__(self, H, y, u):
        return self.readout(H, y, u) / self.unit


def duffing_chain(steps, n=3):
    """A chain of Duffing oscillators from SymPy, with a held input."""
    q, p = sympy.symbols(f"q:{n}"), sympy.symbols(f"p:{n}")
    m, k, beta, u = sympy.symbols("m k beta u")
    energy = sum(x**2 for x in p) / (2 * m) - u * q[0]
    energy += sum(x**2 / 2 + beta * x**4 / 4 for x in q)
    energy += sum(k * (a - b) ** 2 / 2 for a, b in itertools.pairwise(q))
    H = physsim.symbolic(energy, q=q, p=p, u=[u], params={m: 0.8, k: 0.5, beta: 0.3})
    rng = np.random.default_rng(1)
    y0 = PhaseState(jnp.asarray([0.6, 0.1, -0.3][:n]), jnp.asarray([0.0, 0.2, 0.1][:n]))
    inputs = jnp.asarray(0.05 * rng.normal(size=(steps, 1)))
    targets = jnp.asarray(rng.normal(size=steps))
    return Case(H, y0, Squares(last_stretch, steps), inputs, targets)


def last_stretch(H, y, u):
    return H.params["k"] * y.q[-1]


CASES = {
    "driven tanks": driven_tanks,
    "Duffing chain": duffing_chain,
    "junction chain": junction_chain,
}


def pendulum(k=1.0):
    q, p, stiffness = sympy.symbols("q p k")
    energy = p**2 / 2 + stiffness * (1 - sympy.cos(q))
    return physsim.symbolic(energy, q=[q], p=[p], params={stiffness: k})
