"""Are echoes exact? Every integrator, kind of system and kind of cost, against backpropagation."""

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import sympy

import circuits
import learning
import physsim
from learning._echo._echo import Echo
from learning._echo._estimator import Tangent
from learning._echo._way_back import gradient_on
from learning._problem import Problem, make_problem
from physsim import ExactReversal, PhaseState, StormerVerlet

from . import report
from .errors import flat, whole_error

COSTS = {"linear": (1.0, 0.0, 0.0), "quadratic": (0.0, 1.0, 0.0), "momenta": (0.0, 0.0, 1.0)}
LIMIT = 1e-10
_LENGTH, _QUICK_LENGTH = 100_000, 1_000
_CHAOTIC_LENGTHS = (1_000, 5_000, 20_000)


class Mixed(eqx.Module):
    """Linear, quadratic and momentum-reading parts, mixed by `weights` [3]."""

    weights: jax.Array

    def __call__(self, H, y, u, target):
        linear = y.q[-1] + 0.3 * y.q[0]
        quadratic = (y.q[-1] - target) ** 2
        momenta = y.p[0] * y.p[-1] + target * y.p[0]
        return jnp.sum(self.weights * jnp.stack([linear, quadratic, momenta]))


class Sine(eqx.Module):
    """A drive with parameters."""

    amplitude: jax.Array
    frequency: jax.Array

    def __call__(self, t):
        return self.amplitude * jnp.sin(self.frequency * t)[None]


class System(NamedTuple):
    """What is integrated; `start` is so small that the motion is regular."""

    H: Any
    start: Any
    inputs: Callable[[int], Any]


def coupled_tanks() -> System:
    """A circuit with a drive and a flux that is conserved in its loop of two inductors."""
    circuit = circuits.loads(
        """two tanks, the first with two coils
        C1 in 0 1n ic=0.2
        L1 in 0 2u ic=2m
        L2 in 0 1.6u ic=-1m
        C2 out 0 1.2n
        L3 out 0 0.9u
        L4 in out 4u
        I1 0 in SIN(0 1m 3.9meg)
        """
    )
    return System(circuit.hamiltonian, circuit.initial_state, _held(0.1))


def gyrators() -> System:
    """Two tanks that see each other through a gyrator, and one more behind it."""
    circuit = circuits.loads(
        """tanks and a gyrator
        C1 a 0 1n ic=0.3
        L1 a 0 1u ic=1m
        P1 a 0 b 0 gyrator=8m
        C2 b 0 1.4n
        L2 b 0 0.8u
        L3 b c 3u
        C3 c 0 1n
        I1 0 a SIN(0 1m 3.9meg)
        """
    )
    return System(circuit.hamiltonian, circuit.initial_state, _held(0.1))


def duffing() -> System:
    """A chain of Duffing oscillators, fed by a sine with parameters of its own."""
    q, p = sympy.symbols("q:3"), sympy.symbols("p:3")
    m, k, beta, u = sympy.symbols("m k beta u")
    energy = sum(x**2 for x in p) / (2 * m) - u * q[0]
    energy += sum(x**2 / 2 + beta * x**4 / 4 for x in q)
    energy += sum(k * (a - b) ** 2 / 2 for a, b in itertools.pairwise(q))
    H = physsim.symbolic(energy, q=q, p=p, u=[u], params={m: 0.8, k: 0.5, beta: 0.3})
    y0 = PhaseState(jnp.array([0.2, 0.05, -0.1]), jnp.array([0.0, 0.1, 0.05]))
    return System(H, y0, lambda steps: Sine(jnp.asarray(0.02), jnp.asarray(0.37)))


def junctions(size: int = 6) -> System:
    """A lattice of Josephson junctions between islands, each with a weak coil to ground."""
    q, p = sympy.IndexedBase("q"), sympy.IndexedBase("p")
    i, weak, critical = sympy.Symbol("i", integer=True), sympy.Symbol("w"), sympy.Symbol("c")
    energy = sympy.Sum(p[i] ** 2 / 2 + weak * q[i] ** 2 / 2, (i, 0, size - 1))
    energy += sympy.Sum(critical * (1 - sympy.cos(q[i + 1] - q[i])), (i, 0, size - 2))
    H = physsim.lattice(energy, q=q, p=p, size=size, params={weak: 0.05, critical: 1.0})
    y0 = PhaseState(jnp.linspace(0.3, -0.2, size), jnp.linspace(-0.1, 0.2, size))
    return System(H, y0, lambda steps: None)


def not_separable() -> System:
    """Masses that depend on the positions."""
    q, p = sympy.symbols("q:2"), sympy.symbols("p:2")
    a, k, u = sympy.symbols("a k u")
    energy = (1 + a * q[0] ** 2) * (p[0] ** 2 + p[1] ** 2) / 2 + k * (q[0] ** 2 + q[1] ** 2) / 2
    energy += q[0] ** 2 * q[1] ** 2 / 4 - u * q[1]
    H = physsim.symbolic(energy, q=q, p=p, u=[u], params={a: 0.3, k: 1.2})
    y0 = PhaseState(jnp.array([0.3, -0.1]), jnp.array([0.1, 0.2]))
    return System(H, y0, _held(0.02))


