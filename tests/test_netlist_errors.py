"""What is not understood is refused in one line that says where, what and what to do."""

import random
import string
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from circuits._errors import Location, NetlistError
from circuits._netlist import parse_netlist, read_netlist

# A deck's lines after the title, where the error is (line:column), and words it contains.
REFUSED = [
    # words of the language
    ("C1", "2:3", "expected a node name, found the end of the card"),
    ("C1 a", "2:5", "expected a node name"),
    ("C1 a 0", "2:7", "expected a value", "1p", "{expression}", "Cname n+ n- value"),
    ("C1 a 0 1p 3", "2:11", "expected ic=value or the end of the card, found '3'"),
    ("C1 a 0 1p ic", "2:11", "ic=value"),
    ("C1 a 0 1p ic=", "2:14", "expected a value"),
    ("C1 a 0 1p tc=1", "2:11", "found 'tc'"),
    ("C1 a, 0 1p", "2:5", "found ','"),
    ("C1 a 0 '1p'", "2:8", "expected a value"),
    ("(C1 a 0 1p)", "2:1", "not with '('"),
    ("?1 a 0 1k", "2:1", "'?1'", "'?' are not supported", "C, L, R, I, V, B, K, P and X"),
    (".includ x", "2:1", "'.includ' is not supported", ".model", "did you mean '.include'?"),
    (".include lib.cir", "2:1", "no folder to include from", "folder=..."),
    ("+ 1p", "2:1", "none before it"),
    ("C1 a 0 1p\n.end x", "3:6", "'x' stands after .end"),
    ("C1 a 0 1p\n.end\n\n* fine\n  L1 a 0 1p", "6:3", "would be ignored"),
    ("C1 a\n+ 0\n* comment\n   +   1z", "5:8", "unknown suffix 'z'"),
    # numbers
    ("C1 a 0 1q", "2:8", "unknown suffix 'q'", "f p n u m k meg g t"),
    ("C1 a 0 1kk", "2:8", "unknown suffix 'kk'", "f p n u m k meg g t"),
    ("C1 a 0 1n=1", "2:10", "found '='", "f p n u m k meg g t"),
    ("C1 a 0 one", "2:8", "not a number", "braces"),
    ("C1 a 0 1pH", "2:8", "is in H; the value here is in F"),
    ("C1 a 0 1e999", "2:8", "outside the range"),
    ("C1 a 0 1e-999", "2:8", "outside the range"),
    ("C1 a 0 nan", "2:8", "not a number"),
    # expressions
    ("C1 a 0 {", "2:9", "expected a number or a name", "end of the card"),
    ("C1 a 0 {}", "2:9", "found '}'"),
    ("C1 a 0 {1+2", "2:12", "expected an operator or '}'"),
    ("C1 a 0 {1 2}", "2:11", "expected an operator or '}', found '2'"),
    ("C1 a 0 {1+*2}", "2:11", "found '*2'"),
    ("C1 a 0 {1q}", "2:9", "unknown suffix 'q'"),
    ("C1 a 0 {90deg}", "2:9", "pi/180"),
    ("C1 a 0 {sin(1,2)}", "2:9", "sin takes 1 value, not 2"),
    ("C1 a 0 {1+max(2)}", "2:11", "max takes 2 values, not 1"),
    ("C1 a 0 {min(1,)}", "2:15", "expected a number or a name"),
    ("C1 a 0 {charge}", "2:9", "energy={...}"),
    ("C1 a 0 {v}", "2:9", "i={...}"),
    ("C1 a 0 {eval(1)}", "2:9", "unknown function 'eval'", "sqrt"),
    ('C1 a 0 {__import__("os")}', "2:20", "found '\"'"),
    ("C1 a 0 {x.__class__}", "2:10", "found '.__class__'"),
    ("C1 a 0 {1/0}", "2:9", "divides by zero"),
    ("C1 a 0 {2+log(-1)}", "2:11", "no finite real value"),
    ("C1 a 0 {(-1)**0.5}", "2:10", "no finite real value"),
    ("C1 a 0 {10**10**10}", "2:9", "no finite real value"),
    ("C1 a 0 {volage}\n.param voltage=1", "2:9", "undefined name 'volage'", "'voltage'"),
    ("C1 a 0 {flux}", "2:9", "energy={...}"),
    ("C1 a 0 {" + "(" * 10_000 + "1" + ")" * 10_000 + "}", "2:8", "longer than 10000"),
    ("C1 a 0 {" + "-" * 5000 + "1}", "2:60", "nested more than 50 deep"),
    ("C1 a 0 {" + "sin(" * 60 + "1" + ")" * 60 + "}", "2:213", "nested"),
    ("C1 a 0 {" + "1+" * 500_000 + "1}", "2:8", "longer than 10000"),
    # parameters
    (".param x", "2:9", "expected '='"),
    (".param x=1 x=2", "2:12", "'x' is already defined on line 2"),
    (".param pi=3", "2:8", "a meaning of its own"),
    (".param flux=3", "2:8", "a meaning of its own"),
    (".param 1a=3", "2:8", "letters, digits"),
    (".param a={b}\n.param b={c} c={a}", "2:8", "a -> b -> c -> a"),
    (".param a={a}", "2:8", "a -> a"),
    (".param a={1/b} b=0", "2:11", "divides by zero"),
    # elements
    ("C1 a a 1p", "2:1", "C1 has both ends on node 'a'"),
    ("C1 gnd 0 1p", "2:1", "both ends on node '0'"),
    ("C1 a 0 1p\n\nc1 b 0 1p", "4:1", "already an element 'c1' on line 2"),
    ("C1 a 0 -1p", "2:1", "C1", "greater than 0"),
    ("L1 a 0 0", "2:1", "greater than 0"),
    ("I1 a 0", "2:7", "SIN(...), PULSE(...), PWL(...) or EXP(...)"),
    ("I1 a 0 5 DC 1", "2:13", "only one applies"),
    ("I1 a 0 SIN(0 1 1) 5", "2:19", "expected DC value", "AC magnitude"),
    ("V1 a 0 DC 1 ic=2", "2:13", "a source has no state", "remove ic="),
    ("I1 a 0 ic=2", "2:8", "a source has no state", "remove ic="),
    ("V1 a 0 AC", "2:10", "expected a value"),
    ("V1 a 0 AC 1 AC 1", "2:16", "AC is given twice"),
    ("V1 a 0 AC 1 90Hz", "2:13", "is in Hz; the value here is in deg"),
    ("V1 a 0 5A", "2:8", "is in A; the value here is in V"),
    ("I1 a 0 EXP(0 1 0 1n 1n)", "2:8", "EXP(initial pulsed", "takes 6 values, not 5"),
    ("I1 a 0 EXP(0 1 0 0 1n 1n)", "2:1", "the rise (s) of EXP"),
    ("V1 a 0 EXP(0 1 2n 1n 1n 1n)", "2:1", "the fall delay of EXP (1e-09 s)", "follow its delay"),
    ("R1 a 0 1k ic=3", "2:11", "a resistor has no state", "remove ic="),
    ("R1 a 0 0", "2:1", "a resistance (Ohm)", "greater than 0"),
    ("R1 a 0 -1k", "2:1", "greater than 0", "a negative one", "B n+ n- i={g*v} g=-1m"),
    ("R1 a 0 1kF", "2:8", "is in F; the value here is in Ohm"),
    ("I1 a 0 DC 1 SIN(0 1 1)", "2:13", "only one applies"),
    ("I1 a 0 SIN(0 1)", "2:8", "SIN(offset amplitude frequency", "3 to 6 values, not 2"),
    ("I1 a 0 SIN(0 1 0)", "2:1", "frequency"),
    ("I1 a 0 SIN(0 1 1", "2:17", "or ')'"),
    ("I1 a 0 SIN(0 1V 1)", "2:14", "in V; the value here is in A"),
    ("I1 a 0 PULSE(0 1 0 1 1)", "2:8", "6 to 7 values, not 5"),
    ("I1 a 0 PULSE(0 1 0 0 1 1)", "2:1", "the rise (s) of PULSE"),
    ("I1 a 0 PWL(0 0 1)", "2:16", "pairs of a time and a value"),
    ("I1 a 0 PWL(0 0 1 1 1 2)", "2:1", "have to increase, but 1 follows 1"),
    ("B1 a 0", "2:7", "icrit=value"),
    ("B1 a 0 phase=1", "2:1", "'B1' needs icrit=amps", "energy={U(flux)}", "i={I(v)}"),
    ("B1 a 0 icrit=1u energy={flux}", "2:17", "icrit= and energy= exclude each other"),
    ("B1 a 0 i={v} energy={flux}", "2:14", "i= and energy= exclude each other"),
    ("B1 a 0 icrit=1u ic=1", "2:17", "icrit=amps and phase=radians, not 'ic'"),
    ("B1 a 0 icrit=1u icrit=1u", "2:17", "given twice"),
    ("B1 a 0 icrit=1u phase=90deg", "2:23", "is in deg; the value here is in rad"),
    ("B1 a 0 icrit=0", "2:1", "a critical current (A)"),
    ("B1 a 0 energy=3", "2:15", "in braces"),
    ("B1 a 0 i=3", "2:10", "in braces"),
    ("B1 a 0 energy={3}", "2:1", "does not depend on flux or charge"),
    ("B1 a 0 energy={flux-flux}", "2:1", "does not depend on flux or charge"),
    (
        "B1 a 0 energy={flux*charge}",
        "2:16",
        "flux (a nonlinear inductor) or of charge",
        "not of both",
    ),
    ("B1 a 0 energy={v**2}", "2:16", "undefined name 'v'"),
    ("B1 a 0 i={flux}", "2:11", "undefined name 'flux'"),
    ("B1 a 0 i={3m}", "2:1", "the current does not depend on v", "i={v/1k}"),
    ("B1 a 0 i={v} ic=1", "2:14", "a resistor has no state", "remove ic="),
    ("B1 a 0 i={v} phase=1", "2:14", "a resistor has no state"),
    ("B1 a 0 energy={flux} k=1", "2:1", "does not contain the parameter k"),
    ("B1 a 0 energy={k*flux} k=1 phase=1", "2:28", "the initial flux is ic="),
    ("B1 a 0 energy={flux} area=1", "2:22", "there is none"),
    ("B1 a 0 energy={flux} sin=1", "2:22", "a meaning of its own"),
    ("B1 a 0 energy={flux*j}", "2:21", "undefined name 'j'"),
    ("B1 a 0 energy={sqrt(-1-flux**2)}", "2:1", "not a finite real number"),
    ("B1 a 0 energy={flux**1e9}", "2:16", "no finite real value"),
    ("B1 a 0 energy={sign(flux)}", "2:1", "the energy jumps"),
    ("B1 a 0 energy={flux} ic=1C", "2:25", "is in C; the value here is in Wb"),
    ("B1 a 0 energy={charge} ic=1Wb", "2:27", "is in Wb; the value here is in C"),
    ("P1 a 0 b 0", "2:11", "gyrator=siemens | ratio=n"),
    ("P1 a 0 b ratio=2", "2:10", "expected a node name, found 'ratio'"),
    ("P1 a 0 b 0 ratio=2 gyrator=1", "2:12", "exclude each other"),
    ("P1 a 0 b 0 ration=2", "2:12", "not 'ration'", "did you mean 'ratio'?"),
    ("P1 a 0 b 0 gyrator=0", "2:1", "the conductance (S) of a gyrator", "not 0"),
    ("P1 a 0 b 0 ratio=0", "2:1", "the ratio of a transformer", "not 0"),
    ("P1 a 0 b 0 gyrator=1mOhm", "2:20", "is in Ohm; the value here is in S"),
    ("P1 a 0 b b ratio=2", "2:1", "both ends of a port on node 'b'"),
    ("C: a 0 1p", "2:1", "a name has to follow the colon"),
    # models
    (".model jm jj(cap=1p)", "2:1", "needs icrit=amps"),
    (".model jm nmos(vto=1)", "2:11", "type 'nmos'", "no Hamiltonian"),
    (".model jm jj(icrit=1m vg=2.8m)", "2:23", "energy gap", "B n+ n- i={...}"),
    (".model jm jj(icrit=1m, rn=1, r0=2)", "2:24", "keep r0= for voltages below the gap"),
    (".model jm jj(icrit=1m rtype=2)", "2:23", "piecewise-linear"),
    (".model jm jj(icrit=1m rtype=1)", "2:23", "rtype=1 needs rn=ohms or r0=ohms"),
    (".model jm jj(icrit=1m capa=1p)", "2:23", "not 'capa'", "did you mean 'cap'?"),
    (".model jm jj(icrit=-1m)", "2:14", "icrit has to be greater than 0"),
    (".model jm jj(icrit=1m cap=0)", "2:23", "cap has to be greater than 0"),
    (".model jm jj(icrit=1m)\n.model JM jj(icrit=1m)", "3:8", "already a model 'jm'"),
    (".model jmod jj(icrit=1m)\nB1 a 0 jmodd", "3:8", "no model 'jmodd'", "'jmod'"),
    ("B1 a 0 jm", "2:8", "no model 'jm'", ".model name jj(icrit=1m)"),
    (".model jm jj(icrit=1m)\nB1 a 0 2 jm", "3:8", "two nodes and no phase node", "remove '2'"),
    (".model jm jj(icrit=1m)\nB1 a 0 jm area=0", "3:11", "an area has to be greater than 0"),
    (".model jm jj(icrit=1m)\nB1 a 0 jm icrit=2", "3:11", "area= and phase=radians, not 'icrit'"),
    # couplings
    ("L1 a 0 1n\nL2 b 0 1n\nK1 L1 L2 1", "4:1", "between -1 and 1", "an ideal transformer"),
    ("L1 a 0 1n\nL2 b 0 1n\nK1 L1 L2 -1.5", "4:1", "between -1 and 1", "not -1.5"),
    ("L1 a 0 1n\nL2 b 0 1n\nK1 L1 L2 0", "4:1", "not be 0"),
    ("L1 a 0 1n\nK1 L1 L1 0.5", "3:1", "couples L1 with itself"),
    ("L1 a 0 1n\nK1 L1 0.5", "3:7", "between two inductors at least"),
    ("L1 a 0 1n\nL2 a 0 1n\nK1 L1 L2", "4:7", "'l2' is not a number"),
    ("Lab a 0 1n\nLac a 0 1n\nK1 Lab Lad 0.5", "4:1", "no inductor 'Lad'", "did you mean"),
    ("L1 a 0 1n\nC1 a 0 1n\nK1 L1 C1 0.5", "4:1", "no inductor 'C1'", "K cards name inductors"),
    (
        "L1 a 0 1\nL2 b 0 1\nK1 L1 L2 0.5\nK2 l2 l1 0.4",
        "5:1",
        "L1 and L2 are coupled by K1 on line 4",
    ),
    ("L1 a 0 1\nC2 b 0 1\nK1 L1 L2 0.5\nL2 a 0 1\nL:K1 a 0 1", "4:1", "already an element 'K1'"),
    (
        "L1 a 0 1\nL2 b 0 1\nL3 c 0 1\nK1 L1 L2 0.9\nK2 L2 L3 0.9\nK3 L1 L3 -0.9",
        "5:1",
        "K1, K2, K3 contradict each other",
        "L1, L2, L3 are not positive definite",
    ),
    # subcircuits
    (".subckt s a\nC1 a 0 1p", "2:1", "'s' has no .ends"),
    (".subckt s a\n.subckt t b\n.ends s\n.ends", "4:7", "this ends 's'", "'t' on line 3 is open"),
    (".ends", "2:1", "no .subckt that this .ends could end"),
    (".subckt s", "2:10", "expected a node name"),
    (".subckt s a 0", "2:13", "ground is the same everywhere"),
    (".subckt s a A", "2:13", "the port 'a' is given twice"),
    (".subckt s a\n.ends\n.subckt S b\n.ends", "4:9", "already a subcircuit 's' on line 2"),
    (".subckt s a\n.tran 1n 1u\n.ends", "3:1", "about the whole run", "out of the subcircuit 's'"),
    (".subckt tank a\nC1 a 0 1p\n.ends\nX1 a tnk", "5:6", "no subcircuit 'tnk'", "'tank'"),
    ("X1 a tank", "2:6", "no subcircuit 'tank'", "define it with .subckt"),
    (".subckt s a b\nC1 a b 1p\n.ends\nX1 a s", "5:4", "'s' has 2 ports (a b)", "here are 1 nodes"),
    (".subckt s a b\nC1 a b 1p\n.ends\nX1 s", "5:4", "'s' has 2 ports (a b)", "here are 0 nodes"),
    (
        ".subckt s a params: cap=1p\nC1 a 0 {cap}\n.ends\nX1 a s cab=2p",
        "5:8",
        "'s' has no parameter 'cab'",
        "did you mean 'cap'?",
    ),
    (".subckt s a\nC1 a 0 1p\n.ends\nX1 a s y=1", "5:8", "no parameter 'y'", "it has none"),
    (".subckt s a\nX1 a s\n.ends\nX1 a s", "3:6", "contain themselves: s -> s", "(in X1)"),
    (
        ".subckt s a\nX1 a t\n.ends\n.subckt t a\nX1 a s\n.ends\nX1 a s",
        "6:6",
        "contain themselves: s -> t -> s",
    ),
    (".subckt s a\nC1 a 0 {c}\n.ends\nX1 a s", "3:9", "undefined name 'c'", "(in X1)"),
    (".subckt s a\nC1 a 0 -1p\n.ends\nX1 a s", "3:1", "X1.C1: a capacitance (F)"),
    (".subckt s a\n.param c={d} d={c}\n.ends\nX1 a s", "3:8", "c -> d -> c"),
    (
        ".subckt s a params: c=1\n.param c=2\n.ends\nX1 a s",
        "3:8",
        "'c' is already defined on line 2",
    ),
    (".subckt s a\nC1 a 0 1\n.ends\nX1 a s\nx1 b s", "6:1", "already an element 'x1' on line 5"),
    (".subckt s a\n.ic v(b)=1\nC1 a 0 1\n.ends\nX1 a s", "3:7", ".ic v(x1.b): no element touches"),
    (
        ".subckt s a\nL1 a 0 1\n.ends\nL1 b 0 1\nX1 a s\n"
        ".subckt t a\nL2 a 0 1\nK1 L1 L2 0.5\n.ends\nX2 a t",
        "9:1",
        "no inductor 'X2.L1'",
    ),
    # cards of SPICE that have no place here
    ("D1 a 0 dmod", "2:1", "a diode has no Hamiltonian", "dissipates without a quadratic loss"),
    *[
        (f"{x}1 a 0 b 0 x", "2:1", f"'{x}' are not", "no transistors here", "take ngspice")
        for x in "QMJZ"
    ],
    *[(f"{x}1 a 0 b 0 2", "2:1", f"'{x}' are not", "energy from nowhere", "(P)") for x in "EFGH"],
    *[(f"{x}1 a 0 b 0 z", "2:1", f"'{x}' are not", "a switch changes") for x in "SW"],
    *[(f"{x}1 a 0 b 0 z", "2:1", f"'{x}' are not", "a ladder of L and C") for x in "TUOY"],
    *[(f"{x}1 a 0 z", "2:1", f"'{x}' are not", "a subcircuit of C, L, R and B") for x in "AN"],
    *[
        (f"{card} tran v(a)", "2:1", f"'{card}' is not supported", "writes all waveforms", "remove")
        for card in (".print", ".plot", ".probe", ".save")
    ],
    *[
        (f"{card} tran x max v(a)", "2:1", "--figure of physsim mc and sweep", "remove this card")
        for card in (".meas", ".measure")
    ],
    (".four 1meg v(a)", "2:1", "a spectrum from the waveforms"),
    (".noise v(a) V1 dec 1 1 2", "2:1", "physsim noise does it"),
    (".sens v(a)", "2:1", "Circuit.ac_sensitivity"),
    (".dc V1 0 1 0.1", "2:1", "physsim sweep --vary"),
    (".optoins reltol=1", "2:1", "did you mean '.options'?"),
    (".control", "2:1", "no script inside a netlist"),
    (".lib x.lib tt", "2:1", "write .include file"),
    (".step param r 1 2", "2:1", "remove this card"),
    (".nodeset v(a)=1", "2:1", ".ic v(node)=value"),
    # analyses
    ("C1 a 0 1p\n.ic a=1", "3:5", "expected v(node)=value, found 'a'"),
    ("Cnode1 node1 0 1p\n.ic v(nod1)=1", "3:7", "no element touches", "'node1'"),
    ("C1 a 0 1p\n.ic v(a)=1\n.ic v(A)=1", "4:7", "already given on line 3"),
    ("C1 a 0 1p\n.ic v(gnd)=1", "3:7", "ground is at 0 V"),
    ("C1 a 0 1p\n.tran 1p", "3:9", ".tran tstep tstop"),
    ("C1 a 0 1p\n.tran 1p 1n uic 0", "3:17", "the end of the card"),
    ("C1 a 0 1p\n.tran 0 1n", "3:1", "the step (s)"),
    ("C1 a 0 1p\n.tran 600n 1n", "3:1", "the step (6e-07 s) is longer than the run (1e-09 s)"),
    ("C1 a 0 1p\n.tran 1 600n", "3:1", ".tran takes the step first, then the stop"),
    ("C1 a 0 1p\n.tran 1p 1n 2n", "3:1", "the start"),
    ("C1 a 0 1p\n.tran 1p 1n\n.tran 1p 1n", "4:1", "already a .tran on line 3"),
    ("C1 a 0 1p\n.ac foo 1 1 2", "3:5", "expected dec, oct or lin, found 'foo'"),
    ("C1 a 0 1p\n.ac dec 1.5 1 2", "3:9", "has to be whole, not 1.5"),
    ("C1 a 0 1p\n.ac dec 0 1 2", "3:1", "at least 1, not 0"),
    ("C1 a 0 1p\n.ac dec 5 0 2", "3:1", "the first frequency (Hz)"),
    ("C1 a 0 1p\n.ac lin 5 3 2", "3:1", "lies below the first"),
    ("C1 a 0 1p\n.ac dec 5 1 2\n.ac dec 5 1 2", "4:1", "already a .ac on line 3"),
    ("C1 a 0 1p\n.op 3", "3:5", "expected the end of the card, found '3'"),
    ("C1 a 0 1p\n.op\n.op", "4:1", "already a .op on line 3"),
    ("C1 a 0 1p\n.temp -300", "3:7", "below absolute zero"),
    ("C1 a 0 1p\n.temp 27\n.options temp=27", "4:10", "already given on line 3"),
    ("C1 a 0 1p\n.options temp", "3:10", "expected temp=celsius"),
    ("C1 a 0 1p\n.tolerance R*=5%", "3:12", ".tolerance r*: no element has such a name"),
    ("Cab a 0 1p\n.tolerance Cba=5%", "3:12", "no element has such a name", "did you mean 'cab'?"),
    ("C1 a 0 1p\n.tolerance C1=0", "3:12", "between 0 and 100 %, not at 0 %"),
    ("C1 a 0 1p\n.tolerance C1=120%", "3:12", "not at 120 %"),
    ("C1 a 0 1p\n.tolerance C1=5", "3:12", "not at 500 %; write 5% or 0.05"),
    ("C1 a 0 1p\n.tolerance C1=5% dist=gaus", "3:23", "did you mean 'gauss'?"),
    ("C1 a 0 1p\n.tolerance dist=gauss", "3:1", "expected pattern=5%"),
    ("C1 a 0 1p\n.tolerance C1=x%", "3:15", "'x' is not a number"),
    (".title x\nC1 a 0 1p", "2:1", "the first line is the title already"),
    ("", "1:1", "no elements"),
    ("* C1 a 0 1p", "1:1", "no elements"),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case[0][:40])
