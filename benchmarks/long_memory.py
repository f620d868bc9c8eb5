"""Memory over 2000 steps: recurrent units trained by echoes, and a GRU by backpropagation."""

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

import learning

from . import report

_TASKS = {
    "recall": learning.recall_task,
    "phase": learning.phase_task,
}
_RATES = {"HRU, RHEL": (3e-3,), "GRU, BPTT": (3e-3, 1e-2)}
_BLOCKS, _HIDDEN, _MODES, _BATCH, _COUNT = 1, 16, 32, 32, 400


@final
class GRU(eqx.Module):
    """A gated recurrent unit, and a linear read-out of its last state."""

    cell: eqx.nn.GRUCell
    decoder: learning.Projection

    @property
    def signals(self) -> int:
        return self.cell.input_size

    @property
    def outputs(self) -> int:
        return self.decoder.B.shape[0]

    def start(self, series: int, dtype: Any = None) -> jax.Array:
        return jnp.zeros((series, self.cell.hidden_size), dtype)

    def keeps(self, series: int, key: Any) -> tuple[()]:
        """There is no dropout."""
        return ()

    def decode(self, features: jax.Array) -> jax.Array:
        return self.decoder(features)


@final
class Backpropagation(learning.AbstractSweep):
    """Through all steps of a GRU; outputs are read at the end."""

    def features(self, stack, x, reading, starts, keeps):
        step = jax.vmap(stack.cell)
        signals = jnp.transpose(x, (1, 2, 0))
        last, _ = jax.lax.scan(lambda state, now: (step(now, state), None), starts, signals)
        return last.T[:, None]


def measure(quick: bool) -> dict[str, list[dict]]:
    lag, epochs, seeds = (200, 10, 1) if quick else (2_000, 60, 2)
    rows = []
    for task in _TASKS:
        for model, rates in _RATES.items():
            for rate in rates:
                rows.append(_row(task, model, rate, lag, epochs, seeds))
                print(" ", rows[-1], flush=True)
    return {"rows": rows}


def _row(task: str, model: str, rate: float, lag: int, epochs: int, seeds: int) -> dict[str, Any]:
    fits = [_fit(task, model, rate, lag, epochs, seed) for seed in range(seeds)]
    return {
        "task": task, "lag": lag, "model": model, "learning rate": rate,
        "parameters": fits[0][0], "guessing": fits[0][1],
        **{f"seed {i}": score for i, (_, _, score, _) in enumerate(fits)},
        "s an epoch": float(np.mean([seconds for *_, seconds in fits])) / epochs,
    }  # fmt: skip


def _fit(task: str, model: str, rate: float, lag: int, epochs: int, seed: int):
    """(parameters, mean square of guessing the mean, of the model on test series, seconds)."""
    splits = learning.split(_TASKS[task](_COUNT, lag, seed), seed)
    shape = learning.StackShape(
        splits.train.x.shape[1], splits.train.outputs, _BLOCKS, _HIDDEN, _MODES
    )
    key = jax.random.key(seed)
    stack: Any = learning.make_stack(shape, learning.make_linear_hru, key=key)
    size = _parameters(stack)
    sweep: learning.AbstractSweep = learning.LayerSweep(learning.RHEL())
    if model == "GRU, BPTT":
        stack, sweep = _gru(shape, size, key), Backpropagation()
    fit = learning.fit_stack(
        learning.cast(stack, "float32"), splits, sweep=sweep,
        optimiser=optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate)),
        epochs=epochs, batch_size=_BATCH, seed=seed, progress=False,
    )  # fmt: skip
    mean = splits.train.targets.mean(0)
    guess = float(((splits.test.targets - mean) ** 2).mean())
    return _parameters(stack), guess, -fit.test_score, fit.epochs[-1].seconds


def _gru(shape: learning.StackShape, size: int, key) -> GRU:
    """The widest with at most `size` parameters."""
    width = 1
    while 3 * (width + 1) * (width + 1 + shape.signals + 1) + shape.outputs * width < size:
        width += 1
    keys = jax.random.split(key)
    return GRU(
        eqx.nn.GRUCell(shape.signals, width, key=keys[0]),
        learning.make_projection(width, shape.outputs, key=keys[1]),
    )


def _parameters(model) -> int:
    return sum(x.size for x in jax.tree.leaves(eqx.filter(model, eqx.is_inexact_array)))


def table(result: dict) -> str:
    """Markdown: mean square errors on test series."""
    return report.records(result["rows"])
