"""Learning a frequency response: what a run says of it is what the AC analysis says."""

import numpy as np
import pytest

import circuits
from physsim.cli._task import read_task
from physsim.cli._training import TaskTrainer

FILTER = """a low-pass that is over before the run is
V1 in 0 PULSE(0 1 1n 1n 1n 20n) AC 1
R1 in a 50
L1 a out 1u
C1 out 0 1n
R2 out 0 200
"""
TASK = """netlist = "filter.cir"
train = ["C1"]
[response]
quantity = "v(out)"
from = "1meg"
to = "12meg"
points = 23
pass = ["1meg", "7meg"]
[run]
t_end = "1u"
dt = "1n"
[gradient]
method = "BPTT"
[optimiser]
iterations = 3
"""


def test_the_response_is_that_of_small_signals(tmp_path):
    (tmp_path / "filter.cir").write_text(FILTER)
    (tmp_path / "task.toml").write_text(TASK)
    trained = TaskTrainer(read_task(tmp_path / "task.toml")).run(progress=False)
    goal, fit = trained.goal, trained.fit
    curves = goal.curves(fit, trained.before, trained.after)
    wanted, before, after = curves.traces
    for trace, circuit in ((before, trained.before), (after, trained.after)):
        exact = np.abs(circuit.transfer("V1", "v(out)", trace.x))
        exact *= np.linalg.norm(wanted.y) / np.linalg.norm(exact)
        np.testing.assert_allclose(trace.y, exact, rtol=2e-3)
    figures = goal.figures(fit, trained.before, trained.after)
    inside = exact[wanted.y > 0]
    share = np.sum(inside**2) / np.sum(exact**2)
    assert figures["share_in_band_after"] == pytest.approx(share, rel=1e-3)
    ripple = 20 * np.log10(inside.max() / inside.min())
    assert figures["ripple_db_after"] == pytest.approx(ripple, abs=0.03)
    assert fit.losses[-1] < fit.losses[0]
    assert circuits.load(tmp_path / "filter.cir").values()["C1.C"] != trained.after.values()["C1.C"]
