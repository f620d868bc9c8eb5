"""Decks that parse but make no circuit: the sentence names file, line and elements."""

import warnings

import pytest

import circuits
from circuits import NetlistError

REFUSED = [
    # (deck after the title, line:column, words of the message)
    ("V1 a 0 1\nV2 a b 2\nV3 b 0 3\nC1 a 0 1n", "3:1", "loop of voltage sources (V2, V1, V3)"),
    ("V1 a 0 1\nP1 a 0 b 0 ratio=2\nV2 b 0 1\nC1 a 0 1n", "", "V2"),
    ("I1 0 a 1\nI2 a b 1\nC1 b 0 1n\nL1 b 0 1u", "2:1", "I1", "node a", "cutset of current"),
    ("L1 a 0 1u\nL2 b 0 1u\nK1 L1 L2 -1\nC1 a 0 1n\nC2 b 0 1n", "4:1", "K1", "between -1 and 1"),
    (
        "L1 a 0 1u\nL2 b 0 1u\nL3 c 0 1u\nK1 L1 L2 L3 -0.6\nC1 a 0 1n",
        "5:1",
        "K1",
        "L1, L2, L3 are not positive definite",
    ),
    ("C1 a 0 1n\nR1 a 0 -50", "3:1", "R1", "greater than 0", "i={g*v}"),
    ("R1 a 0 1 ic=1\nC1 a 0 1n", "2:10", "no state", "remove ic="),
    ("V1 a 0 1 ic=1\nC1 a 0 1n", "2:10", "a source has no state"),
    (
        "C1 a 0 1n ic=1\nC2 a b 1n ic=1\nC3 b 0 1n ic=1\nL1 a 0 1u",
        "4:1",
        "ic=1 of C3 contradicts",
        "make it 0 (",
        "ic=1 of C1",
        "ic=1 of C2",
    ),
    ("C1 a 0 1n ic=1\nC2 a 0 1n ic=2\nL1 a 0 1u", "3:1", "ic=2 of C2", "make it 1 (ic=1 of C1)"),
    ("C1 a 0 1n ic=1\n.ic v(a)=2\nL1 a 0 1u", "3:7", ".ic v(a)=2", "(ic=1 of C1)"),
    ("V1 a 0 5\nC1 a 0 1n ic=1\nL1 a b 1u\nC2 b 0 1n", "3:1", "ic=1 of C1", "make it 5 (V1)"),
    (
        "L1 a 0 1u ic=1\nL2 a 0 1u ic=2\nL3 a b 1u ic=1\nC1 b 0 1n",
        "2:1",
        "ic=1 of L1 contradicts",
        "(L2, L3)",
        "make it -3",
    ),
    ("I1 0 a 1m\nL1 a 0 1u ic=2\nC1 b 0 1n\nL2 b 0 1n", "3:1", "ic=2 of L1", "(I1)", "0.001"),
    ("C1 a 0 1n\nR1 a b 1k\nR2 b 0 1k\n.ic v(b)=1", "5:7", ".ic v(b)=1", "capacitor at node b"),
    ("B1 a 0 icrit=1u\nL1 a b 1n\nC1 b 0 1p", "2:1", "B1", "node a", "add a capacitor"),
    ("R1 a 0 1k\nV1 a 0 1", "", "the circuit has no state"),
    ("C1 a 0 1n\nD1 a 0 dm", "3:1", "a diode has no Hamiltonian"),
    ("C1 a 0 1q", "2:8", "unknown suffix 'q'"),
    ("C1 a 0 1n=1", "2:10", "found '='"),
    ("", "1:1", "no elements"),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case[0][:40])
def test_refusal(case):
    deck, place, *words = case
    with pytest.raises(NetlistError) as caught:
        _ = circuits.loads(f"title\n{deck}\n", "deck.cir").y0
    message = str(caught.value)
    assert message.startswith(f"deck.cir:{place}"), message
    assert all(word in message for word in words), message
    assert len(message.splitlines()) == 1


@pytest.fixture
def simulate(run, tmp_path):
    """(exit code, stderr) of `physsim simulate deck.cir` for the bytes of a deck."""

    def call(content):
        (tmp_path / "deck.cir").write_bytes(content)
        code, _, error = run("simulate", "deck.cir")
        return code, error

    return call


FILES = {
    "empty": (b"", "deck.cir:1:1: there are no elements"),
    "title only": (b"hello", "deck.cir:1:1: there are no elements"),
    "binary": (bytes(range(256)), "deck.cir:2:118: this is not UTF-8 text"),
    "NUL": (b"t\nC1 a\0 0 1\n", "deck.cir:2:5: there is a NUL character"),
    "outside": (b"t\n.include ../x.cir\nC1 a 0 1\n", "deck.cir:2:1: '../x.cir' is outside"),
    "itself": (b"t\n.include deck.cir\nC1 a 0 1\n", "deck.cir -> deck.cir"),
    "loop": (b"t\nV1 a 0 1\nV2 a 0 1\nC1 a 0 1n\n", "deck.cir:3:1: V2 closes a loop"),
    "starts": (b"t\nC1 a 0 1n ic=1\nC2 a 0 1n ic=2\nL1 a 0 1u\n", "deck.cir:3:1: ic=2 of C2"),
}


@pytest.mark.parametrize("name", FILES)
def test_the_command_line_says_it_in_one_line(simulate, name):
    content, message = FILES[name]
    code, error = simulate(content)
    assert code == 2
    lines = " ".join(error.split())
    assert lines.startswith("error: ") and message in lines, error
    assert "Traceback" not in error


def test_an_unknown_option_is_named_and_left_out():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        circuits.loads("t\nC1 a 0 1n\nL1 a 0 1u\n.options reltoll=1\n", "deck.cir")
    (warning,) = seen
    assert str(warning.message).startswith("deck.cir:4:10: there is no option 'reltoll'")
