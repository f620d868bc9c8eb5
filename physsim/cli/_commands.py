"""The commands; each is registered by importing the module of its name."""

from collections.abc import Sequence
from importlib import import_module

COMMANDS = (
    "ac",
    "check",
    "compare",
    "demo",
    "examples",
    "export",
    "gradients",
    "hamiltonian",
    "identify",
    "learn",
    "mc",
    "modes",
    "noise",
    "op",
    "reconstruct",
    "report",
    "robustness",
    "simulate",
    "sweep",
    "tanks",
    "timescales",
    "train",
)


def register(words: Sequence[str] = ()) -> None:
    """Register the command that a command line begins with; all of them for help, which takes
    seconds longer, none for the version."""
    first = words[0] if words else ""
    names = (first,) if first in COMMANDS else () if first == "--version" else COMMANDS
    for name in names:
        import_module(f"._{name}", __package__)
