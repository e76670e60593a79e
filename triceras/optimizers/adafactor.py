"""Adafactor: an adaptive optimizer whose state for a matrix is one row and one column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from triceras import ops
from triceras.core.variable import Variable
from triceras.optimizers.optimizer import Common, Optimizer


class Adafactor(Optimizer):
    """Gradients divided by the root of a factored average of their squares: Shazeer & Stern, 2018.

    Args:
        learning_rate: float, schedule or function.
        beta_2_decay: exponent, below 0, with which the averages forget.
        epsilon_1: small number added to the squares.
        epsilon_2: least size that a weight is taken to have.
        clip_threshold: greatest root mean square of a step.
        relative_step: whether the learning rate also stays under `1 / sqrt(t)`.
        **common: see `Optimizer`.

    Example:
        >>> from triceras import Variable, ops, optimizers
        >>> v = Variable([1.0, 2.0])
        >>> optimizers.Adafactor(0.5).apply([ops.array([3.0, -1.0])], [v])
        >>> print(v.numpy().round(3))
        [0.209 2.791]
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        **common: Unpack[Common],
    ):
        super().__init__(learning_rate, **common)
        self.beta_2_decay, self.epsilon_1, self.epsilon_2 = beta_2_decay, epsilon_1, epsilon_2
        self.clip_threshold, self.relative_step = clip_threshold, relative_step

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._slots |= {"row": [], "column": [], "velocity": []}
        for variable in variables:
            name, shape = variable.path.replace("/", "_"), variable.shape
            if len(shape) < 2:  # files of Keras have two placeholders here
                row, column = (self.add_variable((), dtype="int32", name=name) for _ in range(2))
            else:
                row = self.add_variable(shape[:-1], dtype=variable.dtype, name=name)
                column = self.add_variable((*shape[:-2], shape[-1]), dtype=variable.dtype, name=name)
            self._slots["row"].append(row)
            self._slots["column"].append(column)
            self._slots["velocity"].append(self.add_variable_from_reference(variable, "velocity"))

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        dtype = variable.dtype
        t = ops.cast(self.iterations + 1, dtype)
        if self.relative_step:
            learning_rate = ops.minimum(learning_rate, ops.rsqrt(t))
        rate = learning_rate * ops.maximum(_root_mean_square(variable), self.epsilon_2)
        kept = 1 - ops.power(t, self.beta_2_decay)
        velocity = self._velocity(ops.square(gradient) + self.epsilon_1, variable, kept)
        step = gradient * ops.rsqrt(velocity)
        variable.assign_sub(rate * step / ops.maximum(_root_mean_square(step) / self.clip_threshold, 1.0))

    def _velocity(self, squares: Any, variable: Variable, kept: Any) -> Any:
        row, column, velocity = self.slots(variable, "row", "column", "velocity")
        if len(variable.shape) < 2:
            velocity.assign(kept * velocity + (1 - kept) * squares)
            return velocity.value
        row.assign(kept * row + (1 - kept) * ops.mean(squares, axis=-1))
        column.assign(kept * column + (1 - kept) * ops.mean(squares, axis=-2))
        share = row / ops.mean(row, axis=-1, keepdims=True)
        velocity.assign(ops.expand_dims(share, -1) * ops.expand_dims(column, -2))
        return velocity.value

    def get_config(self) -> dict[str, Any]:
        names = ("beta_2_decay", "epsilon_1", "epsilon_2", "clip_threshold", "relative_step")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _root_mean_square(x: Any) -> Any:
    return ops.sqrt(ops.mean(ops.square(x)))
