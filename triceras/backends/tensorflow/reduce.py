"""Reductions, running sums, order and segments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from triceras.backends.tensorflow.tensor import ints

Axes = tuple[int, ...]


def _over(native: Callable) -> Callable:
    """A reduction over a tuple of axes; over none of them it leaves the tensor as it is."""

    def reduce(x: tf.Tensor, axis: Axes, keepdims: bool = False) -> tf.Tensor:
        if len(axis) == 1:  # TensorFlow keeps the tensors of single numbers, and makes those of lists anew
            return native(x, axis[0], keepdims)
        return native(x, ints(axis), keepdims) if axis else tf.convert_to_tensor(x)

    return reduce


sum = _over(tf.reduce_sum)
mean = _over(tf.reduce_mean)


def prod(x: tf.Tensor, axis: Axes, keepdims: bool = False, dtype: str = "float32") -> tf.Tensor:
    return _over(tf.reduce_prod)(tf.cast(x, dtype), axis, keepdims)


def var(x: tf.Tensor, axis: Axes, keepdims: bool = False) -> tf.Tensor:
    return tf.math.reduce_variance(x, list(axis), keepdims) if axis else tf.zeros_like(tf.abs(x))


def std(x: tf.Tensor, axis: Axes, keepdims: bool = False) -> tf.Tensor:
    return tf.sqrt(var(x, axis, keepdims))


def logsumexp(x: tf.Tensor, axis: Axes, keepdims: bool = False) -> tf.Tensor:
    return tf.reduce_logsumexp(x, list(axis), keepdims) if axis else tf.convert_to_tensor(x)


# --- extremes ------------------------------------------------------------------------------------------------------


def _extreme(native: Callable, logical: Callable, pair: Callable) -> Callable:
    def reduce(x: tf.Tensor, axis: Axes, keepdims: bool = False, initial: Any = None) -> tf.Tensor:
        if x.dtype is tf.bool:
            result = _over(logical)(x, axis, keepdims)
            return result if initial is None else tf.cast(pair(tf.cast(result, tf.int32), int(initial)), tf.bool)
        result = _over(native)(x, axis, keepdims)
        return result if initial is None else pair(result, tf.cast(initial, result.dtype))

    return reduce


max = _extreme(tf.reduce_max, tf.reduce_any, tf.maximum)
min = _extreme(tf.reduce_min, tf.reduce_all, tf.minimum)


def _arg(native: Callable) -> Callable:
    def find(x: tf.Tensor, axis: int | None = None, keepdims: bool = False) -> tf.Tensor:
        flat = tf.reshape(x, [-1]) if axis is None else x
        found = native(flat, 0 if axis is None else axis, output_type=tf.int32)
        if not keepdims:
            return found
        return tf.reshape(found, [1] * x.shape.rank) if axis is None else tf.expand_dims(found, axis)

    return find


argmax, argmin = _arg(tf.argmax), _arg(tf.argmin)


# --- running sums, order -------------------------------------------------------------------------------------------


def _running(native: Callable) -> Callable:
    def run(x: tf.Tensor, axis: int | None = None, dtype: str = "float32") -> tf.Tensor:
        x = tf.cast(x, dtype)
        return native(tf.reshape(x, [-1]), 0) if axis is None else native(x, axis)

    return run


cumsum, cumprod = _running(tf.cumsum), _running(tf.math.cumprod)


def _sortable(x: tf.Tensor, axis: int | None) -> tuple[tf.Tensor, int]:
    x = tf.cast(x, tf.int8) if x.dtype is tf.bool else x
    return (tf.reshape(x, [-1]), 0) if axis is None else (x, axis)


def argsort(x: tf.Tensor, axis: int | None = -1) -> tf.Tensor:
    if not x.shape.rank:
        return tf.zeros([1] if axis is None else [], tf.int32)
    return tf.argsort(*_sortable(x, axis), stable=True)


def sort(x: tf.Tensor, axis: int | None = -1) -> tf.Tensor:
    if not x.shape.rank:
        return tf.reshape(x, [1] if axis is None else [])
    return tf.cast(tf.sort(*_sortable(x, axis)), x.dtype)


def top_k(x: tf.Tensor, k: int, sorted: bool = True) -> tuple[tf.Tensor, tf.Tensor]:
    values, indices = tf.math.top_k(tf.cast(x, tf.int8) if x.dtype is tf.bool else x, k, sorted)
    return tf.cast(values, x.dtype), indices


def segment_sum(data: tf.Tensor, segment_ids: tf.Tensor, num_segments: Any = None, sorted: bool = False) -> tf.Tensor:
    if num_segments is None:
        num_segments = tf.reduce_max(segment_ids) + 1
    ids = tf.where(segment_ids < num_segments, segment_ids, -1)  # negative ones are left out, larger ones refused
    return tf.math.unsorted_segment_sum(data, ids, num_segments)
