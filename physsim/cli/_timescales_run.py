"""A trained run, from what `learn` and `train` left in its folder."""

from pathlib import Path
from typing import Any

import circuits

from ._record import ENDING, load_record
from ._run import Run, is_number, table_of

_KINDS = ("learn", "train")
_BESIDE = {"_checkpoint.bin": "_learned", "checkpoint": "result", ".json": ""}
"""Ending of a file -> what its record has in its place."""


def trained_run(path: Path) -> Run | None:
    """The run that a folder holds, or that a record, a result or a checkpoint is of.

    None where `path` is none of these. Raises `ValueError` where there is no trained run, or more
    than one.
    """
    if path.is_dir():
        return _only_run(path)
    endings = [ending for ending in _BESIDE if path.name.endswith(ending)]
    if not endings:
        return None
    record = path
    if not path.name.endswith(ENDING):
        stem = path.name.removesuffix(endings[0]) + _BESIDE[endings[0]]
        record = path.with_name(stem + ENDING)
    if not path.exists():
        raise ValueError(f"{path}: no such file")
    if not record.exists():
        raise ValueError(
            f"{path}: there is no {record.name} beside it, which a finished `physsim learn` or "
            "`train` leaves; after a crash finish it with --resume"
        )
    run = Run(record, load_record(record))
    if run.record.kind not in _KINDS:
        raise ValueError(
            f"{record}: the record of `physsim {run.record.kind}`, and time scales are looked at "
            "in runs of `learn` and `train`, in netlists and in tasks"
        )
    return run


def _only_run(folder: Path) -> Run:
    runs = [Run(path, load_record(path)) for path in sorted(folder.rglob(f"*{ENDING}"))]
    runs = [run for run in runs if run.record.kind in _KINDS]
    if len(runs) == 1:
        return runs[0]
    if not runs:
        raise ValueError(
            f"{folder}: no trained run. Looked there and below for *{ENDING} of `physsim learn` or "
            "`train`"
        )
    listed = ", ".join(str(run.path.relative_to(folder)) for run in runs[:4])
    more = f" and {len(runs) - 4} more" if runs[4:] else ""
    raise ValueError(f"{folder}: {len(runs)} trained runs; name one of {listed}{more}")


def learned_circuit(run: Run) -> circuits.Circuit:
    """The circuit of a run of `learn`, with the values it learned."""
    from ._values import with_values

    circuit = circuits.loads(run.record.netlist, run.netlist[0])
    values = run.figures({"values_after": table_of(is_number)})["values_after"]
    if values.keys() != set(circuit.hamiltonian.parameter_names()):
        raise run.wrong("values_after")
    return with_values(circuit, values)


def recorded_task(run: Run) -> Any:
    """The task of a run of `learn`, with the settings that it was trained by."""
    from ._task import Task

    tables = dict(_settings(run, "seed", "train", "spread", "run", "gradient", "optimiser"))
    goals = [name for name in ("target", "response", "classes") if name in tables]
    if len(goals) != 1:
        raise ValueError(f"{run.path}: not the record of a run: its settings name no goal")
    return Task(run.path.with_name(run.name), Path(run.netlist[0]), goal=goals[0], **tables)


def trained_layers(run: Run) -> tuple[Any, Any]:
    """(the stack of a run of `train`, its first test series)."""
    from ._train import restored
    from ._train_config import TrainConfig

    s = _settings(run, "seed", "data", "model", "gradient", "training")
    seed = s["seed"]
    tables = {name: s[name] for name in ("data", "model", "gradient", "training")}
    # A folder of data that the configuration names is looked for from here.
    plan = TrainConfig(Path(run.name), (seed,), **tables)
    if not (run.path.parent / "checkpoint").exists():
        raise ValueError(
            f"{run.path.parent}: no checkpoint there, which holds the trained stack; restore it, "
            "or train again"
        )
    splits = plan.splits(seed)
    return restored(plan, seed, splits, run.path.parent), splits.test[:1]


def _settings(run: Run, *needed: str) -> dict[str, Any]:
    missing = [name for name in needed if name not in run.record.settings]
    if missing:
        raise ValueError(
            f"{run.path}: not the record of a run: its settings lack {', '.join(missing)}"
        )
    return run.record.settings
