"""What measures of series ask of them."""

import numpy as np


def check_series(series: np.ndarray, what: str = "the series") -> None:
    """`ValueError` unless [T, N] with T >= 2, finite and nowhere constant."""
    if series.ndim != 2 or series.shape[0] < 2 or series.shape[1] < 1:
        raise ValueError(f"{what} must have shape (times >= 2, channels), got {series.shape}")
    if not np.all(np.isfinite(series)):
        t, n = np.argwhere(~np.isfinite(series))[0]
        raise ValueError(f"{what} is not finite at row {t}, channel {n}")
    still = np.flatnonzero(np.ptp(series, axis=0) == 0)
    if still.size:
        raise ValueError(f"{what} is constant in channel {still[0]}")


def check_pair(measured: np.ndarray, generated: np.ndarray) -> None:
    """`ValueError` unless two finite series of the same channels; the first not constant."""
    check_series(measured, "the measured series")
    if generated.ndim != 2 or generated.shape[1] != measured.shape[1] or len(generated) < 2:
        raise ValueError(
            f"the generated series must have shape (times >= 2, {measured.shape[1]}), got "
            f"{generated.shape}"
        )
    if not np.all(np.isfinite(generated)):
        raise ValueError("the generated series is not finite: the model diverged")