def test_refusal(case):
    deck, place, *words = case
    with pytest.raises(NetlistError) as caught:
        parse_netlist(f"title\n{deck}", "deck.cir")
    message = str(caught.value)
    assert message.startswith(f"deck.cir:{place}: "), message
    assert all(word in message for word in words), message
    assert is_one_short_line(message)


@pytest.mark.parametrize(
    "card", [".meas", ".sens", ".pz", ".dc", ".if", ".data", ".csparam", ".four", ".alter"]
)
def test_a_card_of_spice_is_not_taken_for_a_slip_of_the_pen(card):
    with pytest.raises(NetlistError) as caught:
        parse_netlist(f"title\n{card} x")
    assert "did you mean" not in str(caught.value)


def is_one_short_line(message: str) -> bool:
    return len(message.splitlines()) == 1 and message.isprintable() and len(message) < 500


GOOD = """title
.param a=1n b={2*a}
C1 x 0 {b + 1p} ic=3 ; comment
L1 x y 10uH
I1 y 0 sin(0, 1m
+ 1meg)
I2 y 0 PWL(0 0 1n 1m)
B1 x y icrit=3u phase={-1}
B2 y 0 energy={flux**2/2/l - 3e-3*cos(2*pi*flux/a)} l=1n ic=1e-15
.ic v(x)=3
.tran 1p 1n uic
.end
"""
FRAGMENTS = [
    "{", "}", "(", ")", "=", ",", ";", " $ ", "+", "\n+ ", "\n", "**", "^", "1e999", "nan", "inf",
    "flux", '{__import__("os")}', "{flux.__class__}", "İ", "µ", "\u2028", "\x85", "\ud800", "\0",
    "'", '"', ".end", ".ic", "gnd", "{0**0}", "{1/0}", "abs(", "log(", "-", "%s", "\x1b[31m",
]  # fmt: skip


