"""The reference names all that is public: what has a docstring by itself, constants by hand."""

import inspect
import re
import types
from pathlib import Path

import jax
import pytest

import circuits
import learning
import physsim

REFERENCE = Path(__file__).parent.parent / "docs" / "reference"


@pytest.mark.parametrize("house", [circuits, learning, physsim], ids=lambda house: house.__name__)
def test_all_public_names_are_in_the_reference(house):
    name = house.__name__
    page = (REFERENCE / f"{name}.md").read_text()
    assert f".. automodule:: {name}\n" in page
    public = {n: x for n, x in vars(house).items() if not n.startswith("_")}
    for n, x in public.items():
        if isinstance(x, jax.custom_jvp):
            assert f".. autofunction:: {name}.{n}\n" in page, f"{name}.{n} is not in the reference"
        elif inspect.isclass(x) or callable(x):
            assert inspect.getdoc(x), f"{name}.{n} has no docstring"
        elif not isinstance(x, types.ModuleType):
            assert f".. py:data:: {n}\n" in page, f"{name}.{n} is not in the reference"


def test_every_name_of_learning_has_a_theme():
    """Its page is too long to be read from top to bottom."""
    themes = (REFERENCE / "learning.md").read_text().partition("## By theme")[2]
    named = re.findall(r"`~learning\.(\w+)`", themes)
    public = {n for n, x in vars(learning).items() if not n.startswith("_")}
    public -= {n for n in public if isinstance(getattr(learning, n), types.ModuleType)}
    assert sorted(named) == sorted(public)
