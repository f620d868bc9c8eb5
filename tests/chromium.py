"""What tests in a browser need."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest


def require_chromium() -> str:
    """The browser's path; skip the test where it is not installed, but under CI=true fail it."""
    path = shutil.which("chromium")
    if path:
        return path
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail("chromium is not installed; the tests in a browser must run in CI")
    pytest.skip("chromium is not installed: apt-get install chromium")


@contextmanager
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    path = require_chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield launched
        launched.close()
