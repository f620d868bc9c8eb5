"""Memory: of a process, and of a compiled program."""

from pathlib import Path
from typing import Any


def peak_mib() -> float:
    """The most that this process has held; `getrusage` would count the one that started it, too."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    held = dict(line.split(":", 1) for line in lines)["VmHWM"]
    return int(held.split()[0]) / 1024


def planned(compiled: Any):
    """What XLA plans for a program that `jax.jit` or Equinox compiled: sizes in bytes.

    `temp_size_in_bytes` is what it needs beside its arguments and results.
    """
    return getattr(compiled, "compiled", compiled).memory_analysis()
