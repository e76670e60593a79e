"""`LossScaleOptimizer`: keeps float16 gradients from vanishing, with a scale that follows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from triceras import ops
from triceras.core.scope import use_backend
from triceras.core.variable import Variable
from triceras.distribution import replicas
from triceras.optimizers.optimizer import Optimizer, only_where


class LossScaleOptimizer(Optimizer):
    """Multiplies the loss by a large scale and divides the gradients by it: Micikevicius et al., 2017.

    Gradients with infinities or NaNs are skipped and halve the scale; a row of good ones doubles it.

    Args:
        inner_optimizer: the optimizer that does the updates.
        initial_scale: the first scale.
        dynamic_growth_steps: after how many good gradients in a row the scale doubles.
        name: `loss_scale_optimizer` by default.

    Raises:
        ValueError: an argument of `Optimizer` that belongs to the inner one.

    Example:
        >>> from triceras import Variable, ops, optimizers
        >>> v = Variable([1.0])
        >>> optimizer = optimizers.LossScaleOptimizer(optimizers.SGD(0.5), initial_scale=8.0)
        >>> optimizer.apply([ops.array([8.0])], [v])
        >>> v.numpy().tolist()
        [0.5]
    """

    def __init__(
        self,
        inner_optimizer: Optimizer,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
        **kwargs: Any,
    ):
        if kwargs:
            raise ValueError(
                f"LossScaleOptimizer does not support these arguments: {sorted(kwargs)}. Set them on the "
                "`inner_optimizer`."
            )
        if not isinstance(inner_optimizer, Optimizer):
            raise ValueError(f"`inner_optimizer` must be an Optimizer. Received: inner_optimizer={inner_optimizer!r}")
        super().__init__(0.0, name=name)
        self.inner_optimizer = inner_optimizer
        self.initial_scale, self.dynamic_growth_steps = initial_scale, dynamic_growth_steps

    @property
    def variables(self) -> list[Variable]:
        return super().variables + self.inner_optimizer.variables

    @property
    def iterations(self) -> Any:
        return self.inner_optimizer.iterations

    @property
    def learning_rate(self) -> Any:
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.inner_optimizer.learning_rate = value

    def to_backend(self, name: Any) -> Optimizer:
        self.inner_optimizer.to_backend(name)
        return super().to_backend(name)

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self.step_counter = self.add_variable((), "zeros", "int32", name="step_counter")
        self.dynamic_scale = self.add_variable(
            (), lambda shape, dtype: self.initial_scale, "float32", name="dynamic_scale"
        )
        self.inner_optimizer.build(variables)

    def _apply(self, grads: list[Any], variables: list[Variable]) -> None:
        grads = replicas.averaged(grads, self.backend)  # all must find the same in them
        scale = self.dynamic_scale.value
        finite = self.check_finite(grads)
        only_where(finite, lambda: self._accept([g / ops.cast(scale, g.dtype) for g in grads], variables))
        only_where(ops.logical_not(finite), self._refuse)

    def _accept(self, grads: list[Any], variables: list[Variable]) -> None:
        self.inner_optimizer.apply(grads, variables)
        counter, scale = self.step_counter, self.dynamic_scale
        grow = ops.equal(counter + 1, self.dynamic_growth_steps)
        scale.assign(ops.where(grow, scale * 2.0, scale))
        counter.assign(ops.where(grow, ops.zeros_like(counter), counter + 1))

    def _refuse(self) -> None:
        self.step_counter.assign(ops.zeros_like(self.step_counter))
        self.dynamic_scale.assign(self.dynamic_scale * 0.5)

    def check_finite(self, grads: Sequence[Any]) -> Any:
        """Whether no gradient holds an infinity or a NaN: a scalar tensor."""
        return ops.all(ops.stack([ops.all(ops.isfinite(g)) for g in grads if g is not None]))

    def scale_loss(self, loss: Any) -> Any:
        scale = self.dynamic_scale if self.built else self.initial_scale
        loss = self.inner_optimizer.scale_loss(loss)
        with use_backend(self._backend):
            return loss * ops.cast(scale, loss.dtype) if hasattr(loss, "dtype") else loss * scale

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        self.inner_optimizer.finalize_variable_values(var_list)

    def get_config(self) -> dict[str, Any]:
        from triceras.saving import serialization

        return {
            "name": self.name,
            "inner_optimizer": serialization.serialize_keras_object(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> LossScaleOptimizer:
        from triceras.saving import serialization

        inner = serialization.deserialize_keras_object(config["inner_optimizer"], custom_objects=custom_objects)
        return cls(**{**config, "inner_optimizer": inner})
