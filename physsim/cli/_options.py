"""Options that several commands share."""

import math
from pathlib import Path
from typing import Annotated, Any, overload

import typer

Netlist = Annotated[Path, typer.Argument(help="A netlist file, or a bundled netlist's name.")]
Out = Annotated[str, typer.Option("--out", "-o", help="Folder for results.")]
TaskFile = Annotated[Path, typer.Argument(help="A TOML task, or a bundled one's name.")]
Repeats = Annotated[int, typer.Option(min=1, help="Train this often, from seed on.")]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on from the checkpoint in the results' folder.")
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace another training's results in that folder.")
]
StopTime = Annotated[str | None, typer.Option(help="Stop time, e.g. 10u. Default: .tran.")]
TimeStep = Annotated[
    str | None,
    typer.Option(help="Longest step, e.g. 1n; steps end at corners of sources. Default: chosen."),
]
OptionalIntegrator = Annotated[
    str | None,
    typer.Option("--integrator", help="StormerVerlet, SRKN11b, ... Default: the one that suits."),
]
Node = Annotated[list[str] | None, typer.Option(help="Node whose voltage counts; repeat for more.")]
Measure = Annotated[
    list[str] | None, typer.Option(help="v(node), v(node,node) or i(element); repeat for more.")
]
Sweep = Annotated[
    str | None, typer.Option(help='Frequencies as on an .ac card: "dec 20 1k 1meg", or oct, lin.')
]
INTEGRATORS = (
    "StormerVerlet",
    "PEFRL",
    "McLachlan4",
    "BlanesMoan4",
    "BlanesMoan6",
    "SRKN6b",
    "SRKN11b",
    "SRKN14a",
    "Yoshida4",
    "Yoshida6",
    "Yoshida8",
    "KahanLi8",
    "ABA864",
    "ABA1064",
    "ImplicitMidpoint",
    "GaussLegendre4",
    "GaussLegendre6",
)


@overload
def seconds(text: str, what: str) -> float: ...
@overload
def seconds(text: None, what: str) -> None: ...
def seconds(text: str | None, what: str) -> float | None:
    """A positive time in s, with an optional SPICE suffix, such as `2.5u` or `10ns`."""
    from circuits import parse_number

    if text is None:
        return None
    value = parse_number(text, what, "s")
    if not (value > 0 and math.isfinite(value)):
        raise ValueError(f"{what} must be positive, got {text}")
    return value


def choose(name: str, table: dict, what: str):
    """The entry of `table` called `name`, or an error that lists them."""
    if name not in table:
        raise ValueError(f"unknown {what} {name!r}: choose {', '.join(table)}")
    return table[name]


@overload
def integrator(name: str) -> Any: ...
@overload
def integrator(name: None) -> None: ...
def integrator(name: str | None) -> Any:
    """An integrator by its literature name; none without a name."""
    import physsim

    if name is None:
        return None
    return choose(name, {s: getattr(physsim, s) for s in INTEGRATORS}, "integrator")()
