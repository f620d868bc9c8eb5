"""The tasks that come along: each can be read and built, and its runs and cost fit each other."""

from pathlib import Path

import numpy as np
import pytest

from physsim.cli._bundled import bundled
from physsim.cli._task import read_task
from physsim.cli._training import TaskTrainer

from .pace import mostly_slow

TASKS = sorted(path.name for path in bundled(".").glob("*.toml"))


def test_they_are_found():
    expected = {"coupled_lc", "tank_chain", "band_pass", "pulse_shapes", "junction_xor"}
    assert expected <= {Path(name).stem for name in TASKS}


def test_a_copy_of_one_finds_its_netlist(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("coupled_lc.toml").write_text(bundled("coupled_lc.toml").read_text())
    assert read_task(Path("coupled_lc.toml")).netlist == bundled("coupled_lc.cir")


@pytest.mark.parametrize("name", mostly_slow(TASKS, ("coupled_lc.toml", "junction_moons.toml")))
def test_each_can_be_trained(name):
    trainer = TaskTrainer(read_task(Path(name)))
    objective, samples = trainer.objective(seed=0)
    problem = objective.problem(objective.H, None if samples is None else samples[0])
    z = objective.domain.to_free(objective.H)
    assert np.all(np.isfinite(np.asarray(z))) and z.size == objective.domain.index.size > 0
    assert problem.num_steps == objective.num_steps > 10
