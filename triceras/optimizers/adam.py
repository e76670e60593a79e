"""Adam and its kin: moving averages of gradients and of their squares."""

from __future__ import annotations

from typing import Any, Unpack

from triceras import ops
from triceras.core.variable import Variable
from triceras.optimizers.optimizer import Common, Optimizer, elementwise


class Moments(Optimizer):
    """Base of optimizers with two decay rates and an epsilon."""

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **common: Unpack[Common],
    ):
        super().__init__(learning_rate, **common)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def slot_groups(self) -> list[tuple[str, ...]]:
        return [("momentum", "velocity")]

    def _move(self, gradient: Any, variable: Variable) -> tuple[Any, Any]:
        """The moving averages of the gradient and of its square, after this gradient."""
        momentum, velocity = self.slots(variable, "momentum", "velocity")
        m, v = momentum.value, velocity.value
        m = m + (gradient - m) * (1 - self.beta_1)
        v = v + (ops.square(gradient) - v) * (1 - self.beta_2)
        momentum.assign(m)
        velocity.assign(v)
        return m, v

    def _missing(self, beta: float, dtype: str, ahead: int = 1) -> Any:
        """`1 - beta**t`: the share of a moving average that isn't its zero start, at the coming update."""

        return self._common((beta, dtype, ahead), lambda: 1 - beta ** self._count(dtype, ahead))

    def _count(self, dtype: str, ahead: int = 1) -> Any:
        """The number of the coming update, counted from 1."""
        return self._common((dtype, ahead), lambda: ops.cast(self.iterations, dtype) + ahead)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}


class Adam(Moments):
    """Steps scaled by moving averages of the gradient and of its square: Kingma & Ba, 2014.

    `epsilon` is the paper's "epsilon hat" (end of its section 2).

    Args:
        learning_rate: float, schedule or function.
        beta_1: share of the gradients' average that stays.
        beta_2: share of the squares' average that stays.
        epsilon: small number against division by zero.
        amsgrad: whether to divide by the largest average of squares so far: Reddi et al., 2018.
        **common: see `Optimizer`.

    Example:
        >>> from triceras import Variable, ops, optimizers
        >>> v = Variable([1.0, 2.0])
        >>> optimizers.Adam(0.5).apply([ops.array([3.0, -0.1])], [v])
        >>> v.numpy().round(4).tolist()
        [0.5, 2.5]
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **common: Unpack[Common],
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **common)
        self.amsgrad = amsgrad

    def slot_groups(self) -> list[tuple[str, ...]]:
        return super().slot_groups() + ([("velocity_hat",)] if self.amsgrad else [])

    @elementwise
    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        m, v = self._move(gradient, variable)
        if self.amsgrad:
            (largest,) = self.slots(variable, "velocity_hat")
            largest.assign(ops.maximum(largest, v))
            v = largest.value
        dtype = variable.dtype

        def unbiased() -> Any:
            return learning_rate * ops.sqrt(self._missing(self.beta_2, dtype)) / self._missing(self.beta_1, dtype)

        rate = self._common(("rate", dtype), unbiased)
        variable.assign_sub(rate * m / (ops.sqrt(v) + self.epsilon))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "amsgrad": self.amsgrad}


class AdamW(Adam):
    """Adam with weight decay that isn't scaled like the gradient: Loshchilov & Hutter, 2019.

    Args:
        learning_rate: float, schedule or function.
        weight_decay: this times the learning rate is the share that every weight loses at each update.
        beta_1, beta_2, epsilon, amsgrad: see `Adam`.
        **common: see `Optimizer`.

    Example:
        >>> from triceras import Variable, ops, optimizers
        >>> v = Variable([1.0, 2.0])
        >>> optimizers.AdamW(0.5, weight_decay=1.0).apply([ops.zeros(2)], [v])
        >>> v.numpy().tolist()
        [0.5, 1.0]
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float | None = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **common: Unpack[Common],
    ):
        if weight_decay is None:
            raise ValueError("Argument `weight_decay` must be a float. Received: weight_decay=None")
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **common)


