"""Training gated networks on sequences, and their gradients from sample to sample."""

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from .._optax import begin, move
from ._gates import AbstractGatedRNN, LeakyRNN
from ._tasks import Draw


@final
class SequenceModel(eqx.Module):
    """A network and a linear read-out of its last state."""

    cell: AbstractGatedRNN
    readout: Float[Array, " n"]
    offset: Float[Array, ""]

    def __call__(self, us: Float[Array, "steps m"]) -> Float[Array, ""]:
        x = jnp.zeros_like(self.readout)
        x, _ = jax.lax.scan(lambda x, u: (self.cell(x, u), None), x, us)
        return self.readout @ x + self.offset


def make_model(cell: AbstractGatedRNN) -> SequenceModel:
    """With a read-out of zeros."""
    n, dtype = cell.recurrent.shape[0], cell.recurrent.dtype
    return SequenceModel(cell, jnp.zeros(n, dtype), jnp.zeros((), dtype))


def trained_part(model: SequenceModel) -> tuple[SequenceModel, SequenceModel]:
    """(what is trained, the rest): a constant leak is no weight."""
    chosen = jax.tree.map(eqx.is_inexact_array, model)
    if isinstance(model.cell, LeakyRNN):
        chosen = eqx.tree_at(lambda m: m.cell.leak, chosen, False)
    return eqx.partition(model, chosen)


@final
class TrainedNetwork(eqx.Module):
    """A trained model, what its optimiser carries, and the losses [iterations]."""

    model: SequenceModel
    state: Any
    losses: Float[Array, " iterations"]


@eqx.filter_jit
def train(
    model: SequenceModel,
    draw: Draw,
    optimiser: optax.GradientTransformation,
    key: Any,
    *,
    steps: int,
    iterations: int,
    batch: int,
) -> TrainedNetwork:
    """Mean square error on fresh samples, `batch` an iteration."""
    weights, fixed = trained_part(model)
    slope = jax.value_and_grad(lambda w, us, ys: _loss(eqx.combine(w, fixed), us, ys))

    def one(carry, key):
        weights, state = carry
        us, ys = draw_batch(draw, key, steps, model, batch)
        loss, gradient = slope(weights, us, ys)
        return move(optimiser, gradient, state, weights), loss

    keys = jax.random.split(key, iterations)
    start = (weights, begin(optimiser, weights))
    (weights, state), losses = jax.lax.scan(one, start, keys)
    trained: Any = eqx.combine(weights, fixed)
    return TrainedNetwork(trained, state, losses)


def draw_batch(draw: Draw, key: Any, steps: int, model: SequenceModel, batch: int):
    """(inputs [batch, steps, m], targets [batch]) that fit the model."""
    channels, dtype = model.cell.inward.shape[1], model.readout.dtype
    one = lambda k: draw(k, steps, channels, dtype)  # noqa: E731
    return jax.vmap(one)(jax.random.split(key, batch))


def _loss(model, us, ys):
    return jnp.mean((jax.vmap(model)(us) - ys) ** 2)


@eqx.filter_jit
def sample_gradients(model: SequenceModel, us: Any, ys: Any) -> SequenceModel:
    """The gradient of each sample's squared error, a leading axis of samples."""
    weights, fixed = trained_part(model)
    slope = jax.grad(lambda w, u, y: (eqx.combine(w, fixed)(u) - y) ** 2)
    return jax.vmap(slope, (None, 0, 0))(weights, us, ys)