def _held(size: float):
    """Inputs held over each step: a slow wave with an edge at every step."""
    return lambda steps: size * jnp.cos(0.21 * jnp.arange(float(steps)))[:, None]


SYSTEMS = {
    "coupled LC": coupled_tanks,
    "Duffing chain": duffing,
    "junction lattice": junctions,
    "not separable": not_separable,
    "gyrators": gyrators,
}
IMPLICIT = (
    physsim.ImplicitMidpoint(), physsim.GaussLegendre4(), physsim.GaussLegendre6(), physsim.Tao(),
)  # fmt: skip
SOLVERS = (
    StormerVerlet(), physsim.SymplecticEuler(), physsim.Yoshida4(), physsim.Yoshida6(),
    physsim.Yoshida8(), physsim.PEFRL(), physsim.McLachlan4(), physsim.BlanesMoan4(),
    physsim.BlanesMoan6(), physsim.SRKN6b(), physsim.SRKN11b(), physsim.SRKN14a(),
    physsim.ABA864(), physsim.ABA1064(), physsim.KahanLi8(),
    physsim.Compensated(StormerVerlet()), ExactReversal(StormerVerlet()), *IMPLICIT,
)  # fmt: skip


def step_of(system: System, solver) -> float:
    """A large step: half the stability limit; a third of a radian where there is no limit."""
    H, y0 = system.H, _started(system)
    omega = float(physsim.fastest_frequency(H, y0, jnp.zeros(len(H.input_names))))
    if isinstance(solver, physsim.Tao):
        omega = max(omega, 2 * solver.binding)
    limit = solver.stability_limit
    return (0.5 * limit if np.isfinite(limit) else 1 / 3) / omega


def _started(system: System) -> PhaseState:
    return system.start(system.H) if callable(system.start) else system.start


def errors(system: System, solver, steps: int) -> dict[str, float]:
    """For each cost the relative error of the whole gradient, and that of its worst array.

    Arrays are each kind of parameter, both halves of the start, the inputs and the step. Where
    the whole is off by more than `LIMIT`, also how far both are from forward
    mode.
    Raises `ValueError` where the method is refused.
    """
    found = {}
    for name, weights in COSTS.items():
        problem = make_problem(
            system.H, solver, system.start, Mixed(jnp.asarray(weights) / steps),
            step_of(system, solver), steps, system.inputs(steps),
            0.2 * jnp.sin(0.13 * jnp.arange(float(steps))),
        )  # fmt: skip
        _, echo = learning.ReversibleAdjoint().evaluate(problem)
        _, exact = learning.BPTT().evaluate(problem)
        found[name] = whole_error(echo, exact)
        found[f"{name}, worst array"] = worst_array(echo, exact)
        if found[name] > LIMIT:
            found[f"{name}, off forward mode"] = off_forward_mode(problem, exact, echo)
    return found


def off_forward_mode(
    problem: Problem, exact: learning.Gradients, echo: learning.Gradients
) -> tuple[float, float]:
    """How far backpropagation, and the echo, are from forward mode, by the whole gradient.

    Forward-mode differentiation of the same run along the gradients by the parameters, by the
    start and by the step. Where it and backpropagation differ, rounding has taken what no third
    method can know.
    """
    parts, echoed = ((g.params, g.y0, g.dt) for g in (exact, echo))
    off_exact, off_echo = [], []
    for i, (part, seen) in enumerate(zip(parts, echoed, strict=True)):
        along = tuple(x if i == j else jax.tree.map(jnp.zeros_like, x) for j, x in enumerate(parts))
        slope, direction = float(_forward_mode(problem, along)), flat(part)
        size = np.linalg.norm(direction)
        off_exact.append((slope - direction @ direction) / size)
        off_echo.append((slope - direction @ flat(seen)) / size)
    whole = np.linalg.norm(flat(exact))
    return float(np.linalg.norm(off_exact) / whole), float(np.linalg.norm(off_echo) / whole)


@eqx.filter_jit
def _forward_mode(problem: Problem, along):
    """The derivative of the summed cost along (parameters, start, step)."""

    def total(H, off_start, dt):
        solver, seen = problem.solver, H.with_inverses()
        system, start = solver.prepare(H), eqx.apply_updates(problem.start(H), off_start)

        def one(carry, k, row):
            state, total = carry
            state = solver.step(system, state, dt, lambda c: problem.drive.at(row.inputs, k, c, dt))
            y = solver.read(system, state)
            return (state, total + problem.cost_at(seen, y, problem.drive, row, k, dt)), None

        first = (solver.start(system, start), jnp.zeros((), dt.dtype))
        return problem.scan(one, first)[0][1]

    at = (problem.H, jax.tree.map(jnp.zeros_like, along[1]), problem.dt)
    return eqx.filter_jvp(total, at, along)[1]


