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

_SHORTEST = 20


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
    which biases. So free runs over windows of `window` samples are fitted next, from starts of
    their own (shorter windows where that does not converge; None leaves this out).

    Raises `ValueError` for alpha outside [0, 1] and for values that what is measured does not
    tell, which are named; `IdentifyError` where a search fails.
    """
    alpha, first = float(check_alpha(alpha)), float(check_alpha(first_alpha))
    total = len(stages(max(first, alpha), alpha)) + (window is not None)
    bar = progress_bar("identifying", total) if progress else nullcontext(lambda *_, **__: None)
    with bar as advance:
        point, runs = fit_forced(box, max(first, alpha), alpha, advance)
        count = len(box.names)
        logs = point[:count]
        if window is None:
            return _from_forced(box, point, alpha, runs)
        _, before = eqx.filter_jit(box.forced)(
            jnp.asarray(logs), jnp.asarray(point[count:]), jnp.asarray(alpha)
        )
        length = min(window, len(before) // 2)
        while length >= _SHORTEST:
            advance(0, note=f"free windows of {length} samples")
            shooting = Shooting(box, length)
            shot = shooting.fit(logs, np.asarray(before)[::length][: len(shooting.data)])
            if shot.converged:
                advance(1)
                check_sensitivity(shot.sensitivity)
                rows = shot.residuals.reshape(-1, shot.residuals.shape[-1])
                return Identified(
                    box.names, np.exp(shot.logs), _deviations(shot.sensitivity, rows), rows,
                    shot.starts, shot.sensitivity, np.exp(logs), length, runs + shot.iterations,
                )  # fmt: skip
            length //= 2
    raise IdentifyError(
        "free runs over windows could not be fitted, however short: the forced fit is too far "
        "off. Try another alpha, or starts nearer to the values"
    )


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
