"""PPG-DaLiA from npz files: channels on one clock, heart rates at the end of their 8 s."""

import numpy as np
import pytest

import learning

SECONDS = 40


def write_subject(folder, name="S1", seconds=SECONDS, **changes):
    """Every channel is the time in s; the rate is 60 + the second at which its 8 s begin."""

    def clock(rate):
        return np.arange(seconds * rate) / rate

    arrays = {
        "bvp": clock(64), "acc": np.stack([clock(32)] * 3, 1), "eda": clock(4)[:, None],
        "temp": clock(4), "label": 60 + 2.0 * np.arange((seconds - 8) // 2 + 1),
    } | changes  # fmt: skip
    np.savez(folder / f"{name}.npz", **{k: v for k, v in arrays.items() if v is not None})


def test_channels_share_a_clock_and_rates_are_asked_for_at_their_ends(tmp_path):
    write_subject(tmp_path)
    data = learning.load_ppg_dalia(tmp_path, steps=640)
    assert data.x.shape == (4, 6, 640) and data.targets.shape == (4, 1, 5)
    time = np.arange(640) / 64
    for window, x in enumerate(data.x):
        # The slowest channels end a quarter of a second early.
        np.testing.assert_allclose(x, np.broadcast_to(10 * window + time, x.shape), atol=0.25)
    ends = 2.0 * np.arange(1, 21)
    np.testing.assert_allclose(data.targets.ravel(), 60 + np.maximum(ends - 8, 0))


def test_windows_do_not_cross_subjects(tmp_path):
    for name, seconds in (("S1", 21), ("S2", 40), ("S10", 12)):
        write_subject(tmp_path, name, seconds)
    assert len(learning.load_ppg_dalia(tmp_path, steps=640)) == 2 + 4 + 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": None}, "S1.npz: no array label"),
        ({"acc": np.zeros((10, 2))}, r"acc of shape \(10, 2\); expected \(samples, 3\)"),
        ({"eda": np.zeros(8)}, "no recording has 640 samples"),
        ({"bvp": np.full(SECONDS * 64, np.nan)}, "nan in series 1, channel 1"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, changes, message):
    write_subject(tmp_path, **changes)
    with pytest.raises(ValueError, match=message):
        learning.load_ppg_dalia(tmp_path, steps=640)


def test_no_files_no_data(tmp_path):
    with pytest.raises(ValueError, match=r"no S1\.npz"):
        learning.load_ppg_dalia(tmp_path)
    with pytest.raises(ValueError, match="can't be read every 128"):
        learning.load_ppg_dalia(tmp_path, steps=100)
