"""Samples on the devices of a mesh, of one host or several: each device does its own.

What a device computes for a block of samples is the same program on any number of devices, so
a sample's result has the same bits on all of them.
"""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Int, PyTree

from ._progress import progress_bar

SAMPLES = "samples"


def row_of(mesh: Mesh) -> Mesh:
    """The devices of any mesh, as one axis of samples."""
    return Mesh(mesh.devices.ravel(), (SAMPLES,))


def all_devices() -> Mesh | None:
    """Every device of every host; None where there is one in all."""
    return None if jax.device_count() == 1 else Mesh(np.array(jax.devices()), (SAMPLES,))


def spread(function: Callable[[Any, Any], Any], mesh: Mesh | None) -> Callable[[Any, Any], Any]:
    """`function(common, samples)` with each device taking its own part of the samples.

    Those are arrays with a leading axis, which must divide by the number of devices, as are the
    results. `common` is the same for all. Without a mesh, `function` itself.
    """
    return function if mesh is None else _mapped(function, mesh, PartitionSpec(SAMPLES))


def total(function: Callable[[Any, Any], Any], mesh: Mesh | None) -> Callable[[Any, Any], Any]:
    """The sum of function(common, part of the samples) over the devices."""

    def summed(common, samples):
        return jax.lax.psum(function(common, samples), SAMPLES)

    return function if mesh is None else agreed(summed, mesh)


def agreed(function: Callable[[Any, Any], Any], mesh: Mesh | None) -> Callable[[Any, Any], Any]:
    """function(common, part of the samples), the same on all devices as it sums over them itself.

    They are the axis `SAMPLES`, over which it takes `jax.lax.psum`.
    """
    return function if mesh is None else _mapped(function, mesh, PartitionSpec())


def _mapped(function, mesh, result):
    parts = (PartitionSpec(), PartitionSpec(SAMPLES))
    return jax.shard_map(
        function, mesh=row_of(mesh), in_specs=parts, out_specs=result, check_vma=False
    )


def share(tree: PyTree, mesh: Mesh | None) -> PyTree:
    """Arrays known on every host, each device holding its part of the leading axis."""
    if mesh is None:
        return jax.tree.map(jnp.asarray, tree)
    return _placed(tree, NamedSharding(row_of(mesh), PartitionSpec(SAMPLES)))


def replicate(tree: PyTree, mesh: Mesh | None) -> PyTree:
    """JAX arrays known on every host, whole on each device; all else as it is."""
    if mesh is None:
        return tree
    arrays, rest = eqx.partition(tree, eqx.is_array)
    return eqx.combine(_placed(arrays, NamedSharding(row_of(mesh), PartitionSpec())), rest)


def local(tree: PyTree, mesh: Mesh | None) -> PyTree:
    """What is whole on each device of the mesh, on this host's first one alone."""
    return tree if mesh is None else jax.tree.map(lambda x: jnp.asarray(np.asarray(x)), tree)


def _placed(tree, sharding):
    def place(x):
        x = np.asarray(x)
        if sharding.is_fully_addressable:
            return jax.device_put(x, sharding)
        return jax.make_array_from_callback(x.shape, sharding, lambda part: x[part])

    return jax.tree.map(place, tree)


def gather(x: Any) -> np.ndarray:
    """All of an array, wherever its parts are; every host has to ask for it."""
    if not isinstance(x, jax.Array) or x.is_fully_addressable or x.is_fully_replicated:
        return np.asarray(x)
    from jax.experimental.multihost_utils import process_allgather  # noqa: PLC0415

    return np.asarray(process_allgather(x, tiled=True))


