"""Comparisons, logic, and the choice between values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def _ordered(native: Callable) -> Callable:
    """A comparison by size, also of bool."""

    def compare(x1: tf.Tensor, x2: tf.Tensor) -> tf.Tensor:
        if x1.dtype is tf.bool:
            x1, x2 = tf.cast(x1, tf.int8), tf.cast(x2, tf.int8)
        return native(x1, x2)

    return compare


equal, not_equal = tf.equal, tf.not_equal
less, less_equal = _ordered(tf.less), _ordered(tf.less_equal)
greater, greater_equal = _ordered(tf.greater), _ordered(tf.greater_equal)
logical_and, logical_or = tf.logical_and, tf.logical_or
logical_not, logical_xor = tf.logical_not, tf.math.logical_xor


def where(condition: tf.Tensor, x1: Any = None, x2: Any = None) -> Any:
    if x1 is None or x2 is None:
        return tuple(tf.unstack(tf.cast(tf.where(condition), tf.int32), axis=-1, num=condition.shape.rank))
    return tf.where(condition, x1, x2)


def any(x: tf.Tensor, axis: tuple[int, ...], keepdims: bool = False) -> tf.Tensor:
    return tf.reduce_any(x, list(axis), keepdims) if axis else tf.convert_to_tensor(x)


def all(x: tf.Tensor, axis: tuple[int, ...], keepdims: bool = False) -> tf.Tensor:
    return tf.reduce_all(x, list(axis), keepdims) if axis else tf.convert_to_tensor(x)
