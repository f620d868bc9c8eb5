"""A training does not replace the results of another one unasked."""

import numpy as np
import pytest

from learning import Checkpoint, CheckpointError

from .test_cli import TASK, write_task

STATE = {"x": np.arange(3.0)}


def kept(folder, **belongs_to):
    checkpoint = Checkpoint(folder / "c", 1, belongs_to=belongs_to)
    checkpoint.save(STATE)
    return checkpoint.path


def test_a_free_place_and_ones_own_are_claimed(tmp_path):
    ours = Checkpoint(tmp_path / "c", belongs_to={"task": "1", "seed": "0"})
    assert ours.claim() is ours
    kept(tmp_path, task="1", seed="0")
    assert ours.claim() is ours


def test_anothers_place_is_refused_by_the_name_of_what_changed(tmp_path):
    path = kept(tmp_path, task="1", seed="0")
    content = path.read_bytes()
    other = Checkpoint(path, belongs_to={"task": "2", "seed": "0"})
    with pytest.raises(CheckpointError, match=r"another training \(task changed since\)"):
        other.claim()
    assert path.read_bytes() == content
    assert other.claim(overwrite=True) is other


def test_what_is_no_checkpoint_holds_no_results(tmp_path):
    (tmp_path / "c").write_bytes(b"PK\x03\x04 not ours")
    Checkpoint(tmp_path / "c", belongs_to={"task": "1"}).claim()


def test_learn(run, tmp_path):
    few = TASK.replace("60", "2")
    write_task(tmp_path, few)
    assert run("learn", "task.toml")[0] == 0
    result = tmp_path / "out" / "task_learned.json"
    first = result.read_text()
    write_task(tmp_path, few.replace("0.02", "0.03"))
    code, _, err = run("learn", "task.toml")
    assert code == 2 and "task_checkpoint.bin is of another training (task changed" in err
    assert "--overwrite" in err and err.count("\n") == 1
    write_task(tmp_path, few.replace("iterations = 2", "iterations = 3"))
    code, _, err = run("learn", "task.toml", "--resume")
    assert code == 2 and "another training: task changed since" in err
    assert "iterations too" in err and "netlist = task_trained.cir" in err
    assert (tmp_path / "out" / "task_trained.cir").exists() and err.count("\n") == 1
    write_task(tmp_path, few.replace("0.02", "0.03"))
    assert result.read_text() == first
    assert run("learn", "task.toml", "--overwrite")[0] == 0
    assert result.read_text() != first


@pytest.mark.slow
def test_the_same_task_again(run, tmp_path):
    write_task(tmp_path, TASK.replace("60", "1"))
    assert run("learn", "task.toml")[0] == 0
    assert run("learn", "task.toml")[0] == 0
