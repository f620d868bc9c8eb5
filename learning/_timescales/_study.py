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

from .._cast import cast
from .._transport import expand_product, run_map, transport
from ._gates import (
    AbstractGatedRNN,
    leaky_rnn,
    multi_gate_rnn,
    plain_rnn,
    saturation,
    scalar_gate_rnn,
)
from ._optimiser import (
    direction_anisotropy,
    fit_decay,
    gates_along,
    rate_predictors,
    sample_directions,
)
from ._tasks import Draw
from ._train import TrainedNetwork, draw_batch, make_model, sample_gradients, train

EXPANSION_EPSILONS = (1e-3, 1e-2, 0.1, 0.3, 1.0)
"""The epsilons of `expand_product` at which `rates_by_lag` tells the remainder."""
_WINDOW = 20
_SEQUENCES = 2
_NEGLIGIBLE = 1e-8


@final
@dataclass(frozen=True)
class GatedSetting:
    """What all networks of an experiment on gated networks share; times are in steps."""

    units: int
    """Neurons n."""
    channels: int
    """Inputs m, at least 2: the adding task takes two of them."""
    steps: int
    """The length T of a sequence, at least 20."""
    gain: float
    """About the spectral radius of W_r before training."""
    leak: float
    """That of the leaky network, above 0 and at most 1."""
    openness: float
    """Where the gates of the others start, between 0 and 1."""
    iterations: int
    """Updates of the optimiser."""
    batch: int
    """Fresh sequences an update."""
    seeds: int
    """Networks trained, each from its own random numbers."""
    samples: int
    """Sequences whose single gradients `anisotropy_by_kind` compares, at least 2."""

    def cell(self, kind: str, key: Any) -> AbstractGatedRNN:
        """A network of a kind in `GATED_NETWORKS`, random, in float32.

        Raises `KeyError` for other kinds, `ValueError` for a leak or an openness out of range.
        """
        shape = (key, self.units, self.channels)
        return GATED_NETWORKS[kind](self, *shape)


GATED_NETWORKS: dict[str, Callable[..., AbstractGatedRNN]] = {
    "plain": lambda s, k, n, m: plain_rnn(k, n, m, s.gain, jnp.float32),
    "leaky": lambda s, k, n, m: leaky_rnn(k, n, m, s.leak, s.gain, jnp.float32),
    "scalar gate": lambda s, k, n, m: scalar_gate_rnn(k, n, m, s.openness, s.gain, jnp.float32),
    "gate a neuron": lambda s, k, n, m: multi_gate_rnn(k, n, m, s.openness, s.gain, jnp.float32),
}
"""Kind -> a function of (setting, key, units, channels) that draws such a network."""


def train_seeds(
    setting: GatedSetting, kind: str, draw: Draw, optimiser: optax.GradientTransformation
) -> TrainedNetwork:
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


def _seed_of(training: TrainedNetwork, seed: int) -> TrainedNetwork:
    """One seed's, the model in float64."""
    arrays, rest = eqx.partition(training, eqx.is_array)
    own = eqx.combine(jax.tree.map(lambda x: x[seed], arrays), rest)
    return eqx.tree_at(lambda t: t.model, own, cast(own.model, float))


def rates_by_lag(
    setting: GatedSetting, kind: str, draw: Draw, optimiser: optax.GradientTransformation, lags: Any
) -> dict[str, Any]:
    """Effective learning rates of one kind of network after training, seed by seed.

    `draw` is a task such as those of `MEMORY_TASKS`; `lags` [L] ascend, at least three of them.
    Each entry has a leading axis of seeds: `loss` is the mean over the first and the last tenth of
    training [2]; `rates` [L] are the median gains of transport, over that at the first lag;
    `gates` and `leaks` [L] are the `rate_predictors`; `decay`, its 95 % `interval` [2] and
    `r_squared` are those of `fit_decay`; `mean_gate` is over neurons and steps, `saturated` [2]
    what `saturation` tells of the gates, and `remainder` that of `expand_product` over 20 steps,
    relative, at `EXPANSION_EPSILONS`. All are numbers without unit.

    Raises `KeyError` for a kind not in `GATED_NETWORKS`; `ValueError` for a setting out of range
    and lags below 1 or beyond the sequence; `physsim.DivergenceError` where training diverged.
    Source: Livi, arXiv:2508.12121.
    """
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


def _rates(trained: TrainedNetwork, draw, setting, lags, seed) -> dict[str, Any]:
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
    return jax.lax.map(at, jnp.asarray(EXPANSION_EPSILONS))


def _remainders(cell, u, units) -> list[float]:
    """Of the expansion over the first 20 steps, relative, at each of `EXPANSION_EPSILONS`."""
    return np.asarray(_parts(cell, u, units)).tolist()


def anisotropy_by_kind(
    setting: GatedSetting, kind: str, draw: Draw, optimiser: optax.GradientTransformation, lags: Any
) -> dict[str, Any]:
    """How uneven the recurrent weights' gradients and the transport are, seed by seed.

    Arguments and errors are those of `rates_by_lag`; each entry has a leading axis of seeds, and
    no unit. `loss` [2] is as there. `raw` is of the gradients of single samples, `direction` of
    what the optimiser makes of them, both with the measures of `Anisotropy`. `transport_ratio`,
    `transport_top_energy` and `transport_participation` [L] are medians over windows at each lag.
    Source: Livi, arXiv:2508.12121.
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


def _unevenness(trained: TrainedNetwork, draw, setting, optimiser, lags, seed) -> dict[str, Any]:
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
