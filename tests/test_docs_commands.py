"""What README and documentation tell to type: commands are understood, decks and tasks are read,
and the first pages' commands run."""

import os
import pickle
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer
from markdown_it import MarkdownIt

import circuits
from physsim.cli._bundled import bundled, bundled_config
from physsim.cli._commands import register
from physsim.cli._main import app
from physsim.cli._reconstruction_task import read_reconstruction
from physsim.cli._task import read_task

from .device_process import free_port

ROOT = Path(__file__).parent.parent
PAGES = {page.stem: page for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]}
PROGRAM = re.compile(
    r"^(?:\$ |srun \S+ )?(?:\.venv/bin/)?(?=(?:physsim|make|python -m benchmarks) \w)"
)


def blocks(page: Path) -> list[tuple[str, str]]:
    """(language, text) of each code block."""
    tokens = MarkdownIt("commonmark").parse(page.read_text())
    return [(t.info, t.content) for t in tokens if t.type in ("fence", "code_block")]


def commands(page: Path) -> list[list[str]]:
    """The words of each command line in a code block, comments and prompts left out."""
    lines = [
        line.strip()
        for language, text in blocks(page)
        if language in ("", "bash")
        for line in text.replace("\\\n", " ").splitlines()
    ]
    return [
        shlex.split(PROGRAM.sub("", line), comments=True) for line in lines if PROGRAM.match(line)
    ]


def spoken(page: Path) -> list[list[str]]:
    """The same of commands within sentences, if they are whole."""
    spans = re.findall(r"`((?:physsim|make|python -m benchmarks) [^`]+)`", page.read_text())
    return [shlex.split(" ".join(span.split())) for span in spans]


def fault(words: list[str]) -> str | None:
    """What is wrong with a command line, found without running it."""
    if words[0] == "make":
        rules = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
        return None if words[1] in rules else "no such target"
    if words[0] == "python":
        part = ROOT / "benchmarks" / f"{words[3]}.py"
        return None if part.exists() else "no such part"
    register()
    group = typer.main.get_command(app)
    command = group.commands.get(words[1])
    if command is None:
        return "no such command"
    words = words[: words.index(">")] if ">" in words else words
    try:
        command.make_context(words[1], words[2:])
    except typer.TyperException as error:
        return str(error)
    return None


@pytest.mark.parametrize("page", PAGES)
def test_commands_are_understood(page):
    told = commands(PAGES[page])
    assert [(words, fault(words)) for words in told if fault(words)] == []


@pytest.mark.parametrize("page", PAGES)
def test_commands_in_sentences_exist(page):
    for words in spoken(PAGES[page]):
        if words[0] == "physsim" and words[1].isupper():
            continue
        found = fault(words)
        # A sentence may leave out what comes next.
        assert found is None or re.match("Missing parameter|Option .* requires", found), words


def test_a_wrong_command_is_found():
    assert fault(["physsim", "simulat", "x.cir"]) == "no such command"
    assert "No such option" in (fault(["physsim", "simulate", "x.cir", "--tend", "1u"]) or "")
    assert fault(["make", "everything"]) == "no such target"


def test_the_deck_of_the_language_is_read(tmp_path):
    deck = next(text for _, text in blocks(PAGES["netlist"]) if ".subckt" in text)
    netlist = circuits.parse_netlist(deck)
    assert {"Xa.L1", "B3", "V1"} <= {element.name for element in netlist.elements}


def test_the_task_of_a_filter_is_read(tmp_path):
    (task,) = [text for language, text in blocks(PAGES["learning"]) if language == "toml"]
    (tmp_path / "task.toml").write_text(task)
    deck = "f\nV1 in 0 SIN(0 1 1meg)\nR1 in a 50\nL3 a out 1u\nC1 out 0 1n\n"
    (tmp_path / "filter.cir").write_text(deck)
    (tmp_path / "measured.csv").write_text("time,v(out)\n0,0\n7e-6,1\n")
    assert read_task(tmp_path / "task.toml").gradient["method"] == "BPTT"


def test_all_keys_of_a_reconstruction_are_read(tmp_path):
    (task,) = [text for language, text in blocks(PAGES["reconstruction"]) if language == "toml"]
    (tmp_path / "all.toml").write_text(task)
    read = read_reconstruction(tmp_path / "all.toml")
    keys = set(re.findall(r"^(\w+) =", task, re.MULTILINE))
    known = {*read.data, *read.model, *read.training} - {"csv", "dysts", "recording"}
    assert keys == known


def test_the_archive_of_a_wearer_is_converted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wrist = {name: np.ones((3, 1)) for name in ("BVP", "ACC", "EDA", "TEMP")}
    data = {"signal": {"wrist": wrist}, "label": np.arange(2.0)}
    Path("S1.pkl").write_bytes(pickle.dumps(data))
    (script,) = [text for _, text in blocks(PAGES["hssm"]) if "import pickle" in text]
    exec(compile(script, "hssm.md", "exec"), {})
    with np.load("S1.npz") as found:
        assert set(found) == {"label", "bvp", "acc", "eda", "temp"}


