"""`physsim check --causes` and learning tasks: which error scales with what."""

import json

import numpy as np
import pytest

import circuits
import learning
import physsim
from physsim.cli._check_causes import causes_table, slope
from physsim.cli._experiment import check_experiment

TANK = """a tank
C1 out 0 1n ic=1
L1 out 0 1u
"""


def curves(text, solver, **options):
    circuit = circuits.loads(text)
    experiment = check_experiment(circuit, "v(out)", solver, 2e-7, 5e-9)
    return learning.error_curves(*experiment.arguments(), **experiment.options(), **options)


@pytest.mark.slow
def test_errors_scale_with_epsilon_squared_and_with_the_order_of_the_step():
    found = curves(TANK, physsim.StormerVerlet(), epsilons=(1e-3, 1e-4, 1e-7))
    assert found.order == 2
    assert slope(found.steps, found.by_step) == pytest.approx(2, abs=0.05)
    above = found.by_epsilon[:-1] / found.by_epsilon[1:]
    assert above[0] == pytest.approx(100, rel=0.01)
    assert found.rounding < 1e-11 and found.missed < 1e-12
    assert not found.refused and found.unreversed is None
    assert found.best_epsilon() in (1e-4, 1e-7)
    assert causes_table(found).row_count == 4


@pytest.mark.slow
def test_a_lossy_circuit_is_refused_with_the_bias_of_its_echo():
    found = curves(TANK + "R1 out 0 1k\n", physsim.StormerVerlet(), halvings=0)
    assert "lossy" in found.refused["RHEL"]
    assert found.by_epsilon is None and found.best_epsilon() is None and found.missed is None
    assert found.unreversed > 1e-3
    assert found.rounding < 1e-10


TASK = """netlist = "tank.cir"
train = ["C1"]
[target]
quantity = "v(out)"
csv = "target.csv"
[run]
t_end = "100n"
dt = "5n"
"""


def test_a_task_is_checked_with_its_own_cost(run, tmp_path):
    (tmp_path / "tank.cir").write_text(TANK)
    (tmp_path / "task.toml").write_text(TASK)
    t = np.linspace(0, 1e-7, 101)
    table = np.stack([t, 0.5 * np.cos(3e7 * t)], 1)
    np.savetxt(tmp_path / "target.csv", table, delimiter=",", header="time,v", comments="")
    code, out, _ = run("check", "task.toml", "-o", ".")
    assert code == 0 and "all methods agree" in out and "C1.C" in out
    assert json.loads((tmp_path / "task_check.json").read_text())["disagreeing"] == []
    code, _, error = run("check", "task.toml", "--ngspice")
    assert code == 2 and "--ngspice: a task" in error


@pytest.mark.slow
def test_the_command_tells_and_draws_where_differences_come_from(run, tmp_path):
    (tmp_path / "tank.cir").write_text(TANK)
    arguments = ("--causes", "--t-end", "200n", "--integrator", "StormerVerlet")
    code, out, err = run("check", "tank.cir", *arguments)
    # Leapfrog at this step is too coarse for the adjoint of the differential equation.
    assert code == 1 and "disagree with BPTT: ContinuousAdjoint" in out, err
    causes = json.loads((tmp_path / "out" / "tank_check.json").read_text())["causes"]
    slope = np.polyfit(np.log(causes["steps_s"]), np.log(causes["by_step"]), 1)[0]
    assert causes["order"] == 2 and abs(slope - 2) < 0.1
    assert (tmp_path / "out" / "tank_check.png").stat().st_size > 10_000
    code, _, err = run("report", "out")
    assert code == 0, err
