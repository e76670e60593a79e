"""Gradient descent with and without momentum, and its sign: SGD, Lion."""

from __future__ import annotations

from typing import Any, Unpack

from triceras import ops
from triceras.core.variable import Variable
from triceras.optimizers.optimizer import Common, Optimizer, elementwise


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum and Nesterov's look-ahead: Sutskever et al., 2013.

    Args:
        learning_rate: float, schedule or function.
        momentum: in [0, 1]: what share of the last step is taken again.
        nesterov: whether to look ahead.
        **common: see `Optimizer`.

    Raises:
        ValueError: the momentum is out of range.

    Example:
        >>> from triceras import Variable, ops, optimizers
        >>> v = Variable([1.0, 2.0])
        >>> optimizers.SGD(0.5).apply([ops.array([1.0, -1.0])], [v])
        >>> v.numpy().tolist()
        [0.5, 2.5]
    """

    def __init__(
        self, learning_rate: Any = 0.01, momentum: float = 0.0, nesterov: bool = False, **common: Unpack[Common]
    ):
        if not isinstance(momentum, (int, float)) or not 0 <= momentum <= 1:
            raise ValueError(f"`momentum` must be a float between [0, 1]. Received: momentum={momentum}")
        super().__init__(learning_rate, **common)
        self.momentum, self.nesterov = momentum, nesterov

    def slot_groups(self) -> list[tuple[str, ...]]:
        return [("momentum",)] if self.momentum else []

    @elementwise
    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        step = -learning_rate * gradient
        if self.momentum:
            (momentum,) = self.slots(variable, "momentum")
            moving = self.momentum * momentum + step
            momentum.assign(moving)
            step = self.momentum * moving + step if self.nesterov else moving
        variable.assign_add(step)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum, "nesterov": self.nesterov}


class Lion(Optimizer):
    """Steps of one size along the sign of a moving average: Chen et al., 2023.

    Args:
        learning_rate: float, schedule or function.
        beta_1: share of the average in the direction, in (0, 1].
        beta_2: share of the average that stays.
        **common: see `Optimizer`.

    Raises:
        ValueError: `beta_1` is out of range.

    Example:
        >>> from triceras import Variable, ops, optimizers
        >>> v = Variable([1.0, 2.0])
        >>> optimizers.Lion(0.5).apply([ops.array([3.0, -0.1])], [v])
        >>> v.numpy().tolist()
        [0.5, 2.5]
    """

    def __init__(self, learning_rate: Any = 0.001, beta_1: float = 0.9, beta_2: float = 0.99, **common: Unpack[Common]):
        if not 0 < beta_1 <= 1:
            raise ValueError(f"Argument `beta_1` must be in the [0, 1] range. Received: beta_1={beta_1}")
        super().__init__(learning_rate, **common)
        self.beta_1, self.beta_2 = beta_1, beta_2

    def slot_groups(self) -> list[tuple[str, ...]]:
        return [("momentum",)]

    @elementwise
    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        (momentum,) = self.slots(variable, "momentum")
        variable.assign_sub(learning_rate * ops.sign(self.beta_1 * momentum + (1 - self.beta_1) * gradient))
        momentum.assign(self.beta_2 * momentum + (1 - self.beta_2) * gradient)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2}
