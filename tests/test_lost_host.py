"""Training on two processes, one of which is killed: the other says so, and one resumes."""

import json
import signal
import time

import numpy as np
import pytest

from .test_launch import finish, start, start_all

UPDATES, KILLED_AT, LIMIT = 600, 60, 90
TANK = """a driven tank
I1 0 out 0
C1 out 0 1n
L1 out 0 1u
.end
"""
TASK = f"""
netlist = "tank.cir"
train = ["C1", "L1"]
seed = 4
[target]
quantity = "v(out)"
[data]
file = "runs.npz"
sources = ["I1"]
[run]
t_end = "200n"
dt = "10n"
integrator = "StormerVerlet"
[optimiser]
iterations = {UPDATES}
learning_rate = 0.002
batch = 5
checkpoint_every = 7
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "tank.cir").write_text(TANK)
    (tmp_path / "task.toml").write_text(TASK)
    rng = np.random.default_rng(0)
    time = np.linspace(0, 200e-9, 21)
    inputs = rng.normal(size=(17, 21)) * 1e-2
    np.savez(tmp_path / "runs.npz", time=time, inputs=inputs, targets=np.cumsum(inputs, axis=1))
    return tmp_path


def updates(folder) -> int:
    log = folder / "task_metrics.jsonl"
    return log.read_bytes().count(b"\n") if log.exists() else 0


def figures(folder):
    return json.loads((folder / "task_learned.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("killed", [0, 1])
def test_a_process_is_killed(folder, killed):
    learn = ("learn", "task.toml", "--out")
    whole = start(folder, *learn, "whole")
    pair = start_all(folder, 2, *learn, "shared")
    while updates(folder / "shared") < KILLED_AT:
        assert all(process.poll() is None for process in pair), finish(pair)
        time.sleep(0.005)
    pair[killed].kill()
    begun = time.perf_counter()
    found = finish(pair)
    assert time.perf_counter() - begun < LIMIT
    assert found[killed][0] == -signal.SIGKILL
    code, _, error = found[1 - killed]
    assert code != 0
    assert f"process {1 - killed} lost another one" in error or "another task died" in error
    if killed == 1:
        assert code == 2 and "--resume" in error

    [(code, output, error)] = finish([start(folder, *learn, "shared", "--resume")])
    assert code == 0 and "resumed shared/task_checkpoint.bin" in output, error
    assert finish([whole])[0][0] == 0
    once, again = figures(folder / "whole"), figures(folder / "shared")
    assert again["iterations"] == once["iterations"] == UPDATES
    np.testing.assert_allclose(again["loss_best"], once["loss_best"], rtol=1e-10)
    losses = [np.loadtxt(folder / x / "task_loss.csv", skiprows=1) for x in ("whole", "shared")]
    assert losses[0][-1] < 0.9 * losses[0][0]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-9)


@pytest.mark.slow
def test_a_checkpoint_of_another_network(folder):
    learn = ("learn", "task.toml", "--out", "shared")
    (folder / "task.toml").write_text(TASK.replace(str(UPDATES), "7"))
    assert [found[0] for found in finish(start_all(folder, 2, *learn))] == [0, 0]
    (folder / "tank.cir").write_text(TANK.replace("1n", "2n"))
    for code, _, error in finish(start_all(folder, 2, *learn, "--resume")):
        assert code == 2 and "belongs to another training: netlist" in error


@pytest.mark.slow
def test_one_run_has_nothing_to_share(folder):
    for code, _, error in finish(start_all(folder, 2, "learn", "coupled_lc.toml")):
        assert code == 2 and "the task has one run, which hosts can't share" in error
