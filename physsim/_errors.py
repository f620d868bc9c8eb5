"""What can go wrong with values; structure errors are plain `ValueError`s."""


class DivergenceError(ArithmeticError):
    """A run left the finite numbers, or its step lies beyond the stability limit."""
