"""Networks built in Python, one family a file."""

from ._chains import ladder as ladder
from ._chains import ring as ring
from ._chua import chua as chua
from ._fput import fput as fput
from ._grids import lattice as lattice
from ._grids import random_graph as random_graph
from ._junction_array import junction_array as junction_array
from ._kerr_oscillators import kerr_oscillators as kerr_oscillators
from ._kuramoto import Kuramoto as Kuramoto
from ._kuramoto import kuramoto as kuramoto
from ._toda import toda as toda
from ._transmission_line import transmission_line as transmission_line
from ._van_der_pol import van_der_pol_ring as van_der_pol_ring
from ._varactor_chain import varactor_chain as varactor_chain
