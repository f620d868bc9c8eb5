"""`physsim report`: one page that says what the runs in a folder said, and loads nothing."""

import base64
import hashlib
import json

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from physsim.cli import _check
from physsim.cli._mathml import equation
from physsim.cli._report_seeds import summary
from physsim.cli._thin import thin

from .command import physsim
from .report_runs import NETLIST, TASK, Page, report, simulated

__all__ = ["simulated"]
MATHML = {"math", "mrow", "mi", "mo", "mn", "msub", "msup", "msubsup", "mfrac", "mfenced"}
READ = ("src", "href", "action", "data", "poster", "srcset")


@pytest.fixture(scope="module")
def page(simulated):
    return Page(simulated / "report.html")


def test_text_of_the_netlist_stays_text(page):
    assert NETLIST in page.texts["pre"]
    assert [attrs.get("type") for tag, attrs in page.tags if tag == "script"] == [
        "application/json",
        None,
        None,
    ]
    assert {tag for tag, _ in page.tags}.isdisjoint({"b", "i"})
    assert len([tag for tag, _ in page.tags if tag == "img"]) == 1
    assert page.texts["title"] == ["Simulation, tank.cir"]
    assert any(NETLIST.splitlines()[0] in text for text in page.texts["p"])


def test_formulas_are_mathml_with_the_names_as_text(page):
    energy = "".join(page.texts["math"])
    assert "<b>" in energy and "a&b" in energy and "φ" in energy
    assert len(page.texts["math"]) > 8
    inside = {tag for tag in MATHML if tag in page.texts}
    assert {"math", "mfrac", "msubsup"} <= inside


@pytest.mark.parametrize(
    ("figure", "words"),
    [
        ("ripple_db_before", "ripple before, dB"),
        ("peak_memory_mb", "peak memory, MiB"),
        ("loss_best", "loss best"),
        ("seconds", "seconds"),
    ],
)
def test_figures_are_told_in_words_and_units(figure, words):
    told = summary([""], [{figure: 1.5}])
    assert [name for name, _ in told.rows] == [words]


def test_the_folders_of_a_page_are_made(simulated, tmp_path, capsys):
    place = tmp_path / "x" / "y" / "z.html"
    assert physsim("report", simulated, "--output", place) == 0
    assert Page(place).texts["title"] == ["Simulation, tank.cir"]
    assert physsim("report", simulated, "--output", place.parent) == 2
    assert f"{place.parent} is a folder" in capsys.readouterr().err


def test_the_page_loads_nothing_and_runs_only_its_own_scripts(page):
    for tag, attrs in page.tags:
        for name in READ:
            value = attrs.get(name) or "#"
            assert value.startswith(("#", "data:")), (tag, name, value[:80])
        assert not [name for name in attrs if name.startswith("on")]
    assert "link" not in {tag for tag, _ in page.tags}
    (policy,) = [a["content"] for t, a in page.tags if a.get("http-equiv")]
    assert "default-src 'none'" in policy
    for script in page.texts["script"][1:]:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy


def test_figures_and_curves_are_those_of_the_run(page, simulated):
    figures = json.loads((simulated / "tank.json").read_text())
    assert page.figures["samples"] == str(figures["samples"])
    assert {figures["t_end"], figures["dt"]} <= set(page.numbers)
    assert page.figures["integrator"] == "SRKN11b"
    table = np.genfromtxt(simulated / "tank.csv", delimiter=",", skip_header=1)
    # Seven points of a curve between two samples.
    x, y = page.curves("voltages")["v(<b>)"]
    np.testing.assert_allclose([x[::8], y[::8]], table[:, [0, 1]].T, rtol=1e-12)
    assert np.all(np.diff(x) > 0)
    np.testing.assert_allclose(page.curves("currents")["i(L1)"][1][::8], table[:, 3], rtol=1e-12)
    change = page.curves("relative change of the energy")
    np.testing.assert_array_equal(change["relative change of the energy"][1], table[:, -1])
    assert np.max(np.abs(table[:, -1])) in page.numbers


