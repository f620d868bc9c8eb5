"""The TOML file of `physsim train`: read, checked, and made into data and a stack."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from ._bundled import find_config
from ._optimiser import OPTIMISERS, SCHEDULES
from ._schema import Key, check_known, check_table, load_toml

METHODS = ("BPTT", "RHEL", "ReversibleAdjoint", "fused")
UNITS = ("linear", "nonlinear")
NORMS = ("layer", "batch")
TASKS = ("adding", "recall", "copy", "phase", "heart_rate")
PPG = "ppg_dalia"
_UNITLESS = ("adding", "recall", "copy", "phase")
PRECISIONS = ("float32", "float64")
SPLITS = ("random", "archive")

_TOP = {"seeds": Key((list,), [0])}
_TABLES = {
    "data": {
        "set": Key((str,)),
        "folder": Key((str,), ""),
        "split": Key((str,), "random"),
        "time_channel": Key((bool,), False),
        "count": Key((int,), 400, least=4),
        "lag": Key((int,), 100, least=1),
        "steps": Key((int,), 49_920, least=128),
    },
    "model": {
        "unit": Key((str,), "linear"),
        "blocks": Key((int,), 2, least=1),
        "hidden": Key((int,), 64, least=1),
        "state": Key((int,), 16, least=1),
        "complex": Key((bool,), False),
        "dense": Key((bool,), False),
        "dropout": Key((float,), 0.05, least=0),
        "step": Key((list,), []),
        "norm": Key((str,), "layer"),
    },
    "gradient": {
        "method": Key((str,), "fused"),
        "epsilon": Key((float,), 0.0, least=0),
        "chunk": Key((int,), 128, least=1),
        "exact_reversal": Key((bool, str), "auto"),
    },
    "training": {
        "optimiser": Key((str,), "adam"),
        "learning_rate": Key((float,), 1e-3),
        "schedule": Key((str,), "constant"),
        "warmup": Key((int,), 0, least=0),
        "final": Key((float,), 0.01, least=0),
        "batch": Key((int,), 32, least=1),
        "epochs": Key((int,), 100, least=1),
        "patience": Key((int,), 0, least=0),
        "precision": Key((str,), "float32"),
        "checkpoint_every": Key((int,), 5, least=1),
    },
}
_BITS = {"float32": 17, "float64": 36}
"""Of the grid of exact reversal: states may reach 128 and 131072."""


@final
@dataclass(frozen=True)
class TrainConfig:
    """A checked configuration; relative paths are the file's."""

    path: Path
    seeds: tuple[int, ...]
    data: dict[str, Any]
    model: dict[str, Any]
    gradient: dict[str, Any]
    training: dict[str, Any]

    @property
    def label(self) -> str:
        """The file's name and the method."""
        return f"{self.path.stem}_{self.gradient['method']}"

    def splits(self, seed: int):
        """Training, validation and test series; measured ones are standardised."""
        import learning

        name = self.data["set"]
        if name in TASKS:
            splits = learning.split(self._task(seed), seed)
        elif name == PPG:
            data = learning.load_ppg_dalia(self._folder(), self.data["steps"])
            splits = learning.split(data, seed)
        else:
            train, test = learning.load_archive(self._folder(), name)
            if self.data["split"] == "archive":
                splits = learning.split_archive(train, test, seed)
            else:
                splits = learning.split(learning.joined(train, test), seed)
        # Tasks of memory come in numbers near 1; standardised, noise would drown their rare events.
        splits = splits if name in _UNITLESS else learning.standardise(splits)
        return splits.map(learning.with_time) if self.data["time_channel"] else splits

    def _folder(self) -> Path:
        import learning

        given = self.data["folder"]
        return self.path.parent / given if given else learning.shipped_archive()

    def _task(self, seed: int):
        import learning

        count, lag = self.data["count"], self.data["lag"]
        table: dict[str, Callable[[], Any]] = {
            "adding": lambda: learning.adding_task(count, lag, seed),
            "recall": lambda: learning.recall_task(count, lag, seed),
            "copy": lambda: learning.copy_task(count, lag, seed),
            "phase": lambda: learning.phase_task(count, lag, seed),
            "heart_rate": lambda: learning.heart_rate_task(count, seed, self.data["steps"]),
        }
        return table[self.data["set"]]()

    def stack(self, data, seed: int):
        """A stack for these data, its random numbers from `seed`."""
        import jax

        import learning
        import physsim

        m, precision = self.model, self.training["precision"]
        shape = learning.StackShape(data.x.shape[1], data.outputs, m["blocks"], m["hidden"],
                                    m["state"])  # fmt: skip
        leapfrog = physsim.StormerVerlet()
        exact = self.gradient["exact_reversal"]
        # Driven saturating modes are chaotic: in plain arithmetic long echoes miss their start.
        exact = m["unit"] == "nonlinear" if exact == "auto" else exact
        norms = {"layer": learning.layer_norm, "batch": learning.batch_norm}
        stack = learning.make_stack(
            shape, self._unit(), norm=norms[m["norm"]],
            key=jax.random.key(seed), dropout=m["dropout"],
            solver=physsim.ExactReversal(leapfrog, _BITS[precision]) if exact else leapfrog,
        )  # fmt: skip
        return learning.cast(stack, precision)

    def _unit(self) -> Callable[..., Any]:
        import functools

        import learning

        options = {"step": tuple(self.model["step"])} if self.model["step"] else {}
        if self.model["unit"] == "linear":
            copies = 2 if self.model["complex"] else 1
            return functools.partial(learning.make_linear_hru, copies=copies, **options)
        return functools.partial(learning.make_nonlinear_hru, dense=self.model["dense"], **options)

    def sweep(self, method: str | None = None):
        """The backward pass."""
        import learning

        g = self.gradient
        table: dict[str, Callable[[], Any]] = {
            "BPTT": learning.StoredSweep,
            "RHEL": lambda: learning.LayerSweep(learning.RHEL(g["epsilon"] or None)),
            "ReversibleAdjoint": learning.LayerSweep,
            "fused": lambda: learning.FusedSweep(g["chunk"]),
        }
        return table[method or g["method"]]()

    def optimiser(self, count: int):
        """The optimiser for `count` training series."""
        from ._optimiser import make_optimiser

        t = self.training
        updates = t["epochs"] * -(-count // t["batch"])
        return make_optimiser({**t, "method": t["optimiser"], "iterations": updates})


def read_config(path: Path) -> TrainConfig:
    """Read and check a configuration; `ValueError` names file, key, and the nearest valid one."""
    path = find_config(path, _TABLES)
    data = load_toml(path)
    top = {key: value for key, value in data.items() if key not in _TABLES}
    top = check_table(f"{path}: ", top, _TOP, _TABLES)
    tables = {
        name: check_table(f"{path}: [{name}] ", data.get(name, {}), spec)
        for name, spec in _TABLES.items()
    }
    config = TrainConfig(path, tuple(top["seeds"]), **tables)
    _check(config)
    return config


def _check(config: TrainConfig) -> None:
    """What no single key can tell."""
    path = config.path
    for table, key, known in (
        ("model", "unit", UNITS),
        ("model", "norm", NORMS),
        ("gradient", "method", METHODS),
        ("data", "split", SPLITS),
        ("training", "optimiser", OPTIMISERS),
        ("training", "schedule", SCHEDULES),
        ("training", "precision", PRECISIONS),
    ):
        check_known(f"{path}: [{table}] ", getattr(config, table)[key], known, key)
    if not config.seeds or any(type(s) is not int or s < 0 for s in config.seeds):
        raise ValueError(f"{path}: seeds must be a list of numbers from 0 on, got {config.seeds}")
    if isinstance(exact := config.gradient["exact_reversal"], str) and exact != "auto":
        raise ValueError(f'{path}: [gradient] exact_reversal is true, false or "auto"')
    if config.training["optimiser"] == "lbfgs":
        raise ValueError(f"{path}: [training] lbfgs needs whole batches; take adam")
    if not 0 < config.training["learning_rate"] <= 1:
        raise ValueError(f"{path}: [training] learning_rate must be above 0 and at most 1")
    if not config.model["dropout"] < 1:
        raise ValueError(f"{path}: [model] dropout must be below 1")
    if config.model["norm"] == "batch" and config.gradient["method"] == "fused":
        raise ValueError(
            f'{path}: [model] norm = "batch" mixes all times, and the fused sweep goes back step '
            'by step: take method = "ReversibleAdjoint", or norm = "layer"'
        )
    _check_data(config)
    _check_step(config)
    _check_unit(config)


def _check_data(config: TrainConfig) -> None:
    if config.data["set"] == PPG and not config.data["folder"]:
        raise ValueError(
            f"{config.path}: [data] folder: say where S1.npz, S2.npz, ... of PPG-DaLiA are"
        )


def _check_step(config: TrainConfig) -> None:
    step, where = config.model["step"], f"{config.path}: [model] step"
    if not step:
        return
    if (
        len(step) != 2
        or not all(type(x) in (int, float) for x in step)
        or not 0 < step[0] <= step[1]
    ):
        raise ValueError(f"{where} must be two numbers, 0 < shortest <= longest, got {step}")
    if step[1] >= 2:
        raise ValueError(
            f"{where}: {step[1]} is beyond stability: leapfrog needs h < 2 / sqrt(A), and A is up "
            "to 1 at the start"
        )


def _check_unit(config: TrainConfig) -> None:
    model = config.model
    if model["complex"] and model["unit"] != "linear":
        raise ValueError(f"{config.path}: [model] complex is for linear units")
    if model["dense"] and model["unit"] != "nonlinear":
        raise ValueError(f"{config.path}: [model] dense is for nonlinear units")
