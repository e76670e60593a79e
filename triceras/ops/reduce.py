"""Reductions, running sums, order and segments.

`axis` is an int or a tuple of ints, None means all; `keepdims` keeps reduced axes with size 1.
"""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.core import dtypes, registry
from triceras.ops.op import composite, primitive
from triceras.ops.rules import (
    Rule,
    all_axes,
    float_,
    index,
    numeric,
    one_axis,
    one_of,
    real,
    reduced,
    reduction,
    rule,
    same,
    size_of,
    summed,
    to_bool,
)

# --- sums and moments -------------------------------------------------------------------------------------------------


@primitive(reduction(summed))
def sum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The sum over axes; small integers and bool are summed in 32 bits.

    Args:
        x: a tensor.
        axis: int or tuple of ints; None means all.
        keepdims: whether the axes stay, of size 1.

    Example:
        >>> ops.convert_to_numpy(ops.sum([[1, 2], [3, 4]], axis=0)).tolist()
        [4, 6]
    """


@primitive(reduction(summed))
def prod(x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Any:
    """The product over axes, in `dtype` if one is given."""


@composite(reduction(float_))
def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The mean over axes."""
    return ops.divide(sum(x, axis=axis, keepdims=keepdims), _count(x, axis, x.dtype))


def _count(x: Any, axis: tuple[int, ...], dtype: Any) -> Any:
    """How many elements are reduced into one, of the given dtype."""
    count = 1
    for size in (ops.shape(x)[i] for i in axis):
        count = size * count
    return float(count) if isinstance(count, int) else ops.cast(count, dtype)


