"""Training a model on a measured series."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Float, PyTree

from physsim import DivergenceError

from .._checkpoint import Checkpoint
from .._files import Files
from .._gtf import AbstractAlpha, FixedAlpha, jacobian_norms
from .._optax import begin, move
from .._parallel import AbstractTrajectorySolver
from ._evaluate import distances
from ._forced_model import AbstractReconstruction
from ._series import Series


@final
class ReconstructionState(eqx.Module):
    """All that one update hands to the next. What is drawn follows from seed and step."""

    arrays: PyTree
    optimiser: PyTree
    best_arrays: PyTree
    best: Float[np.ndarray, ""]
    """D_stsp times D_H of `best_arrays`."""
    alpha: Float[np.ndarray, ""]
    losses: Float[np.ndarray, " updates"]
    alphas: Float[np.ndarray, " updates"]
    judged: Float[np.ndarray, "judgements 3"]
    """(update, D_stsp, D_H) on what is held out."""
    seconds: Float[np.ndarray, ""]

    @property
    def step(self) -> int:
        return len(self.losses)


@final
class Training(NamedTuple):
    """How to train: `batch` windows of `length` steps an update, judged every `judge_every`."""

    updates: int = 5000
    length: int = 200
    batch: int = 16
    judge_every: int = 500
    seed: int = 0
    jitter: float = 0.0
    """Gaussian noise put on the windows, in standard deviations, fresh in each update."""
    held_out: float = 0.2
    """The last share of the series, which is not learned from and chooses the model."""

    def check(self, series: Series) -> None:
        """`ValueError` for counts that make no sense or a series that is too short."""
        counts = (self.updates, self.length, self.batch, self.judge_every)
        if min(counts) < 1 or self.jitter < 0:
            raise ValueError(f"updates, length, batch and judge_every must be at least 1: {self}")
        if not 0 < self.held_out < 1:
            raise ValueError(f"a share between 0 and 1 must be held out, got {self.held_out}")
        if round((1 - self.held_out) * len(series)) <= self.length:
            raise ValueError(
                f"windows of {self.length} steps out of {len(series)} samples, "
                f"{self.held_out:.3g} of which are held out: shorten the windows or measure longer"
            )


@final
class Reconstructed(eqx.Module):
    """What training leaves: the model that came nearest to the attractor, and how it went."""

    reconstruction: AbstractReconstruction
    state: ReconstructionState
    interrupted: bool = eqx.field(static=True)
    origin: str = eqx.field(static=True)


def reconstruct(
    reconstruction: AbstractReconstruction,
    series: Series,
    training: Training,
    *,
    alpha: AbstractAlpha | None = None,
    solver: AbstractTrajectorySolver | None = None,
    optimiser: optax.GradientTransformation | None = None,
    checkpoint: Checkpoint | None = None,
    told: Callable[[ReconstructionState], None] | None = None,
    progress: bool = True,
) -> Reconstructed:
    """Minimise the mean square of (measured - observed) along forced runs over windows.

    Every `judge_every` updates the model runs free, and the parameters with the least product of
    D_stsp and D_H, from the part of the series that is held out, are kept: the one is blind to
    the order in time, the other to the shape. `alpha` (default: fixed at 0.1) says
    how strongly runs are forced, `solver` how they are found, `optimiser` (any of optax) defaults
    to RAdam at 1e-3. `checkpoint` keeps the state and may start from it, bit for bit.

    Raises `ValueError` for a series too short, `DivergenceError` where no window's loss is
    finite, `CheckpointError` for a checkpoint that can't be used.
    """
    training.check(series)
    alpha = FixedAlpha(0.1) if alpha is None else alpha
    optimiser = optax.radam(1e-3) if optimiser is None else optimiser
    arrays, rest = eqx.partition(reconstruction, eqx.is_inexact_array)
    files = Files(checkpoint, None, None)
    state, origin = files.begin(_first(arrays, optimiser, alpha))
    learned, held_out = series.split(1 - training.held_out)
    values = jnp.asarray(learned.values, jax.tree.leaves(arrays)[0].dtype)
    context = _Context(rest, values, training, alpha, solver, optimiser, held_out)
    interrupted = False
    with files.bar(progress, training.updates, "reconstructing") as advance:
        advance(state.step)
        try:
            while state.step < training.updates:
                state = context.advance(state)
                advance(1, note=f"loss {state.losses[-1]:.2e}, alpha {float(state.alpha):.2g}")
                if told is not None:
                    told(state)
                files.keep(state)
        except KeyboardInterrupt:
            interrupted = True
    files.save(state)
    return Reconstructed(eqx.combine(state.best_arrays, rest), state, interrupted, origin)


def _first(arrays, optimiser, alpha: AbstractAlpha) -> ReconstructionState:
    nothing = np.zeros(0)
    return ReconstructionState(
        arrays, begin(optimiser, arrays), arrays, np.asarray(np.inf),
        np.asarray(float(alpha.start)), nothing, nothing, np.zeros((0, 3)), np.asarray(0.0),
    )  # fmt: skip


@final
class _Context(NamedTuple):
    rest: Any
    values: jax.Array
    training: Training
    alpha: AbstractAlpha
    solver: AbstractTrajectorySolver | None
    optimiser: Any
    held_out: Series

    def advance(self, state: ReconstructionState) -> ReconstructionState:
        """The state after one update, judged where it is time to."""
        started = time.perf_counter()
        windows = self._windows(state.step)
        alpha = self._alpha(state, windows)
        arrays, memory, loss = _update(
            state.arrays, self.rest, self.optimiser, state.optimiser, windows,
            jnp.asarray(alpha, windows.dtype), self.solver,
        )  # fmt: skip
        loss = float(loss)
        if not np.isfinite(loss):
            raise DivergenceError(
                f"update {state.step}: the loss is not finite (alpha {alpha:.3g}). Try a larger "
                "alpha, shorter windows or a smaller learning rate"
            )
        best, best_arrays, judged = state.best, state.best_arrays, state.judged
        if (state.step + 1) % self.training.judge_every == 0:
            divergence, spectral = distances(eqx.combine(arrays, self.rest), self.held_out)
            judged = np.vstack([judged, (state.step + 1, divergence, spectral)])
            if divergence * spectral < float(best) or not np.isfinite(float(best)):
                best, best_arrays = np.asarray(divergence * spectral), arrays
        elif not np.isfinite(float(best)):
            best_arrays = arrays
        seconds = np.asarray(float(state.seconds) + time.perf_counter() - started)
        return ReconstructionState(
            arrays, memory, best_arrays, best, np.asarray(alpha), np.append(state.losses, loss),
            np.append(state.alphas, alpha), judged, seconds,
        )  # fmt: skip

    def _windows(self, step: int):
        training = self.training
        rng = np.random.default_rng([training.seed, 73, step])
        starts = rng.integers(len(self.values) - training.length, size=training.batch)
        index = starts[:, None] + np.arange(training.length + 1)[None]
        windows = self.values[jnp.asarray(index)]
        if training.jitter:
            noise = rng.normal(size=windows.shape) * np.asarray(self.values).std(axis=0)
            windows = windows + training.jitter * jnp.asarray(noise, windows.dtype)
        return windows

    def _alpha(self, state: ReconstructionState, windows) -> float:
        growth = 1.0
        if self.alpha.every is not None and state.step % self.alpha.every == 0:
            alpha = jnp.asarray(state.alpha, windows.dtype)
            growth = float(_growth(state.arrays, self.rest, windows, alpha, self.solver))
        return float(self.alpha.next(float(state.alpha), state.step, growth))


@eqx.filter_jit
def _update(arrays, rest, optimiser, memory, windows, alpha, solver):
    def loss(arrays):
        reconstruction = eqx.combine(arrays, rest)

        def one(window):
            found = reconstruction.run(window, alpha, solver)
            # A run that is none must not pass for a good one.
            bad = jnp.where(found.status.converged, 0.0, jnp.nan).astype(window.dtype)
            return jnp.mean((reconstruction.observe(found.zs) - window[1:]) ** 2) + bad

        return jnp.mean(jax.vmap(one)(windows))

    value, slope = jax.value_and_grad(loss)(arrays)
    return *move(optimiser, slope, memory, arrays), value


@eqx.filter_jit
def _growth(arrays, rest, windows, alpha, solver):
    """The geometric mean of |J_t|."""
    reconstruction = eqx.combine(arrays, rest)

    def one(window):
        zs = reconstruction.run(window, alpha, solver).zs
        return jnp.mean(jnp.log(jacobian_norms(reconstruction.model, zs)))

    return jnp.exp(jnp.mean(jax.vmap(one)(windows)))
