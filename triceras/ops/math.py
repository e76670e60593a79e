"""Element-wise mathematics."""

from __future__ import annotations

from typing import Any

from triceras.ops.op import composite, primitive
from triceras.ops.rules import broadcast, elementwise, float_, promote, weak_float


@primitive(broadcast(promote))
def add(x1: Any, x2: Any) -> Any:
    """The sum, element-wise.

    Args:
        x1, x2: tensors that broadcast against each other.

    Returns:
        A tensor of their common shape and dtype.

    Example:
        >>> add([1, 2], 3).tolist()
        [4, 5]
    """


@primitive(broadcast(promote))
def subtract(x1: Any, x2: Any) -> Any:
    """The difference, element-wise."""


@primitive(broadcast(promote))
def multiply(x1: Any, x2: Any) -> Any:
    """The product, element-wise."""


@primitive(broadcast(weak_float))
def divide(x1: Any, x2: Any) -> Any:
    """The quotient, element-wise; integers become `floatx`."""


@primitive(elementwise(float_))
def exp(x: Any) -> Any:
    """The exponential, element-wise."""


@composite(elementwise(float_))
def sigmoid(x: Any) -> Any:
    """The logistic function, 1 / (1 + exp(-x))."""
    return divide(1.0, add(1.0, exp(subtract(0.0, x))))
