"""Networks built in Python, one family a file."""

from ._chains import ladder as ladder
from ._chains import ring as ring
from ._grids import lattice as lattice
from ._grids import random_graph as random_graph
