"""Networks for analyses of small signals, in the words of both physsim and ngspice."""

RLC = """a filter with losses
V1 in 0 DC 0.5 AC 1 30
R1 in a 50
L1 a out 1u
C1 out 0 1n
R2 out 0 1k
I1 0 a DC 1m AC 2m
"""

COUPLED = """three coupled coils
V1 in 0 AC 1
R1 in a 20
L1 a 0 1u
L2 b 0 2.5u
L3 c 0 0.8u
K1 L1 L2 0.7
K2 L2 L3 -0.4
K3 L1 L3 -0.2
C2 b 0 0.6n
R2 b 0 700
C3 c d 1n
R3 d 0 35
"""

SUBCIRCUITS = """nested cells
.subckt tank p q c=1n r=3
C1 p q {c}
L1 p m 1u
R1 m q {r}
.ends
.subckt cell x y
X1 x 0 tank c=1.2n
Lc x y 4u
X2 y 0 tank r=7
.ends
I1 0 n1 DC 2m AC 1m
Xa n1 n2 cell
Xb n2 n3 cell
RL n3 0 1.5k
"""

BRIDGE = """a bridge of resistors with a floating capacitor
V1 in 0 DC 1 AC 1
V2 e 0 DC -0.3
R1 in p 50
R2 in m 80
R3 p 0 70
R4 m e 40
R5 p m 30
L1 p a 1u
C1 a m 1n
R6 a 0 300
"""

# ngspice's deck carries the phase as a voltage, Phi_0 / 2 pi as a capacitance. No loop of
# junctions and inductors: ngspice does not keep its flux.
JUNCTIONS = """two junctions in series, biased
I1 0 a DC 0.4m AC 1u
C1 a 0 70f
B1 a b icrit=1m
R1 a b 8
L1 b c 2p
C2 c 0 40f
B2 c 0 icrit=0.5m
R2 c 0 15
"""
JUNCTIONS_SPICE = """two junctions in series, biased
I1 0 a DC 0.4m AC 1u
C1 a 0 70f
B1 a b I=1m*sin(v(p1))
G1 0 p1 a b 1
CP1 p1 0 3.2910597847545505e-16
R1 a b 8
L1 b c 2p
C2 c 0 40f
B2 c 0 I=0.5m*sin(v(p2))
G2 0 p2 c 0 1
CP2 p2 0 3.2910597847545505e-16
R2 c 0 15
.nodeset v(p1)=0.4 v(p2)=0.9
"""

DIODE_LIKE = """resistors that bend, a capacitor that stiffens
V1 in 0 DC 0.8 AC 1
R1 in a 100
C2 a 0 0.5n
C3 b 0 0.2n
B1 a 0 i={is*(exp(v/vt) - 1)} is=1u vt=0.1
B2 a b i={g*v + c*v^3} g=2m c=5m
R2 b 0 400
L1 b c 1u
C1 c 0 1n
R3 c 0 1k
"""
DIODE_LIKE_SPICE = """resistors that bend
V1 in 0 DC 0.8 AC 1
R1 in a 100
C2 a 0 0.5n
C3 b 0 0.2n
B1 a 0 I=1u*(exp(v(a)/0.1) - 1)
B2 a b I=2m*v(a,b) + 5m*v(a,b)^3
R2 b 0 400
L1 b c 1u
C1 c 0 1n
R3 c 0 1k
"""

DECKS = {
    "rlc": (RLC, RLC, ("v(out)", "i(L1)", "i(V1)")),
    "coupled coils": (COUPLED, COUPLED, ("v(b)", "v(c,d)", "i(L2)")),
    "subcircuits": (SUBCIRCUITS, SUBCIRCUITS, ("v(n1)", "v(n3)")),
    "bridge": (BRIDGE, BRIDGE, ("v(p,m)", "v(a)", "i(V2)")),
    "junctions": (JUNCTIONS, JUNCTIONS_SPICE, ("v(a)", "v(b)", "i(L1)")),
    "nonlinear resistors": (DIODE_LIKE, DIODE_LIKE_SPICE, ("v(a)", "v(c)", "i(L1)")),
}
"""name: (physsim's text, ngspice's text, signals of both)"""
