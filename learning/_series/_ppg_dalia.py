"""PPG-DaLiA: heart rates beside what a wrist band measures.

Source: Reiss et al., Sensors 19:3079 (2019). The archive keeps heart rates in pickles, which can
run any program when opened and are not read here: each subject's arrays are saved as `.npz` first.
"""

from pathlib import Path

import numpy as np

from ._data import SeriesData

_RATE = 64
"""Samples a second of the pulse wave, to which the rest is brought."""
_CHANNELS = {"bvp": (64, 1), "acc": (32, 3), "eda": (4, 1), "temp": (4, 1)}
"""Samples a second, and columns."""
_HOP, _WINDOW = 2, 8
"""Seconds between heart rates, and the seconds that one is taken over."""


def load_ppg_dalia(folder: Path, steps: int = 49_920) -> SeriesData:
    """All windows of `steps` samples, cut from each subject's recording; the heart rate every 2 s.

    `folder` has S1.npz, S2.npz, ... with the arrays `bvp` [n] (64 a second), `acc` [n, 3] (32),
    `eda` [n] and `temp` [n] (4), and `label` [k]: beats a minute over 8 s, every 2 s. A value is
    asked for at the end of its 8 s; before the first such end, the first value. Raises
    `ValueError` where files, arrays or shapes are missing or too short.
    """
    every = _HOP * _RATE
    if steps % every:
        raise ValueError(f"{steps} steps can't be read every {every}: not a multiple")
    paths = sorted(Path(folder).glob("S*.npz"), key=lambda p: (len(p.stem), p.stem))
    if not paths:
        raise ValueError(
            f"{folder}: no S1.npz, S2.npz, ...: save each subject's wrist signals and heart rates "
            "as npz first; docs/hssm.md shows how"
        )
    series, rates = [], []
    for path in paths:
        x, rate = _recording(path)
        for start in range(0, x.shape[1] - steps + 1, steps):
            series.append(x[:, start : start + steps])
            first = start // every
            rates.append(rate[first : first + steps // every])
    if not series:
        raise ValueError(f"{folder}: no recording has {steps} samples ({steps / _RATE:g} s)")
    x = np.stack(series)
    return SeriesData("PPG-DaLiA", x, np.full(len(x), steps), np.stack(rates)[:, None], every=every)


def _recording(path: Path):
    """(channels at 64 a second [6, n], the heart rate after every 2 s [n / 128])."""
    with np.load(path, allow_pickle=False) as file:
        missing = {*_CHANNELS, "label"} - set(file.files)
        if missing:
            raise ValueError(f"{path}: no array {', '.join(sorted(missing))}")
        arrays = {name: np.asarray(file[name], float) for name in (*_CHANNELS, "label")}
    for name, (_, columns) in _CHANNELS.items():
        arrays[name] = arrays[name].reshape(len(arrays[name]), -1)
        if arrays[name].shape[1] != columns or not len(arrays[name]):
            raise ValueError(
                f"{path}: {name} of shape {arrays[name].shape}; expected (samples, {columns})"
            )
    seconds = min(len(arrays[name]) / rate for name, (rate, _) in _CHANNELS.items())
    label = arrays["label"].ravel()
    ends = int(min(seconds // _HOP, len(label) + _WINDOW // _HOP - 1))
    time = np.arange(ends * _HOP * _RATE) / _RATE
    rows = [
        np.interp(time, np.arange(len(arrays[name])) / rate, column)
        for name, (rate, _) in _CHANNELS.items()
        for column in arrays[name].T
    ]
    # The value k is over the seconds 2 k to 2 k + 8, and asked for at 2 k + 8.
    at = np.maximum(np.arange(1, ends + 1) - _WINDOW // _HOP, 0)
    return np.stack(rows), label[at]
