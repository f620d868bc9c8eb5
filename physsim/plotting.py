"""The plot style, shared by all plots."""

from ._plot import ABOVE as ABOVE
from ._plot import COLOURS as COLOURS
from ._plot import STYLE as STYLE
from ._plot import smooth as smooth
from ._plot import style as style
