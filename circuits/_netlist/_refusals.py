"""Why a card of SPICE is no card here, and what to write instead."""

from ._words import quote, suggest

_CONTROLLED = (
    "a controlled source takes energy from nowhere, so the network has no Hamiltonian; write a "
    "gyrator or an ideal transformer (P) for linear coupling that keeps energy"
)
_TRANSISTOR = (
    "there are no transistors here, as one has no Hamiltonian: it dissipates, and amplifies from "
    "a supply; take ngspice, or voltax for gradients"
)
_SWITCH = (
    "a switch changes the Hamiltonian while it runs; write a nonlinear resistor B n+ n- i={...}, "
    "or two netlists run one after the other"
)
_LINE = (
    "a delay has no Hamiltonian of finitely many coordinates; write a ladder of L and C, "
    "circuits.ladder(...) or circuits.transmission_line(...)"
)
_ELEMENTS = {
    "d": "a diode has no Hamiltonian: it dissipates without a quadratic loss; write its current, "
    "B n+ n- i={is*(exp(v/25.85m)-1)} is=1f",
    "q": _TRANSISTOR,
    "m": _TRANSISTOR,
    "j": _TRANSISTOR + "; a Josephson junction is a B card",
    "z": "a Z card is a MESFET; " + _TRANSISTOR,
    "e": _CONTROLLED,
    "f": _CONTROLLED,
    "g": _CONTROLLED,
    "h": _CONTROLLED,
    "s": _SWITCH,
    "w": _SWITCH,
    "t": _LINE,
    "u": _LINE,
    "o": _LINE + ", with resistors in it",
    "a": "code models are programs without a Hamiltonian; write a subcircuit of C, L, R and B",
    "n": "device models in Verilog-A have no Hamiltonian; write a subcircuit of C, L, R and B",
    "y": _LINE + ", with resistors in it",
}
ELEMENTS = "C, L, R, I, V, B, K, P and X"
DOTS = (
    ".param", ".ic", ".tran", ".ac", ".op", ".temp", ".options", ".tolerance", ".subckt", ".ends",
    ".model", ".include", ".title", ".end",
)  # fmt: skip
_ALL_DOTS = f"{', '.join(DOTS[:-1])} and {DOTS[-1]}"
_OUTPUTS = "physsim writes all waveforms, and --node chooses those in the plot; remove this card"
_SPECTRUM = "Python takes a spectrum from the waveforms, which are all written; remove this card"
_CONTROL = "there is no script inside a netlist: use Python or the command line; remove it"
_NOT_DONE = "there is no such analysis; remove this card"
_DOTS = {
    **dict.fromkeys((".print", ".plot", ".probe", ".save", ".width"), _OUTPUTS),
    **dict.fromkeys(
        (".meas", ".measure"),
        "a netlist asks for no measurements: --figure of physsim mc and sweep takes one, such as "
        "'rms v(out)', and Python any from the waveforms; remove this card",
    ),
    **dict.fromkeys((".four", ".fourier", ".fft"), _SPECTRUM),
    **dict.fromkeys((".control", ".endc", ".csparam", ".if", ".else", ".elseif", ".endif"),
                    _CONTROL),
    **dict.fromkeys((".step", ".dc"), "a netlist is one circuit at one set of values: physsim "
                    "sweep --vary runs it for a list of them; remove this card"),
    **dict.fromkeys((".disto", ".pss", ".hb"), _NOT_DONE),
    ".noise": "physsim noise does it; remove this card",
    ".tf": "physsim ac --source gives the response, --port the impedance; remove this card",
    ".sens": "Circuit.ac_sensitivity gives it in Python; remove this card",
    ".pz": "physsim modes finds the natural frequencies; remove this card",
    ".backanno": "it has no meaning here; remove this card",
    ".lib": "there are no libraries with sections: write .include file",
    ".nodeset": "a run starts from initial values, .ic v(node)=value, not from a guess",
    ".global": "only ground, 0, is everywhere: pass the node to the subcircuits as a port",
    ".func": "there are no functions of your own: write the expression out, or use .param",
    ".eom": "a subcircuit ends with .ends",
    ".macro": "a subcircuit begins with .subckt",
    ".mc": "how values spread is said by .tolerance",
}  # fmt: skip


def unsupported(word: str) -> str:
    """Why the card that begins with `word` (lower case, not empty) is refused."""
    if word[0] == ".":
        reason = _DOTS.get(word) or f"physsim reads {_ALL_DOTS}{_near(word)}"
        return f"{quote(word)} is not supported: {reason}"
    reason = _ELEMENTS.get(word[0]) or f"physsim reads {ELEMENTS}"
    return f"{quote(word)}: elements {quote(word[0].upper())} are not supported: {reason}"


def _near(word: str) -> str:
    # Without the dots, which would make any two words a little alike.
    return suggest(word[1:], (dot[1:] for dot in DOTS)).replace("'", "'.", 1)
