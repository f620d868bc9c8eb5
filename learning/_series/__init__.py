"""Labelled series: from files, made as tasks, split and standardised."""

from ._data import SeriesData as SeriesData
from ._data import Splits as Splits
from ._data import joined as joined
from ._data import split as split
from ._data import split_archive as split_archive
from ._data import standardise as standardise
from ._data import with_time as with_time
from ._file import load_archive as load_archive
from ._file import load_ts as load_ts
from ._file import shipped_archive as shipped_archive
from ._ppg_dalia import load_ppg_dalia as load_ppg_dalia
from ._tasks import adding_task as adding_task
from ._tasks import copy_task as copy_task
from ._tasks import heart_rate_task as heart_rate_task
from ._tasks import phase_task as phase_task
from ._tasks import recall_task as recall_task
