"""Runs of many samples on 8 devices: the bits of one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy

import physsim
from physsim import PhaseState, sharding

from .device_process import free_port, on_devices, on_hosts
from .systems import duffing_chain

STEPS = 12
Q, P = sympy.symbols("q p")


def starts(batch, n):
    q, p = np.random.default_rng(2).normal(size=(2, batch, n)) / 2
    return PhaseState(jnp.asarray(q), jnp.asarray(p))


def noisy():
    return physsim.damped(duffing_chain(STEPS).H, conductance=0.2, temperature=0.1)


def run(H, batch, mesh, **options):
    options = {"dt": 0.1, "num_steps": STEPS, "save_every": 4} | options
    y0 = starts(batch, len(H.coordinates))
    return physsim.integrate(H, physsim.StormerVerlet(), y0, mesh=mesh, **options)


def runs(mesh):
    """Without inputs, with each sample's own, and with shared ones and noise."""
    free = physsim.symbolic(P**2 / 2 - sympy.cos(Q), q=[Q], p=[P])
    held = jnp.asarray(np.random.default_rng(5).normal(size=(70, STEPS, 1)))
    found = {
        "free": run(free, 9, mesh),
        "own": run(duffing_chain(STEPS).H, 70, mesh, inputs=held),
        "noisy": run(noisy(), 128, mesh, inputs=held[0], key=jax.random.key(3)),
    }
    return {
        f"{name} {part}": sharding.gather(x)
        for name, solution in found.items()
        for part, x in (("q", solution.ys.q), ("end", solution.final.p), ("H", solution.energies))
    }


def on_all_devices():
    return runs(sharding.all_devices())


@pytest.fixture(scope="module")
def alone():
    return runs(None)


def assert_same_bits(a, b):
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


@pytest.mark.slow
def test_eight_devices(alone, tmp_path):
    assert alone["own q"].shape == (70, 4, 3)
    assert_same_bits(alone, on_devices(on_all_devices, tmp_path, 8))


@pytest.mark.slow
def test_two_hosts(alone, tmp_path):
    for found in on_hosts(on_all_devices, tmp_path, 2, free_port()):
        assert_same_bits(alone, found)


def test_bad_arguments():
    H, mesh = duffing_chain(2).H, jax.make_mesh((1,), ("any",))
    y0 = PhaseState(jnp.ones(3), jnp.zeros(3))
    with pytest.raises(ValueError, match=r"y0 must have shape \(batch, n\)"):
        physsim.integrate(
            H, physsim.StormerVerlet(), y0, dt=0.1, num_steps=2, inputs=jnp.zeros((2, 1)), mesh=mesh
        )