def test_spectra_have_the_amplitude_at_the_frequency(page):
    # Half of the energy swings between two equal capacitors: v = 1/2 + cos(omega t) / 2.
    f, amplitude = page.curves("spectra of the voltages")["v(<b>)"]
    peak = np.argmax(amplitude)
    np.testing.assert_allclose(f[peak], np.sqrt(2 / 1e-15) / (2 * np.pi), atol=f[1] - f[0])
    assert 0.5 * 0.84 < amplitude[peak] < 0.5 * 1.01  # a Hann window loses up to 15 %


def test_what_it_takes_to_repeat_the_run_is_told(page, simulated):
    record = json.loads((simulated / "tank.run.json").read_text())
    text = "".join(page.texts["table"])
    assert any(record["line"] in text for text in page.texts["pre"])
    assert all(version in text for version in record["versions"].values())
    assert record["versions"]["physsim"] == "0.1.0" and record["machine"]["precision"] == "float64"
    assert record["settings"]["seed"] == 0


def test_a_check_shows_gradients_and_their_agreement(tmp_path, monkeypatch):
    (tmp_path / "tank.cir").write_text(NETLIST)
    # The others are compared in other tests, and take long to compile.
    monkeypatch.setattr(_check, "_EXACT", ("BPTT",))
    words = ("--t-end", "200n", "--echo", "--out", tmp_path / "c")
    assert physsim("check", tmp_path / "tank.cir", *words) == 0
    page = Page(report(tmp_path / "c"))
    figures = json.loads((tmp_path / "c" / "tank_check.json").read_text())
    shown = set(page.numbers)
    for gradient in figures["gradients"].values():
        assert set(gradient.values()) <= shown
    for row in figures["agreement"]:
        if row["method"] != "BPTT":
            assert {1 - row["cosine"], row["norm_ratio"] - 1, row["relative_error"]} <= shown
    assert page.figures["verdict"] == "all methods agree"
    exact, echo = (np.array(list(figures["gradients"][m].values())) for m in ("BPTT", "RHEL"))
    errors = page.curves("each component's distance from BPTT")["RHEL"][1]
    np.testing.assert_array_equal(errors, np.abs(echo - exact) / np.abs(exact))
    growing = page.curves("... on which the gradient adds up (circles: BPTT, the start held)")
    _, ends = growing.pop("BPTT")
    assert len(ends) == len(growing) == len(exact)
    np.testing.assert_allclose([y[0] for _, y in growing.values()], ends, rtol=1e-5)
    assert all(y[-1] == 0 for _, y in growing.values())


def test_a_training_shows_curves_and_values(tmp_path):
    (tmp_path / "tank.cir").write_text(NETLIST)
    t = np.linspace(0, 1e-6, 400)
    table = np.stack([t, 0.5 - 0.5 * np.cos(1.1 * t / np.sqrt(0.5e-15))], 1)
    np.savetxt(tmp_path / "target.csv", table, delimiter=",", header="time,v", comments="")
    (tmp_path / "task.toml").write_text(TASK)
    out = tmp_path / "out"
    assert physsim("learn", tmp_path / "task.toml", "--out", out) == 0
    page = Page(report(out))
    figures = json.loads((out / "task_learned.json").read_text())
    assert page.figures["iterations"] == "12"
    assert {figures["loss_first"], figures["loss_best"]} <= set(page.numbers)
    before, after = (figures[f"values_{when}"]["C1.C"] for when in ("before", "after"))
    assert {before, after} <= set(page.numbers) and before != after
    losses = np.loadtxt(out / "task_loss.csv", skiprows=1)
    np.testing.assert_array_equal(page.curves("loss")["loss"][1], losses)
    learned = page.curves("what was learned")
    assert list(learned) == ["target", "before", "after"]
    misses = [np.sum((learned[name][1] - learned["target"][1]) ** 2) for name in learned]
    assert misses[2] < misses[1]
    assert {NETLIST, TASK} <= set(page.texts["pre"])
    # The reversible adjoint has no nudges.
    settings = "".join(page.texts["table"])
    assert "gradient.method" in settings
    assert "gradient.epsilon" not in settings and "gradient.echo" not in settings


