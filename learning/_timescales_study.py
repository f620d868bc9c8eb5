"""Experiments on gated networks: effective learning rates by lag, and how uneven gradients are.

Training is in float32, analysis in float64.

Source of the experiments: Livi, arXiv:2508.12121.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from ._cast import cast
from ._gates import (
    AbstractGatedRNN,
    leaky_rnn,
    multi_gate_rnn,
    plain_rnn,
    saturation,
    scalar_gate_rnn,
)
from ._timescales_tasks import Draw
from ._timescales_train import Training, draw_batch, make_model, sample_gradients, train
from ._transport import transport
from ._transport_maps import run_map
from ._transport_optimiser import (
    direction_anisotropy,
    fit_decay,
    gates_along,
    rate_predictors,
    sample_directions,
)
from ._transport_products import expand_product

EPSILONS = (1e-3, 1e-2, 0.1, 0.3, 1.0)
_WINDOW = 20
_SEQUENCES = 2
_NEGLIGIBLE = 1e-8


@final
@dataclass(frozen=True)
class Setting:
    """What all networks of an experiment share."""

    units: int
    channels: int
    steps: int
    gain: float
    leak: float
    openness: float
    iterations: int
    batch: int
    seeds: int
    samples: int

    def cell(self, kind: str, key: Any) -> AbstractGatedRNN:
        """A network of a kind in `KINDS`, random."""
        shape = (key, self.units, self.channels)
        return KINDS[kind](self, *shape)


KINDS: dict[str, Callable[..., AbstractGatedRNN]] = {
    "plain": lambda s, k, n, m: plain_rnn(k, n, m, s.gain, jnp.float32),
    "leaky": lambda s, k, n, m: leaky_rnn(k, n, m, s.leak, s.gain, jnp.float32),
    "scalar gate": lambda s, k, n, m: scalar_gate_rnn(k, n, m, s.openness, s.gain, jnp.float32),
    "gate a neuron": lambda s, k, n, m: multi_gate_rnn(k, n, m, s.openness, s.gain, jnp.float32),
}


def train_seeds(
    setting: Setting, kind: str, draw: Draw, optimiser: optax.GradientTransformation
) -> Training:
    """Trained networks of all seeds, a leading axis of them."""

    runs = []
    for seed in range(setting.seeds):
        key = jax.random.fold_in(jax.random.key(17), seed)
        model = make_model(setting.cell(kind, key))
        options = {"iterations": setting.iterations, "batch": setting.batch}
        drawn = jax.random.fold_in(key, 1)
        runs.append(train(model, draw, optimiser, drawn, steps=setting.steps, **options))
    arrays, rest = zip(*(eqx.partition(run, eqx.is_array) for run in runs), strict=True)
    return eqx.combine(jax.tree.map(lambda *x: jnp.stack(x), *arrays), rest[0])


def _seed_of(training: Training, seed: int) -> Training:
    """One seed's, the model in float64."""
    arrays, rest = eqx.partition(training, eqx.is_array)
    own = eqx.combine(jax.tree.map(lambda x: x[seed], arrays), rest)
    return eqx.tree_at(lambda t: t.model, own, cast(own.model, float))


def rates_by_lag(
    setting: Setting, kind: str, draw: Draw, optimiser: optax.GradientTransformation, lags: Any
) -> dict[str, Any]:
    """Effective learning rates of one kind of network after training, seed by seed."""
    training = train_seeds(setting, kind, draw, optimiser)
    found = [_rates(_seed_of(training, s), draw, setting, lags, s) for s in range(setting.seeds)]
    return {
        "loss": _mean_loss(training.losses),
        **{name: [f[name] for f in found] for name in found[0]},
    }


