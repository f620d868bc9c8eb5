"""circuits: from a SPICE netlist to a Hamiltonian, and back to volts and amperes."""

from ._circuit import Circuit as Circuit
from ._circuit import load as load
from ._circuit import loads as loads
from ._elements import Capacitor as Capacitor
from ._elements import CurrentSource as CurrentSource
from ._elements import Inductor as Inductor
from ._elements import Junction as Junction
from ._elements import NonlinearInductor as NonlinearInductor
from ._errors import Location as Location
from ._errors import NetlistError as NetlistError
from ._netlist import Netlist as Netlist
from ._netlist import Tran as Tran
from ._netlist import parse_netlist as parse_netlist
from ._netlist import read_netlist as read_netlist
from ._networks import ladder as ladder
from ._ngspice import NgspiceError as NgspiceError
from ._ngspice import run_ngspice as run_ngspice
from ._number import parse_number as parse_number
from ._quantities import Scales as Scales
from ._readout import Readout as Readout
from ._result import Result as Result
from ._spice import to_spice as to_spice
from ._waveforms import DC as DC
from ._waveforms import PWL as PWL
from ._waveforms import Pulse as Pulse
from ._waveforms import Sin as Sin