class Adamax(Moments):
    """Adam with the largest gradient in place of the average of squares: Kingma & Ba, 2014, section 7.1.

    Args:
        learning_rate, beta_1, beta_2, epsilon: see `Adam`.
        **common: see `Optimizer`.

    Example:
        >>> from triceras import Variable, ops, optimizers
        >>> v = Variable([1.0, 2.0])
        >>> optimizers.Adamax(0.5).apply([ops.array([3.0, -1.0])], [v])
        >>> print(v.numpy().round(3))
        [0.5 2.5]
    """

    def slot_groups(self) -> list[tuple[str, ...]]:
        return [("momentum", "norm")]

    @elementwise
    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        momentum, norm = self.slots(variable, "momentum", "norm")
        momentum.assign(momentum + (gradient - momentum) * (1 - self.beta_1))
        norm.assign(ops.maximum(self.beta_2 * norm, ops.absolute(gradient)))
        rate = learning_rate / self._missing(self.beta_1, variable.dtype)
        variable.assign_sub(rate * momentum / (norm + self.epsilon))


class Nadam(Moments):
    """Adam with Nesterov's look-ahead: Dozat, 2016. The momentum grows towards `beta_1` as in the paper.

    Args:
        learning_rate, beta_1, beta_2, epsilon: see `Adam`.
        **common: see `Optimizer`.

    Example:
        >>> from triceras import Variable, ops, optimizers
        >>> v = Variable([1.0, 2.0])
        >>> optimizers.Nadam(0.5).apply([ops.array([3.0, -1.0])], [v])
        >>> print(v.numpy().round(3))
        [0.469 2.531]
    """

    def build(self, variables: Any) -> None:
        if not self.built:
            super().build(variables)
            self._product = self.add_variable((), "ones", name="momentum_product")

    def _momentum_at(self, ahead: int, dtype: str) -> Any:
        t = ops.cast(self.iterations + ahead, dtype)
        return self.beta_1 * (1 - 0.5 * ops.power(ops.cast(0.96, dtype), t))

    def _update(self, grads: list[Any], variables: list[Variable]) -> None:
        self._product.assign(self._product * self._momentum_at(1, self._product.dtype))
        super()._update(grads, variables)

    @elementwise
    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        m, v = self._move(gradient, variable)
        dtype = variable.dtype
        now, then = self._momentum_at(1, dtype), self._momentum_at(2, dtype)
        product = ops.cast(self._product, dtype)
        ahead = then * m / (1 - product * then) + (1 - now) * gradient / (1 - product)
        spread = ops.sqrt(v / self._missing(self.beta_2, dtype))
        variable.assign_sub(learning_rate * ahead / (spread + self.epsilon))


class Lamb(Moments):
    """Adam's direction, in steps as long as the weights are large: You et al., 2019, for large batches.

    Args:
        learning_rate, beta_1, beta_2, epsilon: see `Adam`.
        **common: see `Optimizer`.

    Example:
        >>> from triceras import Variable, ops, optimizers
        >>> v = Variable([1.0, 2.0])
        >>> optimizers.Lamb(0.5).apply([ops.array([3.0, -1.0])], [v])
        >>> print(v.numpy().round(3))
        [0.209 2.791]
    """

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        m, v = self._move(gradient, variable)
        dtype = variable.dtype
        spread = ops.sqrt(v / self._missing(self.beta_2, dtype)) + self.epsilon
        direction = m / self._missing(self.beta_1, dtype) / spread
        weight_norm, step_norm = (ops.sqrt(ops.sum(ops.square(x))) for x in (variable, direction))
        usable = ops.logical_and(weight_norm > 0, step_norm > 0)
        trust = ops.where(usable, weight_norm / ops.where(usable, step_norm, 1.0), 1.0)
        variable.assign_sub(learning_rate * ops.cast(trust, dtype) * direction)
