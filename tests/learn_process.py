"""What a process that learns has imported: `tests/test_checkpoint_killed.py` forks from it."""

import os
import sys
from pathlib import Path

import matplotlib.pyplot  # noqa: F401

from physsim.cli import _training, main  # noqa: F401


def learn(folder: Path, out: str) -> None:
    """`physsim learn task.toml --resume` in `folder`, results in `out`."""
    os.chdir(folder)
    sys.argv = ["physsim", "learn", "task.toml", "--resume", "--out", out]
    main()
