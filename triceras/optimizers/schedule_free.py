"""AdamW that needs no schedule: it averages the weights instead of shrinking the learning rate."""

from __future__ import annotations

from typing import Any, Unpack

from triceras import ops
from triceras.core.variable import Variable
from triceras.optimizers.adam import Moments
from triceras.optimizers.optimizer import Common, elementwise


class ScheduleFreeAdamW(Moments):
    """Averaged AdamW, without a schedule and without a set end: Defazio et al., 2024, "The Road Less Scheduled".

    Three sequences: the steps are taken from `z` (kept in the slot `momentum`), `x` is the mean of all `z` so far, and
    the weights lie in between, at `beta_1 * x + (1 - beta_1) * z`.

    Args:
        learning_rate: float, schedule or function.
        beta_1: how near to `x` the weights are kept, in (0, 1].
        beta_2: share of the squares' average that stays.
        epsilon: small number against division by zero.
        warmup_steps: over how many updates the learning rate rises in a straight line.
        **common: see `Optimizer`.

    Raises:
        ValueError: `beta_1` or `warmup_steps` is out of range.

    Example:
        >>> from triceras import Variable, ops, optimizers
        >>> v = Variable([1.0, 2.0])
        >>> optimizers.ScheduleFreeAdamW(0.5).apply([ops.array([3.0, -0.1])], [v])
        >>> v.numpy().round(4).tolist()
        [0.5, 2.5]
    """

    def __init__(
        self,
        learning_rate: Any = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        warmup_steps: int = 0,
        **common: Unpack[Common],
    ):
        if not 0 < beta_1 <= 1:
            raise ValueError(f"Argument `beta_1` must be in (0, 1]. Received: beta_1={beta_1}")
        if warmup_steps < 0:
            raise ValueError(f"Argument `warmup_steps` must be >= 0. Received: warmup_steps={warmup_steps}")
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **common)
        self.warmup_steps = warmup_steps

    def slot_initializer(self, name: str, variable: Variable) -> Any:
        return (lambda shape, dtype: variable.numpy()) if name == "momentum" else "zeros"

    @elementwise
    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        z, velocity = self.slots(variable, "momentum", "velocity")
        dtype = variable.dtype
        count = self._count(dtype)
        if self.warmup_steps:
            learning_rate = learning_rate * ops.minimum(count / self.warmup_steps, 1.0)
        average = (variable - (1 - self.beta_1) * z) / self.beta_1
        velocity.assign(self.beta_2 * velocity + (1 - self.beta_2) * ops.square(gradient))
        spread = ops.sqrt(velocity / self._missing(self.beta_2, dtype)) + self.epsilon
        z.assign_sub(learning_rate * gradient / spread)
        average = average + (z - average) / count
        variable.assign(self.beta_1 * average + (1 - self.beta_1) * z)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "warmup_steps": self.warmup_steps}
