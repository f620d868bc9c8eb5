"""What devices exchange along a run: halos, as the compiled program says, and nothing else."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import physsim

from .device_process import on_devices
from .slab_lattices import chain, torus

COLLECTIVE = re.compile(
    r"= (.+?) (all-gather|all-reduce|all-to-all|collective-permute|reduce-scatter)(?:-start)?\("
)


def collectives(H, y0, inputs=None):
    """(kind, numbers) of each collective operation in the compiled loop of a run."""

    def final(H, y0):
        options = {"dt": 0.1, "num_steps": 8, "save_every": 8, "throw": False}
        run = physsim.integrate(H, physsim.StormerVerlet(), y0, inputs=inputs, **options)
        return run.final

    text = jax.jit(final).lower(H, y0).compile().as_text()
    return [(kind, sum(map(size, re.findall(r"\[([\d,]*)\]", shape))))
            for shape, kind in COLLECTIVE.findall(text)]  # fmt: skip


def size(shape):
    return int(np.prod([int(x) for x in shape.split(",") if x]))


def exchanged():
    """The collectives of our runs, of a lattice that JAX partitions by itself, and our halos."""
    mesh = jax.make_mesh((4,), ("nodes",), axis_types=(jax.sharding.AxisType.Auto,))
    found = {}
    for name, H, inputs in (
        ("chain", chain(400), jnp.ones((8, 1))),
        ("torus", torus(16, 24), None),
    ):
        n = len(H.coordinates)
        y0 = physsim.PhaseState(jnp.zeros(n), jnp.zeros(n))
        cut = physsim.partitioned(H, mesh)
        found[name] = collectives(cut, cut.scatter(y0), inputs)
        if name == "torus":
            found["automatic"] = collectives(H, jax.device_put(y0, cut.sharding), inputs)
        found[f"{name} halo"] = [("halo", sum(c.halo for c in cut.layout.cuts))]
    return {key: np.array(x) for key, x in found.items()}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    found = on_devices(exchanged, tmp_path_factory.mktemp("exchange"), 4)
    return {key: [(kind, int(count)) for kind, count in x] for key, x in found.items()}


@pytest.mark.parametrize(("name", "halo"), [("chain", 2), ("torus", 48)])
def test_only_halos_are_exchanged(found, name, halo):
    ((_, numbers),) = found[f"{name} halo"]
    assert numbers == halo
    permuted = sum(count for kind, count in found[name] if kind == "collective-permute")
    # The loop holds one force.
    assert permuted == halo
    # An energy is one number: each slab's share of it may be gathered or added up.
    assert all(count <= 4 for kind, count in found[name] if kind != "collective-permute")


def test_left_to_itself_jax_adds_up_the_whole_state(found):
    """Why there is a partition of our own: gathers of a sharded state."""
    nodes = 16 * 24
    assert max(count for kind, count in found["automatic"] if kind == "all-reduce") >= nodes
