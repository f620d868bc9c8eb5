"""Learning a frequency response: what a run says of it is what the AC analysis says."""

import re
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

import circuits
from physsim.cli import _goals
from physsim.cli._task import read_task
from physsim.cli._training import TaskTrainer
from physsim.cli._wanted_response import wanted_response

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


def test_a_table_says_its_own_range(tmp_path):
    (tmp_path / "filter.cir").write_text(FILTER)
    table = "frequency,magnitude\n2e6,1\n5e6,0.8\n9e6,0.1\n"
    (tmp_path / "wanted.csv").write_text(table)
    lines = [x for x in TASK.splitlines() if not x.startswith(("from", "to", "pass"))]
    text = "\n".join(lines).replace("points = 23", 'points = 8\ncsv = "wanted.csv"')
    (tmp_path / "task.toml").write_text(text)
    f, wanted = wanted_response(read_task(tmp_path / "task.toml"))
    np.testing.assert_allclose(f, np.linspace(2e6, 9e6, 8))
    np.testing.assert_allclose(wanted, np.interp(f, [2e6, 5e6, 9e6], [1, 0.8, 0.1]))


def test_the_share_in_the_band_is_told_of_a_band_alone(tmp_path):
    (tmp_path / "filter.cir").write_text(FILTER)
    (tmp_path / "wanted.csv").write_text("f,magnitude\n1e6,1\n7e6,0.7\n12e6,0.1\n")
    (tmp_path / "task.toml").write_text(TASK.replace('pass = ["1meg", "7meg"]', 'csv="wanted.csv"'))
    trainer = TaskTrainer(read_task(tmp_path / "task.toml"))
    goal = _goals.ResponseGoal(trainer.task, trainer.circuit, 0)
    objective, _ = trainer.objective(0)
    figures = goal.figures(SimpleNamespace(objective=objective), trainer.circuit, trainer.circuit)
    assert set(figures) == {"ripple_db_before", "ripple_db_after"}


def test_a_pass_band_may_begin_at_zero_and_needs_its_range(tmp_path):
    (tmp_path / "filter.cir").write_text(FILTER)
    low_pass = TASK.replace('pass = ["1meg"', "pass = [0")
    (tmp_path / "task.toml").write_text(low_pass)
    f, wanted = wanted_response(read_task(tmp_path / "task.toml"))
    np.testing.assert_array_equal(wanted, f <= 7e6)
    (tmp_path / "task.toml").write_text(low_pass.replace('from = "1meg"\n', ""))
    with pytest.raises(ValueError, match="from is missing"):
        wanted_response(read_task(tmp_path / "task.toml"))


@pytest.mark.parametrize("short", [True, False])
def test_a_run_that_ends_before_the_ringing_does_is_told(tmp_path, short):
    (tmp_path / "filter.cir").write_text(FILTER)
    modes = circuits.load(tmp_path / "filter.cir").modes()
    rate = modes.rates[modes.frequencies > 0].min()
    needed = np.log(100) / rate
    (tmp_path / "task.toml").write_text(
        TASK.replace('t_end = "1u"', f't_end = "{needed * (0.5 if short else 1.05)}"')
    )
    trainer = TaskTrainer(read_task(tmp_path / "task.toml"))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        _goals.ResponseGoal(trainer.task, trainer.circuit, 0)
    assert len(told) == short
    if short:
        said = str(told[0].message)
        assert "time constant" in said and "10 % of it is left" in said
        (t_end,) = re.findall(r"a t_end of ([0-9.]+) ns would do", said)
        assert needed <= float(t_end) * 1e-9 < 1.1 * needed


def test_a_circuit_without_a_state_of_rest_is_trained_all_the_same(tmp_path):
    # A bias above the critical current: the phase runs.
    netlist = FILTER.replace("R2 out 0 200", "R2 out 0 200\nB1 out 0 icrit=1u\nI2 0 out 3u")
    (tmp_path / "filter.cir").write_text(netlist)
    with pytest.raises(ValueError, match="no operating point"):
        circuits.load(tmp_path / "filter.cir").modes()
    (tmp_path / "task.toml").write_text(TASK.replace('t_end = "1u"', 't_end = "2u"'))
    trainer = TaskTrainer(read_task(tmp_path / "task.toml"))
    _goals.ResponseGoal(trainer.task, trainer.circuit, 0)


def test_the_ringing_of_a_lossless_circuit_is_not_told(tmp_path):
    lossless = [x for x in FILTER.splitlines() if not x.startswith("R")]
    lossless = "\n".join(lossless).replace("L1 a", "L1 in")
    (tmp_path / "filter.cir").write_text(lossless + "\n")
    (tmp_path / "task.toml").write_text(TASK)
    trainer = TaskTrainer(read_task(tmp_path / "task.toml"))
    _goals.ResponseGoal(trainer.task, trainer.circuit, 0)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('["1meg", "7meg"]', '["7meg", "1meg"]', "pass: the lower frequency comes first"),
        ('["1meg", "7meg"]', '["19meg", "21meg"]',
         "pass, 19 MHz to 21 MHz, is outside of from and to, 1 MHz to 12 MHz"),
        ('["1meg", "7meg"]', '["2.1meg", "2.2meg"]', "points: none of 23 frequencies is in pass"),
        ('from = "1meg"', 'from = "5M"', "from: '5M' would be milli"),
    ],
)  # fmt: skip
def test_a_band_that_is_none_is_told_by_its_key(tmp_path, old, new, said):
    (tmp_path / "task.toml").write_text(TASK.replace(old, new))
    (tmp_path / "filter.cir").write_text(FILTER)
    with pytest.raises(ValueError, match=re.escape(f"[response] {said}")):
        wanted_response(read_task(tmp_path / "task.toml"))


@pytest.mark.parametrize("values", ["0,0,0", "1,-1,1"])
def test_a_table_needs_magnitudes_above_zero(tmp_path, values):
    rows = zip(("1e6", "5e6", "12e6"), values.split(","), strict=True)
    (tmp_path / "wanted.csv").write_text("f,magnitude\n" + "".join(f"{f},{x}\n" for f, x in rows))
    (tmp_path / "task.toml").write_text(TASK.replace('pass = ["1meg", "7meg"]', 'csv="wanted.csv"'))
    (tmp_path / "filter.cir").write_text(FILTER)
    with pytest.raises(ValueError, match="csv: some magnitude must be above zero, and none below"):
        wanted_response(read_task(tmp_path / "task.toml"))


def test_sources_without_signal_are_told(tmp_path):
    silent = FILTER.replace("PULSE(0 1 1n 1n 1n 20n)", "DC 0")
    (tmp_path / "filter.cir").write_text(silent)
    (tmp_path / "task.toml").write_text(TASK)
    trainer = TaskTrainer(read_task(tmp_path / "task.toml"))
    with pytest.raises(ValueError, match=r"sources hold no spectrum.*write a short pulse.*PULSE"):
        _goals.ResponseGoal(trainer.task, trainer.circuit, 0)
