"""What can go wrong with values; structure errors are plain `ValueError`s."""


class DivergenceError(ArithmeticError):
    """A run left the finite numbers, or its step lies beyond the stability limit.

    `message` may hold `{names}` of `times`, which can be told in other units.
    """

    def __init__(self, message: str, **times: float):
        self.message, self.times = message, times
        super().__init__(_told(message, times, 1.0, ""))

    def in_units(self, time: float, unit: str) -> "DivergenceError":
        """The same error with times in units of which one is `time` long."""
        return DivergenceError(_told(self.message, self.times, time, f" {unit}"))


def _told(message, times, scale, unit):
    for name, value in times.items():
        message = message.replace(f"{{{name}}}", f"{value * scale:.6g}{unit}")
    return message
