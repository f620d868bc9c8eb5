"""Many samples at once: the same numbers as one by one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy

import circuits
import physsim
from physsim import PhaseState

from .pace import mostly_slow
from .systems import duffing_chain, physsim_library

STEPS = 40


def samples(n, batch, scale=0.5):
    rng = np.random.default_rng(2)
    q, p = rng.normal(size=(2, batch, n)) * scale
    return PhaseState(jnp.asarray(q), jnp.asarray(p))


def compare(H, y0, solver, own=None, **options):
    together = physsim.integrate(H, solver, y0, dt=0.1, num_steps=STEPS, save_every=4, **options)
    for i in (0, y0.q.shape[0] - 1):
        y = jax.tree.map(lambda x, i=i: x[i], y0)
        alone_options = {**options, **({} if own is None else {"inputs": own[i]})}
        alone = physsim.integrate(
            H, solver, y, dt=0.1, num_steps=STEPS, save_every=4, **alone_options
        )
        for a, b in ((together.ys.q, alone.ys.q), (together.ys.p, alone.ys.p)):
            np.testing.assert_allclose(a[i], b, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(together.energies[i], alone.energies, rtol=1e-12)
        np.testing.assert_allclose(together.final.q[i], alone.final.q, rtol=1e-12, atol=1e-13)
    assert together.ys.q.shape == (y0.q.shape[0], STEPS // 4 + 1, y0.q.shape[1])


@pytest.mark.parametrize("batch", mostly_slow([1, 70], [70]))
def test_a_circuit_with_coupled_capacitors(batch):
    circuit = circuits.load(physsim_library("junction_chain.cir"))
    n = len(circuit.hamiltonian.coordinates)
    compare(circuit.hamiltonian, samples(n, batch), physsim.SRKN6b(), inputs=circuit.drive)


def test_inputs_shared_and_own():
    H = duffing_chain(STEPS).H
    rng = np.random.default_rng(5)
    shared = jnp.asarray(rng.normal(size=(STEPS, 1)))
    own = jnp.asarray(rng.normal(size=(4, STEPS, 1)))
    compare(H, samples(3, 4), physsim.Yoshida4(), inputs=shared)
    compare(H, samples(3, 4), physsim.Yoshida4(), own=own, inputs=own)


@pytest.mark.parametrize(
    "solver",
    [
        physsim.ABA864(),
        physsim.GaussLegendre4(),
        physsim.Compensated(physsim.StormerVerlet()),
        physsim.Tao(),
        physsim.KahanLi8(),
    ],
    ids=lambda s: s.name,
)
def test_every_kind_of_method(solver):
    q, p = sympy.symbols("q:3"), sympy.symbols("p:3")
    energy = (
        sum(x**2 for x in (*q, *p)) / 2 + q[0] ** 2 * q[1] / 5 + q[2] ** 4 / 8 - q[0] * q[2] / 3
    )
    compare(physsim.symbolic(energy, q=q, p=p), samples(3, 3), solver)


def test_time_and_damping():
    q, p, t = *sympy.symbols("q p"), sympy.Symbol("t")
    H = physsim.symbolic(p**2 / 2 + (1 + sympy.cos(t) / 5) * q**2 / 2, q=[q], p=[p], t=t)
    compare(physsim.damped(H, conductance=0.2), samples(1, 3), physsim.SRKN11b())


def test_errors_name_the_sample():
    q, p = sympy.symbols("q p")
    H = physsim.symbolic(p**2 / 2 - q**4, q=[q], p=[p])
    y0 = PhaseState(jnp.array([[0.0], [0.0], [3.0]]), jnp.zeros((3, 1)))
    with pytest.raises(
        physsim.DivergenceError, match=r"of sample 2 diverged between t = .* q is no"
    ):
        physsim.integrate(H, physsim.SRKN11b(), y0, dt=0.05, num_steps=200)
    with pytest.raises(ValueError, match=r"\(3, 200, 1\)"):
        H = duffing_chain(200).H
        physsim.integrate(
            H,
            physsim.SRKN11b(),
            samples(3, 3),
            dt=0.1,
            num_steps=200,
            inputs=jnp.zeros((2, 200, 1)),
        )