def worst_array(found, exact) -> float:
    """Over the arrays, relative to each one's own size; infinite where only one is zero."""
    pairs = zip(jax.tree.leaves(found), jax.tree.leaves(exact), strict=True)
    norms = [(float(jnp.linalg.norm(a - b)), float(jnp.linalg.norm(b))) for a, b in pairs]
    return max(off / size if size else float(off > 0) * np.inf for off, size in norms if off)


def excited() -> PhaseState:
    """A start of the junction lattice from which its motion is chaotic."""
    return PhaseState(jnp.linspace(1.8, -1.2, 6), jnp.linspace(-1.0, 1.6, 6))


def chaotic(steps: int) -> dict[str, float]:
    """A junction lattice in chaos: the error on the grid of exact reversal, and without it."""
    system = junctions()
    targets = jnp.sin(0.13 * jnp.arange(float(steps)))
    cost = Mixed(jnp.ones(3) / steps)
    found, start = {}, excited()
    for name, solver in (("plain", StormerVerlet()), ("grid", ExactReversal(StormerVerlet()))):
        problem = make_problem(system.H, solver, start, cost, 0.2, steps, None, targets)
        _, exact = learning.BPTT().evaluate(problem)
        # Not the method itself, which refuses what missed the start.
        _, echo, missed = gradient_on(problem, Echo(Tangent(), physsim.Parity()))
        found[name] = worst_array(echo, exact)
        found[f"{name}, start missed by"] = float(missed)
        found[f"{name}, size"] = float(jnp.linalg.norm(exact.y0.q))
    return found


def measure(quick: bool) -> dict:
    """All rows: one for every system and integrator; and the chaotic lattice."""
    steps, rows = _QUICK_LENGTH if quick else _LENGTH, []
    for (name, build), solver in itertools.product(SYSTEMS.items(), SOLVERS):
        system = build()
        try:
            for method in (learning.ReversibleAdjoint(), learning.BPTT()):
                method.check(system.H, solver)
        except ValueError as refusal:
            rows.append({"system": name, "method": solver.name, "refusal": str(refusal)})
            continue
        row = {"system": name, "method": solver.name, "dt": step_of(system, solver)}
        rows.append(row | errors(system, solver, steps))
        print(f"  {rows[-1]}", flush=True)
    lengths = _CHAOTIC_LENGTHS[:1] if quick else _CHAOTIC_LENGTHS
    return {
        "steps": steps,
        "rows": rows,
        "chaos": [{"steps": n} | chaotic(n) for n in lengths],
    }


def table(result: dict) -> str:
    """Markdown."""
    measured = [r for r in result["rows"] if "refusal" not in r]
    text = (
        "The relative error of `ReversibleAdjoint()` against `BPTT()`, of the whole gradient (by "
        "parameters, start, inputs and step) / of its worst array, "
        f"{result['steps']:,} steps, float64, regular motion."
    )
    gradients = [
        [r["system"], r["method"], f"{r['dt']:.3g}",
         *(f"{r[c]:.0e} / {r[f'{c}, worst array']:.0e}" for c in COSTS)]
        for r in measured
    ]  # fmt: skip
    refused = sorted({f"{r['method']} ({r['system']})" for r in result["rows"] if "refusal" in r})
    keys = ("plain", "plain, start missed by", "grid", "grid, start missed by")
    chaos = [[f"{r['steps']:,}", *(f"{r[key]:.0e}" for key in keys)] for r in result["chaos"]]
    heads = ("steps", "plain float64", "start missed by", "exact reversal", "start missed by")
    return "\n\n".join([
        text,
        report.markdown(["system", "method", "dt", *COSTS], gradients),
        f"Refused, with the reason: {'; '.join(refused)}.",
        _above(measured),
        "A lattice of six junctions in chaotic motion, worst array:",
        report.markdown(heads, chaos),
    ])  # fmt: skip


def _above(rows) -> str:
    """The gradients above the limit, beside what forward mode differs by."""
    found = [(r, c) for r in rows for c in COSTS if r[c] > LIMIT]
    if not found:
        return f"All {len(rows) * len(COSTS)} whole gradients are within {LIMIT:.0e}."
    text = (
        f"{len(found)} of {len(rows) * len(COSTS)} whole gradients are off by more than "
        f"{LIMIT:.0e}. There, both are compared with forward-mode differentiation of the same run, "
        "which is exact too (along the gradients by parameters, start and step alone):"
    )
    heads = ("system", "method", "cost", "echo - BPTT", "forward - BPTT", "forward - echo")
    cells = [
        [r["system"], r["method"], c, f"{r[c]:.1e}",
         *(f"{off:.1e}" for off in r[f"{c}, off forward mode"])]
        for r, c in found
    ]  # fmt: skip
    return f"{text}\n\n{report.markdown(heads, cells)}"
