"""The gate runs two notebooks, `make slow` and `make docs` all of them."""

import pytest

QUICK = (
    "03_echo_step_by_step",
    "05_echo_in_ngspice",
)


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.suffix == ".ipynb" and item.path.stem not in QUICK:
            item.add_marker(pytest.mark.slow)