@final
class Blocks(NamedTuple):
    """`count` samples in blocks of `width`; each of `devices` does `rounds`, up to `rows` a call.

    Width and rows do not follow from the devices: each of them runs the same program, however
    many there are. Numbers of `count` and more only fill the last blocks.
    """

    count: int
    width: int
    rounds: int
    devices: int
    rows: int

    def numbers(self, start: int) -> Int[np.ndarray, "devices rows width"]:
        """The samples of the call whose first round is `start`; a device's are consecutive."""
        device, row = np.arange(self.devices)[:, None, None], np.arange(self.rows)[:, None]
        return (device * self.rounds + start + row) * self.width + np.arange(self.width)

    def join(self, x: Any) -> Any:
        """[devices, rounds, width, ...] in the order of the samples, without what fills."""
        return x.reshape(-1, *x.shape[3:])[: self.count]


def make_blocks(count: int, most: int, rows: int, mesh: Mesh | None) -> Blocks:
    """Blocks of equal width, at most `most`."""
    blocks = -(-count // most)
    devices = 1 if mesh is None else mesh.size
    return Blocks(count, -(-count // blocks), -(-blocks // devices), devices, rows)


@eqx.filter_jit
def run_blocks(
    function: Callable[[Any], Any], samples: PyTree, live: Any, mesh: Mesh | None
) -> PyTree:
    """function(block) of the first `live` rows of samples [devices, rows, width, ...].

    `function` is a pytree of all that it needs. Results have the axes [devices, rows], those
    of other rows are zero. `live` is an array: it changes, and the program does not.
    """
    arrays, rest = eqx.partition((function, live), eqx.is_array)

    def own(arrays, samples):
        function, live = eqx.combine(arrays, rest)
        blocks = jax.tree.map(lambda x: x[0], samples)
        rows = jax.tree.leaves(blocks)[0].shape[0]

        def block(k):
            return function(jax.tree.map(lambda x: x[k], blocks))

        def one(k, found):
            return jax.tree.map(lambda all, new: all.at[k].set(new), found, block(k))

        shapes = jax.eval_shape(block, 0)
        empty = jax.tree.map(lambda x: jnp.zeros((rows, *x.shape), x.dtype), shapes)
        return jax.tree.map(lambda x: x[None], jax.lax.fori_loop(0, live, one, empty))

    return spread(own, mesh)(arrays, samples)


def stream(
    call: Callable[[Any, Any], Any],
    blocks: Blocks,
    pull: Callable[[Any], Any],
    title: str | None = None,
) -> list[Any]:
    """pull(call(numbers, live)) of all samples, call by call; `title` is that of a bar.

    A call begins before the one before is pulled, so that devices do not wait.
    """
    starts = range(0, blocks.rounds, blocks.rows)

    def begin(start):
        return call(blocks.numbers(start), np.asarray(min(blocks.rows, blocks.rounds - start)))

    shown = title is not None and jax.process_index() == 0
    with progress_bar(title or "", blocks.rounds) if shown else nullcontext() as advance:
        found, ahead = [], begin(0)
        for start in starts:
            done = ahead
            if start + blocks.rows < blocks.rounds:
                ahead = begin(start + blocks.rows)
            found.append(pull(done))
            if advance is not None:
                advance(min(blocks.rows, blocks.rounds - start))
    return found


def own_parts(x: jax.Array) -> dict[int, np.ndarray]:
    """What this host's devices hold of the leading axis, by the number of the device."""
    parts: Any = x.addressable_shards
    return {part.index[0].start or 0: np.asarray(part.data) for part in parts}


def join_parts(calls: list[dict[int, np.ndarray]], blocks: Blocks, mesh: Mesh | None) -> jax.Array:
    """[devices, rounds, ...] of the `own_parts` of each call, back on the devices."""
    own = {
        device: np.concatenate([parts[device] for parts in calls], axis=1)[:, : blocks.rounds]
        for device in calls[0]
    }
    if mesh is None:
        return jnp.asarray(own[0])
    first = next(iter(own.values()))
    sharding = NamedSharding(row_of(mesh), PartitionSpec(SAMPLES))
    shape = (mesh.size, *first.shape[1:])

    def held(part: Any) -> np.ndarray:
        return own[part[0].start or 0]

    return jax.make_array_from_callback(shape, sharding, held)
