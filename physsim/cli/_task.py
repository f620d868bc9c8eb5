"""The TOML file of `physsim learn`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

from ._bundled import find_input
from ._optimiser import OPTIMISERS, SCHEDULES
from ._options import INTEGRATORS, integrator, seconds
from ._patterns import PATTERNS
from ._schema import NUMBER, Key, check_known, check_table, load_toml

_TOP = {
    "netlist": Key((str,)),
    "train": Key((list, dict)),
    "seed": Key((int,), 0, least=0),
    "spread": Key((float,), 0.0, least=0),
}
_TABLES = {
    "run": {
        "t_end": Key(NUMBER),
        "dt": Key(NUMBER, ""),
        "integrator": Key((str,), ""),
    },
    "gradient": {
        "method": Key((str,), "RHEL"),
        "echo": Key((str,), "lossless"),
        "epsilon": Key((float,), 0.0, least=0),
        "check_every": Key((int,), 0, least=0),
    },
    "optimiser": {
        "method": Key((str,), "adam"),
        "learning_rate": Key((float,), 0.01),
        "schedule": Key((str,), "constant"),
        "warmup": Key((int,), 0, least=0),
        "final": Key((float,), 0.01, least=0),
        "iterations": Key((int,), 400, least=1),
        "batch": Key((int,), 0, least=0),
        "tolerance": Key((float,), 0.0, least=0),
        "patience": Key((int,), 0, least=0),
        "judge_every": Key((int,), 0, least=0),
        "checkpoint_every": Key((int,), 25, least=1),
    },
}
_GOALS = {
    "target": {
        "quantity": Key((str,)),
        "netlist": Key((str,), ""),
        "csv": Key((str,), ""),
        "column": Key((str,), ""),
        "noise": Key((float,), 0.0, least=0),
    },
    "response": {
        "quantity": Key((str,)),
        "from": Key(NUMBER, ""),
        "to": Key(NUMBER, ""),
        "points": Key((int,), 40, least=2),
        "pass": Key((list,), []),
        "csv": Key((str,), ""),
    },
    "classes": {
        "readouts": Key((list,)),
        "cost": Key((str,), "cross-entropy"),
        "sharpness": Key((float,), 1.0, least=0),
        "start": Key(NUMBER, 0.0),
    },
}
"""What is learned: a task has one of these tables."""
LOSSES = ("cross-entropy", "energy")
METHODS = ("RHEL", "ReversibleAdjoint", "BPTT", "ContinuousAdjoint")
ECHOES = {"lossless": None, "gain": True, "lossy": False}
"""What RHEL does about losses: refuse them, undo them by gain, or be biased by them."""
_DATA = {
    "pattern": Key((str,), ""),
    "file": Key((str,), ""),
    "sources": Key((list,)),
    "amplitude": Key(NUMBER, 1.0),
    "samples": Key((int,), 200, least=2),
    "noise": Key((float,), 0.0, least=0),
    "validation": Key((float,), 0.25, least=0),
}


@final
@dataclass(frozen=True)
class Task:
    """A checked learning task; relative paths are the task file's."""

    path: Path
    netlist: Path
    train: dict[str, dict[str, Any]]
    """Pattern of names -> its bounds and start, as written."""
    seed: int
    spread: float
    goal: str
    """`target`, `response` or `classes`: the table that says what is learned."""
    run: dict[str, Any]
    gradient: dict[str, Any]
    optimiser: dict[str, Any]
    target: dict[str, Any] = field(default_factory=dict)
    response: dict[str, Any] = field(default_factory=dict)
    classes: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] | None = None

    def solver(self, circuit):
        """The task's, or SRKN11b where `circuit` lets it be exact, else its default."""
        import physsim

        if self.run["integrator"]:
            return integrator(self.run["integrator"])
        H = circuit.hamiltonian
        return physsim.SRKN11b() if H.is_nystrom and H.is_lossless else circuit.default_solver

    def method(self):
        import learning

        options = self.gradient
        table = {
            "RHEL": lambda: learning.RHEL(options["epsilon"] or None, gain=ECHOES[options["echo"]]),
            "ReversibleAdjoint": learning.ReversibleAdjoint,
            "BPTT": learning.BPTT,
            "ContinuousAdjoint": learning.ContinuousAdjoint,
        }
        return table[options["method"]]()

    def time(self, key: str) -> float | None:
        """`t_end` or `dt` in s."""
        value = self.run[key]
        return seconds(str(value), f"{self.path}: run.{key}") if value != "" else None

    def file(self, name: str) -> Path:
        """A file named in the task."""
        return self.path.parent / name


