"""Activations: functions of neurons, element-wise or along an axis."""

from __future__ import annotations

import math
from typing import Any

from triceras import ops
from triceras.ops.math import alias
from triceras.ops.op import composite
from triceras.ops.rules import Rule, all_axes, along, elementwise, float_, one_axis, same

_float = elementwise(float_)


@composite(elementwise(same))
def relu(x: Any) -> Any:
    """`max(x, 0)`, element-wise.

    Example:
        >>> from triceras import ops
        >>> ops.convert_to_numpy(ops.relu([-1, 2])).tolist()
        [0, 2]
    """
    return ops.maximum(x, 0)


@composite(elementwise(same))
def relu6(x: Any) -> Any:
    """`x` limited to the range from 0 to 6, element-wise."""
    return ops.clip(x, 0, 6)


@composite(_float)
def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """`x`, and `negative_slope * x` below 0, element-wise."""
    return ops.where(ops.less(x, 0), ops.multiply(x, negative_slope), x)


@composite(_float)
def elu(x: Any, alpha: float = 1.0) -> Any:
    """`x`, and `alpha * (exp(x) - 1)` below 0, element-wise."""
    return ops.where(ops.less(x, 0), ops.multiply(ops.expm1(ops.minimum(x, 0)), alpha), x)


@composite(_float)
def selu(x: Any) -> Any:
    """The scaled `elu` that keeps mean 0 and variance 1 (Klambauer et al. 2017), element-wise."""
    return ops.multiply(elu(x, 1.6732632423543772), 1.0507009873554805)


@composite(_float)
def celu(x: Any, alpha: float = 1.0) -> Any:
    """`max(x, 0) + min(0, alpha * (exp(x / alpha) - 1))`, element-wise (Barron 2017)."""
    below = ops.multiply(ops.expm1(ops.divide(ops.minimum(x, 0), alpha)), alpha)
    return ops.add(ops.maximum(x, 0), below)


@composite(_float)
def gelu(x: Any, approximate: bool = True) -> Any:
    """`x` times the normal distribution function of `x`, element-wise (Hendrycks and Gimpel 2016).

    Args:
        x: a tensor.
        approximate: whether to use the approximation by `tanh`.
    """
    if approximate:
        inner = ops.multiply(ops.add(x, ops.multiply(ops.power(x, 3), 0.044715)), math.sqrt(2.0 / math.pi))
        return ops.multiply(ops.multiply(x, 0.5), ops.add(ops.tanh(inner), 1.0))
    return ops.multiply(ops.multiply(x, 0.5), ops.add(ops.erf(ops.multiply(x, math.sqrt(0.5))), 1.0))


@composite(_float)
def sigmoid(x: Any) -> Any:
    """The logistic function, `1 / (1 + exp(-x))`, element-wise."""
    return ops.multiply(ops.add(ops.tanh(ops.multiply(x, 0.5)), 1.0), 0.5)


@composite(_float)
def silu(x: Any) -> Any:
    """`x * sigmoid(x)`, element-wise."""
    return ops.multiply(x, sigmoid(x))


swish = alias("swish", silu)


@composite(_float)
def softplus(x: Any) -> Any:
    """`log(1 + exp(x))` without overflow, element-wise."""
    return ops.add(ops.maximum(x, 0), ops.log1p(ops.exp(ops.negative(ops.absolute(x)))))


@composite(_float)
def softsign(x: Any) -> Any:
    """`x / (1 + |x|)`, element-wise."""
    return ops.divide(x, ops.add(ops.absolute(x), 1.0))


@composite(_float)
def log_sigmoid(x: Any) -> Any:
    """The logarithm of `sigmoid(x)`, element-wise."""
    return ops.negative(softplus(ops.negative(x)))


@composite(_float)
def hard_sigmoid(x: Any) -> Any:
    """`relu6(x + 3) / 6`, element-wise."""
    return ops.multiply(relu6(ops.add(x, 3.0)), 1.0 / 6.0)


@composite(_float)
def hard_silu(x: Any) -> Any:
    """`x * hard_sigmoid(x)`, element-wise."""
    return ops.multiply(x, hard_sigmoid(x))


hard_swish = alias("hard_swish", hard_silu)


@composite(_float)
def hard_tanh(x: Any) -> Any:
    """`x` limited to the range from -1 to 1, element-wise."""
    return ops.clip(x, -1, 1)


@composite(_float)
def tanh_shrink(x: Any) -> Any:
    """`x - tanh(x)`, element-wise."""
    return ops.subtract(x, ops.tanh(x))


