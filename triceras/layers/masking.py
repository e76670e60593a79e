"""`Masking`: which time steps count."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.layers.layer import Layer

__all__ = ["Masking"]


class Masking(Layer):
    """Mask the time steps in which every feature equals a value.

    Input and output: `(batch, time, features)`; masked steps are set to zero.

    Args:
        mask_value: the value.
    """

    def __init__(self, mask_value: float = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.mask_value, self.supports_masking, self.built = mask_value, True, True

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return ops.any(ops.not_equal(inputs, self.mask_value), axis=-1)

    def call(self, inputs: Any) -> Any:
        keep = ops.any(ops.not_equal(inputs, self.mask_value), axis=-1, keepdims=True)
        return ops.multiply(inputs, ops.cast(keep, inputs.dtype))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mask_value": self.mask_value}
