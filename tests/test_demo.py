"""The demonstration does what the README says of it."""

import json

import pytest


@pytest.mark.slow
def test_demo(run, tmp_path):
    code, out, err = run("demo", "--out", "d")
    assert code == 0, err
    figures = json.loads((tmp_path / "d" / "demo.json").read_text())
    simulation = figures["simulation"]
    assert simulation["periods"] == 10_000
    assert simulation["max_relative_energy_error"] < 1e-8
    assert simulation["max_relative_energy_error_second_half"] < (
        2 * simulation["max_relative_energy_error_first_half"]
    )
    assert figures["gradients"]["worst_relative_error"]["RHEL"] < 1e-4
    assert figures["training"]["largest_relative_value_error"] < 1e-5
    for name in ("coupled_lc.png", "coupled_lc_check_echo.png", "coupled_lc_learned.png"):
        assert (tmp_path / "d" / name).stat().st_size > 10_000
    assert "hidden values recovered" in out
    code, _, err = run("report", "d")
    assert code == 0, err
    page = (tmp_path / "d" / "report.html").read_text()
    for title in ("start of the voltages", "The echo retraces the run", "what was learned"):
        assert title in page
