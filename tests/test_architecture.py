"""The house rules, read off the syntax trees."""

import ast
import enum
import functools
import importlib
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path

import equinox as eqx

ROOT = Path(__file__).parent.parent
HOUSES = ("physsim", "circuits", "learning")
FILES = sorted(path for house in HOUSES for path in (ROOT / house).rglob("*.py"))
# circuits and learning import physsim; only the command line brings the two together.
ALLOWED = {"physsim": {"physsim"}, "circuits": {"circuits", "physsim"},
           "learning": {"learning", "physsim"}}  # fmt: skip


@functools.cache
def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported_houses(path):
    for node in ast.walk(tree_of(path)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [node.module]
        yield from (name.split(".")[0] for name in names if name.split(".")[0] in HOUSES)


def test_the_files_are_found():
    assert len(FILES) > 50


def test_imports_follow_the_arrows():
    for path in FILES:
        if (ROOT / "physsim" / "cli") not in path.parents:
            house = path.relative_to(ROOT).parts[0]
            assert set(imported_houses(path)) <= ALLOWED[house], path


def test_nothing_evaluates_text():
    forbidden = {"eval", "exec", "sympify", "parse_expr", "S", "pickle", "__import__"}
    for path in FILES:
        for node in ast.walk(tree_of(path)):
            name = getattr(node, "id", None) or getattr(node, "attr", None)
            if isinstance(node, ast.alias):
                name = node.name.split(".")[0]
            assert name not in forbidden, f"{path}:{getattr(node, 'lineno', '?')}: {name}"


def test_no_exception_is_swallowed():
    for path in FILES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ExceptHandler):
                where = f"{path}:{node.lineno}"
                assert node.type is not None, f"{where}: bare except"
                assert ast.unparse(node.type) not in ("Exception", "BaseException"), where


def classes():
    for house in HOUSES:
        package = importlib.import_module(house)
        for info in pkgutil.walk_packages(package.__path__, house + "."):
            module = importlib.import_module(info.name)
            for _, cls in inspect.getmembers(module, inspect.isclass):
                if cls.__module__ == info.name:
                    yield cls


def test_classes_are_abstract_or_final():
    """No class that can be made is derived from; no abstract one can be made."""
    ours = set(classes())
    parents = {base for cls in ours for base in cls.__bases__ if base in ours}
    modules = {cls for cls in ours if issubclass(cls, eqx.Module)}
    assert len(modules) > 20
    # Exceptions may have descendants; enumerations and named tuples are data.
    others = {cls for cls in ours - modules if not issubclass(cls, Exception | enum.Enum | tuple)}
    assert len(others) > 20
    for cls in modules | others:
        if cls.__name__.startswith("Abstract"):
            assert inspect.isabstract(cls), f"{cls} has nothing abstract"
        else:
            assert not inspect.isabstract(cls), f"{cls} leaves methods open"
            assert cls not in parents, f"{cls} is concrete and derived from"
            assert getattr(cls, "__final__", False), f"{cls} lacks typing.final"


def test_importing_changes_no_setting_and_starts_nothing():
    """No jax.config, no XLA_FLAGS, no backend at import."""
    code = (
        "import os, jax\n"
        "before, flags = dict(jax.config.values), os.environ.get('XLA_FLAGS')\n"
        f"import {', '.join(HOUSES)}\n"
        "from jax._src import xla_bridge\n"
        # Dependencies may register new options; none that was there may change.
        "assert all(jax.config.values[key] == value for key, value in before.items())\n"
        "assert os.environ.get('XLA_FLAGS') == flags\n"
        "assert not xla_bridge.backends_are_initialized()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_the_product_names_no_machine():
    """No registry host, home folder or absolute path in anything that ships."""
    tracked = subprocess.run(
        ["git", "ls-files"], capture_output=True, text=True, cwd=ROOT, check=True
    ).stdout.split()
    words = ["pypi" + ".org", "pythonhosted" + ".org", "/ro" + "ot/", "/ho" + "me/", "/wo" + "rk/"]
    assert len(tracked) > 50
    for name in tracked:
        path = ROOT / name
        if path.suffix in (".png", ".gif") or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        assert not [w for w in words if w in text], name
