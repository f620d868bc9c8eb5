"""`physsim timescales` as a user meets it."""

import json

import numpy as np
import pytest

from physsim.cli._bundled import bundled_config
from physsim.cli._schema import load_toml
from physsim.cli._timescales_experiment import (
    claims_of,
    read_experiment,
    saturation_notes,
)
from physsim.cli._timescales_pictures import PICTURES

RC = "rc\nC1 out 0 1u ic=1\nR1 out 0 1k\nC2 far 0 10n ic=1\nR2 far out 1k\n.tran 50u 4m\n"


def test_a_netlist_gives_table_plot_figures_and_advice(run, tmp_path):
    (tmp_path / "rc.cir").write_text(RC)
    code, out, _ = run(
        "timescales", "rc.cir", "--measure", "v(out)", "--lag", "1.5m", "--dt", "50u"
    )
    assert code == 0 and "learns most" in out and "the lag that equals it" not in out
    told = "volume: ln |det M| / lag; sigma 1/k: the largest over singular value number 2"
    assert told in " ".join(out.split())
    figures = json.loads((tmp_path / "out" / "rc_timescales.json").read_text())
    assert (tmp_path / "out" / "rc_timescales.png").stat().st_size > 10_000
    # tau = R C of the large section, and a little more for the small one behind it.
    np.testing.assert_allclose(max(figures["time_constants"]), 1.01e-3, rtol=1e-3)
    np.testing.assert_allclose(figures["suggested_factor"], 1.5 / 1.01, rtol=1e-3)
    at = figures["lags"].index(min(figures["lags"], key=lambda t: abs(t - 1.5e-3)))
    slope = {name: values[at] for name, values in figures["sensitivity"].items()}
    assert slope["R1.R"] > 1e-3 and slope["R2.R"] < 1e-2 * slope["R1.R"]
    # What a hundred times faster section does is gone at that lag, and said so.
    assert "R2.R" in figures["advice"] and "R1.R" not in figures["advice"]
    rates = [-(1e3 + 1e5 + 1e3)] * len(figures["lags"])
    np.testing.assert_allclose(figures["volume_rate"], rates, rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.cir"], "none.cir"),
        (["none.toml"], "no such file"),
        (["rc.cir", "--lag", "0"], "--lag must be positive"),
        (["rc.cir", "--lag", "9m", "--dt", "50u"], "shorter than the run"),
        (["rc.cir", "--lag", "1n", "--dt", "50u"], "at least one step"),
        (["rc.cir", "--measure", "v(no)"], "no"),
        (["wells.cir"], "the metric is singular or not positive definite"),
        (["tank.cir", "--dt", "10u", "--t-end", "9m"], "the run is not finite from"),
        (["timescales_s1_fast.toml", "--lag", "3"], "--lag is for circuits"),
        (["bad.toml"], "unknown"),
        (["worse.toml"], "needs default"),
    ],
)
def test_bad_arguments_are_one_line_errors(run, tmp_path, arguments, message):
    (tmp_path / "rc.cir").write_text(RC)
    (tmp_path / "tank.cir").write_text("tank\nC1 a 0 1u ic=1\nL1 a 0 1u\n.tran 2u 1m\n")
    wells = "energy={b*flux^4-flux^2/(2*l0)} l0=1u b=1e17"
    (tmp_path / "wells.cir").write_text(f"wells\nC1 a 0 1n ic=1\nB1 a 0 {wells}\n.tran 10n 1u\n")
    text = bundled_config("timescales_s1_fast.toml").read_text()
    (tmp_path / "bad.toml").write_text(text.replace('"adding"', '"addding"'))
    (tmp_path / "worse.toml").write_text(text.replace("default =", "plain ="))
    code, _, err = run("timescales", *arguments)
    assert code == 2 and message in err and err.count("\n") == 1


@pytest.mark.parametrize("name", ["s1", "s1_fast", "s2", "s2_fast"])
def test_bundled_experiments_are_sound(name):
    path = bundled_config(f"timescales_{name}.toml")
    experiment = read_experiment(path, load_toml(path))
    assert experiment.setting.seeds == (5 if "fast" in name else 20)
    assert max(experiment.lags) < experiment.setting.steps - 1
    for network in experiment.networks:
        assert experiment.optimiser(network).update


def rates(factor, seeds=5):
    path = bundled_config("timescales_s1_fast.toml")
    experiment = read_experiment(path, load_toml(path))
    h = np.array(experiment.lags) - 1
    noise = 1 + 0.01 * np.arange(seeds)[:, None]
    left = [1e-6, 1e-4, 1e-2, 0.1, 1.0]
    one = {"gates": [(0.8**h).tolist()] * seeds, "leaks": [(0.2**h).tolist()] * seeds,
           "r_squared": [0.999] * seeds, "remainder": [left] * seeds}  # fmt: skip
    leaky = {**one, "rates": 0.8**h * noise, "decay": [0.79, 0.8, 0.81, 0.8, 0.8]}
    gated = {**one, "rates": factor**h * noise, "decay": [factor] * seeds}
    return experiment, {"adding": {"leaky": leaky, "gate a neuron": gated}}


def test_claims_are_judged_by_their_intervals_over_seeds():
    verdicts = [claim.verdict for claim in claims_of(*rates(0.97))]
    assert verdicts == ["reproduced"] * 3
    verdicts = [claim.verdict for claim in claims_of(*rates(0.78))]
    assert verdicts == ["reproduced", "reproduced", "not reproduced"]
    assert len(PICTURES["effective rates"](*rates(0.97)).axes) == 2


def test_saturated_gates_are_told():
    _, results = rates(0.97)
    assert saturation_notes(results) == []
    results["adding"]["gate a neuron"]["saturated"] = [[0.2, 0.0], [0.1, 0.5]]
    (note,) = saturation_notes(results)
    assert "gate a neuron's gates 15.0% are saturated shut and 25.0% open" in note
    results["adding"]["leaky"]["saturated"] = [[0.0, 0.0]] * 2
    assert len(saturation_notes(results)) == 1


def test_anisotropy_is_compared_seed_by_seed():
    path = bundled_config("timescales_s2_fast.toml")
    experiment = read_experiment(path, load_toml(path))

    def network(size):
        told = [{"ratio": size + 0.01 * s, "top_energy": size / 10, "participation": 20 / size}
                for s in range(5)]  # fmt: skip
        return {"raw": told, "direction": told}

    results = {"adding": {"plain": network(3.0), "gate a neuron": network(5.0)}}
    assert {claim.verdict for claim in claims_of(experiment, results)} == {"exceeds"}
    results["adding"]["gate a neuron"] = network(2.0)
    assert {claim.verdict for claim in claims_of(experiment, results)} == {"falls short"}
    assert len(PICTURES["anisotropy"](experiment, results).axes) == 3
