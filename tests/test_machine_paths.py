"""The pattern that keeps machine paths out of pages and notebooks sees them, and no units."""

import pytest

from .machine_paths import ABSOLUTE


@pytest.mark.parametrize(
    "text", ['open("/tmp/a.cir")', "~/results", "(/opt/x)", "a\n/usr/b", "file:///a"]
)
def test_seen(text):
    assert ABSOLUTE.search(text)


@pytest.mark.parametrize("text", ["V/tmp and rad/s", "docs/usr/a.md", "https://a.org/usr/x"])
def test_passed(text):
    assert not ABSOLUTE.search(text)