def read_task(path: Path) -> Task:
    """Read and check a task; `ValueError` names the file and key, and the nearest valid one."""
    path = find_input(path)
    data = load_toml(path)
    names = [*_TABLES, *_GOALS, "data"]
    top = {key: value for key, value in data.items() if key not in names}
    top = check_table(f"{path}: ", top, _TOP, names)
    goals = [name for name in _GOALS if name in data]
    if len(goals) != 1:
        raise ValueError(f"{path}: give one of the tables {_bracketed(_GOALS)}; "
                         f"there {f'are {_bracketed(goals)}' if goals else 'is none'}")  # fmt: skip
    tables = {
        name: check_table(f"{path}: [{name}] ", data.get(name, {}), spec)
        for name, spec in {**_TABLES, goals[0]: _GOALS[goals[0]]}.items()
    }
    if "data" in data:
        tables["data"] = check_table(f"{path}: [data] ", data["data"], _DATA)
    top["train"] = _trained(path, top["train"])
    netlist = find_input(path.parent / top.pop("netlist"))
    task = Task(path, netlist=netlist, goal=goals[0], **top, **tables)  # pyright: ignore
    _check(task)
    _check_files(task)
    return task


def _bracketed(names) -> str:
    return ", ".join(f"[{name}]" for name in names)


def _trained(path: Path, train: list | dict) -> dict[str, dict[str, Any]]:
    """`train = ["C1", "L*"]` or tables `[train.C1]`, as tables."""
    if not train:
        raise ValueError(f"{path}: train is empty: name the elements to train")
    if isinstance(train, list):
        return {str(name): {} for name in train}
    bounds = {key: Key(NUMBER, "") for key in ("min", "max", "start")}
    return {name: check_table(f"{path}: [train.{name}] ", t, bounds) for name, t in train.items()}


def _check(task: Task) -> None:
    """What no single key can tell."""
    path, rate = task.path, task.optimiser["learning_rate"]
    if not 0 < rate <= 1:
        raise ValueError(
            f"{path}: [optimiser] learning_rate must be above 0 and at most 1; values are trained "
            "by their logarithm, so 0.01 changes them by up to 1 % at a time"
        )
    if task.run["integrator"]:
        check_known(f"{path}: [run] ", task.run["integrator"], INTEGRATORS, "integrator")
    check_known(f"{path}: [gradient] ", task.gradient["method"], METHODS, "method")
    check_known(f"{path}: [gradient] ", task.gradient["echo"], ECHOES, "echo")
    check_known(f"{path}: [optimiser] ", task.optimiser["method"], OPTIMISERS, "method")
    check_known(f"{path}: [optimiser] ", task.optimiser["schedule"], SCHEDULES, "schedule")
    if task.goal == "target" and not (task.data and not task.target["netlist"]):
        _one_of(f"{path}: [target] ", task.target, "netlist", "csv")
    if task.goal == "response":
        _one_of(f"{path}: [response] ", task.response, "pass", "csv")
    if task.goal == "classes":
        check_known(f"{path}: [classes] ", task.classes["cost"], LOSSES, "cost")
        if task.data is None:
            raise ValueError(f"{path}: [classes] needs [data] with labelled samples")
    if task.data is not None:
        _one_of(f"{path}: [data] ", task.data, "pattern", "file")
        if task.data["pattern"]:
            check_known(f"{path}: [data] ", task.data["pattern"], PATTERNS, "pattern")
        if not task.data["validation"] < 1:
            raise ValueError(f"{path}: [data] validation is a share of the samples, below 1")


def _check_files(task: Task) -> None:
    """That all it names is there, before seconds go into building the circuit."""
    named = {"netlist": task.netlist}
    if task.target.get("netlist"):
        named["[target] netlist"] = find_input(task.file(task.target["netlist"]))
    tables = {"target": task.target, "response": task.response, "data": task.data or {}}
    for name, table in tables.items():
        for key in ("csv", "file"):
            if table.get(key):
                named[f"[{name}] {key}"] = task.file(table[key])
    for key, file in named.items():
        if not file.is_file():
            raise ValueError(f"{task.path}: {key}: there is no {file}")


def _one_of(where: str, table: dict[str, Any], first: str, second: str) -> None:
    if bool(table[first]) == bool(table[second]):
        raise ValueError(f"{where}needs either {first} or {second}")
