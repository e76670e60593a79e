"""Learning rates that follow the number of updates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from triceras import ops
from triceras.core import config


class LearningRateSchedule:
    """Base of all schedules: a function of the number of updates.

    Example:
        >>> from triceras import optimizers
        >>> class Halved(optimizers.schedules.LearningRateSchedule):
        ...     def __call__(self, step):
        ...         return 0.5 / (step + 1)
        >>> Halved()(4)
        0.1
    """

    def __call__(self, step: Any) -> Any:
        """The learning rate.

        Args:
            step: how many updates there were: an int or a scalar tensor.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `__call__(step)`.")

    def get_config(self) -> dict[str, Any]:
        """The arguments it was made with."""
        raise NotImplementedError(f"{type(self).__name__} must define `get_config()` to be saved.")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LearningRateSchedule:
        """Make one from its config."""
        return cls(**config)


class ExponentialDecay(LearningRateSchedule):
    """`initial_learning_rate * decay_rate ** (step / decay_steps)`.

    Args:
        initial_learning_rate: the first rate.
        decay_steps: after how many updates the rate is multiplied by `decay_rate` once.
        decay_rate: the factor.
        staircase: whether the exponent is rounded down.
        name: a name.

    Raises:
        ValueError: `decay_steps` isn't positive.

    Example:
        >>> from triceras import optimizers
        >>> float(optimizers.schedules.ExponentialDecay(1.0, 10, 0.5)(20))
        0.25
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ):
        check_positive("decay_steps", decay_steps)
        self.initial_learning_rate, self.decay_steps, self.decay_rate = initial_learning_rate, decay_steps, decay_rate
        self.staircase, self.name = staircase, name

    def __call__(self, step: Any) -> Any:
        return self.initial_learning_rate * ops.power(number(self.decay_rate), self._periods(step))

    def _periods(self, step: Any) -> Any:
        periods = number(step) / self.decay_steps
        return ops.floor(periods) if self.staircase else periods

    def get_config(self) -> dict[str, Any]:
        names = ("initial_learning_rate", "decay_steps", "decay_rate", "staircase", "name")
        return {name: getattr(self, name) for name in names}


class InverseTimeDecay(ExponentialDecay):
    """`initial_learning_rate / (1 + decay_rate * step / decay_steps)`.

    Args:
        initial_learning_rate: the first rate.
        decay_steps: how many updates count as one unit of time.
        decay_rate: how fast the rate falls.
        staircase: whether time is rounded down.
        name: a name.

    Example:
        >>> from triceras import optimizers
        >>> float(optimizers.schedules.InverseTimeDecay(1.0, 10, 0.5)(20))
        0.5
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ):
        super().__init__(initial_learning_rate, decay_steps, decay_rate, staircase, name)

    def __call__(self, step: Any) -> Any:
        return self.initial_learning_rate / (1.0 + self.decay_rate * self._periods(step))


class PiecewiseConstantDecay(LearningRateSchedule):
    """One rate up to each boundary.

    Args:
        boundaries: numbers of updates, rising.
        values: the rates up to each of them, and one for the rest.
        name: a name.

    Raises:
        ValueError: there isn't one value more than boundaries.

    Example:
        >>> from triceras import optimizers
        >>> float(optimizers.schedules.PiecewiseConstantDecay([10], [1.0, 0.5])(11))
        0.5
    """

    def __init__(self, boundaries: Sequence[float], values: Sequence[float], name: str = "PiecewiseConstant"):
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                "The length of boundaries should be 1 less than the length of values. "
                f"Received: boundaries={boundaries} of length {len(boundaries)}, and values={values} of length "
                f"{len(values)}."
            )
        self.boundaries, self.values, self.name = boundaries, values, name

    def __call__(self, step: Any) -> Any:
        rate = number(self.values[-1])
        for boundary, value in reversed(list(zip(self.boundaries, self.values, strict=False))):
            rate = ops.where(ops.less_equal(step, boundary), number(value), rate)
        return rate

    def get_config(self) -> dict[str, Any]:
        return {"boundaries": self.boundaries, "values": self.values, "name": self.name}


