"""Series of other packages."""

import sys
import types

import numpy as np
import pytest

import learning


def turning(samples, *, init_cond, pts_per_period, **_):
    """What a flow of dysts gives: a circle, from where it is asked to start."""
    angle = 2 * np.pi * np.arange(samples) / pts_per_period
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.einsum("ijt,j->ti", turn, init_cond)


class Circle:
    period, ic = 3.0, np.array([1.0, 0.5])

    def make_trajectory(self, samples, **options):
        return turning(samples, **options)


class Broken(Circle):
    def make_trajectory(self, samples, **options):
        return None


class Nothing:
    """Neither period nor start."""


@pytest.fixture
def dysts(monkeypatch):
    package, flows = types.ModuleType("dysts"), types.ModuleType("dysts.flows")
    for kind in (Circle, Broken, Nothing):
        monkeypatch.setattr(kind, "__module__", "dysts.flows")
        setattr(flows, kind.__name__, kind)
    flows.Elsewhere = types.SimpleNamespace
    monkeypatch.setitem(sys.modules, "dysts", package)
    monkeypatch.setitem(sys.modules, "dysts.flows", flows)


def test_flows_of_dysts_are_sampled_after_settling(dysts):
    found = learning.dysts_series("Circle", 200, seed=3)
    start = Circle.ic * (1 + 1e-3 * np.random.default_rng(3).normal(size=2))
    # 50 whole periods on, 100 samples each.
    expected = turning(200, init_cond=start, pts_per_period=100)
    np.testing.assert_allclose(found.values, expected, atol=1e-11)
    assert found.dt == pytest.approx(0.03) and found.labels == ("x0", "x1")
    coarse = learning.dysts_series("Circle", 20, dt=0.3, seed=3)
    np.testing.assert_allclose(coarse.values, found.values[::10], atol=1e-11)


def test_flows_that_are_none(dysts, monkeypatch):
    for name in ("Square", "Nothing", "Elsewhere"):
        with pytest.raises(ValueError, match=f"no flow named '{name}'"):
            learning.dysts_series(name, 100)
    with pytest.raises(ArithmeticError, match="could not be integrated"):
        learning.dysts_series("Broken", 100)
    with pytest.raises(ValueError, match="2 samples"):
        learning.dysts_series("Circle", 1)
    monkeypatch.setitem(sys.modules, "dysts.flows", None)
    with pytest.raises(ValueError, match="install the extra `dysts`"):
        learning.dysts_series("Circle", 100)


def test_flows_of_the_real_package():
    """Lorenz's, against ours."""
    pytest.importorskip("dysts", reason="dysts is not installed")
    theirs = learning.dysts_series("Lorenz", 4000).standardised()
    ours = learning.generate(learning.Lorenz63(), 4000, dt=theirs.dt).standardised()
    assert learning.spectral_distance(ours.values, theirs.values) < 0.1


def test_electrocardiogram_is_read_where_it_is(tmp_path, monkeypatch):
    import learning._reconstruction._packaged as packaged

    folder = tmp_path / "UnitTest"
    folder.mkdir()
    rows = "".join(f"{t},{0.5 * t},0.0\n" for t in range(5))
    (folder / "ecg-diff-count-3_TRAIN_NA.csv").write_text("timestamp,value-0,is_anomaly\n" + rows)
    monkeypatch.setattr(packaged, "shipped_archive", lambda: tmp_path)
    found = learning.ecg_series()
    np.testing.assert_array_equal(found.values[:, 0], 0.5 * np.arange(5))
    assert found.labels == ("ecg",) and found.dt == 1
