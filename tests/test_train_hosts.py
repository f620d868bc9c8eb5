"""Stacks trained by two processes, one of which is killed; one goes on alone."""

import json
import signal
import time

import numpy as np
import pytest

from .test_launch import finish, start, start_all

EPOCHS, KILLED_AT, LIMIT = 80, 12, 90
CONFIG = f"""
seeds = [3]
[data]
set = "recall"
count = 43
lag = 6
[model]
blocks = 1
hidden = 3
state = 2
dropout = 0.2
[training]
epochs = {EPOCHS}
batch = 9
learning_rate = 0.01
precision = "float64"
checkpoint_every = 5
"""
TRAIN = ("train", "tiny.toml", "--out")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "tiny.toml").write_text(CONFIG)
    return tmp_path


def results(folder):
    return folder / "tiny_fused" / "seed_3"


def metrics(folder) -> list[str]:
    log = results(folder) / "metrics.jsonl"
    return log.read_text().splitlines() if log.exists() else []


def figures(folder):
    """[epochs, 4]: losses, scores and the norm of gradients; the score of the test."""
    names = ("loss", "validation_loss", "validation_score", "gradient_norm")
    rows = [[json.loads(line)[name] for name in names] for line in metrics(folder)]
    return np.array(rows), json.loads((results(folder) / "result.json").read_text())["mse"]


@pytest.mark.slow
@pytest.mark.parametrize("killed", [0, 1])
def test_a_process_is_killed(folder, killed):
    whole = start(folder, *TRAIN, "whole")
    pair = start_all(folder, 2, *TRAIN, "shared")
    while len(metrics(folder / "shared")) < KILLED_AT:
        assert all(process.poll() is None for process in pair), finish(pair)
        time.sleep(0.005)
    pair[killed].kill()
    begun = time.perf_counter()
    found = finish(pair)
    seconds, lines = time.perf_counter() - begun, len(metrics(folder / "shared"))
    assert seconds < LIMIT and lines < EPOCHS
    assert found[killed][0] == -signal.SIGKILL
    code, _, error = found[1 - killed]
    assert code != 0
    assert f"process {1 - killed} lost another one" in error or "another task died" in error
    assert killed == 0 or (code == 2 and "--resume" in error)

    [(code, output, error)] = finish([start(folder, *TRAIN, "shared", "--resume")])
    assert code == 0 and "resumed shared/tiny_fused/seed_3/checkpoint" in output, error
    assert finish([whole])[0][0] == 0
    (once, score), (again, resumed) = figures(folder / "whole"), figures(folder / "shared")
    apart = np.abs(again / once - 1).max()
    print(f"after {lines} epochs the other ends within {seconds:.1f} s; {apart:.1e} apart")
    assert once[-1, 0] < 0.9 * once[0, 0]
    np.testing.assert_allclose(again, once, rtol=1e-9)
    np.testing.assert_allclose(resumed, score, rtol=1e-9)


@pytest.mark.slow
def test_mismatched_processes_and_checkpoints(folder):
    """Other configurations are named at the start, and a checkpoint of another network."""
    text = CONFIG.replace(f"epochs = {EPOCHS}", "epochs = 2")
    (folder / "tiny.toml").write_text(text)
    (folder / "other.toml").write_text(text.replace("hidden = 3", "hidden = 4"))
    pair = start_all(folder, 2, "train", "--out", "mixed",
                     own=lambda i: (("tiny.toml", "other.toml")[i],))  # fmt: skip
    for code, _, error in finish(pair):
        assert code == 2 and "[model] differs between processes" in error
    assert [code for code, *_ in finish(start_all(folder, 2, *TRAIN, "shared"))] == [0, 0]
    assert sorted(path.name for path in results(folder / "shared").iterdir()) == [
        "checkpoint", "curves.png", "metrics.jsonl", "readings.json",
        "readings.png", "result.json", "result.run.json",
    ]  # fmt: skip
    (folder / "tiny.toml").write_text((folder / "other.toml").read_text())
    for code, _, error in finish(start_all(folder, 2, *TRAIN, "shared", "--resume")):
        assert code == 2 and "belongs to another training: model changed" in error
