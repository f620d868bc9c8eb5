"""Tasks of long memory, and a heart rate to be read off a pulse: made, not measured."""

import numpy as np
from scipy.signal import lfilter

from ._data import SeriesData


def adding_task(count: int, lag: int, seed: int) -> SeriesData:
    """Add the two marked among random numbers, the marks `lag` steps apart.

    Channels: the numbers, uniform in (0, 1), and the marks. Guessing 1 has mean square 1/6.
    Source: Hochreiter & Schmidhuber, Neural Computation 9:1735 (1997), experiment 4.
    """
    _positive(count=count, lag=lag)
    rng = np.random.default_rng(seed)
    margin = max(1, lag // 10)
    steps = lag + margin
    x = np.zeros((count, 2, steps))
    x[:, 0] = rng.uniform(size=(count, steps))
    first = rng.integers(0, margin, count)
    rows = np.arange(count)
    x[rows, 1, first] = x[rows, 1, first + lag] = 1.0
    targets = (x[:, 0] * x[:, 1]).sum(1)[:, None, None]
    return SeriesData("adding", x, _full(x), targets, every=steps)


def recall_task(count: int, lag: int, seed: int, classes: int = 8) -> SeriesData:
    """Which of `classes` channels was lit at the start, asked `lag` steps later through noise.

    Channels: one a class, noise of deviation 0.01 in all of them, and the question at the last
    step. Outputs are read at the end only.
    """
    _positive(count=count, lag=lag, classes=classes)
    rng = np.random.default_rng(seed)
    x = np.zeros((count, classes + 1, lag + 1))
    x[:, :-1] = 0.01 * rng.normal(size=(count, classes, lag + 1))
    which = rng.integers(0, classes, count)
    x[np.arange(count), which, 0] += 1.0
    x[:, -1, -1] = 1.0
    targets = np.eye(classes)[which][:, :, None]
    return SeriesData("recall", x, _full(x), targets, every=lag + 1)


def copy_task(count: int, lag: int, seed: int, held: int = 10, symbols: int = 8) -> SeriesData:
    """Repeat a signal `lag` steps later: random levels in (-1, 1), each held for `held` steps.

    The output is read at the end of each level; until `lag` it is 0. `lag` is rounded up to a
    multiple of `held`.
    """
    _positive(count=count, lag=lag, held=held, symbols=symbols)
    rng = np.random.default_rng(seed)
    wait = -(-lag // held)
    levels = np.zeros((count, symbols + wait))
    levels[:, :symbols] = rng.uniform(-1, 1, (count, symbols))
    x = np.repeat(levels, held, 1)[:, None]
    targets = np.concatenate([np.zeros((count, wait)), levels[:, :symbols]], 1)[:, None]
    return SeriesData("copy", x, _full(x), targets, every=held)


def phase_task(count: int, lag: int, seed: int, period: float = 20.0) -> SeriesData:
    """The phase of a burst of an LC tank, asked `lag` steps later: its cosine and sine.

    The burst has 4 periods of `period` steps; noise of deviation 0.05 goes on.
    """
    _positive(count=count, lag=lag)
    rng = np.random.default_rng(seed)
    burst = round(4 * period)
    time = np.arange(burst + lag)
    phase = rng.uniform(0, 2 * np.pi, count)
    wave = np.cos(2 * np.pi * time / period + phase[:, None]) * (time < burst)
    x = (wave + 0.05 * rng.normal(size=wave.shape))[:, None]
    targets = np.stack([np.cos(phase), np.sin(phase)], 1)[:, :, None]
    return SeriesData("phase", x, _full(x), targets, every=len(time))


_RATE = 64.0


def heart_rate_task(count: int, seed: int, steps: int = 49_920, every: int = 128) -> SeriesData:
    """A wearer's heart rate in beats a minute, every 2 s, from six channels at 64 Hz.

    Channels: pulse wave, three axes of acceleration, skin conductance, skin temperature. The
    rate wanders between 50 and 170 with activity; steps disturb the pulse wave, and the
    accelerometer sees them. Shaped like PPG-DaLiA (Reiss et al., Sensors 19:3079, 2019),
    simulated throughout.
    """
    _positive(count=count, every=every)
    if steps % every:
        raise ValueError(f"{steps} steps can't be read every {every}")
    rng = np.random.default_rng(seed)
    x, targets = np.zeros((count, 6, steps)), np.zeros((count, 1, steps // every))
    for i in range(count):
        x[i], rate = _wearer(rng, steps)
        targets[i, 0] = rate.reshape(-1, every).mean(1)
    return SeriesData("heart rate", x, _full(x), targets, every=every)


def _wearer(rng, steps: int):
    """(six channels [6, steps], the heart rate [steps])."""
    time = np.arange(steps) / _RATE
    activity = _wandering(rng, steps, 60.0)
    activity = 1 / (1 + np.exp(-2 * activity))
    rate = rng.uniform(55, 75) + 80 * _delayed(activity, 20.0) + 4 * _wandering(rng, steps, 15.0)
    rate = np.clip(rate, 50, 170)
    beat = np.cumsum(rate / 60) / _RATE + rng.uniform()
    phase = beat % 1
    pulse = _bump(phase, 0.2, 0.07) + 0.35 * _bump(phase, 0.55, 0.1)
    pace = 2 * np.pi * np.cumsum(1.2 + 0.8 * activity) / _RATE
    motion = activity**2 * np.stack([np.sin(pace + a) for a in rng.uniform(0, 6, 3)])
    acceleration = motion + 0.05 * rng.normal(size=motion.shape)
    disturbed = pulse + 0.5 * motion.T @ rng.normal(size=3) + 0.1 * rng.normal(size=steps)
    conductance = 0.5 + _delayed(activity, 60.0) + 0.01 * rng.normal(size=steps)
    temperature = 33 - _delayed(activity, 120.0) + 0.1 * np.sin(time / 200)
    return np.stack([disturbed, *acceleration, conductance, temperature]), rate


def _wandering(rng, steps: int, seconds: float):
    """Noise of variance 1 that forgets within `seconds` (Ornstein-Uhlenbeck)."""
    keep = np.exp(-1 / (seconds * _RATE))
    noise = np.sqrt(1 - keep**2) * rng.normal(size=steps)
    return lfilter([1.0], [1.0, -keep], noise, zi=[keep * rng.normal()])[0]


def _delayed(x, seconds: float):
    """`x` through a low-pass of the time constant `seconds`, at rest at its first value."""
    keep = np.exp(-1 / (seconds * _RATE))
    return lfilter([1 - keep], [1.0, -keep], x, zi=[keep * x[0]])[0]


def _bump(phase, at: float, width: float):
    return np.exp(-0.5 * ((phase - at) / width) ** 2)


def _full(x):
    return np.full(x.shape[0], x.shape[2])


def _positive(**counts: int) -> None:
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"{name} must be at least 1, got {count}")
