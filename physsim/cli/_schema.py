"""TOML files: reading them, and checking the keys and types of their tables."""

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

NUMBER = (str, float, int)
"""A quantity: a number in SI, or text with a SPICE suffix."""


@final
@dataclass(frozen=True)
class Key:
    """A key of a table: what it may hold, its default (None: must be given), its smallest value."""

    types: tuple[type, ...]
    default: Any = None
    least: int | None = None

    @property
    def expected(self) -> str:
        return " or ".join(t.__name__ for t in self.types)


_NETLISTS = (".cir", ".ckt", ".net", ".sp", ".spice")


def load_toml(path: Path) -> dict[str, Any]:
    """What the file holds; `ValueError` names it."""
    if not path.is_file():
        raise ValueError(f"{path}: " + ("is a folder" if path.is_dir() else "no such file"))
    if path.suffix.lower() in _NETLISTS:
        raise ValueError(f"{path}: a netlist, where a TOML file that names one is asked for")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not a TOML file: {error}") from error


def check_known(where: str, name: Any, known: Iterable[str], what: str) -> None:
    """`ValueError` for a name that is none of the known."""
    if name not in known:
        raise unknown(where, name, known, what)


def unknown(where: str, key: str, known: Iterable[str], what: str = "key") -> ValueError:
    """An error that names what is nearest among the known."""
    known = list(known)
    near = difflib.get_close_matches(key, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
    return ValueError(f"{where}unknown {what} {key!r}; {hint}")


def check_table(
    where: str, given: Any, spec: Mapping[str, Key], others: Iterable[str] = ()
) -> dict[str, Any]:
    """The table with defaults filled in; `ValueError` names file, table and key.

    `others` are further known names, for suggestions.
    """
    if not isinstance(given, dict):
        raise ValueError(f"{where}must be a table, got {given!r}")
    for name, value in given.items():
        if name not in spec:
            raise unknown(where, name, [*spec, *others])
        _check_value(where, name, value, spec[name])
    missing = [name for name, key in spec.items() if key.default is None and name not in given]
    if missing:
        raise ValueError(f"{where}missing {', '.join(missing)}")
    return {name: given.get(name, key.default) for name, key in spec.items()}


def _check_value(where: str, name: str, value: Any, key: Key) -> None:
    number = isinstance(value, int) and float in key.types
    truth = isinstance(value, bool) and bool not in key.types
    if truth or not (isinstance(value, key.types) or number):
        raise ValueError(f"{where}{name} must be {key.expected}, got {value!r}")
    if key.least is not None and not (isinstance(value, str) or value >= key.least):
        raise ValueError(f"{where}{name} must be at least {key.least}, got {value!r}")
