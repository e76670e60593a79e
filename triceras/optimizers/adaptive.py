"""Steps scaled by the gradients' history, weight by weight: RMSprop, Adagrad, Adadelta, Ftrl."""

from __future__ import annotations

from typing import Any, Unpack

from triceras import initializers, ops
from triceras.core.variable import Variable
from triceras.optimizers.optimizer import Common, Optimizer, elementwise


class RMSprop(Optimizer):
    """Gradients divided by the root of the moving average of their squares: Tieleman & Hinton, 2012.

    Args:
        learning_rate: float, schedule or function.
        rho: share of the average that stays.
        momentum: what share of the last step is taken again.
        epsilon: small number against division by zero.
        centered: whether to take the variance in place of the mean square.
        **common: see `Optimizer`.

    Example:
        >>> from triceras import Variable, ops, optimizers
        >>> v = Variable([1.0, 2.0])
        >>> optimizers.RMSprop(0.5, rho=0.75).apply([ops.array([3.0, -0.1])], [v])
        >>> v.numpy().round(4).tolist()
        [0.0, 3.0]
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **common: Unpack[Common],
    ):
        super().__init__(learning_rate, **common)
        self.rho, self.momentum, self.epsilon, self.centered = rho, momentum, epsilon, centered

    def slot_groups(self) -> list[tuple[str, ...]]:
        wanted = (("velocity", True), ("momentum", self.momentum > 0), ("average_gradient", self.centered))
        return [(name,) for name, needed in wanted if needed]

    @elementwise
    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        (velocity,) = self.slots(variable, "velocity")
        velocity.assign(self.rho * velocity + (1 - self.rho) * ops.square(gradient))
        spread = velocity.value
        if self.centered:
            (average,) = self.slots(variable, "average_gradient")
            average.assign(self.rho * average + (1 - self.rho) * gradient)
            spread = spread - ops.square(average)
        step = learning_rate * gradient * ops.rsqrt(spread + self.epsilon)
        if self.momentum > 0:
            (momentum,) = self.slots(variable, "momentum")
            momentum.assign(self.momentum * momentum + step)
            step = momentum.value
        variable.assign_sub(step)

    def get_config(self) -> dict[str, Any]:
        settings = {"rho": self.rho, "momentum": self.momentum, "epsilon": self.epsilon, "centered": self.centered}
        return {**super().get_config(), **settings}


class Adagrad(Optimizer):
    """Gradients divided by the root of the sum of their squares so far: Duchi et al., 2011.

    Args:
        learning_rate: float, schedule or function.
        initial_accumulator_value: what the sums begin with.
        epsilon: small number against division by zero.
        **common: see `Optimizer`.

    Example:
        >>> from triceras import Variable, ops, optimizers
        >>> v = Variable([1.0, 2.0])
        >>> optimizers.Adagrad(0.5, initial_accumulator_value=0.0).apply([ops.array([3.0, -1.0])], [v])
        >>> v.numpy().round(4).tolist()
        [0.5, 2.5]
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **common: Unpack[Common],
    ):
        super().__init__(learning_rate, **common)
        self.initial_accumulator_value, self.epsilon = initial_accumulator_value, epsilon

    def slot_groups(self) -> list[tuple[str, ...]]:
        return [("accumulator",)]

    def slot_initializer(self, name: str, variable: Variable) -> Any:
        return initializers.Constant(self.initial_accumulator_value) if name == "accumulator" else "zeros"

    @elementwise
    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        (total,) = self.slots(variable, "accumulator")
        total.assign_add(ops.square(gradient))
        variable.assign_sub(learning_rate * gradient / ops.sqrt(total + self.epsilon))

    def get_config(self) -> dict[str, Any]:
        settings = {"initial_accumulator_value": self.initial_accumulator_value, "epsilon": self.epsilon}
        return {**super().get_config(), **settings}


