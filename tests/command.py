"""The command line, run in this process."""

import sys
from typing import Any

import pytest

from physsim.cli import main


def physsim(*words: Any) -> int:
    """The exit code of `physsim WORDS`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["physsim", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            main()
    return stopped.value.code or 0
