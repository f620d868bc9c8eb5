"""Files that come with physsim, found by their names."""

import tomllib
from collections.abc import Collection
from importlib.resources import files
from pathlib import Path


def bundled(name: str) -> Path:
    """The path of a netlist, task or measurement of the circuit library."""
    return Path(str(files("circuits") / "library" / name))


def find_input(path: Path) -> Path:
    """`path`, or the file of the circuit library of that name where there is no such file."""
    if path.exists() or path.parent != Path(".") or not bundled(path.name).exists():
        return path
    return bundled(path.name)


def bundled_config(name: str) -> Path:
    """The path of a configuration of `train`, `reconstruct` or `timescales`."""
    return Path(str(files("learning") / "configs" / name))


def bundled_configs(tables: Collection[str]) -> list[str]:
    """Names of the configurations that hold just these tables."""
    return sorted(
        path.name for path in bundled_config("").glob("*.toml") if _tables(path) == set(tables)
    )


def find_config(path: Path, tables: Collection[str]) -> Path:
    """`path`, or the configuration of that name; `ValueError` tells which there are."""
    if path.exists():
        return path
    names = bundled_configs(tables)
    if path.parent != Path(".") or path.name not in names:
        raise ValueError(f"{path}: no such file; bundled are {', '.join(names)}")
    return bundled_config(path.name)


def _tables(path: Path) -> set[str]:
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    return {name for name, value in content.items() if isinstance(value, dict)}
