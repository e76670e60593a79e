"""Reductions that leave NaN out, and percentiles.

`axis` is an int or a tuple of ints, None means all; `keepdims` keeps reduced axes with size 1. Where every element is
NaN, sums are 0, products 1, and everything else is NaN.
"""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.core import dtypes
from triceras.ops.op import composite
from triceras.ops.reduce import arg_rule, between, flattened_last, neighbours, q_first, quantile_rule, running_rule
from triceras.ops.rules import float_, real, reduction, same, summed

_NAN = float("nan")


def _without(x: Any, value: Any) -> Any:
    """`x` with a number in place of NaN; dtypes without NaN stay as they are."""
    return ops.where(ops.isnan(x), value, x) if dtypes.is_inexact(x.dtype) else x


def _or(nothing: float, x: Any, result: Any, axis: Any, keepdims: bool) -> Any:
    """A reduction's result, and a number that stands for nothing where there was only NaN."""
    if not dtypes.is_inexact(x.dtype):
        return result
    return ops.where(ops.all(ops.isnan(x), axis=axis, keepdims=keepdims), nothing, result)


@composite(reduction(summed))
def nansum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The sum over axes, without NaN.

    Example:
        >>> ops.convert_to_numpy(ops.nansum([1.0, float("nan"), 2.0])).tolist()
        3.0
    """
    return ops.sum(_without(x, 0), axis=axis, keepdims=keepdims)


@composite(reduction(summed))
def nanprod(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The product over axes, without NaN."""
    return ops.prod(_without(x, 1), axis=axis, keepdims=keepdims)


@composite(reduction(same))
def nanmax(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The largest element over axes, without NaN."""
    return _or(_NAN, x, ops.max(_without(x, -float("inf")), axis=axis, keepdims=keepdims), axis, keepdims)


@composite(reduction(same))
def nanmin(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The smallest element over axes, without NaN."""
    return _or(_NAN, x, ops.min(_without(x, float("inf")), axis=axis, keepdims=keepdims), axis, keepdims)


@composite(arg_rule)
def nanargmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Where the (first) largest element along an axis is, NaN left out; -1 where all are NaN. int32."""
    return _or(-1, x, ops.argmax(_without(x, -float("inf")), axis=axis, keepdims=keepdims), axis, keepdims)


@composite(arg_rule)
def nanargmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Where the (first) smallest element along an axis is, NaN left out; -1 where all are NaN. int32."""
    return _or(-1, x, ops.argmin(_without(x, float("inf")), axis=axis, keepdims=keepdims), axis, keepdims)


@composite(running_rule)
def nancumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """The running sum along an axis, NaN counted as 0; None: of the flattened tensor."""
    return ops.cumsum(_without(x, 0), axis=axis, dtype=dtype)


@composite(running_rule)
def nancumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """The running product along an axis, NaN counted as 1; None: of the flattened tensor."""
    return ops.cumprod(_without(x, 1), axis=axis, dtype=dtype)


# --- moments ----------------------------------------------------------------------------------------------------------


def _present(x: Any, axis: Any) -> Any:
    """How many elements along the axes aren't NaN, in the dtype of `x`; the axes stay."""
    return ops.sum(ops.cast(ops.logical_not(ops.isnan(x)), x.dtype), axis=axis, keepdims=True)


def _dropped(x: Any, axis: Any, keepdims: bool) -> Any:
    return x if keepdims or not axis else ops.squeeze(x, axis=axis)


def _mean(x: Any, axis: Any) -> Any:
    return ops.divide(ops.sum(_without(x, 0), axis=axis, keepdims=True), _present(x, axis))


@composite(reduction(float_))
def nanmean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The mean over axes, without NaN."""
    return _dropped(_mean(x, axis), axis, keepdims)


@composite(reduction(real))
def nanvar(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The variance over axes (the mean squared distance from the mean), without NaN."""
    mean = _mean(x, axis)
    distance = ops.subtract(ops.where(ops.isnan(x), mean, x), mean)
    squares = ops.sum(ops.square(ops.absolute(distance)), axis=axis, keepdims=True)
    return _dropped(ops.divide(squares, ops.real(_present(x, axis))), axis, keepdims)


@composite(reduction(real))
def nanstd(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The standard deviation over axes, without NaN."""
    return ops.sqrt(nanvar(x, axis=axis, keepdims=keepdims))


# --- quantiles --------------------------------------------------------------------------------------------------------


@composite(quantile_rule)
def percentile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Any:
    """The values below which `q` per cent of the elements lie.

    Args:
        q: a number between 0 and 100, or a 1-D tensor of them, whose axis comes first in the result.
        x, axis, method, keepdims: as for `quantile`.

    Example:
        >>> ops.convert_to_numpy(ops.percentile([1.0, 2.0, 4.0], 50)).tolist()
        2.0
    """
    return ops.quantile(x, ops.divide(q, 100.0), axis=axis, method=method, keepdims=keepdims)


@composite(quantile_rule)
def nanquantile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Any:
    """The values below which the parts `q` of the elements that aren't NaN lie; see `quantile` for the arguments."""
    flat, _ = flattened_last(x, axis)
    last = ops.maximum(ops.subtract(_present(flat, -1), 1), 0)
    flat = ops.sort(_without(flat, float("inf")), axis=-1)
    place = ops.multiply(ops.clip(ops.reshape(q, (-1,)), 0, 1), last)
    low, high, part = neighbours(place, method)
    first, second = (ops.take_along_axis(flat, i, axis=-1) for i in (low, high))
    result = ops.where(ops.equal(first, second), first, between(first, second, part))
    return q_first(_or(_NAN, flattened_last(x, axis)[0], result, -1, True), q, axis, keepdims)


@composite(quantile_rule)
def nanpercentile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Any:
    """The values below which `q` per cent of the elements that aren't NaN lie; see `percentile` for the arguments."""
    return nanquantile(x, ops.divide(q, 100.0), axis=axis, method=method, keepdims=keepdims)


@composite(reduction(float_))
def nanmedian(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The median over axes, without NaN."""
    return nanquantile(x, 0.5, axis=axis, keepdims=keepdims)