class Adadelta(Optimizer):
    """Gradients scaled by the ratio of recent steps to recent gradients: Zeiler, 2012.

    Args:
        learning_rate: float, schedule or function; 1.0 is the paper's.
        rho: share of the averages that stays.
        epsilon: small number that gets the first steps going.
        **common: see `Optimizer`.

    Example:
        >>> from triceras import Variable, ops, optimizers
        >>> v = Variable([1.0, 2.0])
        >>> optimizers.Adadelta(1.0, epsilon=0.01).apply([ops.array([3.0, -1.0])], [v])
        >>> print(v.numpy().round(3))
        [0.558 2.408]
    """

    def __init__(self, learning_rate: Any = 0.001, rho: float = 0.95, epsilon: float = 1e-7, **common: Unpack[Common]):
        super().__init__(learning_rate, **common)
        self.rho, self.epsilon = rho, epsilon

    def slot_groups(self) -> list[tuple[str, ...]]:
        return [("accumulated_grad", "accumulated_delta_var")]

    @elementwise
    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        squares, steps = self.slots(variable, "accumulated_grad", "accumulated_delta_var")
        squares.assign(self.rho * squares + (1 - self.rho) * ops.square(gradient))
        step = -ops.sqrt(steps + self.epsilon) * gradient / ops.sqrt(squares + self.epsilon)
        steps.assign(self.rho * steps + (1 - self.rho) * ops.square(step))
        variable.assign_add(learning_rate * step)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rho": self.rho, "epsilon": self.epsilon}


class Ftrl(Optimizer):
    """Follow the regularized leader, which keeps many weights at zero: McMahan et al., 2013.

    Args:
        learning_rate: float, schedule or function.
        learning_rate_power: not above 0: how the step shrinks with the sum of squares.
        initial_accumulator_value: what these sums begin with.
        l1_regularization_strength: L1 penalty.
        l2_regularization_strength: L2 penalty.
        l2_shrinkage_regularization_strength: L2 penalty on the gradient's side, that is, on the size of the weights.
        beta: the paper's beta.
        **common: see `Optimizer`.

    Raises:
        ValueError: a strength or an initial value below 0, or a power above 0.

    Example:
        >>> from triceras import Variable, ops, optimizers
        >>> v = Variable([1.0, 2.0])
        >>> optimizers.Ftrl(0.5).apply([ops.array([3.0, -1.0])], [v])
        >>> print(v.numpy().round(3))
        [0.398 1.874]
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **common: Unpack[Common],
    ):
        super().__init__(learning_rate, **common)
        self.settings = {
            "learning_rate_power": learning_rate_power,
            "initial_accumulator_value": initial_accumulator_value,
            "l1_regularization_strength": l1_regularization_strength,
            "l2_regularization_strength": l2_regularization_strength,
            "l2_shrinkage_regularization_strength": l2_shrinkage_regularization_strength,
            "beta": beta,
        }
        for name, value in self.settings.items():
            if value > 0 if name == "learning_rate_power" else value < 0:
                bound = "<= 0" if name == "learning_rate_power" else ">= 0"
                raise ValueError(f"`{name}` needs to be {bound}. Received: {name}={value}.")

    def slot_groups(self) -> list[tuple[str, ...]]:
        return [("accumulator", "linear")]

    def slot_initializer(self, name: str, variable: Variable) -> Any:
        return initializers.Constant(self.settings["initial_accumulator_value"]) if name == "accumulator" else "zeros"

    @elementwise
    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        power, _, l1, l2, shrinkage, beta = self.settings.values()
        total, linear = self.slots(variable, "accumulator", "linear")
        squares = total + ops.square(gradient)
        before, after = ops.power(total, -power), ops.power(squares, -power)
        linear.assign_add(gradient + 2 * shrinkage * variable - (after - before) / learning_rate * variable)
        quadratic = after / learning_rate + 2 * (l2 + beta / (2 * learning_rate))
        variable.assign((ops.clip(linear, -l1, l1) - linear) / quadratic)
        total.assign(squares)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.settings}
