"""What can't be cut into slabs, and what is handled."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import circuits
import physsim

from .slab_lattices import chain

COUPLED = """two coils
C1 a 0 1n ic=1
L1 a 0 1u
C2 b 0 1n
L2 b 0 1u
K12 L1 L2 0.3
"""
LOSSY = "a lossy tank\nC1 a 0 1n ic=1\nL1 a 0 1u\nR1 a 0 1k\n"


def mesh(axis="nodes"):
    return jax.sharding.Mesh(np.array(jax.devices()[:1]), (axis,))


def test_a_mesh_without_the_axis():
    with pytest.raises(ValueError, match="the mesh has the axes samples, none of them nodes"):
        physsim.partitioned(chain(4), mesh("samples"))
    assert physsim.partitioned(chain(4), mesh("samples"), axis="samples").coordinates


def test_more_devices_than_nodes():
    eight = jax.sharding.Mesh(np.array(jax.devices()[:1] * 8), ("nodes",))
    with pytest.raises(ValueError, match="4 nodes can't be spread over 8 devices: take at most 4"):
        physsim.partitioned(chain(4), eight)


def test_mutual_inductance():
    with pytest.raises(ValueError, match="couples all of its nodes to each other"):
        physsim.partitioned(circuits.loads(COUPLED).hamiltonian, mesh())


def test_losses():
    with pytest.raises(ValueError, match="CircuitHamiltonian can't be spread over devices"):
        physsim.partitioned(circuits.loads(LOSSY).hamiltonian, mesh())


@pytest.mark.parametrize("x", [jnp.zeros(3), jnp.zeros((4, 5)), 1.0])
def test_states_of_another_size(x):
    with pytest.raises(ValueError, match=r"scatter takes arrays \[\.\.\., 4\], one number a node"):
        physsim.partitioned(chain(4), mesh()).scatter(x)
