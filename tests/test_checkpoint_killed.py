"""Training in a process of its own that is killed at any moment, and goes on bit for bit.

KILLS in the environment says how often.
"""

import json
import multiprocessing
import os
import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from .learn_process import learn

KILLS, ITERATIONS = int(os.environ.get("KILLS", "10")), 400

TANK = """a tank
I1 0 out SIN(0 10m 4meg)
C1 out 0 1n ic=1
L1 out 0 1u
.end
"""

TASK = f"""
netlist = "tank.cir"
train = ["C1", "L1"]
[target]
quantity = "v(out)"
csv = "inputs.csv"
column = "0"
[run]
t_end = "100n"
dt = "10n"
integrator = "StormerVerlet"
[optimiser]
iterations = {ITERATIONS}
learning_rate = 0.001
checkpoint_every = 2
"""


@pytest.fixture(scope="module")
def start():
    """start(folder, out): a process that learns. Forked from one that has all of it imported."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.learn_process"])

    def start(folder: Path, out: str):
        process = context.Process(target=learn, args=(folder, out))
        process.start()
        return process

    return start


def finish(process) -> None:
    process.join()
    assert process.exitcode == 0


def updates(folder: Path) -> int:
    log = folder / "task_metrics.jsonl"
    return log.read_bytes().count(b"\n") if log.exists() else 0


def kill_after(process, folder: Path, count: int, delay: float) -> None:
    """Kill -9 the process `delay` seconds after `count` updates are done in all."""
    while updates(folder) < count:
        assert process.is_alive(), process.exitcode
        time.sleep(0.001)
    time.sleep(delay)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def results(folder: Path):
    """(values, losses, lines of metrics), all but what the clock says."""
    figures = json.loads((folder / "task_learned.json").read_text())
    lines = [json.loads(x) for x in (folder / "task_metrics.jsonl").read_text().splitlines()]
    for line in lines:
        del line["seconds"]
    return figures["values_after"], (folder / "task_loss.csv").read_bytes(), lines


@pytest.mark.slow
def test_kills_leave_no_trace(start, tmp_path):
    (tmp_path / "tank.cir").write_text(TANK)
    (tmp_path / "task.toml").write_text(TASK)
    t = np.linspace(0, 2e-7, 50)
    table = np.stack([t, np.cos(t / np.sqrt(1.1e-15))], 1)
    np.savetxt(tmp_path / "inputs.csv", table, delimiter=",", header="time,0", comments="")

    finish(start(tmp_path, "whole"))
    seed = random.SystemRandom().randrange(2**32)
    print(f"moments drawn with seed {seed}")
    rng = random.Random(seed)
    moments = sorted(rng.sample(range(1, ITERATIONS - 20), KILLS))
    for count in moments:
        kill_after(start(tmp_path, "killed"), tmp_path / "killed", count, rng.uniform(0, 0.01))
    finish(start(tmp_path, "killed"))

    values, losses, lines = results(tmp_path / "killed")
    whole = results(tmp_path / "whole")
    assert values == whole[0] and losses == whole[1] and lines == whole[2]
    assert [line["step"] for line in lines] == list(range(ITERATIONS))