def write_record(folder, name, kind, figures, files, **settings):
    """A run's figures and record as commands leave them; the last of the files is the netlist."""
    folder.mkdir(parents=True, exist_ok=True)
    record = {
        "kind": kind,
        "line": f"physsim {kind}",
        "written": "2000-01-01T00:00:00+00:00",
        "versions": {"physsim": "0.1.0"},
        "machine": {},
        "settings": settings,
        "files": files,
        "netlist": NETLIST if NETLIST in files.values() else "",
    }
    (folder / f"{name}.run.json").write_text(json.dumps(record))
    (folder / f"{name}.json").write_text(json.dumps(figures))
    return record


def write_run(folder, waves, **settings):
    """A run as `physsim simulate` leaves it, with these waveforms."""
    figures = {"samples": len(waves["time"]), "t_end": waves["time"][-1], "dt": None}
    record = write_record(folder, "made", "simulate", figures, {"made.cir": NETLIST}, **settings)
    names = ",".join(f'"{name}"' for name in waves)
    table = np.column_stack(list(waves.values()))
    np.savetxt(folder / "made.csv", table, delimiter=",", header=names, comments="")
    return record


CAUSES = {
    "epsilons": [1e-4, 1e-6],
    "by_epsilon": [1e-5, 1e-9],
    "steps_s": [2e-8, 1e-8],
    "by_step": [3.2e-6, 5e-8],
    "order": 6,
    "rounding": 1e-13,
    "missed": None,
    "unreversed": None,
    "refused": {},
}


def write_check(folder, causes, **more):
    gradients = {"BPTT": {"C1.C": 2.0, "L1.L": -3.0}, "RHEL": {"C1.C": 2.5, "L1.L": -3.0}}
    row = {"method": "RHEL", "group": "C1.C", "cosine": 0.875, "norm_ratio": 1.25}
    figures = {
        "worst_relative_error": {"BPTT": 0.0, "RHEL": 0.25},
        "disagreeing": ["RHEL"],
        "reference": "BPTT",
        "gradients": gradients,
        "agreement": [row | {"relative_error": 0.25}],
        "failed": {"ContinuousAdjoint": "lost its way"},
        "causes": causes,
    } | more
    write_record(folder, "made_check", "check", figures, {"made.cir": NETLIST})


def test_a_check_that_fails_says_why(tmp_path, capsys):
    write_check(tmp_path, CAUSES)
    page = Page(report(tmp_path))
    assert page.figures["verdict"] == "disagree with BPTT: RHEL"
    assert "Without ContinuousAdjoint: lost its way" in page.texts["p"]
    assert {0.125, 0.25} <= set(page.numbers)
    # No error has no place on a logarithmic axis; it stands at its end.
    errors = page.curves("each component's distance from BPTT")["RHEL"][1]
    assert errors.tolist() == [0.25, 1e-17]
    assert page.curves("the size of the nudges")["RHEL"][1].tolist() == CAUSES["by_epsilon"]
    guide = page.curves("the step")["dt^6"]
    np.testing.assert_allclose(guide[1], [3.2e-6, 3.2e-6 / 64])
    assert "power 6.00" in "".join(page.texts["td"])
    (tmp_path / "report.html").unlink()
    write_check(tmp_path, CAUSES | {"order": "six"})
    assert_one_line(tmp_path, capsys, "made_check.json: not what `physsim check` writes: causes")


def test_the_summary_of_a_check_holds_what_is_judged(tmp_path):
    methods = ("BPTT", "RHEL", "ReversibleAdjoint", "ContinuousAdjoint")
    rows = [("RHEL", "dt", 3e-9), ("RHEL", "C1.C", 2e-9), ("ReversibleAdjoint", "C1.C", 0.75),
            ("ContinuousAdjoint", "C1.C", 1e-3), ("ContinuousAdjoint", "dt", 0.5)]  # fmt: skip
    write_check(
        tmp_path,
        CAUSES,
        corners=True,
        disagreeing=[],
        gradients={method: {"C1.C": 2.0} for method in methods},
        failed={"ReversibleAdjoint": "rounding"},
        agreement=[
            {"method": m, "group": g, "cosine": 1.0, "norm_ratio": 1.0, "relative_error": x}
            for m, g, x in rows
        ],
    )
    figures = Page(report(tmp_path)).figures
    assert figures == {
        "verdict": "BPTT, RHEL, ContinuousAdjoint agree; without ReversibleAdjoint",
        "worst relative error, RHEL": "3e-09",
        "worst relative error, ContinuousAdjoint": "0.001",
    }


