"""The netlist language."""

from .._errors import NetlistWarning as NetlistWarning
from ._netlist import Netlist as Netlist
from ._parse import parse_netlist as parse_netlist
from ._parse import read_netlist as read_netlist
from ._tran import Ac as Ac
from ._tran import Tolerance as Tolerance
from ._tran import Tran as Tran
