"""Quantizers: objects that turn a float tensor into integers and their scale."""

from __future__ import annotations

from typing import Any

from triceras.core import dtypes
from triceras.quantization import functions


class Quantizer:
    """Base class: a callable `quantizer(x) -> (integers, scale)`. Override `__call__` and `get_config`.

    Args:
        output_dtype: dtype of the integers.
    """

    def __init__(self, output_dtype: str = "int8"):
        self.output_dtype = output_dtype

    def __call__(self, x: Any) -> Any:
        """The tensor as it is."""
        return x

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Quantizer:
        """Make a quantizer from its config."""
        return cls(**config)

    def get_config(self) -> dict[str, Any]:
        """What `from_config` needs."""
        raise NotImplementedError(f"{type(self).__name__} does not implement get_config()")


class AbsMaxQuantizer(Quantizer):
    """Integers such that the largest absolute value along some axes gets the largest: `abs_max_quantize`.

    Args:
        axis: int or tuple of ints: a scale for all numbers along these; by default the caller says.
        value_range: smallest and largest integer.
        epsilon: added to the largest value.
        output_dtype: dtype of the integers.

    Raises:
        ValueError: a range that doesn't fit into int8.

    Example:
        >>> from triceras import ops, quantizers
        >>> q, scale = quantizers.AbsMaxQuantizer(axis=0)(ops.array([[1.0], [-0.25]]))
        >>> ops.convert_to_numpy(q).tolist()
        [[127], [-32]]
    """

    def __init__(
        self,
        axis: Any = None,
        value_range: tuple[int, int] = (-127, 127),
        epsilon: float = 1e-7,
        output_dtype: str = "int8",
    ):
        super().__init__(output_dtype)
        self.axis = None if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        self.value_range, self.epsilon = tuple(value_range), epsilon
        if dtypes.standardize_dtype(output_dtype) == "int8" and not -128 <= value_range[0] < value_range[1] <= 127:
            raise ValueError(
                "Quantizer with output_dtype='int8' requires value_range to be within the interval [-128, 127]. "
                f"Received: value_range={value_range}"
            )

    def __call__(self, x: Any, axis: Any = None, to_numpy: bool = False) -> tuple[Any, Any]:
        """`(integers, scale)`; along the quantizer's axes where `axis` isn't given, else along the last."""
        axis = self.axis if axis is None else axis
        axis = -1 if axis is None else axis
        return functions.abs_max_quantize(x, axis, self.value_range, self.output_dtype, self.epsilon, to_numpy)

    def get_config(self) -> dict[str, Any]:
        config = {"value_range": self.value_range, "epsilon": self.epsilon, "output_dtype": self.output_dtype}
        return config if self.axis is None else {**config, "axis": self.axis}
