"""Learning to tell signals apart: what is said of it is what runs of the learned netlist say."""

import json
import re

import numpy as np
import pytest

import circuits

TANKS = """a slow and a fast tank
I1 0 a 0
C1 a 0 1n
L1 a m 1u
Lm m 0 0.1u
L2 m b 0.4u
C2 b 0 1n
"""
TASK = """netlist = "tanks.cir"
train = ["C1", "C2"]
[classes]
readouts = ["v(a)", "v(b)"]
[data]
file = "bursts.npz"
sources = ["I1"]
amplitude = 1e-3
validation = 0.5
[run]
t_end = "1u"
dt = "10n"
[gradient]
method = "BPTT"
[optimiser]
iterations = 4
"""


def bursts():
    """Times, and bursts at either tank's frequency, the one of class 1 louder."""
    t = np.linspace(0, 1e-6, 201)
    labels = np.array([0, 1, 1, 0, 1, 0, 0, 1])
    frequencies = np.where(labels, 8.2e6, 5.1e6) * np.linspace(0.97, 1.03, 8)
    return t, np.sin(2 * np.pi * np.outer(frequencies, t)) * (1 + labels[:, None]), labels


def energies(netlist, t, burst):
    points = " ".join(f"{a:.9g} {1e-3 * x:.9g}" for a, x in zip(t, burst, strict=True))
    text, found = re.subn(r"(?m)^I1 0 a .*$", f"I1 0 a PWL({points})", netlist)
    assert found == 1
    result = circuits.loads(text).simulate(1e-6, 1e-9)
    return [np.mean(result.v(node) ** 2) for node in "ab"]


@pytest.mark.slow
def test_shares_accuracy_and_spread_over_seeds(run, tmp_path):
    t, inputs, labels = bursts()
    np.savez(tmp_path / "bursts.npz", time=t, inputs=inputs, labels=labels)
    (tmp_path / "tanks.cir").write_text(TANKS)
    (tmp_path / "task.toml").write_text(TASK)
    code, out, err = run("learn", "task.toml", "--seeds", "2")
    assert code == 0, err
    assert "2 seeds" in out
    folder, found = tmp_path / "out", []
    for seed in range(2):
        stem = f"task_BPTT_{seed}"
        found.append(json.loads((folder / f"{stem}_learned.json").read_text()))
        (plot,) = json.loads((folder / f"{stem}_curves.json").read_text())
        shares = np.array([trace["y"] for trace in plot["traces"]]).T
        np.testing.assert_allclose(shares.sum(axis=1), 1)
        of_class = np.round([x + 0.0 for x in plot["traces"][0]["x"]]).astype(int)
        right = np.mean(shares.argmax(axis=1) == of_class)
        assert found[-1]["validation_accuracy_after"] == right
        learned = (folder / f"{stem}_trained.cir").read_text()
        runs = np.array([energies(learned, t, burst) for burst in inputs])
        own = runs[:, 1] / runs.sum(axis=1)
        for label, share in zip(of_class, shares[:, 1], strict=True):
            assert np.min(np.abs(own[labels == label] - share)) < 0.01
    spread = json.loads((folder / "task_BPTT_seeds.json").read_text())["loss_best"]
    both = [figures["loss_best"] for figures in found]
    assert spread["all"] == both
    assert spread["mean"] == pytest.approx(np.mean(both))
    assert spread["sd"] == pytest.approx(np.std(both, ddof=1))
