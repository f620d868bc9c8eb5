"""Commands as one of several processes: the results of one, and errors within the limit."""

import subprocess
import sys
import time

import pytest

from .device_process import environment, free_port

MC = ["mc", "coupled_lc.cir", "--figure", "rms v(in)", "--tolerance", "C*=2%", "--samples", "70",
      "--t-end", "400n", "--integrator", "StormerVerlet"]  # fmt: skip
SWEEP = ["sweep", "coupled_lc.cir", "--vary", "L12=2u:8u:9", "--node", "out", "--t-end", "400n",
         "--integrator", "StormerVerlet"]  # fmt: skip
COMMAND = [sys.executable, "-c", "from physsim.cli import main; main()"]


def start(folder, *words):
    return subprocess.Popen(
        [*COMMAND, *words], cwd=folder, env=environment(1), text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip


def start_all(folder, hosts, *words, own=lambda i: ()):
    port = free_port()
    launch = ["--coordinator", f"localhost:{port}", "--hosts", str(hosts), "--wait", "100"]
    return [start(folder, *words, *launch, "--process-id", str(i), *own(i)) for i in range(hosts)]


def finish(processes):
    """(exit code, standard output, standard error) of each."""
    outputs = [process.communicate(timeout=200) for process in processes]
    return [(p.returncode, *texts) for p, texts in zip(processes, outputs, strict=True)]


@pytest.mark.slow
@pytest.mark.parametrize("words", [MC, SWEEP], ids=["mc", "sweep"])
def test_two_processes_write_what_one_writes(tmp_path, words):
    alone, *pair = finish([
        start(tmp_path, *words, "--out", "one"),
        *start_all(tmp_path, 2, *words, own=lambda i: ("--out", f"host{i}")),
    ])  # fmt: skip
    assert [found[0] for found in (alone, *pair)] == [0, 0, 0], (alone, pair)
    assert "Two LC tanks" in pair[0][1] and "Two LC tanks" not in pair[1][1]
    assert not list((tmp_path / "host1").iterdir())
    written = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert written == sorted(path.name for path in (tmp_path / "host0").iterdir()) != []
    for name in written:
        if not name.endswith(".png"):
            one, two = (tmp_path / folder / name for folder in ("one", "host0"))
            assert one.read_bytes() == two.read_bytes(), name


@pytest.mark.slow
def test_other_options_are_found_at_the_start(tmp_path):
    found = finish(start_all(tmp_path, 2, *MC, own=lambda i: ("--seed", str(i))))
    for code, _, error in found:
        assert code == 2 and "--seed is" in error and "the same on all" in error


@pytest.mark.slow
def test_other_versions_are_found_at_the_start(tmp_path):
    """A process that says it has another jax."""
    port = free_port()
    lie = (
        "import sys; sys.argv[1:] = {words!r}\n"
        "from physsim.cli import _launch, main\n"
        "true = _launch.version\n"
        "_launch.version = lambda name: '0.0.1' if name == 'jax' else true(name)\n"
        "main()"
    )
    launch = ["--coordinator", f"localhost:{port}", "--hosts", "2", "--process-id"]
    liar = subprocess.Popen(
        [sys.executable, "-c", lie.format(words=[*MC, *launch, "1"])], cwd=tmp_path,
        env=environment(1), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    for code, _, error in finish([start(tmp_path, *MC, *launch, "0"), liar]):
        assert code == 2 and "jax is" in error and "0.0.1" in error


@pytest.mark.slow
def test_another_netlist_is_found(tmp_path):
    for i in range(2):
        (tmp_path / f"{i}.cir").write_text(f"tank\nC1 in 0 {i + 1}n ic=1\nL1 in 0 1u\n.end\n")
    words = [*MC[2:], "--coordinator", f"localhost:{free_port()}", "--hosts", "2"]
    found = finish([
        start(tmp_path, "mc", f"{i}.cir", *words, "--process-id", str(i)) for i in range(2)
    ])  # fmt: skip
    for code, _, error in found:
        assert code == 2 and "the netlist differs between processes" in error


def test_no_coordinator(tmp_path):
    """Both a process whose coordinator is missing and a coordinator who stays alone."""
    begun = time.perf_counter()
    launch = ["--coordinator", f"localhost:{free_port()}", "--hosts", "2", "--wait", "2"]
    alone = ["--coordinator", f"localhost:{free_port()}", "--hosts", "2", "--wait", "2"]
    found = finish([
        start(tmp_path, *MC, *launch, "--process-id", "1"),
        start(tmp_path, *MC, *alone, "--process-id", "0"),
    ])  # fmt: skip
    for code, _, error in found:
        assert code == 2 and "was not joined by the others within 2 s" in error
    # What is beyond the limit is the start of Python and JAX.
    assert time.perf_counter() - begun < 60


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--hosts", "2"), "need --coordinator HOST:PORT"),
        (("--coordinator", "here"), "expected HOST:PORT, or auto"),
        (("--coordinator", "here:1", "--hosts", "2"), "needs --hosts and --process-id"),
        (("--coordinator", "here:1", "--hosts", "2", "--process-id", "2"), "the last is 1"),
        (("--coordinator", "auto", "--hosts", "2"), "leave them out"),
    ],
)
def test_bad_options(run, options, message):
    code, _, error = run(*MC, *options)
    assert code == 2 and message in error


def test_a_port_that_is_taken(run):
    import socket

    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        place = ("--coordinator", f"localhost:{port}", "--hosts", "2", "--process-id", "0")
        code, _, error = run(*MC, *place)
    assert code == 2 and "in use" in error and "choose a port" in error
