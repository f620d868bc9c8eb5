"""The wheel holds the three packages with all their data, and nothing else."""

import email
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("physsim", "circuits", "learning")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def files_of(package):
    paths = (path for path in (ROOT / package).rglob("*") if path.is_file())
    return {str(path.relative_to(ROOT)) for path in paths if "__pycache__" not in path.parts}


def test_holds_the_packages_and_nothing_else(wheel):
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert held == set.union(*map(files_of, PACKAGES))


@pytest.mark.parametrize(
    "name",
    [
        "circuits/_netlist/_grammar.lark",
        "circuits/library/coupled_lc.cir",
        "circuits/library/coupled_lc.toml",
        "circuits/library/chua_scope.csv",
        "learning/configs/adding.toml",
        "physsim/cli/page/page.html",
        "physsim/cli/page/page.css",
        "physsim/cli/page/page.js",
    ],
)
def test_holds_data_of_each_kind(wheel, name):
    assert wheel.read(name) == (ROOT / name).read_bytes()


def test_says_what_it_is(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    metadata = email.message_from_bytes(wheel.read(name))
    assert metadata["Name"] == PROJECT["name"]
    assert metadata["Version"] == PROJECT["version"]
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == PROJECT["requires-python"]
    assert len(metadata.get_all("Requires-Dist")) >= len(PROJECT["dependencies"])
    licence = name.replace("METADATA", "licenses/LICENSE")
    assert wheel.read(licence) == (ROOT / "LICENSE").read_bytes()


def test_has_the_command(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "physsim = physsim.cli:main" in wheel.read(name).decode()
