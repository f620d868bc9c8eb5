"""Training stacks on the series of 8 devices: the gradients, masks and statistics of one."""

import functools
from typing import Any

import equinox as eqx
import jax
import numpy as np
import optax
import pytest

import learning
import physsim
from learning import FusedSweep, LayerSweep, StoredSweep
from learning._hssm._objective import Regress
from learning._hssm._runs import StackRuns, deal
from physsim import sharding

from .device_process import on_devices

SWEEPS = {"fused": FusedSweep(chunk=8), "layer": LayerSweep()}
EPOCHS = 2


def series(count, steps=20, ragged=False):
    """Slow and fast sines."""
    rng = np.random.default_rng(5)
    which = np.arange(count) % 2
    time = np.arange(steps) + rng.uniform(0, 20, (count, 1))
    x = 1 + np.sin(time * np.where(which, 0.9, 0.3)[:, None])[:, None]
    lengths = rng.integers(steps // 2, steps + 1, count) if ragged else np.full(count, steps)
    return learning.SeriesData("tones", x, lengths, which, ("slow", "fast"))


def values(count, steps=20):
    x = series(count, steps).x
    return learning.SeriesData("sums", x, np.full(count, steps), np.cumsum(x, 2)[..., 4::5], (), 5)


def stack_of(outputs=2, blocks=1, norm=learning.layer_norm, dropout=0.3):
    shape = learning.StackShape(1, outputs, blocks, 4, 3)
    return learning.make_stack(shape, learning.make_linear_hru, key=jax.random.key(0), norm=norm,
                               dropout=dropout)  # fmt: skip


def flat(tree):
    return np.concatenate([np.ravel(x) for x in jax.tree.leaves(tree)])


def gradients():
    """Of 11 series, which 8 devices can't share alike."""
    mesh, data = sharding.all_devices(), series(11, ragged=True)
    return {
        name: flat(learning.stack_gradient(stack_of(blocks=2), data, sweep, mesh))
        for name, sweep in SWEEPS.items()
    }


def fit(data, sweep, *, epochs=EPOCHS, mesh=None, **options):
    """Batches of 5, the last of them of 3; 6 series judge, 7 test."""
    return learning.fit_stack(
        stack_of(data.outputs, **options.pop("stack", {})),
        learning.Splits(data[:13], data[13:19], data[19:26]), sweep=sweep,
        optimiser=optax.adam(0.02), epochs=epochs, batch_size=5, seed=1, progress=False, mesh=mesh,
        **options,
    )  # fmt: skip


def told(name, trained):
    return {
        f"{name} epochs": np.array([epoch[:-1] for epoch in trained.epochs]),
        f"{name} test": np.array(trained.test_score),
        f"{name} predictions": np.asarray(trained.predictions),
        f"{name} stack": flat(trained.stack),
    }


def trainings():
    mesh = sharding.all_devices()
    over_batches = {"norm": learning.batch_norm}
    return told("classes", fit(series(26, ragged=True), FusedSweep(8), mesh=mesh)) | told(
        "values, batch norms", fit(values(26), StoredSweep(), mesh=mesh, stack=over_batches)
    )


def memory(*lengths, series_of=16):
    """Temporary bytes of a device for a gradient by the fused sweep, by the number of steps."""
    mesh, found = sharding.all_devices(), []
    arrays, rest = eqx.partition(stack_of(1), eqx.is_inexact_array)
    for steps in lengths:
        data = learning.SeriesData(
            "zeros", np.zeros((series_of, 1, steps)), np.full(series_of, steps),
            np.zeros((series_of, 1, 1)), (), steps,
        )  # fmt: skip
        runs = StackRuns(rest, Regress(steps), FusedSweep(8), mesh)
        batch = deal(data, np.arange(series_of), series_of, np.float64, mesh)
        slope = jax.jit(lambda arrays, batch, runs=runs: runs.slope(arrays, batch, of_batch=True))
        compiled = slope.lower(arrays, batch).compile()
        analysis: Any = compiled.memory_analysis()
        found.append(analysis.temp_size_in_bytes)
    return np.array(found)


def everything():
    return gradients() | trainings() | {"memory": memory(100, 10_000)}


@pytest.fixture(scope="module")
def eight(tmp_path_factory):
    return on_devices(everything, tmp_path_factory.mktemp("eight"), 8)


@pytest.mark.slow
def test_gradients(eight):
    for name, alone in gradients().items():
        apart = np.abs(eight[name] - alone).max() / np.abs(alone).max()
        print(f"{name}: {apart:.1e} of the largest entry")
        assert apart <= 1e-12, name


@pytest.mark.slow
def test_trainings(eight):
    """Dropout's masks, what fills a batch and the statistics of norms are those of one device."""
    for name, alone in trainings().items():
        print(f"{name}: {np.abs(eight[name] - alone).max():.1e} apart")
        np.testing.assert_allclose(eight[name], alone, rtol=1e-11, atol=1e-11, err_msg=name)


@pytest.mark.slow
def test_memory_of_a_device(eight):
    """It grows with the series of the device, and with their length by what reads the outputs."""
    short, long = eight["memory"]
    alone = memory(100)[0]
    print(f"{short} bytes at 100 steps, {long} at 10 000; on one device {alone} at 100")
    assert long - short <= 1.01 * 8 * (10_000 - 100)
    assert short < 0.4 * alone


def chaos():
    """Coupled modes that a strong force pushes outwards: echoes in float32 lose their way."""
    unit = functools.partial(learning.make_nonlinear_hru, dense=True, step=(0.3, 0.3))
    shape = learning.StackShape(1, 2, 1, 4, 4)
    stack = learning.make_stack(shape, unit, key=jax.random.key(0))
    stack = eqx.tree_at(lambda s: s.blocks[0].unit.c, stack, np.full(4, -4.0))
    data = series(26, 1500)
    try:
        learning.fit_stack(
            learning.cast(stack, "float32"),
            learning.Splits(data[:13], data[13:19], data[19:26]), sweep=FusedSweep(50),
            optimiser=optax.adam(1e-3), epochs=1, batch_size=13, progress=False,
            mesh=sharding.all_devices(),
        )  # fmt: skip
    except physsim.DivergenceError as error:
        return {"error": np.array(str(error))}
    return {}


@pytest.mark.slow
def test_a_lost_echo_is_told(tmp_path):
    """Devices that wait for the sum don't hang."""
    found = str(on_devices(chaos, tmp_path, 4)["error"])
    assert found.startswith("the way back missed the start of the run")
