"""What circuits are written as: raw files that ngspice loads, equations, pictures."""

import subprocess

import numpy as np
import pytest
import scipy.integrate
import sympy

import circuits
from circuits._draw import layout
from circuits._latex import lagrangian
from circuits._sources import evaluate
from circuits._values import values_of

from .ngspice import require_ngspice
from .ngspice_decks import extrapolated_spice
from .systems import physsim_library

TANKS = """two tanks
C1 in 0 1n ic=1
L1 in 0 1u
C2 x1.out 0 1.2n
L12 in x1.out 4u
"""

# Losses in series, across and at nodes of their own, coupled coils, a gyrator, all sources.
PORTS = """everything with a port
V1 in 0 SIN(0.3 1 2meg)
R1 in a 20
L1 a p 1u ic=3m
L2 b 0 2u
K1 L1 L2 0.4
R2 p b 30
R3 p 0 50
C1 b 0 1n ic=0.5
C2 b c 0.6n
C3 c 0 0.4n
R4 c 0 700
B1 c 0 energy={flux^2/(2*l0)+q4*flux^4} l0=2u q4=1e21 ic=1n
B2 c 0 i={g*v+k*v^3} g=1m k=0.2m
P1 c 0 d 0 gyrator=2m
C4 d 0 1n
I1 0 d EXP(0 5m 50n 40n 300n 60n)
"""


@pytest.fixture(scope="module")
def tanks():
    return circuits.loads(TANKS).simulate(2e-6, 2e-8)


