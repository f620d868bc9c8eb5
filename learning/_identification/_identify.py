"""Values of a grey box from what was measured."""

from contextlib import nullcontext
from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from physsim import progress_bar

from .._gtf import check_alpha
from ._forced_stage import Forced, IdentifyError, fit_forced, stages
from ._problem import GreyBox
from ._sensitivity import Sensitivity, check_sensitivity, sensitivity
from ._shooting import Shooting

_SHORTEST = 25


@final
class Identified(eqx.Module):
    """Values that fit, as factors of the starts, and how sure they are."""

    names: tuple[str, ...] = eqx.field(static=True)
    factors: Float[np.ndarray, " P"]
    deviations: Float[np.ndarray, " P"]
    """Standard deviations of the values, relative, from the Hessian."""
    residuals: Float[np.ndarray, "rows N"]
    """Of free runs over windows (of the forced run without windows), by time."""
    states: Float[np.ndarray, "windows M"]
    """Where the windows start."""
    sensitivity: Sensitivity
    forced_factors: Float[np.ndarray, " P"]
    """What the forced fit alone gives."""
    window: int | None = eqx.field(static=True)
    runs: int = eqx.field(static=True)


def identify(
    box: GreyBox,
    *,
    alpha: float = 0.1,
    first_alpha: float = 0.5,
    window: int | None = 200,
    progress: bool = True,
) -> Identified:
    """Fit forced runs, the forcing halved from `first_alpha` to `alpha`, then free windows.

    Forcing brings far starts near, chaos and hidden states notwithstanding, but steers by noise,
    which biases. So free runs over windows are fitted next, from starts of their own: of 25
    samples first, twice as many for as long as that converges, up to `window` (None leaves this
    out). The longer the windows, the more they tell.

    Raises `ValueError` for alpha outside [0, 1] and for values that what is measured does not
    tell, which are named; `IdentifyError` where a search fails.
    """
    alpha, first = float(check_alpha(alpha)), float(check_alpha(first_alpha))
    if window is not None and not _SHORTEST <= window < len(box.data) // 2:
        raise ValueError(
            f"windows must have from {_SHORTEST} samples to half of the {len(box.data)} that "
            f"there are, got {window}"
        )
    lengths = _lengths(window)
    total = len(stages(max(first, alpha), alpha)) + len(lengths)
    bar = progress_bar("identifying", total) if progress else nullcontext(lambda *_, **__: None)
    with bar as advance:
        point, runs = fit_forced(box, max(first, alpha), alpha, advance)
        if window is None:
            return _from_forced(box, point, alpha, runs)
        return _from_windows(box, point, alpha, lengths, runs, advance)


def _lengths(window: int | None) -> tuple[int, ...]:
    """25, 50, 100, ... up to `window`."""
    lengths = [] if window is None else [_SHORTEST]
    while lengths and 2 * lengths[-1] <= (window or 0):
        lengths.append(2 * lengths[-1])
    return tuple(lengths)


def _from_windows(box: GreyBox, point, alpha: float, lengths, runs: int, advance) -> Identified:
    count, best, length = len(box.names), None, 0
    logs, forced = point[:count], np.exp(point[:count])
    starts = _forced_states(box, point, alpha)[:: lengths[0]]
    for trial in lengths:
        advance(0, note=f"free windows of {trial} samples")
        shooting = Shooting(box, trial)
        shot = shooting.fit(logs, starts[: len(shooting.data)])
        runs += shot.iterations
        if not shot.converged:
            break
        advance(1)
        best, length, logs, starts = shot, trial, shot.logs, shot.starts[::2]
    if best is None:
        raise IdentifyError(
            f"free runs over windows of {lengths[0]} samples could not be fitted: the forced fit "
            "is too far off. Try another alpha, or starts nearer to the values"
        )
    check_sensitivity(best.sensitivity)
    rows = best.residuals.reshape(-1, best.residuals.shape[-1])
    return Identified(box.names, np.exp(best.logs), _deviations(best.sensitivity, rows), rows,
                      best.starts, best.sensitivity, forced, length, runs)  # fmt: skip


def _forced_states(box: GreyBox, point, alpha: float) -> np.ndarray:
    """z_0..z_{T-1} of the forced run."""
    count = len(box.names)
    run = eqx.filter_jit(box.forced)
    found = run(jnp.asarray(point[:count]), jnp.asarray(point[count:]), jnp.asarray(alpha))
    return np.asarray(found[1])


def _from_forced(box: GreyBox, point, alpha: float, runs: int) -> Identified:
    forced, count = Forced(box), len(box.names)
    table = sensitivity(forced.jacobian(point, alpha), box.names)
    check_sensitivity(table)
    rows = forced.residuals(point, alpha).reshape(len(box.data) - 1, -1)
    start = np.asarray(box.start(jnp.asarray(point[:count]))) + point[count:]
    factors = np.exp(point[:count])
    return Identified(box.names, factors, _deviations(table, rows), rows, start[None], table,
                      factors, None, runs)  # fmt: skip


def _deviations(table: Sensitivity, rows: np.ndarray) -> np.ndarray:
    return np.sqrt(np.diag(table.covariance(rows)))