@composite(reduction(real))
def var(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The variance over axes (the mean squared distance from the mean)."""
    centered = ops.subtract(x, mean(x, axis=axis, keepdims=True))
    return mean(ops.square(ops.absolute(centered)), axis=axis, keepdims=keepdims)


@composite(reduction(real))
def std(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The standard deviation over axes."""
    return ops.sqrt(var(x, axis=axis, keepdims=keepdims))


@composite(reduction(index))
def count_nonzero(x: Any, axis: Any = None) -> Any:
    """How many elements along the axes aren't 0."""
    return sum(ops.cast(ops.not_equal(x, 0), "int32"), axis=axis)


@composite(Rule(lambda x, axis, weights: reduced(x.shape, axis, False), float_, ("x", "weights?"), all_axes))
def average(x: Any, axis: Any = None, weights: Any = None) -> Any:
    """The mean over axes, weighted.

    Args:
        x: a tensor.
        axis: int or tuple of ints; None means all.
        weights: a tensor of the shape of `x`, or of one dimension as long as the one axis; None weighs all alike.
    """
    if weights is None:
        return mean(x, axis=axis)
    if len(weights.shape) < len(x.shape):
        weights = ops.reshape(weights, [ops.shape(x)[i] if i in axis else 1 for i in range(len(x.shape))])
    total = sum(ops.multiply(weights, ops.ones_like(x)), axis=axis)
    return ops.divide(sum(ops.multiply(x, weights), axis=axis), total)


@composite(reduction(float_))
def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """`log(sum(exp(x)))` over axes, without overflow."""
    largest = ops.stop_gradient(max(x, axis=axis, keepdims=True))
    largest = ops.where(ops.isfinite(largest), largest, 0)
    result = ops.add(ops.log(sum(ops.exp(ops.subtract(x, largest)), axis=axis, keepdims=True)), largest)
    return result if keepdims else ops.squeeze(result, axis=axis)


# --- extremes ---------------------------------------------------------------------------------------------------------


@primitive(reduction(same))
def max(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Any:
    """The largest element over axes; at least `initial`, if given (needed where there are no elements)."""


@primitive(reduction(same))
def min(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Any:
    """The smallest element over axes; at most `initial`, if given (needed where there are no elements)."""


@composite
def amax(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The largest element over axes."""
    return max(x, axis=axis, keepdims=keepdims)


@composite
def amin(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The smallest element over axes."""
    return min(x, axis=axis, keepdims=keepdims)


@composite(reduction(same))
def ptp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The largest less the smallest element over axes."""
    return ops.subtract(max(x, axis=axis, keepdims=keepdims), min(x, axis=axis, keepdims=keepdims))


arg_rule = Rule(lambda x, axis, keepdims: reduced(x.shape, axis, keepdims), index, ("x",), one_axis)


@primitive(arg_rule)
def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Where the (first) largest element is along an axis; None: in the flattened tensor. int32."""


@primitive(arg_rule)
def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Where the (first) smallest element is along an axis; None: in the flattened tensor. int32."""


# --- running sums -----------------------------------------------------------------------------------------------------


def _ordered(x: Any, axis: int | None, **rest: Any) -> Any:
    """The shape of `x`, flattened without an axis."""
    return (size_of(x.shape),) if axis is None else x.shape


running_rule = Rule(_ordered, numeric, ("x",), one_axis)


@primitive(running_rule)
def cumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """The running sum along an axis; None: of the flattened tensor.

    Example:
        >>> ops.convert_to_numpy(ops.cumsum([1, 2, 3])).tolist()
        [1, 3, 6]
    """


@primitive(running_rule)
def cumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """The running product along an axis; None: of the flattened tensor."""


@composite(Rule(lambda a, n, axis: _diff_shape(a, n, axis), same, ("a",)))
def diff(a: Any, n: int = 1, axis: int = -1) -> Any:
    """The differences of neighbours along an axis, taken `n` times."""
    change = ops.not_equal if dtypes.standardize_dtype(a.dtype) == "bool" else ops.subtract
    before = (slice(None),) * (axis % len(a.shape))
    for _ in range(n):
        a = change(ops.get_item(a, (*before, slice(1, None))), ops.get_item(a, (*before, slice(None, -1))))
    return a


def _diff_shape(a: Any, n: int, axis: int) -> Any:
    shape = list(a.shape)
    shape[axis] = None if shape[axis] is None else (shape[axis] - n if shape[axis] > n else 0)
    return tuple(shape)


# --- order ------------------------------------------------------------------------------------------------------------


@primitive(Rule(_ordered, index, ("x",), one_axis))
def argsort(x: Any, axis: int | None = -1) -> Any:
    """The indices that put `x` into ascending order along an axis, equal elements in their order. int32.

    With `axis=None` the flattened tensor is put into order.
    """


@composite(Rule(_ordered, same, ("x",), one_axis))
def sort(x: Any, axis: int | None = -1) -> Any:
    """The elements in ascending order along an axis; None flattens first.

    Example:
        >>> ops.convert_to_numpy(ops.sort([3, 1, 2])).tolist()
        [1, 2, 3]
    """
    return ops.take_along_axis(x, argsort(x, axis=axis), axis=axis)


@rule(lambda d: ((d,), [d, "int32"]))
def _top_k(x: Any, k: int, sorted: bool) -> Any:
    if x.shape[-1] is not None and k > x.shape[-1]:
        raise ValueError(f"argument k must be at most the size of the last axis, {x.shape[-1]}; got {k}.")
    return [(*x.shape[:-1], k), (*x.shape[:-1], k)]


@composite(_top_k)
def top_k(x: Any, k: int, sorted: bool = True) -> Any:
    """The `k` largest elements along the last axis and where they are.

    Args:
        x: a tensor.
        k: how many.
        sorted: whether the largest comes first; else the order is free.

    Returns:
        Two tensors of the shape `(..., k)`: values, and indices in int32. Of equal elements the first comes first.
    """
    backwards = argsort(ops.flip(x, axis=-1), axis=-1)  # stable from the end, so that equal elements keep their order
    best = ops.get_item(ops.flip(backwards, axis=-1), (Ellipsis, slice(0, k)))
    indices = ops.subtract(ops.shape(x)[-1] - 1, best)
    return ops.take_along_axis(x, indices, axis=-1), indices


@composite(Rule(lambda targets, **rest: targets.shape, to_bool, ("targets", "predictions")))
def in_top_k(targets: Any, predictions: Any, k: int) -> Any:
    """Whether each target class is among the `k` best predictions; ties count as in.

    Args:
        targets: integers of shape `(batch,)`.
        predictions: scores of shape `(batch, classes)`.
        k: how many count as best.

    Returns:
        A bool tensor of shape `(batch,)`.
    """
    chosen = ops.take_along_axis(predictions, ops.expand_dims(targets, -1), axis=-1)
    better = sum(ops.less(chosen, predictions), axis=-1)
    return ops.logical_and(ops.less(better, k), ops.all(ops.isfinite(chosen), axis=-1))


def _quantile_axes(bound: dict[str, Any]) -> None:
    all_axes(bound)
    one_of("method", bound["method"], ("linear", "lower", "higher", "midpoint", "nearest"))


quantile_rule = Rule(
    lambda x, q, axis, method, keepdims: (*q.shape, *reduced(x.shape, axis, keepdims)),
    float_,
    ("x", "q"),
    _quantile_axes,
)


@composite(quantile_rule)
def quantile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Any:
    """The values below which the parts `q` of the elements lie.

    Args:
        x: a tensor.
        q: a number between 0 and 1, or a 1-D tensor of them, whose axis comes first in the result.
        axis: int or tuple of ints; None means all.
        method: what to do between two elements: "linear", "lower", "higher", "midpoint" or "nearest".
        keepdims: whether the axes stay, of size 1.
    """
    flat, count = flattened_last(x, axis)
    flat = sort(flat, axis=-1)
    place = ops.clip(ops.multiply(ops.reshape(q, (-1,)), count - 1), 0, count - 1)
    low, high, part = neighbours(place, method)
    result = between(ops.take(flat, low, axis=-1), ops.take(flat, high, axis=-1), part)
    return q_first(result, q, axis, keepdims)


def neighbours(place: Any, method: str) -> tuple[Any, Any, Any]:
    """The indices before and after a place between elements, and how much the one after counts."""
    low, high = ops.floor(place), ops.ceil(place)
    if method in ("lower", "higher", "nearest"):
        low = high = {"lower": low, "higher": high, "nearest": ops.round(place)}[method]
    part = ops.subtract(place, low) if method == "linear" else ops.cast(0.5, place.dtype)
    return ops.cast(low, "int32"), ops.cast(high, "int32"), part


def between(first: Any, second: Any, part: Any) -> Any:
    """The number that lies a part of the way from one to another."""
    return ops.add(ops.multiply(first, ops.subtract(1.0, part)), ops.multiply(second, part))


def q_first(result: Any, q: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    """Quantiles in a last axis, moved to where they belong."""
    result = ops.moveaxis(result, -1, 0) if len(q.shape) else ops.squeeze(result, axis=-1)
    for i in sorted(axis) if keepdims else ():
        result = ops.expand_dims(result, i + len(q.shape))
    return result


def flattened_last(x: Any, axis: tuple[int, ...]) -> tuple[Any, Any]:
    """`x` with some axes merged into a last one, and its size."""
    kept = [i for i in range(len(x.shape)) if i not in axis]
    sizes, count = ops.shape(x), 1
    for i in axis:
        count = sizes[i] * count
    return ops.reshape(ops.transpose(x, (*kept, *axis)), (*(sizes[i] for i in kept), count)), count


@composite(reduction(float_))
def median(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The median over axes."""
    return quantile(x, 0.5, axis=axis, keepdims=keepdims)


# --- segments ---------------------------------------------------------------------------------------------------------


@rule(lambda data, ids: ((data, "int32"), data), ("data", "segment_ids"))
def _segments(data: Any, segment_ids: Any, num_segments: Any, sorted: bool) -> Any:
    return (num_segments, *data.shape[1:])


@composite(_segments)
def segment_sum(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
    """The sums of rows that belong together.

    Args:
        data: a tensor of shape `(rows, ...)`.
        segment_ids: for each row the number of its segment; rows with a number that is out of range are left out.
        num_segments: how many segments there are; None finds the largest number (not in compiled code).
        sorted: whether the numbers are ascending, a hint.

    Returns:
        A tensor of shape `(num_segments, ...)`.
    """
    return _segment(data, segment_ids, num_segments, "add", 0)


@composite(_segments)
def segment_prod(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
    """The products of rows that belong together; a segment without rows has 1. Arguments as for `segment_sum`."""
    return _segment(data, segment_ids, num_segments, "mul", 1)


@composite(_segments)
def segment_max(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
    """The largest of rows that belong together, the dtype's lowest for none; arguments as for `segment_sum`."""
    return _segment(data, segment_ids, num_segments, "max", _lowest(data.dtype))


@composite(_segments)
def segment_min(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
    """The smallest of rows that belong together, the dtype's highest for none; arguments as for `segment_sum`."""
    highest = float("inf") if dtypes.is_float(data.dtype) else dtypes.largest(data.dtype)
    return _segment(data, segment_ids, num_segments, "min", highest)


def _lowest(dtype: Any) -> int | float:
    if dtypes.is_float(dtype):
        return -float("inf")
    return -dtypes.largest(dtype) - 1 if dtypes.standardize_dtype(dtype).startswith("int") else 0


def _segment(data: Any, segment_ids: Any, num_segments: Any, reduction: str, start: Any) -> Any:
    if num_segments is None:
        num_segments = int(ops.convert_to_numpy(ops.add(max(segment_ids), 1)))
    rest = ops.shape(data)[1:]
    outside = ops.logical_or(ops.less(segment_ids, 0), ops.less(num_segments - 1, segment_ids))
    ids = ops.where(outside, num_segments, segment_ids)  # one more row takes what is out of range
    result = ops.full((num_segments + 1, *rest), start, dtype=dtypes.standardize_dtype(data.dtype))
    result = ops.scatter_update(result, ops.expand_dims(ids, -1), data, reduction=reduction)
    return ops.slice(result, (0,) * len(data.shape), (num_segments, *rest))


@rule(lambda x, w=None: (("int32",) if w is None else ("int32", w), w or "int32"), ("x", "weights?"))
def _bincount(x: Any, weights: Any, minlength: int, sparse: bool) -> Any:
    return (*x.shape[:-1], None)


@composite(_bincount)
def bincount(x: Any, weights: Any = None, minlength: int = 0, sparse: bool = False) -> Any:
    """How often each integer occurs.

    Args:
        x: non-negative integers of shape `(n,)` or `(batch, n)`.
        weights: what each counts for, of the same shape; default 1.
        minlength: the least length of the result. In compiled code it is the length.
        sparse: whether the result is a sparse tensor, where the backend has such.

    Returns:
        Counts of shape `(length,)` or `(batch, length)`, int32 or of the weights' dtype.
    """
    length = minlength
    if not registry.current().is_traced(x):
        length = int(ops.convert_to_numpy(ops.maximum(max(x, initial=-1) + 1, minlength)))
    kind = "int32" if weights is None else dtypes.standardize_dtype(weights.dtype)
    counted = ops.one_hot(x, length, dtype=kind, sparse=sparse)
    if weights is not None:
        counted = ops.multiply(counted, ops.expand_dims(ops.cast(weights, counted.dtype), -1))
    return sum(counted, axis=-2)
