"""The target that a netlist makes: at the times of the task, whatever the netlist says of times."""

import numpy as np
import pytest

import circuits
from physsim.cli._goals import _clean_targets, _experiment
from physsim.cli._task import read_task

LOSSLESS = """a driven tank and another
I1 0 a PULSE(0 1m 5n 1n 1n 60n 400n)
C1 a 0 470p
L1 a 0 820n
L2 a out 4u
C2 out 0 390p
"""
FILTER = """a filter
V1 s 0 PULSE(0 1 5n 1n 1n 60n 400n)
R1 s a 50
C1 a 0 470p
L1 a b 820n
RL b out 2
C2 out 0 390p
R2 out 0 50
"""


@pytest.mark.parametrize("card", ["", ".tran 7n 150n\n"])
def test_targets_are_those_of_the_netlist_at_the_steps_of_the_task(tmp_path, card):
    (tmp_path / "own.cir").write_text(LOSSLESS)
    (tmp_path / "target.cir").write_text(LOSSLESS.replace("820n", "700n") + card)
    (tmp_path / "task.toml").write_text(
        'netlist = "own.cir"\ntrain = ["L1"]\n[target]\nnetlist = "target.cir"\n'
        'quantity = "v(out)"\n[run]\nt_end = "200n"\n'
    )
    task = read_task(tmp_path / "task.toml")
    experiment = _experiment(task, circuits.load(task.netlist), "v(out)")
    target = circuits.loads(LOSSLESS.replace("820n", "700n"))
    exact = target.simulate("200n", "0.1n")
    # Straight lines between samples of 0.1 ns.
    at_steps = np.interp(experiment.times, exact.t, exact.v("out"))
    found = _clean_targets(task, experiment)
    assert found.shape == experiment.times.shape
    np.testing.assert_allclose(found, at_steps, atol=2e-3 * np.max(at_steps))


@pytest.mark.slow
def test_a_lossy_filter_trains_without_a_word_on_integrators(run, tmp_path):
    (tmp_path / "own.cir").write_text(FILTER)
    (tmp_path / "target.cir").write_text(FILTER.replace("820n", "760n") + ".tran 1n 500n\n")
    (tmp_path / "task.toml").write_text(
        'netlist = "own.cir"\ntrain = ["L1"]\n[target]\nnetlist = "target.cir"\n'
        'quantity = "v(out)"\n[run]\nt_end = "200n"\n[gradient]\nmethod = "ReversibleAdjoint"\n'
        "[optimiser]\nlearning_rate = 0.03\niterations = 60\n"
    )
    code, out, err = run("learn", "task.toml")
    assert code == 0, err
    error = float(out.split("largest relative value error:")[1].split()[0])
    assert error < 0.01
