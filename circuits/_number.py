"""SPICE numbers outside netlists: on a command line, in a task file."""

from ._errors import NetlistError
from ._netlist._lines import Fault
from ._netlist._milli import capital_milli
from ._netlist._numbers import number


def parse_number(text: str, what: str, unit: str | None = None) -> float:
    """The value, in SI, of a number such as `10u`, `2.5ns` or `1e-6`.

    `what` names it in the `NetlistError` that is raised for anything else, and for a capital M,
    which would be milli.
    """
    if capital_milli(text):
        raise NetlistError(
            f"{what}: {text!r} would be milli, as in SPICE; write meg for mega, or m"
        )
    try:
        return number(text.strip().lower(), 0, unit)
    except Fault as fault:
        raise NetlistError(f"{what}: {fault.message}") from None
