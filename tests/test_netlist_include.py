"""Files included from a netlist's own folder, and from nowhere else."""

import pytest

from circuits._elements import Capacitor, Inductor
from circuits._errors import Location, NetlistError
from circuits._netlist import parse_netlist, read_netlist


def write(folder, **files):
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".cir").write_text(text, encoding="utf-8")
    return folder / "main.cir"


def refused(path) -> str:
    with pytest.raises(NetlistError) as caught:
        read_netlist(path)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message.removeprefix(str(path.parent) + "/")


def test_cards_come_in_the_place_of_the_card(tmp_path):
    path = write(
        tmp_path,
        main="t\nC1 a 0 {c}\n.include sub/one.cir\nC4 a 0 1\n.inc 'two words.cir'\n.end\n",
        sub__one='* no title here\nC2 a 0 2\n.INCLUDE "two.cir" ; beside it\n',
        sub__two="L1 a 0 1\n+ ic=2",
    )
    (tmp_path / "two words.cir").write_text(".param c=7")
    netlist = read_netlist(path)
    assert netlist.elements == (
        Capacitor("C1", ("a", "0"), 7.0),
        Capacitor("C2", ("a", "0"), 2.0),
        Inductor("L1", ("a", "0"), 1.0, 2.0),
        Capacitor("C4", ("a", "0"), 1.0),
    )
    place = netlist.elements[2].location
    assert place == Location(str(tmp_path / "sub" / "two.cir"), 1, 1)


def test_a_library_is_included_twice_where_that_makes_sense(tmp_path):
    path = write(
        tmp_path,
        main="t\n.subckt s n\n.include part.cir\n.ends\n.include part.cir\nX1 m s",
        part="C1 n 0 1",
    )
    assert [e.name for e in read_netlist(path).elements] == ["C1", "X1.C1"]


def test_text_includes_from_a_folder_that_is_given(tmp_path):
    write(tmp_path, part="C1 n 0 1")
    netlist = parse_netlist("t\n.include part.cir", folder=tmp_path)
    assert netlist.elements[0].location == Location(str(tmp_path / "part.cir"), 1, 1)


def test_errors_point_into_the_included_file(tmp_path):
    path = write(tmp_path, main="t\n.include part.cir", part="\nC1 n 0 1q")
    assert refused(path).startswith("part.cir:2:8: unknown suffix 'q'")
    path = write(tmp_path, part="C1 n 0 1\n+ 1\n.end")
    assert refused(path).startswith("part.cir:3:1: an included file goes on where")
    path = write(tmp_path, part="+ 1")
    assert refused(path).startswith("part.cir:1:1: '+' continues a card")
    path = write(tmp_path, main="t\nC1 a 0 1\n.include part.cir", part="C1 n 0 1")
    message = refused(path)
    assert message.startswith("part.cir:1:1: there is already an element 'C1' on line 2 of ")
    assert message.endswith("main.cir; rename one of them")


@pytest.mark.parametrize(
    "target", ["../secret.cir", "sub/../../secret.cir", "link.cir", "up/secret.cir"]
)
def test_files_outside_of_the_folder_are_refused(tmp_path, target):
    (tmp_path / "secret.cir").write_text("C1 a 0 1")
    inner = tmp_path / "inner"
    path = write(inner, main=f"t\n.include {target}", sub__x="")
    (inner / "link.cir").symlink_to(tmp_path / "secret.cir")
    (inner / "up").symlink_to(tmp_path)
    assert refused(path).startswith(f"main.cir:2:1: '{target}' is outside of the netlist's folder")


def test_an_absolute_path_is_refused_even_inside(tmp_path):
    path = write(tmp_path, main=f"t\n.include {tmp_path}/part.cir", part="C1 a 0 1")
    assert "is outside of the netlist's folder" in refused(path)


def test_a_folder_below_may_point_up_inside(tmp_path):
    path = write(tmp_path, main="t\n.include sub/a.cir", sub__a=".include ../b.cir", b="C1 a 0 1")
    assert len(read_netlist(path).elements) == 1


def test_cycles_are_refused_with_their_chain(tmp_path):
    path = write(tmp_path, main="t\n.include main.cir")
    assert "main.cir:2:1: these files include each other: " in refused(path)
    path = write(tmp_path, main="t\n.include a.cir", a="\n.include b.cir", b=".include a.cir")
    message = refused(path)
    assert message.startswith("b.cir:1:1: these files include each other: ")
    assert [part.rsplit("/")[-1] for part in message.split(" -> ")] == [
        "a.cir", "b.cir", "a.cir; remove one",
    ]  # fmt: skip


def test_missing_and_unreadable_files_are_named(tmp_path):
    path = write(tmp_path, main="t\n.include nowhere.cir")
    message = refused(path)
    assert message.startswith("main.cir:2:1: ")
    assert "nowhere.cir: cannot read this file: No such file or directory" in message
    path = write(tmp_path, main="t\n.include sub", sub__x="")
    assert "Is a directory" in refused(path)
    path = write(tmp_path, main="t\n.include loop.cir")
    (tmp_path / "loop.cir").symlink_to(tmp_path / "loop.cir")
    assert "loop.cir" in refused(path)
    path = write(tmp_path, main=f"t\n.include {'x' * 5000}")
    assert refused(path).startswith("main.cir:2:1: ")
    (tmp_path / "main.cir").write_text("t\n.include raw")
    (tmp_path / "raw").write_bytes(b"C1 a \xff")
    assert refused(path).startswith("raw:1:6: this is not UTF-8 text")
    (tmp_path / "raw").write_bytes(b"C1 a\0")
    assert refused(path).startswith("raw:1:5: there is a NUL")


@pytest.mark.parametrize("card", [".include", ".include a b", ".include 'a", '.include ""'])
def test_the_form_is_said(tmp_path, card):
    path = write(tmp_path, main=f"t\n{card}")
    assert refused(path).startswith("main.cir:2:1: the form is: .include file")


def test_depth_and_number_are_bounded(tmp_path):
    files = {f"f{i}": f".include f{i + 1}.cir\n.include f{i + 1}.cir" for i in range(30)}
    path = write(tmp_path, main="t\n.include f0.cir", f30="* nothing", **files)
    assert "1000 in all" in refused(path)
    files = {f"f{i}": f".include f{i + 1}.cir" for i in range(60)}
    path = write(tmp_path, main="t\n.include f0.cir", f60="C1 a 0 1", **files)
    assert "more than 50 deep" in refused(path)
