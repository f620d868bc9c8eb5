"""What `physsim check` runs, and how it judges where sources have corners."""

import dataclasses

import numpy as np
import pytest

import circuits
import learning
import physsim
from physsim.cli._experiment import check_experiment

PULSED = """a tank, pulsed
C1 out 0 1n
L1 out 0 1u
I1 0 out PULSE(0 1m 20n 10n 10n 70n)
.tran 1n 300n
"""
SOLVER = physsim.SRKN6b()


def checked(text, t_end=None, dt=None):
    return check_experiment(circuits.loads(text), None, SOLVER, t_end, dt)


@pytest.fixture(scope="module")
def report():
    experiment = checked(PULSED)
    methods = {name: getattr(learning, name)() for name in ("BPTT", "ContinuousAdjoint")}
    return learning.compare_gradients(
        *experiment.arguments(), **experiment.options(), methods=methods
    )


@pytest.mark.slow
def test_the_derivative_by_the_step_is_not_judged_at_corners(report):
    assert report.disagreeing() == ["ContinuousAdjoint"]
    assert report.disagreeing(corners=True) == []
    assert report.worst("ContinuousAdjoint") > 1e-2


@pytest.mark.slow
def test_all_other_derivatives_keep_the_order_of_the_method(report):
    assert report.worst("ContinuousAdjoint", without=("dt",)) < 1e-5


@pytest.mark.slow
def test_all_other_methods_are_judged_by_every_row(report):
    own = [a for a in report.agreements if a.method == "ContinuousAdjoint"]
    exact = tuple(dataclasses.replace(a, method="ReversibleAdjoint") for a in own)
    gradients = report.gradients | {"ReversibleAdjoint": report.gradients["BPTT"]}
    methods = report.methods | {"ReversibleAdjoint": learning.ReversibleAdjoint()}
    other = dataclasses.replace(
        report, gradients=gradients, methods=methods, agreements=(*own, *exact)
    )
    assert other.disagreeing(corners=True) == ["ReversibleAdjoint"]


@pytest.mark.parametrize(
    ("source", "jumps"),
    [
        ("SIN(0 1m 1meg)", False),
        ("SIN(0 1m 1meg 10n)", True),
        ("SIN(0 1m 1meg 400n)", False),
        ("PULSE(0 1m 0 10n 10n 70n)", True),
        ("PULSE(0 1m 301n 10n 10n 70n)", False),
        ("PWL(0 0 1u 1m)", False),
    ],
)
def test_corners_within_the_run(source, jumps):
    text = PULSED.replace("PULSE(0 1m 20n 10n 10n 70n)", source)
    assert circuits.loads(text).has_corners(300e-9) is jumps


@pytest.mark.parametrize("times", ["20n 10n 10n 70n", "21n 10n 11n 73n"])
def test_steps_end_at_corners(times):
    experiment = checked(PULSED.replace("20n 10n 10n 70n", times))
    dt = experiment.dt * experiment.circuit.scales.time
    corners = np.cumsum([float(word.rstrip("n")) * 1e-9 for word in times.split()]) / dt
    np.testing.assert_allclose(corners, np.round(corners), atol=1e-6)
    assert float(experiment.times[-1]) == pytest.approx(300e-9, rel=1e-12)


@pytest.mark.parametrize(
    ("tran", "given", "end"),
    [
        ("", {}, None),
        (".tran 1n 1m", {}, None),
        (".tran 1n 200n", {}, 200e-9),
        (".tran 1n 200n", {"t_end": 90e-9}, 90e-9),
        ("", {"t_end": 1e-4}, 1e-4),
    ],
)
def test_a_run_ends_where_the_netlist_says_or_after_a_thousand_steps(tran, given, end):
    text = f"a tank\nC1 out 0 1n ic=1\nL1 out 0 1u\n{tran}\n"
    experiment = checked(text, **given)
    if end is None:
        assert experiment.num_steps == 1000
    else:
        assert float(experiment.times[-1]) == pytest.approx(end, rel=1e-12)
