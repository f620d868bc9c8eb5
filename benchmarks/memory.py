"""Memory: of a process, and of a compiled program."""

import resource
from typing import Any


def peak_mib(who: int = resource.RUSAGE_SELF) -> float:
    """The most that this process, or one of its children, has held."""
    return resource.getrusage(who).ru_maxrss / 1024


def planned(compiled: Any):
    """What XLA plans for a program that `jax.jit` or Equinox compiled: sizes in bytes.

    `temp_size_in_bytes` is what it needs beside its arguments and results.
    """
    return getattr(compiled, "compiled", compiled).memory_analysis()
