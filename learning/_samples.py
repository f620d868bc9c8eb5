"""Runs to learn from, here or spread over the devices of a mesh."""

from collections.abc import Callable
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float, PyTree

from physsim import sharding


@final
class Samples(eqx.Module):
    """Runs to learn from, or one of them; array leaves have a leading axis [N], or none.

    `inputs` are held inputs [N, K, m] or a callable whose leaves differ from run to run,
    `targets` [N, K, ...] rows for the cost, `labels` [N, ...] for an `Outcome`'s loss.
    """

    inputs: PyTree = None
    targets: PyTree = None
    labels: PyTree = None

    def __len__(self) -> int:
        return len(jax.tree.leaves(eqx.filter(self, eqx.is_array))[0])

    def __getitem__(self, index: Any) -> "Samples":
        arrays, rest = eqx.partition(self, eqx.is_array)
        return eqx.combine(jax.tree.map(lambda x: x[index], arrays), rest)

    def mean(self, function: Callable[["Samples"], PyTree]) -> PyTree:
        """The mean of function(sample)."""
        return jax.tree.map(lambda x: jnp.mean(x, axis=0), self.each(function))

    def each(self, function: Callable[["Samples"], PyTree]) -> PyTree:
        """function(sample), with a leading axis [N]."""
        return eqx.filter_vmap(function, in_axes=(eqx.if_array(0),))(self)


@final
class SharedSamples(eqx.Module):
    """Samples spread over the devices of a mesh; `weights` [N] are theirs in the mean.

    What makes their number divide by that of the devices weighs nothing.
    """

    samples: Samples
    weights: Float[Array, " N"]
    mesh: Mesh = eqx.field(static=True)

    @classmethod
    def make(cls, samples: Samples, mesh: Mesh, index: Any = None) -> "SharedSamples":
        """Of `samples`, which every host knows, those of `index` (default: all)."""
        arrays, rest = eqx.partition(samples, eqx.is_array)
        index = np.arange(len(samples)) if index is None else index
        count = len(index)
        number = np.arange(-(-count // mesh.size) * mesh.size)
        filled = jax.tree.map(lambda x: np.asarray(x)[index[number % count]], arrays)
        weights = np.where(number < count, 1 / count, 0.0)
        shared = sharding.share((filled, weights), mesh)
        return cls(eqx.combine(shared[0], rest), shared[1], mesh)

    def mean(self, function: Callable[[Samples], PyTree]) -> PyTree:
        """The mean of function(sample), added up over the devices.

        `function` is a pytree of all that it needs.
        """
        common, kind = eqx.partition(function, eqx.is_array)
        arrays, rest = eqx.partition(self.samples, eqx.is_array)

        def part(common, own):
            arrays, weights = own
            found = eqx.combine(arrays, rest).each(eqx.combine(common, kind))
            return jax.tree.map(lambda x: jnp.tensordot(weights.astype(x.dtype), x, 1), found)

        return sharding.total(part, self.mesh)(common, (arrays, self.weights))


AnySamples = Samples | SharedSamples | None
"""None stands for the one run there is."""