@pytest.mark.parametrize("ascii", [False, True])
def test_ngspice_loads_raw_files(tanks, tmp_path, ascii):
    require_ngspice()
    circuits.write_raw(tanks, tmp_path / "run.raw", ascii=ascii)
    control = (
        "* load\n.control\nload run.raw\nset numdgt=16\n"
        "wrdata out.txt v(in) v(x1.out) i(l12)\nprint length(time)\nquit\n.endc\n.end\n"
    )
    (tmp_path / "load.cir").write_text(control)
    done = subprocess.run(
        ["ngspice", "-n", "-b", "load.cir"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert f"length(time) = {len(tanks.t):e}"[:15] in done.stdout, done.stdout + done.stderr
    table = np.loadtxt(tmp_path / "out.txt")
    expected = [tanks.t, tanks.v("in"), tanks.v("x1.out"), tanks.i("L12")]
    np.testing.assert_allclose(
        table[:, [0, 1, 3, 5]], np.stack(expected, 1), rtol=1e-12, atol=1e-20
    )


def test_results_save_as_raw_and_refuse_other_endings(tanks, tmp_path):
    tanks.save(tmp_path / "a.raw")
    circuits.write_raw(tanks, tmp_path / "b.raw")
    content = (tmp_path / "a.raw").read_bytes()
    assert content == (tmp_path / "b.raw").read_bytes()
    head, _, data = content.partition(b"Binary:\n")
    assert b"No. Points: 101\n" in head and b"\tv(x1.out)\tvoltage" in head
    assert len(data) == 8 * 101 * int(head.split(b"No. Variables: ")[1].split()[0])
    with pytest.raises(ValueError, match=r"\.nc, \.csv or \.raw"):
        tanks.save(tmp_path / "a.mat")


def test_results_have_units_in_xarray(tanks):
    dataset = tanks.to_xarray()
    units = {name: dataset[name].attrs["units"] for name in ("v", "i", "energy", "time")}
    assert units == {"v": "V", "i": "A", "energy": "J", "time": "s"}


def test_port_hamiltonian_equations_give_the_waveforms_of_ngspice():
    """The symbolic equations, integrated by SciPy, against ngspice without its step's error."""
    require_ngspice()
    circuit = circuits.loads(PORTS)
    form = circuit.port_hamiltonian()
    assert form.interconnection == -form.interconnection.T
    assert form.dissipation == form.dissipation.T
    values = values_of(circuit.netlist)
    numbers = {}
    for name, x in values.items():
        element, _, key = name.partition(".")
        for symbol in (element if key in ("C", "L", "R", "k", "g") else f"{key}_{element}",):
            numbers[symbol] = x
    numbers |= {f"{key.partition('.')[2]}_B2": values[key] for key in ("B2.g", "B2.k")}
    flow = sympy.Matrix([slope for _, slope in form.equations()])
    for entries, matrix in form.definitions:
        known = matrix.subs({s: numbers[s.name] for s in matrix.free_symbols}).inv()
        numbers |= {s.name: known[i] for i, s in enumerate(entries)}
    inputs = {e.name: e.waveform for e in circuit.netlist.elements if hasattr(e, "waveform")}
    flow = flow.subs({s: numbers[s.name] for s in flow.free_symbols if s.name in numbers})
    assert flow.free_symbols <= {*form.states, *form.inputs}
    field = sympy.lambdify([form.states, form.inputs], list(flow), "numpy")

    def slope(t, x):
        u = [
            float(evaluate(inputs[s.name.removesuffix("(t)")], np.float64(t))) for s in form.inputs
        ]
        return np.array(field(x, u), float)

    starts = initial(form, circuit)
    stop = 5e-7
    found = scipy.integrate.solve_ivp(
        slope, (0, stop), starts, rtol=1e-9, atol=1e-19, max_step=5e-9, method="DOP853"
    )
    quantities = {"Q_d": "v(d)", "phi_B1": "i(B1)", "phi_L1": "i(L1)"}
    times = np.array([0.5 * stop, stop])
    theirs, _ = extrapolated_spice(circuit, list(quantities.values()), times, stop / 4000)
    known = {s: numbers[s.name] for s in form.energy.free_symbols if s.name in numbers}
    H = form.energy.subs(known)
    for (name, quantity), x in zip(quantities.items(), theirs, strict=True):
        state = next(s for s in form.states if s.name == name)
        ours = sympy.lambdify([form.states], H.diff(state), "numpy")(found.y[:, -1])
        print(quantity, ours, x[-1], ours / x[-1] - 1)
        assert ours == pytest.approx(x[-1], rel=2e-5), quantity


def initial(form, circuit):
    """States at t = 0: charges of the capacitor voltages, fluxes of the currents."""
    y0, scales, tree = circuit.y0, circuit.scales, circuit.tree
    charges = np.asarray(y0.p)[: tree.num_charges] * scales.charge
    L1, L2 = 1e-6, 2e-6
    mutual = 0.4 * np.sqrt(L1 * L2)
    fluxes = {"phi_L1": L1 * 3e-3, "phi_L2": mutual * 3e-3, "phi_B1": 1e-9}
    return [*charges, *(fluxes[s.name] for s in form.states[len(charges) :])]


def test_the_lagrangian_is_the_transform_of_the_hamiltonian():
    circuit = circuits.load(physsim_library("junction_chain.cir"))
    L = lagrangian(circuit)
    v = [s for s in L.free_symbols if s.name.startswith("v_")]
    assert len(v) == 4
    rng = np.random.default_rng(0)
    values = {s: float(rng.uniform(0.5, 1.5)) for s in L.free_symbols | circuit.expr.free_symbols}
    capacitances = circuit.capacitance_matrix.subs(values)
    names = [s.name.removeprefix("v_") for s in v]
    order = [sympy.Symbol(f"v_{n}", real=True) for n in ("n1", "n2_n1", "n3_n2", "n4_n3")]
    if not set(order) <= set(v):
        order = [sympy.Symbol(f"v_{n}", real=True) for n in sorted(names)]
    speeds = sympy.Matrix([values[s] for s in order])
    charges = capacitances * speeds
    slopes = sympy.Matrix([L.diff(s).subs(values) for s in order])
    assert np.allclose(np.array(slopes - charges, float), 0, atol=1e-12)
    kinetic = (charges.T * capacitances.inv() * charges)[0] / 2
    rest = circuit.expr.subs({s: 0 for s in circuit.expr.free_symbols if s.name.startswith("Q_")})
    energy = kinetic + rest.subs(values)
    assert float(speeds.dot(charges) - L.subs(values)) == pytest.approx(float(energy), rel=1e-12)


@pytest.mark.parametrize("text", [TANKS, PORTS, None])
def test_latex_documents_are_whole(text):
    circuit = circuits.loads(text) if text else circuits.load(physsim_library("junction_chain.cir"))
    document = circuit.latex()
    assert document.count("{") == document.count("}")
    assert document.count(r"\begin{") == document.count(r"\end{")
    assert document.count(r"\left") == document.count(r"\right")
    assert (r"\nabla H" in document) == (text is PORTS)
    assert ("\nL &= " in document) == (text is not PORTS)


def test_equations_that_would_need_slopes_or_a_page_are_refused_by_name():
    loop = "t\nV1 a 0 SIN(0 1 1meg)\nC1 a b 1n\nC2 b 0 1n\nL1 b 0 1u\n"
    with pytest.raises(ValueError, match="C1 closes a loop"):
        circuits.loads(loop).port_hamiltonian()
    cards = "\n".join(f"C{k} {k} 0 1n\nL{k} {k} {k + 1} 1u" for k in range(1, 40))
    with pytest.raises(ValueError, match="at most 60"):
        circuits.loads(f"t\n{cards}\nC40 40 0 1n\n").latex()
    with pytest.raises(ValueError, match=r"Circuit\.port_hamiltonian"):
        _ = circuits.loads(PORTS).expr


@pytest.mark.filterwarnings("ignore:.*only .* touches node")
def test_pictures_keep_distances_and_every_element():
    circuit = circuits.loads(PORTS)
    figure = circuit.draw()
    words = {t.get_text().split("\n")[0] for t in figure.axes[0].texts}
    assert {e.name for e in circuit.netlist.elements} <= words
    ladder = circuits.load(physsim_library("lc_ladder.cir"))
    places = layout(ladder.netlist.elements)
    x = [places[f"n{k}"][0] for k in range(1, 9)]
    assert np.allclose(np.diff(x), x[1] - x[0], rtol=1e-2) and x[1] > x[0]
    many = "\n".join(f"C{k} {k} 0 1n" for k in range(1, 160))
    with pytest.raises(ValueError, match="at most 150"):
        circuits.loads(f"t\n{many}\nL1 1 2 1u\n").draw()


def test_wires_bend_at_right_angles():
    deck = "C1 a 0 1n\nL1 a 0 1u\nI1 a 0 1m\nC2 a b 1n\nL2 a b 1u\nB2 a b icrit=1u\nC3 b 0 1n\n"
    axis = circuits.loads(f"t\n{deck}").draw().axes[0]
    thin = [line for line in axis.lines if line.get_linewidth() == 0.8]
    steps = np.concatenate([np.diff(line.get_xydata(), axis=0) for line in thin])
    assert np.all(np.min(abs(steps), axis=1) < 1e-9) and len(steps) > 20


@pytest.mark.parametrize(
    ("format", "file", "start"),
    [
        ("spice", "tanks_ngspice.cir", b"* two tanks"),
        ("netlist", "tanks_flat.cir", b"two tanks"),
        ("latex", "tanks.tex", b"\\documentclass"),
        ("graph", "tanks_graph.png", b"\x89PNG"),
        ("svg", "tanks_graph.svg", b"<?xml"),
        ("raw", "tanks.raw", b"Title: two tanks"),
        ("csv", "tanks.csv", b'"time"'),
    ],
)
def test_the_command_writes_every_format(run, tmp_path, format, file, start):
    (tmp_path / "tanks.cir").write_text(TANKS)
    options = ["--format", format, "--t-end", "1u", "--dt", "20n"]
    assert run("export", "tanks.cir", *options)[0] == 0
    assert (tmp_path / "out" / file).read_bytes().startswith(start)


def test_an_unknown_format_is_one_sentence(run):
    code, _, error = run("export", "coupled_lc.cir", "--format", "docx")
    assert code == 2 and "unknown format 'docx'" in error and error.count("\n") == 1
