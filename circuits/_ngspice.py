"""Running ngspice."""

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

_BINARY = b"Binary:\n"
_LINES_SHOWN = 8


class NgspiceError(OSError):
    """ngspice is missing, refuses the deck, or does not finish."""


def run_ngspice(
    deck: str, signals: Sequence[str], *, timeout: float = 600.0
) -> dict[str, np.ndarray]:
    """Simulate `deck` and return `signals`, such as ``v(out)`` (V) or ``i(l1)`` (A), by name.

    The key ``"time"`` holds the accepted times in s, of unequal steps and without t = 0;
    ``@b1[i]`` is the current of a behavioural source. ngspice runs in a temporary folder,
    without a start-up file, for `timeout` s at most.

    Raises `NgspiceError` with ngspice's last lines where it fails, and for a signal it does
    not know.
    """
    program = shutil.which("ngspice")
    if program is None:
        raise NgspiceError("ngspice is not installed; on Debian or Ubuntu: apt-get install ngspice")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "deck.cir").write_text(_saving(deck, signals), encoding="utf-8")
        command = [program, "-n", "-b", "-r", "out.raw", "deck.cir"]
        try:
            done = subprocess.run(
                command, cwd=folder, capture_output=True, timeout=timeout, check=False
            )
        except subprocess.TimeoutExpired:
            raise NgspiceError(f"ngspice did not finish within {timeout:g} s") from None
        raw = Path(folder, "out.raw")
        if done.returncode or not raw.exists():
            text = (done.stderr.strip() or done.stdout).decode(errors="replace")
            raise NgspiceError("ngspice failed:\n" + "\n".join(text.splitlines()[-_LINES_SHOWN:]))
        return _pick(_read_raw(raw.read_bytes()), signals)


def _saving(deck: str, signals: Sequence[str]) -> str:
    lines = deck.rstrip().splitlines()
    if lines[-1].strip().lower() == ".end":
        lines.pop()
    # ngspice keeps the time of its own accord; the first `.save` replaces "all".
    return "\n".join([*lines, *(f".save {signal}" for signal in signals), ".end", ""])


def _read_raw(content: bytes) -> dict[str, np.ndarray]:
    header, _, data = content.partition(_BINARY)
    fields, _, table = header.decode(errors="replace").partition("\nVariables:")
    names = [line.split()[1] for line in table.strip().splitlines()]
    if "Flags: real" not in fields or not names:
        raise NgspiceError("ngspice wrote no real transient data")
    rows = np.frombuffer(data, dtype="<f8").reshape(-1, len(names))
    return dict(zip(names, rows.T.copy(), strict=True))


def _pick(known: dict[str, np.ndarray], signals: Sequence[str]) -> dict[str, np.ndarray]:
    picked = {"time": known["time"]}
    for signal in signals:
        name = next((n for n in (signal.lower(), f"i({signal.lower()})") if n in known), None)
        if name is None:
            raise NgspiceError(f"ngspice has no signal {signal}; it has {', '.join(known)}")
        picked[signal] = known[name]
    return picked