def _mean_loss(losses) -> list[list[float]]:
    """First and last tenth of training, each seed."""
    x = np.asarray(losses, float)
    tenth = max(1, x.shape[1] // 10)
    return [
        [float(a), float(b)]
        for a, b in zip(x[:, :tenth].mean(1), x[:, -tenth:].mean(1), strict=True)
    ]


def _sequences(draw, setting, model, seed, count):
    key = jax.random.fold_in(jax.random.key(99), seed)
    return draw_batch(draw, key, setting.steps, model, count)


def _rates(trained: Training, draw, setting, lags, seed) -> dict[str, Any]:
    cell = trained.model.cell
    us, _ = _sequences(draw, setting, trained.model, seed, _SEQUENCES)
    gains, predictors, gates = [], [], []
    for u in us:
        states = run_map(cell, jnp.zeros(setting.units), u)
        result = transport(cell, states, u, lags, modes=False)
        gains.append(np.asarray(result.log_gain))
        gates.append(gates_along(cell, states, u))
        predictors.append(rate_predictors(gates[-1], result.starts, result.lags))
    median = np.median(np.concatenate(gains, axis=1), axis=1)
    rates = np.exp(median - median[0])
    seen = rates > _NEGLIGIBLE
    r, interval, fit = fit_decay(np.asarray(lags)[seen], rates[seen])
    shut, opened = saturation(jnp.stack(gates))
    return {
        "rates": rates.tolist(),
        "gates": np.mean([p["gates"] for p in predictors], axis=0).tolist(),
        "leaks": np.mean([p["leaks"] for p in predictors], axis=0).tolist(),
        "decay": r,
        "interval": list(interval),
        "r_squared": fit,
        "mean_gate": float(jnp.mean(jnp.stack(gates))),
        "saturated": [shut, opened],
        "remainder": _remainders(cell, us[0], setting.units),
    }


@eqx.filter_jit
def _parts(cell, u, units):
    states = run_map(cell, jnp.zeros(units), u)
    held, moved = jax.vmap(cell.jacobian_parts)(states[:_WINDOW], u[:_WINDOW])
    at = lambda e: expand_product(held, moved, e).relative_remainder  # noqa: E731
    return jax.lax.map(at, jnp.asarray(EPSILONS))


def _remainders(cell, u, units) -> list[float]:
    """Of the expansion over the first 20 steps, relative, at each of `EPSILONS`."""
    return np.asarray(_parts(cell, u, units)).tolist()


def anisotropy_by_kind(
    setting: Setting, kind: str, draw: Draw, optimiser: optax.GradientTransformation, lags: Any
) -> dict[str, Any]:
    """How uneven the recurrent weights' gradients and the transport are, seed by seed.

    `raw` is of the gradients of single samples, `direction` of what the optimiser makes of them.
    """
    training = train_seeds(setting, kind, draw, optimiser)
    found = [
        _unevenness(_seed_of(training, s), draw, setting, optimiser, lags, s)
        for s in range(setting.seeds)
    ]
    return {
        "loss": _mean_loss(training.losses),
        **{name: [f[name] for f in found] for name in found[0]},
    }


def _unevenness(trained: Training, draw, setting, optimiser, lags, seed) -> dict[str, Any]:
    model = trained.model
    us, ys = _sequences(draw, setting, model, seed, setting.samples)
    gradients = sample_gradients(model, us, ys)
    weights = eqx.filter(model, eqx.is_inexact_array)
    moves = _directions(optimiser, cast(trained.state, float), gradients, weights)
    states = run_map(model.cell, jnp.zeros(setting.units), us[0])
    carried = transport(model.cell, states, us[0], lags, modes=False).anisotropy()
    median = lambda x: np.median(np.asarray(x), axis=1).tolist()  # noqa: E731
    return {
        "raw": _told(direction_anisotropy(gradients.cell.recurrent)),
        "direction": _told(direction_anisotropy(moves.cell.recurrent)),
        "transport_ratio": median(carried.ratio),
        "transport_top_energy": median(carried.top_energy),
        "transport_participation": median(carried.participation),
    }


@eqx.filter_jit
def _directions(optimiser, state, gradients, weights):
    return sample_directions(optimiser, state, gradients, weights)


def _told(found) -> dict[str, float]:
    return {
        "ratio": float(found.ratio),
        "top_energy": float(found.top_energy),
        "participation": float(found.participation),
    }
