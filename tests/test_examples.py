"""`physsim examples` lists what comes along and prints one."""

import circuits
from physsim.cli._bundled import bundled, bundled_config


def test_all_are_listed_with_the_command_they_are_for(run):
    code, out, _ = run("examples")
    assert code == 0
    rows = {line.split()[0]: line.split()[1] for line in out.splitlines() if "." in line[:24]}
    files = {p.name for folder in (bundled("."), bundled_config(".")) for p in folder.iterdir()}
    assert set(rows) == {name for name in files if name.endswith((".cir", ".toml", ".csv"))}
    assert rows["coupled_lc.toml"] == "learn"
    assert rows["recall.toml"] == "train"
    assert rows["lorenz63.toml"] == "reconstruct"
    assert rows["timescales_s1.toml"] == "timescales"
    assert rows["chua_scope.csv"] == "identify"


def test_one_is_printed_as_it_is(run):
    code, out, _ = run("examples", "chua.cir")
    assert code == 0
    assert circuits.loads(out).values() == circuits.load(bundled("chua.cir")).values()


def test_an_unknown_name(run):
    code, _, err = run("examples", "chua")
    assert code == 2 and "`physsim examples` lists them" in err
