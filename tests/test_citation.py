"""docs/CITATION.cff agrees with the package and the bibliography."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CITATION = yaml.safe_load((ROOT / "docs" / "CITATION.cff").read_text())
BIBLIOGRAPHY = " ".join((ROOT / "docs" / "bibliography.md").read_text().split())


def test_describes_this_version():
    assert CITATION["cff-version"] == "1.2.0"
    assert CITATION["version"] == PROJECT["version"]
    assert CITATION["license"] == PROJECT["license"]
    assert CITATION["title"].startswith("physsim: ")
    assert CITATION["abstract"]
    assert [author["name"] for author in CITATION["authors"]] == ["physsim contributors"]


@pytest.mark.parametrize("paper", CITATION["references"], ids=lambda paper: paper["url"][-10:])
def test_papers_are_in_the_bibliography(paper):
    number = re.fullmatch(r"https://arxiv\.org/abs/(\d{4}\.\d{5})", paper["url"]).group(1)
    assert paper["identifiers"] == [{"type": "other", "value": f"arXiv:{number}"}]
    assert f"arXiv {number}" in BIBLIOGRAPHY
    assert paper["title"] in BIBLIOGRAPHY
    assert all(author["family-names"] in BIBLIOGRAPHY for author in paper["authors"])