def test_an_echo_in_ngspice_is_told(tmp_path):
    figures = {
        "continuous_adjoint": {"C1.C": 2.0},
        "ngspice": {"0.1": {"C1.C": 2.5}, "0.01": {"C1.C": 2.25}},
        "retraced": {"0.1": 0.5, "0.01": 0.0625},
    }
    write_record(tmp_path, "made_ngspice", "ngspice", figures, {"made.cir": NETLIST})
    (tmp_path / "made_recipe.md").write_text("# Charge C1 & let go\n")
    page = Page(report(tmp_path))
    assert {2.0, 2.5, 2.25, 0.5, 0.0625} <= set(page.numbers)
    errors = page.curves("each component's distance from the continuous adjoint")
    assert [y.tolist() for _, y in errors.values()] == [[0.25], [0.125]]
    assert "# Charge C1 & let go\n" in page.texts["pre"]


def test_long_and_many_waveforms_are_thinned_and_said_to_be(tmp_path):
    t = np.linspace(0.0, 1e-3, 12_001)
    waves = {f"v(n{k})": np.sin(1e5 * t + k) for k in range(30)}
    waves["v(n0)"][1_234] = 9.0
    write_run(tmp_path, {"time": t, **waves}, nodes=["n29"])
    page = Page(report(tmp_path))
    curves = page.curves("voltages")
    assert len(curves) == 24 and "v(n29)" in curves
    x, y = curves["v(n0)"]
    assert len(x) <= 4002 and y.max() == 9.0 and x[np.argmax(y)] == pytest.approx(t[1_234])
    np.testing.assert_allclose(page.curves("start of the voltages")["v(n0)"][0][::8], t[:400])
    note = " ".join(page.texts["p"])
    assert "24 of 30 waveforms" in note and "12001 samples" in note and "made.csv" in note


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=200), st.integers(1, 20))
@settings(max_examples=40, deadline=None)
def test_thinning_keeps_ends_extremes_and_order(values, windows):
    x, y = np.arange(len(values), dtype=float), np.array(values)
    a, b = thin(x, y, windows)
    assert len(a) <= max(2 * windows + 2, 1) and np.all(np.diff(a) > 0)
    assert (b.min(), b.max()) == (y.min(), y.max())
    assert (a[0], a[-1]) == (x[0], x[-1])
    np.testing.assert_array_equal(b, y[a.astype(int)])


def test_formulas_break_between_terms_and_escape_names():
    a, b = sympy.symbols("phi_<s> phi_2")
    line = equation(sympy.Symbol("Q"), -(-a + b) / 2 - a**2, rate=True)
    assert line.count("<math") == 4 and "&lt;s&gt;" in line and "<s>" not in line
    assert "<msubsup>" in line and line.count("−") == 2


def test_all_runs_below_a_folder_are_on_its_page(tmp_path):
    t = np.linspace(0.0, 1e-6, 50)
    for name in ("a", "b"):
        write_run(tmp_path / name, {"time": t, "v(<b>)": np.cos(1e7 * t)})
    page = Page(report(tmp_path))
    assert page.texts["title"] == [f"2 runs in {tmp_path.name}"]
    # They share one circuit.
    assert page.texts["h2"] == [
        "Summary",
        *["Simulation, made.cir"] * 2,
        "The circuit, made.cir",
        "How to repeat it",
    ]


