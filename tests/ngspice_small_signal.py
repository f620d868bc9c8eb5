"""ngspice's `.op`, `.ac` and `.noise`: vectors of one analysis, in full precision."""

import subprocess
import tempfile
from pathlib import Path

import numpy as np

from .ngspice import require_ngspice


def analyse(deck, command, vectors, plot=None):
    """`vectors` after `command`, such as `ac dec 5 1k 1meg`, by name, and the scale."""
    require_ngspice()
    control = [".options reltol=1e-9 abstol=1e-18 vntol=1e-13 gmin=1e-18", ".control", command]
    control += [f"setplot {plot}"] if plot else []
    control += [f"write out.raw {' '.join(vectors)}", ".endc", ".end"]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "deck.cir").write_text("\n".join([deck.rstrip(), *control, ""]))
        done = subprocess.run(
            ["ngspice", "-n", "-b", "deck.cir"], cwd=folder, capture_output=True, check=False
        )
        raw = Path(folder, "out.raw")
        assert raw.exists(), (done.stdout + done.stderr).decode(errors="replace")
        header, _, data = raw.read_bytes().partition(b"Binary:\n")
    fields, _, table = header.decode().partition("\nVariables:")
    names = [line.split()[1] for line in table.strip().splitlines()]
    kind = "<c16" if "Flags: complex" in fields else "<f8"
    columns = np.frombuffer(data, kind).reshape(-1, len(names)).T
    return dict(zip(names, columns, strict=True))
