"""From a card's text to its syntax tree, and syntax errors in words."""

import functools
import re

from lark import Lark, Token, Tree, UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from ._lines import Card
from ._numbers import SUFFIXES
from ._words import quote

Node = Token | Tree

FORMS = {
    "capacitor": "Cname n+ n- value [ic=volts]",
    "inductor": "Lname n+ n- value [ic=amps]",
    "resistor": "Rname n+ n- value",
    "current_source": "Iname n+ n- value | DC value | SIN(...) | PULSE(...) | PWL(...) | EXP(...) "
    "[AC magnitude [degrees]]",
    "voltage_source": "Vname n+ n- value | DC value | SIN(...) | PULSE(...) | PWL(...) | EXP(...) "
    "[AC magnitude [degrees]]",
    "branch": "Bname n+ n- icrit=value [phase=radians], Bname n+ n- model [area=x] "
    "[phase=radians], or Bname n+ n- energy={U(flux)} | energy={E(charge)} | i={I(v)} "
    "[name=value ...] [ic=value]",
    "two_port": "Pname a+ a- b+ b- gyrator=siemens | ratio=n",
    "coupling": "Kname L1 L2 [L3 ...] coefficient",
    "call": "Xname node ... subcircuit [name=value ...]",
    "subckt": ".subckt name port ... [params: name=value ...]",
    "ends": ".ends [name]",
    "model": ".model name jj(icrit=amps [cap=farads] [rn=ohms | r0=ohms] [rtype=0 | 1])",
    "param": ".param name=value ...",
    "initial": ".ic v(node)=value ...",
    "tran": ".tran tstep tstop [tstart [tmax]] [uic]",
    "ac": ".ac dec | oct | lin points fstart fstop",
    "op": ".op",
    "temp": ".temp celsius",
    "options": ".options name=value | name ...",
    "tolerance": ".tolerance pattern=5% ... [dist=gauss | uniform]",
}

# Terminals in words; those that share a phrase are named once. The empty ones never need saying.
_PHRASES = {
    "NAME": "an element name",
    "NODE": "a node name",
    "VALUE": "a value (a number such as 1p, or an {expression})",
    "_BRACE": "a value (a number such as 1p, or an {expression})",
    "_IC": "ic=value",
    "NO_IC": "",
    "_DC": "DC value",
    "_V": "v(node)=value",
    "KEY": "name=value",
    "MODEL": "a model's name",
    "EXTRA": "",
    "TYPE": "the model's type, jj",
    "COIL": "the name of an inductor",
    "WORD": "a node or a subcircuit's name",
    "PORT": "a node name",
    "SUBCIRCUIT": "a subcircuit's name",
    "_PARAMS": "",
    "SHAPE": "SIN(...), PULSE(...), PWL(...) or EXP(...)",
    "_AC": "AC magnitude",
    "SPACING": "dec, oct or lin",
    "UIC": "uic",
    "NUMBER": "a number",
    "VARIABLE": "a name",
    "FUNCTION": "a name",
    "SUM_SIGN": "an operator",
    "PRODUCT_SIGN": "an operator",
    "POWER_SIGN": "an operator",
    "EQUAL": "'='",
    "LPAR": "'('",
    "RPAR": "')'",
    "RBRACE": "'}'",
    "COMMA": "",
    "$END": "the end of the card",
}

_WORD = r"""[^\s(),={};'"]+"""
WORD = re.compile(_WORD)
_PLAIN = re.compile(rf"({_WORD})\s+({_WORD})\s+({_WORD})\s+({_WORD})")
_PLAIN_TOKENS = ("NAME", "NODE", "NODE", "VALUE")
_PLAIN_RULES = ("capacitor", "inductor", "resistor")
_FOUND = re.compile(rf"{_WORD}|\S")
_LONGEST_EXPRESSION = 10_000
_EXPRESSION = re.compile(r"\{[^{}]*")


def parse_card(rule: str, card: Card) -> list[Node]:
    """The parts of `card`, read by the grammar's `rule`, in lower case.

    Raises `NetlistError` that says what was expected and the card's form.
    """
    text = lower(card.text)
    # Large networks are almost all `C1 a b 1p`: the grammar's result, seven times as fast.
    if rule in _PLAIN_RULES and (plain := _PLAIN.fullmatch(text)):
        return [
            Token(kind, plain[i], plain.start(i)) for i, kind in enumerate(_PLAIN_TOKENS, start=1)
        ]
    _refuse_long_expressions(card, text)
    try:
        return _parser(rule).parse(text).children
    except UnexpectedInput as error:
        raise _in_words(error, rule, card, text) from None


def offset_of(node: Node) -> int:
    """Where in its card the node begins."""
    while isinstance(node, Tree):
        node = node.children[0]
    return node.start_pos or 0


def named(node: Node) -> tuple[Token, Node]:
    """The name and the value of a ``name=value`` or ``v(node)=value`` part."""
    assert isinstance(node, Tree)
    name, value = node.children
    assert isinstance(name, Token)
    return name, value


def written(token: Token, card: Card) -> str:
    """The token as it stands in the file, before lower-casing."""
    start = offset_of(token)
    return card.text[start : start + len(token)]


def lower(text: str) -> str:
    """Lower case, character by character, so that offsets stay what they are."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


@functools.cache
def _parser(rule: str) -> Lark:
    # One parser a card: in a single one LALR would merge states, and with them the words
    # that may come next.
    return Lark.open(
        "_grammar.lark",
        rel_to=__file__,
        parser="lalr",
        start=rule,
        maybe_placeholders=False,
        propagate_positions=False,
    )


def _refuse_long_expressions(card: Card, text: str) -> None:
    for match in _EXPRESSION.finditer(text):
        if len(match[0]) > _LONGEST_EXPRESSION:
            raise card.error(
                f"this expression is longer than {_LONGEST_EXPRESSION} characters; "
                "split it with .param",
                match.start(),
            )


def _in_words(error: UnexpectedInput, rule: str, card: Card, text: str) -> Exception:
    at_end = isinstance(error, UnexpectedToken) and error.token.type == "$END"
    offset = len(text) if at_end else error.pos_in_stream or 0
    match = _FOUND.match(text, offset)
    found = quote(match[0]) if match and not at_end else "the end of the card"
    phrases = dict.fromkeys(_PHRASES.get(t, t) for t in _PHRASES if t in _expected(error))
    wanted = " or ".join(p for p in phrases if p)
    hint = f"; {SUFFIXES}" if text[offset : offset + 1] == "=" else ""
    return card.error(f"expected {wanted}, found {found}{hint}; the form is: {FORMS[rule]}", offset)


def _expected(error: UnexpectedInput) -> set[str]:
    if isinstance(error, UnexpectedToken):
        return set(error.accepts or error.expected)
    return set(error.allowed or ()) if isinstance(error, UnexpectedCharacters) else set()
