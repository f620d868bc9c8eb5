"""Peaks and bands of a response are its own, not those of the grid it is drawn on."""

import numpy as np
import pytest
from typer.testing import CliRunner

from physsim.cli._commands import register
from physsim.cli._main import app
from physsim.cli._peak import find_peak

R, L, C = 1e3, 1e-6, 1e-9
RESONANCE = 1 / (2 * np.pi * np.sqrt(L * C))
TANK = "a tank\nI1 0 a AC 1\nR1 a 0 1k\nL1 a 0 1u\nC1 a 0 1n\n"


def tank(f):
    s = 2j * np.pi * f
    return abs(1 / (1 / R + s * C + 1 / (s * L)))


def low_pass(f):
    return 1 / np.hypot(1, f / 1e3)


def peak_of(size, f):
    return find_peak(f, size(f), size)


@pytest.mark.parametrize("points", [4, 7, 30])
def test_a_tank(points):
    peak = peak_of(tank, np.geomspace(1e5, 1e8, points))
    assert peak.frequency == pytest.approx(RESONANCE, rel=1e-6)
    assert peak.size == pytest.approx(R, rel=1e-9)
    low, high = peak.band
    assert high - low == pytest.approx(1 / (2 * np.pi * R * C), rel=1e-4)
    assert low * high == pytest.approx(RESONANCE**2, rel=1e-4)


def test_the_largest_at_an_end_of_the_sweep():
    peak = peak_of(low_pass, np.geomspace(1.0, 1e5, 11))
    assert (peak.frequency, peak.size) == (1.0, low_pass(1.0))
    assert peak.band[0] is None
    assert peak.band[1] == pytest.approx(1e3, rel=1e-5)


def test_a_resonance_without_loss_has_no_largest_value():
    peak = peak_of(lambda f: 1 / abs(1 - (f / RESONANCE) ** 2), np.geomspace(1e5, 1e8, 20))
    assert (peak.size, peak.band) == (np.inf, (None, None))
    assert peak.frequency == pytest.approx(RESONANCE, rel=1e-7)


def test_silence_and_a_single_frequency():
    assert peak_of(np.zeros_like, np.array([1.0, 2.0, 3.0])).size == 0
    assert peak_of(tank, np.array([2e6])).frequency == 2e6


@pytest.mark.parametrize("what", [["--node", "a"], ["--source", "I1"], ["--port", "a,0"]])
def test_the_command_prints_the_peak_between_its_frequencies(tmp_path, monkeypatch, what):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tank.cir").write_text(TANK)
    sweep = ["--sweep", "dec 3 100k 100meg"]
    register()
    shown = CliRunner().invoke(app, ["ac", "tank.cir", *what, *sweep], env={"COLUMNS": "120"})
    assert shown.exit_code == 0, shown.output
    for word in ("1 k", "60.00", "5.03292 MHz", "4.954 MHz to 5.113 MHz"):
        assert word in shown.output
