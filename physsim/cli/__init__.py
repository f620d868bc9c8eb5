"""The command line: simulate, inspect, check and train circuits."""

from ._main import main as main