def test_scripts_for_clusters_are_shell(tmp_path):
    (script,) = [text for language, text in blocks(PAGES["scaling"]) if language == "bash"]
    shell = shutil.which("bash")
    assert shell is not None
    subprocess.run([shell, "-n"], input=script, text=True, check=True)


# Bundled files that repeat something for minutes or hours: copies that repeat it a few times stand
# in for them, so that every command runs as it is written.
LONG = {
    "hssm": ["japanese_vowels.toml", "basic_motions.toml"],
    "learning": ["pulse_shapes.toml"],
    "reconstruction": ["lorenz63.toml"],
    "timescales": [
        "recall.toml",
        *(f"timescales_s{k}{fast}.toml" for k in "12" for fast in ("", "_fast")),
    ],
}
FEW = {"epochs": 1, "updates": 40, "judge_every": 20, "iterations": 12, "seeds": 2}
# What a page takes for granted.
BEFORE = {
    "timescales": [
        ["physsim", "learn", "coupled_lc.toml"],
        ["physsim", "train", "recall.toml", "--out", "out"],
    ]
}


def shorten(name: str, folder: Path) -> None:
    paths = [bundled(name), bundled_config(name)]
    text = next(path for path in paths if path.exists()).read_text()
    for key, few in FEW.items():
        text = re.sub(rf"^{key} = [\d_]+$", f"{key} = {few}", text, flags=re.MULTILINE)
    (folder / name).write_text(text)


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README", "getting_started", "report", "analyses", *LONG])
def test_commands_run(page, run, tmp_path):
    """One after the other in an empty folder, beside the netlist that the page shows."""
    if page == "hssm":
        pytest.importorskip("aeon", reason="its series come with pip install '.[data]'")
    for language, text in blocks(PAGES[page]):
        if language == "text":
            (tmp_path / "tanks.cir").write_text(text)
    for name in LONG.get(page, []):
        shorten(name, tmp_path)
    told = [words for words in commands(PAGES[page]) if words[0] == "physsim"]
    assert len(told) >= 2
    for words in BEFORE.get(page, []) + told:
        code, _, err = run(*words[1:])
        assert code == 0, (words, err)


@pytest.mark.slow
def test_commands_of_several_hosts_run(tmp_path):
    """As two processes of this machine, with fewer samples."""
    told = [words for words in commands(PAGES["scaling"]) if "node0:1234" in words]
    place = f"127.0.0.1:{free_port()}"
    own = {"node0:1234": place, "1000000": "2000"}
    program = Path(sys.executable).with_name("physsim")
    processes = [
        subprocess.Popen(
            [program, *(own.get(word, word) for word in words[1:])], cwd=tmp_path,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for words in told
    ]  # fmt: skip
    said = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert (tmp_path / "out" / "rlc_filter_mc_rms_v_out.csv").exists()


# What stands in for SLURM: a job step of two tasks on this machine, with its variables.
SRUN = """#!/bin/bash
shift
export SLURM_JOB_ID=$NUMBER SLURM_STEP_NODELIST=127.0.0.1 SLURM_NTASKS=2 SLURM_STEP_NUM_NODES=1
for SLURM_PROCID in 0 1; do
    SLURM_LOCALID=$SLURM_PROCID SLURM_PROCID=$SLURM_PROCID "$@" & pids="$pids $!"
done
for pid in $pids; do wait $pid || exit 1; done
"""


@pytest.mark.slow
def test_a_cluster_s_script_runs(tmp_path):
    """The page's script, word for word, two processes finding each other by SLURM's variables."""
    (script,) = [text for language, text in blocks(PAGES["scaling"]) if language == "bash"]
    shorten("pulse_shapes.toml", tmp_path)
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "physsim").symlink_to(Path(sys.executable).with_name("physsim"))
    (programs / "srun").write_text(SRUN)
    (programs / "srun").chmod(0o755)
    # The port comes from the job's number.
    own = {"PATH": f"{programs}:{os.environ['PATH']}", "NUMBER": str(free_port())}
    run = subprocess.run(
        ["bash", "-c", script], check=False, cwd=tmp_path, env={**os.environ, **own},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert (tmp_path / "results" / "pulse_shapes_learned.run.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "then"),
    [("getting_started", "physsim examples"),
     ("howto", ".venv/bin/physsim modes coupled_lc.cir && ls jax_cache/*")],
)  # fmt: skip
def test_exports_do_what_they_say(page, then, tmp_path):
    """A search path under which the program is found, a folder that holds what was compiled."""
    lines = [line for _, text in blocks(PAGES[page]) for line in text.splitlines()]
    exports = [line for line in lines if line.startswith("export ")]
    assert exports
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "physsim").symlink_to(Path(sys.executable).with_name("physsim"))
    bare = {k: v for k, v in os.environ.items() if not k.startswith("JAX_")}
    bare["PATH"] = "/usr/bin:/bin"
    script = "\n".join([*exports, then])
    subprocess.run(["bash", "-ec", script], cwd=tmp_path, env=bare, check=True)
