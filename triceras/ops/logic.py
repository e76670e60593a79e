"""Comparisons, logic, and the choice between values."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.core import dtypes
from triceras.ops.op import composite, primitive
from triceras.ops.rules import Rule, boolean, broadcast, broadcast_shapes, compare, elementwise, reduction, select


@primitive(broadcast(compare))
def equal(x1: Any, x2: Any) -> Any:
    """Where both are equal, element-wise.

    Example:
        >>> ops.convert_to_numpy(ops.equal([1, 2], 2)).tolist()
        [False, True]
    """


@composite(broadcast(compare))
def not_equal(x1: Any, x2: Any) -> Any:
    """Where the two differ, element-wise."""
    return logical_not(equal(x1, x2))


@primitive(broadcast(compare))
def less(x1: Any, x2: Any) -> Any:
    """Where `x1 < x2`, element-wise."""


@composite(broadcast(compare))
def less_equal(x1: Any, x2: Any) -> Any:
    """Where `x1 <= x2`, element-wise."""
    return logical_or(less(x1, x2), equal(x1, x2))


@composite(broadcast(compare))
def greater(x1: Any, x2: Any) -> Any:
    """Where `x1 > x2`, element-wise."""
    return less(x2, x1)


@composite(broadcast(compare))
def greater_equal(x1: Any, x2: Any) -> Any:
    """Where `x1 >= x2`, element-wise."""
    return logical_or(less(x2, x1), equal(x1, x2))


@primitive(broadcast(boolean))
def logical_and(x1: Any, x2: Any) -> Any:
    """Where both are true, element-wise; numbers other than 0 count as true."""


@primitive(broadcast(boolean))
def logical_or(x1: Any, x2: Any) -> Any:
    """Where either is true, element-wise; numbers other than 0 count as true."""


@primitive(elementwise(boolean))
def logical_not(x: Any) -> Any:
    """Where `x` is false, element-wise; numbers other than 0 count as true."""


@composite(broadcast(boolean))
def logical_xor(x1: Any, x2: Any) -> Any:
    """Where just one is true, element-wise; numbers other than 0 count as true."""
    return not_equal(x1, x2)


def _where_shape(condition: Any, x1: Any, x2: Any) -> Any:
    if x1 is None or x2 is None:
        raise ValueError("`where` with a condition alone gives a result whose size depends on values; pass x1 and x2.")
    return broadcast_shapes(condition.shape, x1.shape, x2.shape)


@primitive(Rule(_where_shape, select, ("condition", "x1?", "x2?")))
def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    """`x1` where the condition holds, `x2` elsewhere.

    Args:
        condition: a tensor, read as truth values.
        x1, x2: tensors that broadcast with the condition. Without them the result is that of `nonzero(condition)`.

    Returns:
        A tensor of the common shape and promoted dtype.

    Example:
        >>> ops.convert_to_numpy(ops.where([True, False], 1, 2)).tolist()
        [1, 2]
    """


@composite(broadcast(compare))
def isclose(x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Any:
    """Where `|x1 - x2| <= atol + rtol * |x2|`, element-wise.

    Args:
        x1, x2: tensors that broadcast against each other.
        rtol: tolerance relative to `x2`.
        atol: absolute tolerance.
        equal_nan: whether two NaN count as close.
    """
    if not dtypes.is_inexact(x1.dtype):
        x1, x2 = ops.cast(x1, "float32"), ops.cast(x2, "float32")
    near = less_equal(ops.absolute(ops.subtract(x1, x2)), ops.add(atol, ops.multiply(rtol, ops.absolute(x2))))
    close = logical_or(logical_and(near, ops.isfinite(x2)), equal(x1, x2))
    return logical_or(close, logical_and(ops.isnan(x1), ops.isnan(x2))) if equal_nan else close


@composite
def allclose(x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Any:
    """Whether all elements of two tensors are close, as `isclose` tells; a bool scalar."""
    return all(isclose(x1, x2, rtol, atol, equal_nan))


@composite(reduction(boolean))
def any(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether any element along the axes is true.

    Args:
        x: a tensor; numbers other than 0 count as true.
        axis: int or tuple of ints; None means all.
        keepdims: whether the axes stay, of size 1.
    """
    return ops.cast(ops.max(ops.cast(x, "int32"), axis=axis, keepdims=keepdims, initial=0), "bool")


@composite(reduction(boolean))
def all(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether all elements along the axes are true; arguments as for `any`."""
    return logical_not(any(logical_not(x), axis=axis, keepdims=keepdims))