def survives(text: str) -> None:
    try:
        parse_netlist(text)
    except NetlistError as error:
        assert is_one_short_line(str(error))
        assert error.location is not None


@settings(deadline=None)
@given(st.text())
@example("\n\ud800")
def test_any_text_parses_or_is_refused(text):
    survives(text)


@settings(deadline=None)
@given(st.lists(st.sampled_from([*FRAGMENTS, *GOOD.split(), " "]), max_size=30))
def test_any_sequence_of_words_parses_or_is_refused(words):
    survives("title\n" + " ".join(words))
    survives("title\nB1 a 0 energy={" + "".join(words))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, len(GOOD)), st.integers(0, 4), st.sampled_from(FRAGMENTS)),
        min_size=1,
        max_size=3,
    )
)
def test_mutated_decks_parse_or_are_refused(mutations):
    text = GOOD
    for start, length, fragment in mutations:
        text = text[:start] + fragment + text[start + length :]
    survives(text)


def _combined(part: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    functions = ["sin", "cos", "tan", "exp", "log", "sqrt", "abs", "tanh", "sinh", "cosh"]
    functions += ["atan", "asinh", "sign"]
    operators = st.sampled_from(["+", "-", "*", "/", "**"])
    return (
        st.builds("({}{}{})".format, part, operators, part)
        | st.builds("{}({})".format, st.sampled_from(functions), part)
        | st.builds("{}({},{})".format, st.sampled_from(["min", "max"]), part, part)
        | st.builds("-{}".format, part)
    )


ATOMS = ["flux", "k", "pi", "0", "1", "2", "0.5", "3", "1e200", "1e-200", "1e308"]


@settings(max_examples=300, deadline=None)
@given(st.recursive(st.sampled_from(ATOMS), _combined, max_leaves=20))
@example("((1e308*flux)**1000)**1000")
@example("log(0*flux)")
@example("(flux-flux)**-1")
@example("sqrt(-1-flux**2)")
@example("exp(exp(1e308*flux))")
@example("max(flux,1e308*1e308)")
@example("min(log(-flux),sqrt(flux))")
def test_any_energy_parses_or_is_refused(energy):
    survives(f"title\nB1 a 0 energy={{{energy}}} k=1")
    survives(f"title\nB1 a 0 energy={{{energy}}}")
    survives(f"title\nC1 a 0 {{{energy.replace('flux', '0.5')}}}\n.param k=2")


def test_the_deck_to_mutate_is_good():
    assert len(parse_netlist(GOOD).elements) == 6


def noise(alphabet: str) -> str:
    return "".join(random.Random(0).choices(alphabet, k=10_000_000))


HUGE = {
    "noise": lambda: noise(string.printable),
    "noise line": lambda: (
        "t\nC1 a 0 " + noise(string.printable.replace("\n", "").replace("\r", ""))
    ),
    "word": lambda: "t\nC1 a 0 " + "x" * 10_000_000,
    "digits": lambda: "t\nC1 a 0 " + "9" * 10_000_000,
    "nodes": lambda: "t\nC1" + " a" * 5_000_000,
    "braces": lambda: "t\nC1 a 0 " + "{" * 10_000_000,
    "parentheses": lambda: "t\nC1 a 0 {" + "(" * 10_000_000,
}


@pytest.mark.parametrize("name", HUGE)
def test_huge_nonsense_is_refused_quickly(name):
    text = HUGE[name]()
    start = time.perf_counter()
    with pytest.raises(NetlistError) as caught:
        parse_netlist(text)
    # Bound for one busy core with run-time type checks; 2 s at most without.
    assert time.perf_counter() - start < 15
    assert is_one_short_line(str(caught.value))


def test_a_binary_file_is_refused(tmp_path):
    path = tmp_path / "binary"
    path.write_bytes(b"title\nC1\xff" + random.Random(0).randbytes(10_000_000))
    with pytest.raises(NetlistError, match="not UTF-8 text") as caught:
        read_netlist(path)
    assert caught.value.location == Location(str(path), 2, 3)
    path.write_bytes(b"title\nC1 a\0 0 1p")
    with pytest.raises(NetlistError, match=r":2:5: .*NUL"):
        read_netlist(path)


@pytest.mark.parametrize("path", ["missing.cir", ".", "nul\0.cir"])
def test_an_unreadable_file_is_named(path, tmp_path):
    with pytest.raises(NetlistError) as caught:
        read_netlist(f"{tmp_path}/{path}")
    assert str(tmp_path) in str(caught.value)
    assert is_one_short_line(str(caught.value))


def test_an_unreadable_path_is_named(tmp_path):
    with pytest.raises(NetlistError, match=r"No such file"):
        read_netlist(Path(tmp_path / "missing"))
