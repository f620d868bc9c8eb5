"""Ensembles on 1, 2 and 8 devices, and on two processes: the same bits."""

import jax
import numpy as np
import pytest

import circuits
import physsim
from physsim import sharding

from .device_process import free_port, on_devices, on_hosts

TANK = """a tank with a junction
C1 a 0 1n ic=1
L1 a 0 1u
B1 a 0 icrit=1u
.tolerance C*=2% L1=3% dist=uniform
"""
LIMIT = 0.71
VALUES = np.linspace(0.5e-6, 2e-6, 70).tolist()
RUN = {"t_end": 2e-7, "dt": 4e-9, "solver": physsim.StormerVerlet()}
# It does not divide by the devices; on one, it takes several calls.
COUNT = 1200
QUANTILES = (0.0, 0.03, 0.5, 1.0)


def spread(samples, mesh):
    circuit = circuits.loads(TANK)
    return circuits.monte_carlo(
        circuit, "v(a)", circuits.rms, samples=samples, seed=4, mesh=mesh,
        limits=(0.0, LIMIT), **RUN,
    )  # fmt: skip


def found(mesh):
    result = spread(COUNT, mesh)
    told = result.found
    quantiles = [told.quantile(q) for q in QUANTILES]
    return {
        "figures": result.figures,
        "values": result.values,
        "told": np.array([told.mean, told.deviation, result.yield_, *quantiles]),
    }


def swept(mesh):
    circuit = circuits.loads(TANK)
    waves = circuits.sweep(circuit, {"L1.L": VALUES}, "v(a)", mesh=mesh, **RUN)
    return {"waves": waves.values}


def ensembles():
    mesh = sharding.all_devices()
    assert mesh is None or mesh.size == jax.device_count() > 1
    return swept(mesh) | found(mesh)


@pytest.fixture(scope="module")
def alone():
    return ensembles()


def assert_same_bits(a, b):
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def test_eight_devices(alone, tmp_path):
    assert_same_bits(alone, on_devices(ensembles, tmp_path, 8))


@pytest.mark.slow
def test_two_devices(alone, tmp_path):
    assert_same_bits(alone, on_devices(ensembles, tmp_path, 2))


@pytest.mark.slow
@pytest.mark.parametrize("hosts", [2, 4])
def test_hosts(alone, tmp_path, hosts):
    for result in on_hosts(ensembles, tmp_path, hosts, free_port()):
        assert_same_bits(alone, result)


def test_more_samples_begin_with_the_same(alone):
    np.testing.assert_array_equal(alone["values"][:37], spread(37, None).values)


def test_a_mesh_of_one_device_is_no_mesh(alone):
    assert_same_bits(
        {k: v for k, v in alone.items() if k != "waves"}, found(jax.make_mesh((1,), ("any",)))
    )


def test_what_is_told_is_numpys(alone):
    x, told = alone["figures"], alone["told"]
    assert len(x) == COUNT and 0.2 < told[2] < 0.8
    exact = [x.mean(), x.std(ddof=1), np.mean(x <= LIMIT), *np.quantile(x, QUANTILES)]
    np.testing.assert_allclose(told, exact, rtol=1e-14)


def test_the_spread_is_the_tolerances():
    """Uniform: mean 1, standard deviation tolerance / sqrt 3, nothing beyond."""
    circuit = circuits.loads(TANK)
    values = spread(1200, None).draws.table(np.arange(20_000))
    factors = values / np.array([circuit.values()[name] for name in ("C1.C", "L1.L")])
    for column, tolerance in zip(factors.T, (0.02, 0.03), strict=True):
        deviation = tolerance / np.sqrt(3)
        assert abs(column.mean() - 1) < 4 * deviation / np.sqrt(20_000)
        np.testing.assert_allclose(column.std(), deviation, rtol=0.02)
        assert np.abs(column - 1).max() <= tolerance
    assert abs(np.corrcoef(factors.T)[0, 1]) < 4 / np.sqrt(20_000)


def test_bad_arguments():
    with pytest.raises(ValueError, match="samples must be at least 1, got 0"):
        spread(0, None)
    with pytest.raises(ValueError, match="between 0 and 1, got 2"):
        spread(37, None).found.quantile(2.0)


def test_the_bar_counts_to_the_end(capsys):
    circuit = circuits.loads(TANK)
    circuits.sweep(circuit, {"L1.L": [1e-6]}, "v(a)", progress=True, **RUN)
    assert "1/1" in capsys.readouterr().err
