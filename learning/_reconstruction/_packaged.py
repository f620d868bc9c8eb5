"""Series of other packages: chaotic systems of dysts, a heart's rhythm that comes with aeon."""

import importlib
import warnings
from typing import Any

import numpy as np

from physsim import DivergenceError

from .._series import shipped_archive
from ._series import Series

_A_PERIOD = 100
_SETTLING = 50
_TOLERANCE = 1e-9


def dysts_series(name: str, samples: int, *, dt: float | None = None, seed: int = 0) -> Series:
    """`samples` of the system `name` of dysts every `dt` (default: 100 a period), in its units.

    `seed` moves the start by some per mille; 50 periods are dropped. Raises `ValueError` where
    dysts is not installed or has no such flow, `DivergenceError` where it can't be integrated.

    Source: Gilpin, NeurIPS Datasets and Benchmarks (2021).
    """
    system = _flow(name)
    dt = float(system.period / _A_PERIOD if dt is None else dt)
    if samples < 2 or not dt > 0:
        raise ValueError(f"at least 2 samples and a positive dt, got {samples} and {dt}")
    dropped = round(_SETTLING * system.period / dt)
    start = np.asarray(system.ic)
    start = start * (1 + 1e-3 * np.random.default_rng(seed).normal(size=start.shape))
    values = system.make_trajectory(
        dropped + samples, init_cond=start, pts_per_period=system.period / dt, method="LSODA",
        rtol=_TOLERANCE, atol=_TOLERANCE,
    )  # fmt: skip
    if values is None or not np.all(np.isfinite(values)):
        raise DivergenceError(f"{name} could not be integrated to the end")
    values = values[dropped:]
    return Series(values, dt, tuple(f"x{i}" for i in range(values.shape[1])))


def _flow(name: str) -> Any:
    try:
        with warnings.catch_warnings():
            # That numba is missing.
            warnings.simplefilter("ignore")
            flows = importlib.import_module("dysts.flows")
    except ImportError as error:
        raise ValueError(
            f"{name} is a system of the dysts package: install the extra `dysts` ({error})"
        ) from error
    found: Any = getattr(flows, name, None)
    # Not the classes that flows are derived from.
    own = isinstance(found, type) and found.__module__ == flows.__name__
    system = found() if own else None
    if getattr(system, "period", None) is None or not hasattr(system, "ic"):
        raise ValueError(
            f"dysts has no flow named {name!r}: see dysts.systems.get_attractor_list()"
        )
    return system


def ecg_series() -> Series:
    """10 000 samples of a synthetic electrocardiogram without anomalies; the unit of time is a
    sample.

    Raises `ValueError` where aeon, which it comes with, is not installed.
    """
    path = shipped_archive() / "UnitTest" / "ecg-diff-count-3_TRAIN_NA.csv"
    values = np.loadtxt(path, delimiter=",", skiprows=1, usecols=1)
    return Series(values[:, None], 1.0, ("ecg",))
