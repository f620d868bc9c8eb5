"""Echoes that return to the very bit, and sums that lose none."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy

import physsim
from physsim import PhaseState

from .pace import mostly_slow

SIZE = 8


def junction_chain(dtype=jnp.float64):
    """Junctions between neighbours, a weak inductor at each node: chaotic, and bounded."""
    q, p = sympy.IndexedBase("q"), sympy.IndexedBase("p")
    i, weak = sympy.Symbol("i", integer=True), sympy.Symbol("weak")
    energy = sympy.Sum(p[i] ** 2 / 2 + weak * q[i] ** 2 / 2, (i, 0, SIZE - 1))
    energy += sympy.Sum(1 - sympy.cos(q[i + 1] - q[i]), (i, 0, SIZE - 2))
    H = physsim.lattice(energy, q=q, p=p, size=SIZE, params={weak: 0.05})
    return jax.tree.map(lambda x: x.astype(dtype), H)


def start(dtype=jnp.float64, batch=()):
    rng = np.random.default_rng(0)
    q, p = rng.normal(size=(2, *batch, SIZE)) * 1.5
    return PhaseState(jnp.asarray(q, dtype), jnp.asarray(p, dtype))


def echo(H, solver, y0, num_steps, inputs=None):
    """The start as the method takes it, and where the run out and back ends."""
    options = {"dt": 0.2, "num_steps": num_steps, "save_every": num_steps, "inputs": inputs}
    out = physsim.integrate(H, solver, y0, **options)
    back = physsim.integrate(H, solver, out.final.reverse(), **options, backward=True)
    axis = y0.q.ndim - 1
    return jax.tree.map(lambda x: jnp.take(x, 0, axis=axis), out.ys), back.final.reverse()


def bits(y):
    return np.concatenate([np.asarray(y.q), np.asarray(y.p)]).tobytes()


@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32])
@pytest.mark.parametrize("batch", mostly_slow([(), (5,)], [()]))
@pytest.mark.parametrize(
    "solver", [physsim.StormerVerlet(), physsim.SRKN11b(), physsim.Yoshida4()], ids=lambda s: s.name
)
def test_not_one_bit_is_lost(solver, batch, dtype):
    H, y0 = junction_chain(dtype), start(dtype, batch)
    before, after = echo(H, physsim.ExactReversal(solver), y0, 20_000)
    assert bits(before) == bits(after)
    assert float(jnp.max(jnp.abs(before.q - y0.q))) <= 2.0 ** (-45 if dtype == jnp.float64 else -18)


@pytest.mark.parametrize("batch", mostly_slow([(), (5,)], [(5,)]))
@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32])
def test_a_million_steps(batch, dtype):
    H, y0 = junction_chain(dtype), start(dtype, batch)
    before, after = echo(H, physsim.ExactReversal(physsim.StormerVerlet()), y0, 1_000_000)
    assert bits(before) == bits(after)


def test_chaos_defeats_plain_arithmetic():
    """The same echo without the grid does not come near its start."""
    before, after = echo(junction_chain(), physsim.StormerVerlet(), start(), 20_000)
    assert float(jnp.max(jnp.abs(before.q - after.q))) > 0.1


@pytest.mark.parametrize("held", mostly_slow([True, False], [False]))
def test_drives_are_reversed_to_the_bit(held):
    q, p, u = sympy.symbols("q:3"), sympy.symbols("p:3"), sympy.Symbol("u")
    energy = sum(x**2 for x in p) / 2 + sum(x**2 / 20 - sympy.cos(x) for x in q) - u * q[1]
    energy -= sympy.cos(q[0] - q[1]) + sympy.cos(q[1] - q[2])
    H = physsim.symbolic(energy, q=q, p=p, u=[u])
    rng = np.random.default_rng(1)
    inputs = jnp.asarray(rng.normal(size=(5000, 1))) if held else (lambda t: jnp.sin(1.3 * t)[None])
    y0 = PhaseState(jnp.array([2.0, -1.0, 0.5]), jnp.array([1.0, 0.3, -1.0]))
    before, after = echo(H, physsim.ExactReversal(physsim.SRKN11b()), y0, 5000, inputs)
    assert bits(before) == bits(after)


def test_leaving_the_grid_is_refused():
    """Beyond its range additions would round: no wrapped or rounded state comes back."""
    q, p = sympy.symbols("q p")
    free = physsim.symbolic(p**2 / 2, q=[q], p=[p])
    solver = physsim.ExactReversal(physsim.StormerVerlet())
    moving = PhaseState(jnp.array([0.0]), jnp.array([10.0]))
    with pytest.raises(physsim.DivergenceError, match=r"range of the grid.*scale the system"):
        physsim.integrate(free, solver, moving, dt=1.0, num_steps=60)
    inside = physsim.integrate(free, solver, moving, dt=1.0, num_steps=51).final
    assert float(inside.q[0]) == 510.0
    far = PhaseState(jnp.array([600.0]), jnp.array([0.0]))
    with pytest.raises(physsim.DivergenceError, match="the start is not finite"):
        physsim.integrate(free, solver, far, dt=1.0, num_steps=1)
    coarse = physsim.ExactReversal(physsim.StormerVerlet(), bits=40)
    assert float(physsim.integrate(free, coarse, far, dt=1.0, num_steps=1).final.q[0]) == 600.0
    with pytest.raises(ValueError, match="between 1 and 52"):
        physsim.ExactReversal(physsim.StormerVerlet(), bits=53)


@pytest.mark.slow
def test_derivatives_go_straight_through_the_grid():
    H, y0 = junction_chain(), start()

    def end(q, solver):
        y = PhaseState(q, y0.p)
        return physsim.integrate(H, solver, y, dt=0.1, num_steps=20).final.q[3]

    plain = jax.grad(lambda q: end(q, physsim.SRKN11b()))(y0.q)
    grid = jax.grad(lambda q: end(q, physsim.ExactReversal(physsim.SRKN11b())))(y0.q)
    np.testing.assert_allclose(grid, plain, rtol=1e-9, atol=1e-11)


def test_compensated_sums_keep_the_energy():
    """After 10^6 steps of an oscillator, rounding shows in plain sums only."""
    q, p = sympy.symbols("q p")
    H = physsim.symbolic(p**2 / 2 + q**2 / 2, q=[q], p=[p])
    y0 = PhaseState(jnp.array([1.0]), jnp.array([0.0]))

    def invariant(y, h=0.1):
        # Of the drift-kick-drift leapfrog on an oscillator, exactly.
        return float(y.q[0]) ** 2 + (1 - h**2 / 4) * float(y.p[0]) ** 2 - 1.0

    options = {"dt": 0.1, "num_steps": 1_000_000, "save_every": 1_000_000}
    plain = physsim.integrate(H, physsim.StormerVerlet(), y0, **options).final
    exact = physsim.integrate(H, physsim.Compensated(physsim.StormerVerlet()), y0, **options).final
    assert abs(invariant(exact)) <= 1e-14
    assert abs(invariant(plain)) > 10 * abs(invariant(exact))


def test_what_is_no_splitting_is_refused():
    """Where nothing checks types; the tests' own checks would come first."""
    code = "import physsim; physsim.Compensated(physsim.KahanLi8())"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "ValueError: KahanLi8" in done.stderr and "is no splitting" in done.stderr
