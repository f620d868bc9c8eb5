"""The TOML tasks of `physsim reconstruct`."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

from ._bundled import find_config
from ._schema import NUMBER, Key, check_known, check_table, load_toml
from ._waveform_file import check_varying, find_uneven, read_columns

_TABLES = ("data", "model", "training")
_REAL = (float, int)
_SOURCES = ("system", "csv", "dysts", "recording")
_RECORDINGS = ("ecg",)
_DATA = {
    **{source: Key((str,), "") for source in _SOURCES},
    "samples": Key((int,), 20_000, 100),
    "dt": Key(_REAL, 0.0),
    "channels": Key((list,), []),
    "noise": Key(_REAL, 0.0, 0),
    "seed": Key((int,), 0, 0),
    "test": Key(_REAL, 0.5),
}
_MODEL = {
    "kind": Key((str,), "shPLRNN"),
    "states": Key((int,), 0, 0),
    "hidden": Key((int,), 50, 1),
    "start": Key((str,), "regression"),
    "seed": Key((int,), 0, 0),
}
_TRAINING = {
    "alpha": Key((float, int, str, dict), 0.1),
    "updates": Key((int,), 5000, 1),
    "length": Key((int,), 200, 2),
    "batch": Key((int,), 16, 1),
    "optimiser": Key((str,), "radam"),
    "rate": Key(_REAL, 2e-3),
    "last_rate": Key(_REAL, 2e-5),
    "judge_every": Key((int,), 500, 1),
    "jitter": Key(_REAL, 0.0, 0),
    "held_out": Key(_REAL, 0.2, 0),
    "seed": Key((int,), 0, 0),
    "solver": Key((str,), "default"),
    "window": Key((int,), 100, 1),
}
_ALPHA = {"first": Key(NUMBER), "last": Key(NUMBER), "updates": Key((int,), None, 1)}
_STARTS = ("regression", "random")
# Kinds whose last layer is linear.
_REGRESSED = ("shPLRNN", "tanh")
_OPTIMISERS = ("radam", "adam")
_SOLVERS = ("default", "Sequential", "Hybrid", "DEER", "Windowed")


@final
@dataclass(frozen=True)
class ReconstructionTask:
    """The checked content of a file; `text` is all of it."""

    path: Path
    data: dict[str, Any]
    model: dict[str, Any]
    training: dict[str, Any]
    text: str

    @property
    def file(self) -> Path:
        """The CSV file, where one is named."""
        return self.path.parent / self.data["csv"]

    def reseeded(self, more: int) -> "ReconstructionTask":
        """The same task with `more` added to the seeds of model and training."""
        model, training = (t | {"seed": t["seed"] + more} for t in (self.model, self.training))
        return replace(self, model=model, training=training)


def read_reconstruction(path: Path) -> ReconstructionTask:
    """Raises `ValueError` that names file, table and key."""
    path = find_config(path, _TABLES)
    content = load_toml(path)
    for name in content:
        check_known(f"{path}: ", name, _TABLES, "table")
    tables = [
        check_table(f"{path}: [{name}] ", content.get(name, {}), spec)
        for name, spec in zip(_TABLES, (_DATA, _MODEL, _TRAINING), strict=True)
    ]
    task = ReconstructionTask(path, *tables, path.read_text(encoding="utf-8"))
    if sum(bool(task.data[source]) for source in _SOURCES) != 1:
        raise ValueError(
            f"{path}: [data] names either a {', a '.join(_SOURCES[:-1])} or a {_SOURCES[-1]}"
        )
    if task.data["csv"] and not task.file.is_file():
        raise ValueError(f"{path}: [data] csv: there is no {task.file}")
    for table, key, known in (
        (task.training, "optimiser", _OPTIMISERS),
        (task.training, "solver", _SOLVERS),
        (task.model, "start", _STARTS),
    ):
        check_known(f"{path}: {key}: ", table[key], known, "value")
    return task


def make_series(task: ReconstructionTask):
    """(what is learned from, what judges at the end): standardised; only the first is noisy."""

    options, where = task.data, f"{task.path}: [data] "
    share = 1 - options["test"]
    if not 0 < options["test"] < 1:
        raise ValueError(f"{where}test must lie between 0 and 1, got {options['test']}")
    series = _source(task, where)
    first, last = _chosen(series, options["channels"], where).standardised().split(share)
    return first.noisy(options["noise"], options["seed"]), last


def _source(task: ReconstructionTask, where: str):
    """The series as it comes."""
    import learning

    options = task.data
    sampling = {"dt": options["dt"] or None, "seed": options["seed"]}
    if options["system"]:
        check_known(where, options["system"], learning.SYSTEMS, "system")
        system = learning.SYSTEMS[options["system"]]()
        return learning.generate(system, options["samples"], **sampling)
    if options["csv"]:
        return _from_csv(task.file)
    if options["dysts"]:
        return learning.dysts_series(options["dysts"], options["samples"], **sampling)
    check_known(where, options["recording"], _RECORDINGS, "recording")
    return learning.ecg_series()


def _chosen(series, channels: list[str], where: str):
    """The series with these channels alone; all of them where none is named."""
    import learning

    for name in channels:
        check_known(where, name, series.labels, "channel")
    if not channels:
        return series
    at = [series.labels.index(name) for name in channels]
    return learning.Series(series.values[:, at], series.dt, tuple(channels))


def _from_csv(path: Path):
    """Columns time and channels, at uniform times."""
    import learning

    times, rows, names = read_columns(path)
    dt, uneven = find_uneven(path, times)
    if uneven:
        raise ValueError(f"{uneven}: times must be uniform and without gaps")
    check_varying(path, rows, names)
    return learning.Series(rows.T, dt, tuple(names))


def make_reconstruction(task: ReconstructionTask, series):
    """The untrained model."""
    import learning

    options, where = task.model, f"{task.path}: [model] "
    channels = series.values.shape[1]
    kind, states, seed = options["kind"], options["states"] or channels, options["seed"]
    if kind == "LSSM":
        return learning.LinearStateSpace.draw(
            channels, options["states"] or 4 * channels, options["hidden"], seed
        )
    check_known(where, kind, [*learning.NETWORKS, "LSSM"], "kind")
    try:
        network = learning.NETWORKS[kind](states, options["hidden"], seed)
        if options["start"] == "regression" and kind in _REGRESSED and states >= channels:
            network = learning.regressed(network, series.values, seed)
        return learning.ForcedModel.of(network, channels, states)
    except ValueError as error:
        raise ValueError(f"{where}{error}") from error


def make_alpha(task: ReconstructionTask):
    """The rule for alpha: a number, "estimated", or a table of first, last and updates."""
    import learning

    given, where = task.training["alpha"], f"{task.path}: [training] alpha"
    try:
        if isinstance(given, dict):
            table = check_table(f"{where}: ", given, _ALPHA)
            return learning.ScheduledAlpha(
                float(table["first"]), float(table["last"]), table["updates"]
            )
        if given == "estimated":
            return learning.EstimatedAlpha()
        return learning.FixedAlpha(float(given))
    except ValueError as error:
        raise ValueError(
            f'{where}: {error}; give a number of 0 to 1, "estimated", or '
            "{ first = 0.3, last = 0.05, updates = 1000 }"
        ) from error


def make_solver(task: ReconstructionTask):
    """The solver of the runs, None for the one that suits."""
    import learning

    name, length = task.training["solver"], task.training["window"]
    table = {
        "default": None,
        "Sequential": learning.Sequential(),
        "Hybrid": learning.Hybrid(),
        "DEER": learning.DEER(),
        "Windowed": learning.Windowed(learning.DEER(), length),
    }
    return table[name]


def make_rates(task: ReconstructionTask):
    """The optimiser, its rate falling by equal factors."""
    import optax

    options = task.training
    first, last = options["rate"], options["last_rate"]
    if not 0 < last <= first:
        raise ValueError(
            f"{task.path}: [training] 0 < last_rate <= rate expected, got {last} and {first}"
        )
    schedule = optax.exponential_decay(first, options["updates"], last / first)
    return {"radam": optax.radam, "adam": optax.adam}[options["optimiser"]](schedule)
