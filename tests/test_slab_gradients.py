"""Gradients of a network on several devices are those on one, to 1e-12."""

import jax.numpy as jnp
import numpy as np
import pytest

import learning
import physsim

from .device_process import on_devices, on_hosts
from .slab_lattices import chain, start
from .test_ensemble_devices import free_port
from .test_slab_runs import placed

NODES, STEPS = 13, 20
METHODS = {"bptt": learning.BPTT(), "adjoint": learning.ReversibleAdjoint()}


def cost(H, y, u, target):
    # States are longer than the network where it is padded; what pads them stays zero.
    weights = jnp.cos(jnp.arange(y.q.shape[0], dtype=y.q.dtype))
    return jnp.sum(weights * (y.q - target) ** 2) / 2


def gradients(methods=METHODS):
    H, scatter, gather = placed(chain(NODES))
    found = {}
    for name, method in methods.items():
        value, by = method(
            H, physsim.StormerVerlet(), scatter(start(NODES)), cost, dt=0.05, num_steps=STEPS,
            inputs=jnp.ones((STEPS, 1)), targets=jnp.zeros(STEPS),
        )  # fmt: skip
        params = by.params.params if hasattr(by.params, "params") else by.params.network.params
        found |= {f"{name} {key}": np.asarray(x) for key, x in params.items()}
        found |= {f"{name} {key}": np.asarray(gather(x)) for key, x in vars(by.y0).items()}
        found |= {f"{name} cost": np.asarray(value), f"{name} u": np.asarray(by.inputs)}
    return found


def backpropagated():
    return gradients({"bptt": METHODS["bptt"]})


def assert_same(alone, found):
    assert alone.keys() == found.keys() and len(alone) >= 7
    off = {key: float(np.abs(found[key] - x).max() / np.abs(x).max()) for key, x in alone.items()}
    worst = max(off, key=lambda key: off[key])
    print(f"{len(off)} arrays, {worst} off by {off[worst]:.1e} of its largest")
    for key, x in alone.items():
        scale = np.abs(x).max()
        assert scale > 0, key
        np.testing.assert_allclose(found[key], x, rtol=0, atol=1e-12 * scale, err_msg=key)


@pytest.mark.slow
def test_backpropagation_on_three_devices(tmp_path):
    assert_same(backpropagated(), on_devices(backpropagated, tmp_path, 3))


@pytest.mark.slow
@pytest.mark.parametrize("devices", [2, 8])
def test_devices(tmp_path, devices):
    assert_same(gradients(), on_devices(gradients, tmp_path, devices))


@pytest.mark.slow
@pytest.mark.parametrize("hosts", [2, 4])
def test_hosts(tmp_path, hosts):
    alone = gradients()
    for found in on_hosts(gradients, tmp_path, hosts, free_port()):
        assert_same(alone, found)
