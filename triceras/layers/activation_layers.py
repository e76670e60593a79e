"""Activation functions with settings, as layers."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.layers.layer import Layer

__all__ = ["LeakyReLU", "ReLU", "Softmax"]


class ElementWise(Layer):
    """A layer whose output has its input's shape."""

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.built = True

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


class ReLU(ElementWise):
    """The larger of 0 and the input.

    Args:
        max_value: upper limit.
        negative_slope: factor of values below the threshold.
        threshold: below it the output is zero.
    """

    def __init__(
        self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **kwargs: Any
    ):
        super().__init__(**kwargs)
        for name, value in (("max_value", max_value), ("negative_slope", negative_slope), ("threshold", threshold)):
            if value is None and name != "max_value" or value is not None and value < 0:
                raise ValueError(f"{name} of a ReLU layer cannot be a negative value. Received: {name}={value}")
        self.max_value, self.negative_slope, self.threshold = max_value, negative_slope or 0.0, threshold or 0.0

    def call(self, inputs: Any) -> Any:
        from triceras import activations

        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)

    def get_config(self) -> dict[str, Any]:
        names = ("max_value", "negative_slope", "threshold")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


class LeakyReLU(ElementWise):
    """The input, with negative values scaled down.

    Args:
        negative_slope: their factor.
    """

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any):
        if "alpha" in kwargs:
            negative_slope = kwargs.pop("alpha")
        super().__init__(**kwargs)
        if negative_slope is None or negative_slope < 0:
            raise ValueError(
                "The negative_slope value of a Leaky ReLU layer cannot be None or negative value. Expected a "
                f"float. Received: negative_slope={negative_slope}"
            )
        self.negative_slope = negative_slope

    def call(self, inputs: Any) -> Any:
        return ops.leaky_relu(inputs, negative_slope=self.negative_slope)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "negative_slope": self.negative_slope}


class Softmax(ElementWise):
    """Exponentials along an axis, scaled to add up to one; where a mask is False, zero.

    Args:
        axis: along which dimension, or several.
    """

    def __init__(self, axis: Any = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: Any, mask: Any = None) -> Any:
        if mask is not None:
            low = {"float16": -6e4}.get(self.compute_dtype, -3e38)
            inputs = ops.where(mask, inputs, ops.cast(low, inputs.dtype))
        axes = self.axis if isinstance(self.axis, (list, tuple)) else (self.axis,)
        if len(axes) == 1:
            return ops.softmax(inputs, axis=axes[0])
        return ops.exp(ops.subtract(inputs, ops.logsumexp(inputs, axis=tuple(axes), keepdims=True)))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}
