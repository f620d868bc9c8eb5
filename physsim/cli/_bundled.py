"""Configurations that come with physsim."""

import tomllib
from collections.abc import Collection
from importlib.resources import files
from pathlib import Path


def bundled_config(name: str) -> Path:
    """The path of the one with this name."""
    return Path(str(files("learning") / "configs" / name))


def bundled_configs(tables: Collection[str]) -> list[str]:
    """Names of those that hold just these tables."""
    return sorted(
        path.name for path in bundled_config("").glob("*.toml") if _tables(path) == set(tables)
    )


def find_config(path: Path, tables: Collection[str]) -> Path:
    """The file, or the one bundled under its name; `ValueError` tells which there are."""
    if path.exists():
        return path
    names = bundled_configs(tables)
    if path.parent != Path(".") or path.name not in names:
        raise ValueError(f"{path}: no such file; bundled are {', '.join(names)}")
    return bundled_config(path.name)


def _tables(path: Path) -> set[str]:
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    return {name for name, value in content.items() if isinstance(value, dict)}
