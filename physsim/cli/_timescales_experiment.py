"""Experiments of `physsim timescales`: networks in a TOML, what was claimed, what came out."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import optax
import scipy.stats
from rich.table import Table

from learning import (
    GATED_NETWORKS,
    MEMORY_TASKS,
    GatedSetting,
    anisotropy_by_kind,
    rates_by_lag,
)
from physsim import progress_bar

from ._files import console
from ._options import choose
from ._schema import Key, check_table

_TOP = {
    "experiment": Key((str,)),
    "tasks": Key((list,)),
    "networks": Key((list,)),
    "seeds": Key((int,), 5, least=1),
    "lags": Key((list,)),
    "samples": Key((int,), 64, least=2),
}
_NETWORK = {
    "units": Key((int,), 64, least=2),
    "channels": Key((int,), 4, least=2),
    "leak": Key((float,), 0.8, least=0),
    "openness": Key((float,), 0.5, least=0),
    "gain": Key((float,), 1.0, least=0),
}
_TRAINING = {
    "steps": Key((int,), None, 2),
    "iterations": Key((int,), None, 1),
    "batch": Key((int,), 16, least=1),
}
_OPTIMISER = {"method": Key((str,)), "learning_rate": Key((float,))}
STUDIES = {"effective rates": rates_by_lag, "anisotropy": anisotropy_by_kind}


@final
@dataclass(frozen=True)
class TimescalesConfig:
    """A checked TOML."""

    name: str
    kind: str
    tasks: list[str]
    networks: list[str]
    lags: list[int]
    setting: GatedSetting
    optimisers: dict[str, Any]

    def optimiser(self, network: str):
        table = self.optimisers.get(network, self.optimisers["default"])
        make = {"sgd": optax.sgd, "adam": optax.adam, "momentum": _momentum}
        return choose(table["method"], make, "optimiser")(table["learning_rate"])


def _momentum(rate):
    return optax.sgd(rate, momentum=0.9)


def read_experiment(path: Path, data: dict[str, Any]) -> TimescalesConfig:
    """`ValueError` names file, table and key."""
    where, tables = f"{path}: ", ("network", "training", "optimisers")
    top = check_table(where, {k: v for k, v in data.items() if k not in tables}, _TOP, tables)
    network = check_table(f"{where}[network] ", data.get("network", {}), _NETWORK)
    training = check_table(f"{where}[training] ", data.get("training", {}), _TRAINING)
    optimisers = data.get("optimisers", {})
    if "default" not in optimisers:
        raise ValueError(f"{where}[optimisers] needs default = {{ method, learning_rate }}")
    for name, table in optimisers.items():
        check_table(f"{where}[optimisers] {name} ", table, _OPTIMISER)
    known_by_key = {"experiment": STUDIES, "tasks": MEMORY_TASKS, "networks": GATED_NETWORKS}
    for key, known in known_by_key.items():
        for name in [top[key]] if isinstance(top[key], str) else top[key]:
            choose(name, known, f"{where}{key}")
    setting = GatedSetting(**network, **training, seeds=top["seeds"], samples=top["samples"])
    return TimescalesConfig(path.stem, top["experiment"], top["tasks"], top["networks"],
                      top["lags"], setting, optimisers)  # fmt: skip


def run_experiment(experiment: TimescalesConfig, path: Path) -> dict[str, Any]:
    """Every network on every task; written to `path` as they come."""
    study = STUDIES[experiment.kind]
    pairs = [(task, network) for task in experiment.tasks for network in experiment.networks]
    results: dict[str, Any] = {task: {} for task in experiment.tasks}
    with progress_bar("training", len(pairs)) as advance:
        for task, network in pairs:
            results[task][network] = study(
                experiment.setting, network, MEMORY_TASKS[task], experiment.optimiser(network),
                experiment.lags,
            )  # fmt: skip
            told = {"experiment": experiment.name, "lags": experiment.lags, "results": results}
            path.write_text(json.dumps(told, indent=1) + "\n")
            advance(1, note=f"{task}, {network}")
    console.print(f"  figures  {path}", highlight=False)
    return results


@final
@dataclass(frozen=True)
class Claim:
    """A claim, what was measured, and whether that bears it out."""

    text: str
    measured: str
    verdict: str


def mean_interval(values: Any) -> tuple[float, float]:
    """Mean and half the width of its 95 % interval over seeds (Student's t)."""
    x = np.asarray(values, float)
    if len(x) < 2:
        return float(x.mean()), float("inf")
    wide = scipy.stats.t.ppf(0.975, len(x) - 1) * x.std(ddof=1) / np.sqrt(len(x))
    return float(x.mean()), float(wide)


def claims_of(experiment: TimescalesConfig, results: dict[str, Any]) -> list[Claim]:
    return _CLAIMS[experiment.kind](experiment, results)


_FAR = 20


def _rate_claims(experiment, results) -> list[Claim]:
    claims = []
    for task, found in results.items():
        if "leaky" not in found:
            continue
        leaky, alpha = found["leaky"], experiment.setting.leak
        mean, wide = mean_interval(leaky["decay"])
        fit = min(leaky["r_squared"])
        claims.append(Claim(
            f"{task}: rates of the leaky integrator fall geometrically",
            f"R^2 of ln mu against the lag at least {fit:.4f}",
            "reproduced" if fit > 0.98 else "not reproduced",
        ))  # fmt: skip
        claims.append(Claim(
            f"{task}: ... as alpha^h, alpha = {alpha:g}",
            f"{mean:.4f} +- {wide:.4f}^h",
            "reproduced" if abs(mean - alpha) <= wide else "not reproduced",
        ))  # fmt: skip
        at = min(range(len(experiment.lags)), key=lambda i: abs(experiment.lags[i] - _FAR))
        slow = np.log(np.array(leaky["rates"])[:, at])
        for name in found:
            if name == "leaky":
                continue
            gain = np.log(np.array(found[name]["rates"])[:, at]) - slow
            mean, wide = mean_interval(gain)
            claims.append(Claim(
                f"{task}: with {name} they fall more slowly",
                f"at lag {experiment.lags[at]} they are {np.exp(mean):.3g} times larger "
                f"({np.exp(mean - wide):.3g} to {np.exp(mean + wide):.3g})",
                "reproduced" if mean > wide else "not reproduced",
            ))  # fmt: skip
    return claims


def _anisotropy_claims(experiment, results) -> list[Claim]:
    claims = []
    measures = (("ratio", "sigma_1 / sigma_10", 1), ("top_energy", "energy in the top 10", 1),
                ("participation", "directions (participation ratio)", -1))  # fmt: skip
    for task, found in results.items():
        for what, plain_of in (("raw", "raw"), ("directions", "direction")):
            for key, name, sign in measures:
                plain = np.array([x[key] for x in found["plain"][plain_of]])
                gated = np.array([x[key] for x in found["gate a neuron"]["raw"]])
                scale = np.log if key != "top_energy" else np.asarray
                mean, wide = mean_interval(sign * (scale(gated) - scale(plain)))
                verdict = "exceeds" if mean > wide else "matches" if mean > -wide else "falls short"
                claims.append(Claim(
                    f"{task}: gated + SGD against plain + Adam, {what}, {name}",
                    f"{np.mean(gated):.3g} against {np.mean(plain):.3g}", verdict,
                ))  # fmt: skip
    return claims


_CLAIMS = {"effective rates": _rate_claims, "anisotropy": _anisotropy_claims}


def saturation_notes(results: dict[str, Any]) -> list[str]:
    """A line for every network with saturated gates, whose weights do not learn."""
    told = [
        (task, network, *np.mean(np.reshape(of.get("saturated", (0, 0)), (-1, 2)), axis=0))
        for task, found in results.items()
        for network, of in found.items()
    ]
    return [
        f"{task}: of {network}'s gates {shut:.1%} are saturated shut and {opened:.1%} open, and do "
        "not learn"
        for task, network, shut, opened in told
        if shut or opened
    ]


def claims_table(experiment: TimescalesConfig, claims: list[Claim]) -> Table:
    table = Table(
        title=f"{experiment.name}: {experiment.setting.seeds} seeds, means, 95 % intervals"
    )
    for column in ("claim", "measured", "verdict"):
        table.add_column(column)
    for claim in claims:
        table.add_row(claim.text, claim.measured, claim.verdict)
    return table
