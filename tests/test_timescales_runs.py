"""Time scales of what `learn` and `train` left on disk."""

import json
import shutil
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import learning
from physsim.cli._timescales_layers import layer_targets
from physsim.cli._timescales_run import trained_layers, trained_run

from .command import physsim

TANK = "a tank\nC1 out 0 1n ic=1\nL1 out 0 1u\n.tran 5n 500n\n"
TASK = """
netlist = "tank.cir"
train = ["C1"]
[target]
quantity = "v(out)"
netlist = "wanted.cir"
[run]
t_end = "300n"
dt = "10n"
integrator = "StormerVerlet"
[gradient]
method = "BPTT"
[optimiser]
iterations = 8
learning_rate = 0.05
"""
STACK = """
seeds = [3]
[data]
set = "recall"
lag = 7
count = 20
[model]
unit = "nonlinear"
blocks = 2
hidden = 4
state = 3
dropout = 0.0
[gradient]
method = "BPTT"
[training]
learning_rate = 0.05
epochs = 2
precision = "float64"
"""


@pytest.fixture(scope="module")
def learned(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("learned")
    (folder / "tank.cir").write_text(TANK)
    (folder / "wanted.cir").write_text(TANK.replace("1n", "1.4n"))
    (folder / "tank.toml").write_text(TASK)
    assert physsim("learn", folder / "tank.toml", "--out", folder / "out") == 0
    # What the run was made from is not needed any more.
    (folder / "tank.cir").unlink()
    return folder / "out"


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    (folder / "mem.toml").write_text(STACK)
    assert physsim("train", folder / "mem.toml", "--out", folder / "out") == 0
    return folder / "out"


@pytest.mark.slow
def test_a_learned_run_is_looked_at_with_the_values_it_learned(learned, run, tmp_path):
    code, _, err = run("timescales", learned)
    assert code == 0, err
    told = json.loads((tmp_path / "out" / "tank_learned_timescales.json").read_text())
    values = json.loads((learned / "tank_learned.json").read_text())["values_after"]
    assert values["C1.C"] > 1.2e-9
    # Leapfrog turns by 2 asin(omega h / 2) in a step.
    h, omega = 10e-9, 1 / np.sqrt(values["C1.C"] * values["L1.L"])
    expected = 2 * np.arcsin(omega * h / 2) / (2 * np.pi * h)
    np.testing.assert_allclose(told["frequencies"], [expected], rtol=1e-9)
    assert told["read_out"] == "v(out)" and told["unit_of_time"] == "s"
    assert list(told["sensitivity"]) == ["C1.C"] and told["dt"] == pytest.approx(h)


def test_a_run_is_found_by_any_of_its_files(learned, trained):
    record = learned / "tank_learned.run.json"
    for name in ("", "tank_learned.run.json", "tank_learned.json", "tank_checkpoint.bin"):
        assert trained_run(learned / name).path == record
    seed = trained / "mem_BPTT" / "seed_3"
    for path in (
        trained,
        seed,
        seed / "result.run.json",
        seed / "result.json",
        seed / "checkpoint",
    ):
        assert trained_run(path).path == seed / "result.run.json"
    assert trained_run(Path("coupled_lc.cir")) is None


def test_the_stack_is_the_one_that_was_trained(trained):
    """Its error on the test series is what the training measured."""
    run = trained_run(trained)
    stack, first = trained_layers(run)
    result = json.loads((trained / "mem_BPTT" / "seed_3" / "result.json").read_text())
    test = learning.split(learning.recall_task(20, 7, 3), 3).test
    np.testing.assert_array_equal(first.x, test.x[:1])
    x = jnp.asarray(test.x.transpose(1, 2, 0))
    reading = learning.subsampling(x.shape[1], test.every)
    outputs = learning.StoredSweep()(stack, x, reading)
    error = np.mean((np.asarray(outputs) - np.moveaxis(test.targets, 0, 2)) ** 2)
    np.testing.assert_allclose(error, result["mse"], rtol=1e-9)


@pytest.mark.slow
def test_the_layers_of_a_trained_stack_are_looked_at_one_by_one(trained, run, tmp_path):
    code, out, err = run("timescales", trained, "--lag", "5")
    assert code == 0, err
    assert "layer 1" in out and "layer 2" in out and "5 steps" in out
    told = json.loads((tmp_path / "out" / "mem_BPTT_3_timescales.json").read_text())
    assert len(told["layers"]) == 2
    for number, layer in enumerate(told["layers"], 1):
        assert layer["lags"] == [1, 2, 3, 4, 5] and layer["unit_of_time"] == "step"
        assert layer["read_out"] == "loss" and layer["effective_rates"][0] == 1
        np.testing.assert_allclose(layer["volume_rate"], 0, atol=1e-12)
        # A row of the projection's matrix is one name.
        assert {"B[0]", "b[2]", "log_w[1]", "c[0]"} < set(layer["sensitivity"])
        assert max(map(max, layer["sensitivity"].values())) > 0
        assert (tmp_path / "out" / f"mem_BPTT_3_layer_{number}_timescales.png").exists()


def test_saturated_forces_and_wells_are_told():
    shape = learning.StackShape(signals=1, outputs=1, blocks=1, hidden=2, modes=2)
    stack = learning.make_stack(shape, learning.make_nonlinear_hru, key=jax.random.key(0))
    data = learning.SeriesData("noise", np.ones((1, 1, 6)), np.array([6]), np.ones((1, 1, 1)),
                               every=6)  # fmt: skip
    assert layer_targets(stack, data)[0].notes() == []
    pushed = eqx.tree_at(lambda s: s.blocks[0].unit.projection.b, stack, jnp.array([99.0, 0.0]))
    target = layer_targets(pushed, data)[0]
    assert (
        target.saturated() == 0.5 and "50% of layer 1's forces are saturated" in target.notes()[0]
    )
    wells = eqx.tree_at(lambda s: s.blocks[0].unit.c, stack, jnp.full(2, -30.0))
    target = layer_targets(wells, data)[0]
    assert target.metric is None and "gains are Euclidean" in target.notes()[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["empty"], "no trained run"),
        (["other"], "not the record of a run"),
        (["both"], "2 trained runs; name one of a_learned.run.json, b_learned.run.json"),
        (["gone_learned.json"], "no such file"),
        (["alone_checkpoint.bin"], "no alone_learned.run.json beside it"),
        (["simulated.run.json"], "the record of `physsim simulate`"),
        (["bare"], "no checkpoint there"),
        (["damaged"], "damaged or cut short"),
        (["valueless"], "values_after is wrong"),
        (["STACK", "--measure", "v(out)"], "--measure is for circuits"),
        (["STACK", "--lag", "0"], "--lag must be positive"),
        (["STACK", "--lag", "8"], "shorter than the run (8 steps)"),
    ],
)
def test_what_is_no_trained_run_is_told_in_one_line(
    learned, trained, run, tmp_path, arguments, message
):
    for name in ("empty", "other", "both", "bare", "damaged", "valueless"):
        (tmp_path / name).mkdir()
    (tmp_path / "other" / "x.run.json").write_text("{}")
    record = (learned / "tank_learned.run.json").read_text()
    for name in ("a", "b"):
        (tmp_path / "both" / f"{name}_learned.run.json").write_text(record)
    (tmp_path / "alone_checkpoint.bin").write_bytes(b"")
    told = json.loads(record) | {"kind": "simulate"}
    (tmp_path / "simulated.run.json").write_text(json.dumps(told))
    seed = trained / "mem_BPTT" / "seed_3"
    for name in ("bare", "damaged"):
        shutil.copy(seed / "result.run.json", tmp_path / name)
    (tmp_path / "damaged" / "checkpoint").write_bytes((seed / "checkpoint").read_bytes()[:300])
    (tmp_path / "valueless" / "tank_learned.run.json").write_text(record)
    figures = json.loads((learned / "tank_learned.json").read_text())
    (tmp_path / "valueless" / "tank_learned.json").write_text(
        json.dumps(figures | {"values_after": {"C1.C": 1e-9}})
    )
    code, _, err = run("timescales", *(trained if x == "STACK" else x for x in arguments))
    assert code == 2 and message in err and err.count("\n") == 1
