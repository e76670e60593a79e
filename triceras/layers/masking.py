"""`Masking`: which time steps count."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.layers.layer import Layer

__all__ = ["Masking"]


class Masking(Layer):
    """Mask the time steps in which every feature equals a value.

    Input and output: `(batch, time, features)`; masked steps are set to zero, and layers behind it skip them.

    Args:
        mask_value: the value.

    Raises:
        ValueError: `mask_value` isn't a number.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> layer = triceras.layers.Masking(mask_value=9.0)
        >>> x = np.array([[[1.0, 2.0], [9.0, 9.0]]])
        >>> triceras.ops.convert_to_numpy(layer.compute_mask(x)).tolist()
        [[True, False]]
        >>> triceras.ops.convert_to_numpy(layer(x)).tolist()
        [[[1.0, 2.0], [0.0, 0.0]]]
    """

    def __init__(self, mask_value: float = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        try:
            float(mask_value)
        except (TypeError, ValueError):
            raise ValueError(
                f"Argument `mask_value` of a Masking layer must be a number. Received: mask_value={mask_value!r}"
            ) from None
        self.mask_value, self.supports_masking, self.built = mask_value, True, True

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return ops.any(ops.not_equal(inputs, self.mask_value), axis=-1)

    def call(self, inputs: Any) -> Any:
        keep = ops.any(ops.not_equal(inputs, self.mask_value), axis=-1, keepdims=True)
        return ops.multiply(inputs, ops.cast(keep, inputs.dtype))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def compute_output_spec(self, inputs: Any) -> Any:
        return inputs  # integers stay integers

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mask_value": self.mask_value}