def write_training(folder, seed):
    """A training as `physsim train` leaves it."""
    figures = {
        "metric": "accuracy",
        "accuracy": 0.75 + 0.125 * seed,
        "validation": 0.5,
        "epochs": 3,
        "best_epoch": 2,
        "seconds": 1.5,
        "classes": ["a", "<b>"],
        "confusion": [[5, 1], [2, 7]],
    }
    settings = {"seed": seed, "gradient": {"method": "fused"}}
    write_record(folder, "result", "train", figures, {"made.toml": "seeds = [0, 1]\n"}, **settings)
    names = ("loss", "validation_loss", "validation_score", "gradient_norm")
    lines = [{"step": k} | {name: 1.0 / (k + 1 + seed) for name in names} for k in range(3)]
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    (folder / "metrics.jsonl").write_text(text)


def test_seeds_of_a_training_share_plots_and_a_table(tmp_path):
    for seed in (0, 1):
        write_training(tmp_path / f"seed_{seed}", seed)
    page = Page(report(tmp_path))
    assert page.texts["title"] == ["Training, made.toml"]
    curves = page.curves("accuracy, validation")
    assert list(curves) == ["seed 0", "seed 1"]
    np.testing.assert_allclose(curves["seed 1"][1], [1 / 2, 1 / 3, 1 / 4])
    # Accuracies, their mean and standard deviation; what was taken for what.
    assert {0.75, 0.875, 0.8125, 5, 1, 2, 7} <= set(page.numbers)
    assert np.isclose(page.numbers, 0.125 / np.sqrt(2), rtol=1e-12, atol=0).any()
    assert "<b>" in page.texts["th"]


def test_a_damaged_metrics_file_is_a_one_line_error(tmp_path, capsys):
    write_training(tmp_path / "seed_0", 0)
    metrics = tmp_path / "seed_0" / "metrics.jsonl"
    metrics.write_text(metrics.read_text() + '{"step": 3, "lo')
    assert_one_line(tmp_path, capsys, "metrics.jsonl:4: not what `physsim train` writes")
    metrics.write_text('{"step": 0}\n')
    assert_one_line(tmp_path, capsys, "metrics.jsonl:1: not what `physsim train` writes: loss")


def change(name, text):
    return lambda folder: (folder / name).write_text(text)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "made.run.json").unlink(), "Looked there and below for *.run"),
        (change("made.run.json", "{"), "made.run.json: not the record of a run"),
        (change("made.run.json", '{"kind": 1}'), "made.run.json: not the record of a run"),
        (lambda folder: (folder / "made.json").unlink(), "made.json: No such file"),
        (change("made.json", '{"samples": 1}'), "made.json: not what `physsim simulate` writes: t"),
        (change("made.json", "[]"), "expected an object"),
        (lambda folder: (folder / "made.csv").unlink(), "made.csv: not the waveforms"),
        (change("made.csv", "time,v(a)\n0,1\n1,x\n"), "made.csv: not the waveforms"),
        (change("made.csv", "time,v(a)\n0,1,2\n1,2,3\n"), "made.csv: not the waveforms"),
        (change("made.csv", ""), "made.csv: not the waveforms"),
    ],
)
def test_what_cannot_be_reported_is_a_one_line_error(tmp_path, capsys, damage, message):
    t = np.linspace(0.0, 1e-6, 50)
    write_run(tmp_path, {"time": t, "v(<b>)": np.cos(1e7 * t)})
    damage(tmp_path)
    assert_one_line(tmp_path, capsys, message)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("kind", "sing", "a run of 'sing'; reports are of simulate, check"),
        ("netlist", "t\nC1 a\n", "made.run.json: netlist: made.cir:2"),
        ("files", {}, "look at files"),
        ("settings", [], "look at settings"),
    ],
)
def test_a_strange_record_is_a_one_line_error(tmp_path, capsys, key, value, message):
    t = np.linspace(0.0, 1e-6, 50)
    record = write_run(tmp_path, {"time": t, "v(<b>)": np.cos(1e7 * t)})
    (tmp_path / "made.run.json").write_text(json.dumps(record | {key: value}))
    assert_one_line(tmp_path, capsys, message)


def test_a_folder_that_is_none_is_a_one_line_error(tmp_path, capsys):
    assert_one_line(tmp_path / "nowhere", capsys, "no such folder")


def assert_one_line(folder, capsys, message):
    capsys.readouterr()
    assert physsim("report", folder) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and message in error
    assert not (folder / "report.html").exists()