class PolynomialDecay(LearningRateSchedule):
    """A polynomial from the first rate to the last, which then stays.

    Args:
        initial_learning_rate: the first rate.
        decay_steps: how many updates the way takes.
        end_learning_rate: the last rate.
        power: exponent; 1 is a straight line.
        cycle: whether, in place of staying, the way is stretched to twice, thrice… its length.
        name: a name.

    Raises:
        ValueError: `decay_steps` isn't positive.

    Example:
        >>> from triceras import optimizers
        >>> float(optimizers.schedules.PolynomialDecay(1.0, 10, 0.0)(5))
        0.5
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ):
        check_positive("decay_steps", decay_steps)
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.end_learning_rate, self.power, self.cycle, self.name = end_learning_rate, power, cycle, name

    def __call__(self, step: Any) -> Any:
        step, length = number(step), number(self.decay_steps)
        if self.cycle:
            length = length * ops.maximum(ops.ceil(step / self.decay_steps), 1.0)
        left = 1.0 - ops.minimum(step, length) / length
        way = self.initial_learning_rate - self.end_learning_rate
        return way * ops.power(left, self.power) + self.end_learning_rate

    def get_config(self) -> dict[str, Any]:
        names = ("initial_learning_rate", "decay_steps", "end_learning_rate", "power", "cycle", "name")
        return {name: getattr(self, name) for name in names}


class CosineDecay(LearningRateSchedule):
    """Half a cosine wave down, after a straight way up if there is a warmup: Loshchilov & Hutter, 2016.

    Args:
        initial_learning_rate: the first rate.
        decay_steps: how many updates the wave takes.
        alpha: share of the highest rate that is left in the end.
        name: a name.
        warmup_target: the highest rate, if there is a warmup.
        warmup_steps: how many updates the warmup takes.

    Raises:
        ValueError: `decay_steps` isn't positive.

    Example:
        >>> from triceras import optimizers
        >>> round(float(optimizers.schedules.CosineDecay(1.0, 10)(5)), 4)
        0.5
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ):
        check_positive("decay_steps", decay_steps)
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.alpha, self.name = alpha, name
        self.warmup_target, self.warmup_steps = warmup_target, warmup_steps

    def __call__(self, step: Any) -> Any:
        step = number(step)
        if self.warmup_target is None:
            return cosine(self.initial_learning_rate, step / self.decay_steps, self.alpha)
        rise = self.warmup_target - self.initial_learning_rate
        warm = self.initial_learning_rate + rise * step / max(self.warmup_steps, 1)
        late = cosine(self.warmup_target, (step - self.warmup_steps) / self.decay_steps, self.alpha)
        return ops.where(step < self.warmup_steps, warm, late)

    def get_config(self) -> dict[str, Any]:
        names = ("initial_learning_rate", "decay_steps", "alpha", "name", "warmup_target", "warmup_steps")
        return {name: getattr(self, name) for name in names}


class CosineDecayRestarts(LearningRateSchedule):
    """Half cosine waves down, one after the other: Loshchilov & Hutter, 2016, "SGDR".

    Args:
        initial_learning_rate: the first rate.
        first_decay_steps: how many updates the first wave takes.
        t_mul: how many times longer each wave is than the one before.
        m_mul: how many times higher each wave begins.
        alpha: share of the first rate that is left at the end of a wave.
        name: a name.

    Raises:
        ValueError: `first_decay_steps` isn't positive.

    Example:
        >>> from triceras import optimizers
        >>> float(optimizers.schedules.CosineDecayRestarts(1.0, 10)(10))
        1.0
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: int,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ):
        check_positive("first_decay_steps", first_decay_steps)
        self.initial_learning_rate, self.first_decay_steps = initial_learning_rate, first_decay_steps
        self.t_mul, self.m_mul, self.alpha, self.name = t_mul, m_mul, alpha, name

    def __call__(self, step: Any) -> Any:
        waves = number(step) / self.first_decay_steps
        if self.t_mul == 1.0:
            number_of_wave = ops.floor(waves)
            done = waves - number_of_wave
        else:  # waves before wave i take (1 - t_mul**i) / (1 - t_mul) times the first
            ratio = math.log(self.t_mul)
            number_of_wave = ops.floor(ops.log(1.0 - waves * (1.0 - self.t_mul)) / ratio)
            length = ops.power(number(self.t_mul), number_of_wave)
            done = (waves - (1.0 - length) / (1.0 - self.t_mul)) / length
        height = ops.power(number(self.m_mul), number_of_wave)
        wave = 0.5 * height * (1.0 + ops.cos(math.pi * done))
        return self.initial_learning_rate * ((1.0 - self.alpha) * wave + self.alpha)

    def get_config(self) -> dict[str, Any]:
        names = ("initial_learning_rate", "first_decay_steps", "t_mul", "m_mul", "alpha", "name")
        return {name: getattr(self, name) for name in names}


def number(x: Any) -> Any:
    """A float tensor."""
    return ops.cast(x, config.floatx())


def cosine(highest: float, done: Any, alpha: float) -> Any:
    """Half a cosine wave from `highest` to `alpha * highest`; what lies beyond the end stays there."""
    wave = 0.5 * (1.0 + ops.cos(math.pi * ops.clip(done, 0.0, 1.0)))
    return highest * ((1.0 - alpha) * wave + alpha)


def check_positive(name: str, value: Any) -> None:
    """Refuse a count of steps that isn't above 0."""
    if value <= 0:
        raise ValueError(f"Argument `{name}` must be > 0. Received: {name}={value}")