@composite(_float)
def soft_shrink(x: Any, threshold: float = 0.5) -> Any:
    """`x` moved towards 0 by a threshold, and 0 within it, element-wise."""
    return ops.multiply(ops.sign(x), ops.maximum(ops.subtract(ops.absolute(x), threshold), 0))


@composite(_float)
def hard_shrink(x: Any, threshold: float = 0.5) -> Any:
    """`x`, and 0 where `|x|` is at most a threshold, element-wise."""
    return ops.where(ops.greater(ops.absolute(x), threshold), x, 0)


@composite(elementwise(same))
def threshold(x: Any, threshold: float, default_value: float) -> Any:
    """`x` where it is above a threshold, a default value elsewhere."""
    return ops.where(ops.greater(x, threshold), x, default_value)


@composite(_float)
def mish(x: Any) -> Any:
    """`x * tanh(softplus(x))`, element-wise (Misra 2019)."""
    return ops.multiply(x, ops.tanh(softplus(x)))


@composite(_float)
def squareplus(x: Any, b: float = 4) -> Any:
    """`(x + sqrt(x**2 + b)) / 2`, element-wise."""
    return ops.multiply(ops.add(x, ops.sqrt(ops.add(ops.square(x), float(b)))), 0.5)


@composite(_float)
def sparse_plus(x: Any) -> Any:
    """0 up to -1, `(x + 1)**2 / 4` up to 1, `x` above, element-wise."""
    middle = ops.multiply(ops.square(ops.add(x, 1.0)), 0.25)
    return ops.where(ops.less_equal(x, -1), 0, ops.where(ops.less(x, 1), middle, x))


@composite(_float)
def sparse_sigmoid(x: Any) -> Any:
    """0 up to -1, `(x + 1) / 2` up to 1, 1 above, element-wise."""
    return ops.clip(ops.multiply(ops.add(x, 1.0), 0.5), 0, 1)


def _halved(x: Any, axis: int) -> Any:
    size = x.shape[axis]
    if size is not None and size % 2:
        raise ValueError(f"axis {axis} must have an even size; got shape {x.shape}.")
    return (*x.shape[:axis], size and size // 2, *x.shape[axis + 1 :])


@composite(Rule(_halved, float_, ("x",), one_axis))
def glu(x: Any, axis: int = -1) -> Any:
    """The first half of an axis times the sigmoid of the second half."""
    first, second = ops.split(x, 2, axis=axis)
    return ops.multiply(first, sigmoid(second))


def _axis_or_axes(bound: dict[str, Any]) -> None:
    all_axes(bound)
    if len(bound["axis"]) == 1:
        bound["axis"] = bound["axis"][0]


_over_axes = Rule(lambda x, axis: x.shape, float_, ("x",), _axis_or_axes)


@composite(_over_axes)
def softmax(x: Any, axis: Any = -1) -> Any:
    """Exponentials along an axis, scaled to add up to 1.

    Args:
        x: a tensor.
        axis: int, a tuple of ints, or None for all. Backends get an int where it is just one.

    Example:
        >>> from triceras import ops
        >>> ops.convert_to_numpy(ops.softmax([1.0, 1.0])).tolist()
        [0.5, 0.5]
    """
    largest = ops.stop_gradient(ops.max(x, axis=axis, keepdims=True))
    e = ops.exp(ops.subtract(x, largest))
    return ops.divide(e, ops.sum(e, axis=axis, keepdims=True))


@composite(_over_axes)
def log_softmax(x: Any, axis: Any = -1) -> Any:
    """The logarithm of `softmax`, without overflow; arguments as there."""
    return ops.subtract(x, ops.logsumexp(x, axis=axis, keepdims=True))


@composite(along(float_))
def sparsemax(x: Any, axis: int = -1) -> Any:
    """The point of the simplex nearest to `x` along an axis (Martins and Astudillo 2016): many are exactly 0."""
    moved = ops.moveaxis(x, axis, -1)
    ordered = ops.flip(ops.sort(moved, axis=-1), axis=-1)
    total = ops.cumsum(ordered, axis=-1)
    rank = ops.arange(1, ops.shape(moved)[-1] + 1, dtype=ops.dtype(x))
    inside = ops.greater(ops.add(ops.multiply(rank, ordered), 1.0), total)
    count = ops.sum(ops.cast(inside, "int32"), axis=-1, keepdims=True)
    at_count = ops.take_along_axis(total, ops.subtract(count, 1), axis=-1)
    tau = ops.divide(ops.subtract(at_count, 1.0), ops.cast(count, ops.dtype(x)))
    return ops.moveaxis(ops.maximum(ops.subtract(moved, tau), 0), -1, axis)
