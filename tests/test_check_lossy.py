"""Comparing gradients of lossy circuits: methods that have none are named, the others compared."""

import json

import pytest

import circuits
import learning
import physsim
from physsim.cli import _check
from physsim.cli._checked import checked_netlist

RC = """a source across a capacitor, and a low-pass
V1 a 0 SIN(0 1 1meg)
C1 a 0 1n
R1 a b 100
C2 b 0 1n
"""
OVERDAMPED = """a charge that is lost within a few steps
C1 a 0 1n ic=1
R1 a 0 2
L1 a 0 1u
"""


def compared(text, steps):
    circuit = circuits.loads(text)
    readout = circuit.readout(f"v({'b' if 'b 0' in text else 'a'})")
    methods = {
        name: getattr(learning, name)()
        for name in ("ReversibleAdjoint", "BPTT", "ContinuousAdjoint")
    }
    return learning.compare_gradients(
        circuit.hamiltonian,
        physsim.SRKN6b(),
        circuit.initial_state,
        lambda H, y, u, target: readout(H, y, u) ** 2,
        dt=0.02,
        num_steps=steps,
        inputs=circuit.drive,
        methods=methods,
    )


@pytest.mark.slow
def test_a_circuit_without_inductors():
    report = compared(RC, 40)
    assert not report.failed
    assert report.worst("ReversibleAdjoint") <= 1e-9
    assert report.worst("ContinuousAdjoint") <= 1e-4


@pytest.mark.slow
def test_an_echo_that_is_lost_leaves_the_others():
    report = compared(OVERDAMPED, 300)
    assert set(report.failed) == {"ReversibleAdjoint"}
    assert "missed the start" in report.failed["ReversibleAdjoint"]
    assert set(report.gradients) == {"BPTT", "ContinuousAdjoint"}
    assert report.worst("ContinuousAdjoint") <= 1e-4


def test_a_reference_that_is_lost_is_an_error():
    circuit = circuits.loads(OVERDAMPED)
    with pytest.raises(physsim.DivergenceError, match="missed the start"):
        learning.compare_gradients(
            circuit.hamiltonian,
            physsim.SRKN6b(),
            circuit.initial_state,
            lambda H, y, u, target: y.p[0] ** 2,
            dt=0.02,
            num_steps=300,
            methods={"ReversibleAdjoint": learning.ReversibleAdjoint()},
            reference="ReversibleAdjoint",
        )


def test_losses_at_one_rate_are_checked_by_an_echo_with_gain(run, tmp_path, monkeypatch):
    monkeypatch.setattr(_check, "_EXACT", ("BPTT",))
    (tmp_path / "tank.cir").write_text("t\nC1 a 0 1n ic=1\nR1 a 0 1k\nL1 a 0 1u\n")
    code, out, _ = run("check", "tank.cir", "--t-end", "200n", "--echo")
    assert code == 0 and "no picture of the echo" in out
    figures = json.loads((tmp_path / "out" / "tank_check.json").read_text())
    assert set(figures["gradients"]) == {"RHEL", "BPTT"}
    assert figures["worst_relative_error"]["RHEL"] < 1e-5


def test_losses_at_two_rates_say_what_to_use_in_words(run, tmp_path, monkeypatch):
    monkeypatch.setattr(_check, "_EXACT", ("BPTT",))
    cards = "t\nC1 a 0 1n ic=1\nR1 a 0 1k\nL1 a b 1u\nC2 b 0 1n\n"
    (tmp_path / "two.cir").write_text(cards)
    code, out, _ = run("check", "two.cir", "--t-end", "100n")
    assert code == 0 and "without RHEL" in out and "Use ReversibleAdjoint or BPTT" in out


FILTER = """between two terminations, over soon
V1 s 0 PULSE(0 1 20n 1n 1n 200n)
R1 s in 50
C1 in 0 318.31p
L2 in out 1.59155u
C3 out 0 318.31p
R2 out 0 50
"""


def test_a_run_of_many_decay_times_is_not_judged_by_what_leads_it_back(run, tmp_path, monkeypatch):
    monkeypatch.setattr(_check, "_EXACT", ("BPTT",))
    (tmp_path / "filter.cir").write_text(FILTER)
    code, out, _ = run("check", "filter.cir", "--t-end", "500n", "--dt", "1n")
    assert code == 0 and "not judged, RHEL: the run lasts 31 decay times" in out
    figures = json.loads((tmp_path / "out" / "filter_check.json").read_text())
    assert figures["disagreeing"] == [] and set(figures["failed"]) == {"RHEL"}
    assert "without RHEL" in out.splitlines()[-1]


def test_an_error_larger_than_rounding_can_be_is_judged_however_long_the_run(tmp_path):
    (tmp_path / "filter.cir").write_text(FILTER)
    checked = checked_netlist(tmp_path / "filter.cir", None, None, 500e-9, 1e-9)
    # The float64 rounding unit times exp(31.4) is 9.6e-3.
    assert "31 decay times" in checked.worn(1e-3, 1.0, 1e-6)
    assert checked.worn(2e-2, 1.0, 1e-6) == ""
