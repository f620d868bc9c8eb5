"""What a stack is trained for, and how well it does."""

from abc import abstractmethod
from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from .._series import SeriesData
from ._stack import Reading, mean_pooling, subsampling


class Batch(NamedTuple):
    """Series, batch last; `weights` is 0 for those that only fill a batch up."""

    x: Any
    lengths: Any
    targets: Any
    weights: Any


class AbstractGoal(eqx.Module):
    """The loss of outputs, and the score that judges them (larger is better)."""

    @abstractmethod
    def reading(self, batch: Batch) -> Reading:
        """Where outputs are taken."""

    @abstractmethod
    def losses(self, outputs: Any, batch: Batch) -> Any:
        """One loss a series."""

    @abstractmethod
    def scores(self, outputs: Any, batch: Batch) -> Any:
        """One score a series."""


@final
class Classify(AbstractGoal):
    """Cross entropy of the classes; the score is 1 where the largest output is right."""

    def reading(self, batch):
        return mean_pooling(batch.lengths, batch.x.shape[1], batch.x.dtype)

    def losses(self, outputs, batch):
        logits = outputs[:, 0].T
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch.targets)

    def scores(self, outputs, batch):
        right = jnp.argmax(outputs[:, 0], 0) == batch.targets
        return right.astype(outputs.dtype)


@final
class Regress(AbstractGoal):
    """Mean square error of the values read every `every` steps; the score is minus that."""

    every: int = eqx.field(static=True)

    def reading(self, batch):
        return subsampling(batch.x.shape[1], self.every, batch.x.dtype)

    def losses(self, outputs, batch):
        return jnp.mean((outputs - batch.targets) ** 2, (0, 1))

    def scores(self, outputs, batch):
        return -self.losses(outputs, batch)


def goal_of(data: SeriesData) -> AbstractGoal:
    """What the data are for."""
    return Classify() if data.classes else Regress(data.every)


def make_batch(data: SeriesData, index: Any, size: int, dtype: Any) -> Batch:
    """The series of `index`, filled up to `size` with the first of them at weight 0."""
    return jax.tree.map(jnp.asarray, batch_of(data, index, size, dtype))


def batch_of(data: SeriesData, index: Any, size: int, dtype: Any) -> Batch:
    """The same as arrays of numpy."""
    index = np.asarray(index)
    filled = np.concatenate([index, np.full(size - len(index), index[0])])
    weights = (np.arange(size) < len(index)).astype(dtype)
    targets = data.targets[filled]
    if not data.classes:
        targets = np.moveaxis(targets, 0, 2).astype(dtype)
    x = np.ascontiguousarray(data.x[filled].transpose(1, 2, 0), dtype)
    return Batch(x, data.lengths[filled], targets, weights)
