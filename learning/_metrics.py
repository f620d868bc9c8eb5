"""A file of JSON lines, one an update, that never doubles a line."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final


@final
@dataclass(frozen=True)
class MetricsFile:
    """Writes `describe(update)`, a dictionary with the update's `step`, as a line of `path`.

    An update is an `Update`, or whatever else a training counts in.
    """

    path: Path
    describe: Callable[[Any], dict[str, Any]]

    def rewind(self, step: int) -> None:
        """Drop the lines from `step` on: what a resumed training will do again."""
        kept = b"".join(_lines_before(self.path, step)) if step else b""
        temporary = self.path.with_name(f".{self.path.name}.tmp")
        temporary.write_bytes(kept)
        os.replace(temporary, self.path)

    def write(self, update: Any) -> None:
        """Append a line and hand it to the system, so that a killed process leaves it there."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(self.describe(update)) + "\n")

    def sync(self) -> None:
        """Have the lines on the disk: a checkpoint that counts on them comes next."""
        with self.path.open("ab") as file:
            os.fsync(file.fileno())


def _lines_before(path: Path, step: int) -> Iterator[bytes]:
    """The lines up to `step`; one that was cut by a crash is the last, and beyond it."""
    if not path.exists():
        return
    for line in path.read_bytes().splitlines(keepends=True):
        if not line.endswith(b"\n") or json.loads(line)["step"] >= step:
            return
        yield line
