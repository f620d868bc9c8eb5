"""What tests that compare with ngspice need."""

import os
import shutil

import pytest


def require_ngspice() -> None:
    """Skip the test where ngspice is not installed, except under CI=true: fail it there."""
    if shutil.which("ngspice"):
        return
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail("ngspice is not installed; the checks against it must run in CI")
    pytest.skip("ngspice is not installed: apt-get install ngspice")
