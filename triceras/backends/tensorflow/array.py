"""Making tensors, and changing their shape, order and parts."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np
import tensorflow as tf

from triceras.backends.tensorflow.tensor import convert, ints, shape_tensor

# --- constants --------------------------------------------------------------------------------------------------------


def arange(start: Any, stop: Any, step: Any, dtype: str) -> tf.Tensor:
    if builtins.all(isinstance(x, (int, float, np.generic)) for x in (start, stop, step)):
        return convert(np.arange(start, stop, step), dtype)
    wide = tf.int64 if tf.as_dtype(dtype).is_integer else tf.float32
    return tf.cast(tf.range(*(tf.cast(x, wide) for x in (start, stop, step))), dtype)


def full(shape: Any, fill_value: Any, dtype: str) -> tf.Tensor:
    return tf.broadcast_to(convert(fill_value, dtype), shape_tensor(shape))


def zeros(shape: Any, dtype: str) -> tf.Tensor:
    return tf.zeros(shape_tensor(shape), dtype)


def ones(shape: Any, dtype: str) -> tf.Tensor:
    return tf.ones(shape_tensor(shape), dtype)


def zeros_like(x: tf.Tensor, dtype: str) -> tf.Tensor:
    return tf.zeros_like(x, dtype)


def ones_like(x: tf.Tensor, dtype: str) -> tf.Tensor:
    return tf.ones_like(x, dtype)


copy = tf.identity


def view(x: tf.Tensor, dtype: str) -> tf.Tensor:
    before, after = x.dtype.size, tf.as_dtype(dtype).size
    if before < after:  # TensorFlow puts the bytes of one element into an axis of their own
        x = tf.reshape(x, tf.concat([tf.shape(x)[:-1], [-1, after // before]], 0))
    found = tf.bitcast(x, dtype)
    return found if before <= after else tf.reshape(found, tf.concat([tf.shape(x)[:-1], [-1]], 0))


# --- shape ------------------------------------------------------------------------------------------------------------


def reshape(x: tf.Tensor, newshape: tuple) -> tf.Tensor:
    return tf.reshape(x, shape_tensor(newshape))


def transpose(x: tf.Tensor, axes: tuple[int, ...]) -> tf.Tensor:
    return tf.transpose(x, ints(axes)) if axes else tf.convert_to_tensor(x)


def expand_dims(x: tf.Tensor, axis: tuple[int, ...]) -> tf.Tensor:
    for a in axis:
        x = tf.expand_dims(x, a)
    return x


def squeeze(x: tf.Tensor, axis: tuple[int, ...]) -> tf.Tensor:
    return tf.squeeze(x, axis) if axis else tf.convert_to_tensor(x)


def broadcast_to(x: tf.Tensor, shape: tuple) -> tf.Tensor:
    return tf.broadcast_to(x, shape_tensor(shape))


def concatenate(xs: list[tf.Tensor], axis: int = 0) -> tf.Tensor:
    return tf.concat(xs, axis)


def stack(x: list[tf.Tensor], axis: int = 0) -> tf.Tensor:
    return tf.stack(x, axis)


def unstack(x: tf.Tensor, num: int | None = None, axis: int = 0) -> list[tf.Tensor]:
    return tf.unstack(x, num, axis)


def tile(x: tf.Tensor, repeats: tuple) -> tf.Tensor:
    rank = builtins.max(x.shape.rank, len(repeats))
    for _ in range(rank - x.shape.rank):
        x = tf.expand_dims(x, 0)
    times = shape_tensor((1,) * (rank - len(repeats)) + tuple(repeats))
    if x.dtype is tf.uint16:  # no kernel
        return tf.cast(tf.tile(tf.cast(x, tf.int32), times), x.dtype)
    return tf.tile(x, times)


# --- order ------------------------------------------------------------------------------------------------------------


def flip(x: tf.Tensor, axis: tuple[int, ...]) -> tf.Tensor:
    return tf.reverse(x, list(axis)) if axis else tf.convert_to_tensor(x)


def roll(x: tf.Tensor, shift: Any, axis: Any = None) -> tf.Tensor:
    if axis is None:
        return tf.reshape(tf.roll(tf.reshape(x, [-1]), shift, 0), tf.shape(x))
    axes = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    shifts = tuple(shift) if isinstance(shift, (tuple, list)) else (shift,) * len(axes)
    return tf.roll(x, shifts, axes)


def pad(x: tf.Tensor, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> tf.Tensor:
    if mode == "constant":
        return tf.pad(x, pad_width, constant_values=tf.cast(constant_values, x.dtype))
    for axis, (before, after) in enumerate(pad_width):
        if before or after:
            size = x.shape[axis] or tf.shape(x)[axis]
            places = _beyond(tf.range(-before, size + after), size, mode)
            x = tf.gather(x, places, axis=axis)
    return x


def _beyond(i: tf.Tensor, size: Any, mode: str) -> tf.Tensor:
    """The places that stand for `i`, some of which lie outside of an axis."""
    if mode == "edge":
        return tf.clip_by_value(i, 0, size - 1)
    if mode == "wrap":
        return i % size
    period = 2 * size if mode == "symmetric" else tf.maximum(2 * size - 2, 1)
    i = i % period
    return tf.minimum(i, period - 1 - i if mode == "symmetric" else period - i)


# --- parts ------------------------------------------------------------------------------------------------------------


def get_item(x: tf.Tensor, key: Any) -> tf.Tensor:
    keys = [_index(k) for k in (key if isinstance(key, tuple) else (key,))]
    if not builtins.any(_is_array(k) for k in keys):
        return tf.convert_to_tensor(x)[tuple(keys)]
    keys = [part for k in keys for part in _places_of_mask(k)]
    return _gather_at(x, _without_ellipsis(keys, x.shape.rank))


def _index(k: Any) -> Any:
    """An index as an int, slice, None, Ellipsis or tensor."""
    if k is None or k is Ellipsis or (isinstance(k, (int, np.integer)) and not isinstance(k, bool)):
        return k
    if isinstance(k, builtins.slice):
        return builtins.slice(*(int(p) if isinstance(p, np.integer) else p for p in (k.start, k.stop, k.step)))
    return convert(k)


def _places_of_mask(k: Any) -> list[Any]:
    """Indices for each axis of a mask; anything else as it is."""
    if isinstance(k, tf.Tensor) and k.dtype is tf.bool:
        return tf.unstack(tf.where(k), axis=1, num=k.shape.rank)
    return [k]


def _is_array(k: Any) -> bool:
    return isinstance(k, tf.Tensor) and (k.shape.rank > 0 or k.dtype is tf.bool)


def _without_ellipsis(keys: list[Any], rank: int) -> list[Any]:
    missing = rank - builtins.sum(k is not None and k is not Ellipsis for k in keys)
    at = next((i for i, k in enumerate(keys) if k is Ellipsis), len(keys))
    return [*keys[:at], *[builtins.slice(None)] * missing, *keys[at + 1 :]]


def _gather_at(x: tf.Tensor, keys: list[Any]) -> tf.Tensor:
    """NumPy's advanced indexing: slices first, then the arrays together; their axes go to the first one's place, or to
    the front if something else stands between them."""
    places = [i for i, k in enumerate(keys) if k is not None and not isinstance(k, builtins.slice)]
    x = tf.convert_to_tensor(x)[tuple(builtins.slice(None) if i in places else k for i, k in enumerate(keys))]
    sizes = tf.shape(x)
    indices = [tf.cast(keys[i], tf.int32) for i in places]
    indices = [tf.where(k < 0, k + sizes[i], k) for k, i in zip(indices, places, strict=True)]
    rest = [i for i in range(x.shape.rank) if i not in places]
    shape = indices[0]
    for k in indices[1:]:
        shape = shape + k  # broadcasts
    indices = [tf.broadcast_to(k, tf.shape(shape)) for k in indices]
    found = tf.gather_nd(tf.transpose(x, [*places, *rest]), tf.stack(indices, -1))
    count = shape.shape.rank
    adjacent = places == list(range(places[0], places[0] + len(places)))
    if not adjacent or places[0] == 0:
        return found
    before = places[0]
    order = [*range(count, count + before), *range(count), *range(count + before, found.shape.rank)]
    return tf.transpose(found, order)


def _from_start(indices: tf.Tensor, size: Any) -> tf.Tensor:
    """Indices that count from the end as such that count from the start, in a dtype that is taken as indices."""
    if indices.dtype not in (tf.int32, tf.int64):
        indices = tf.cast(indices, tf.int64 if indices.dtype in (tf.uint32, tf.uint64) else tf.int32)
    return tf.where(indices < 0, indices + tf.cast(size, indices.dtype), indices)


def take(x: tf.Tensor, indices: tf.Tensor, axis: int | None = None) -> tf.Tensor:
    if axis is None:
        x, axis = tf.reshape(x, [-1]), 0
    return tf.gather(x, _from_start(indices, x.shape[axis] or tf.shape(x)[axis]), axis=axis)


def take_along_axis(x: tf.Tensor, indices: tf.Tensor, axis: int | None = None) -> tf.Tensor:
    if axis is None:
        return take(x, indices)
    rank = x.shape.rank
    indices = _from_start(indices, x.shape[axis] or tf.shape(x)[axis])
    order = [*(i for i in range(rank) if i != axis), axis]
    x, indices = tf.transpose(x, order), tf.transpose(indices, order)
    if x.shape[:-1] != indices.shape[:-1] or not x.shape[:-1].is_fully_defined():
        batch = tf.broadcast_dynamic_shape(tf.shape(x)[:-1], tf.shape(indices)[:-1])
        x = tf.broadcast_to(x, tf.concat([batch, tf.shape(x)[-1:]], 0))
        indices = tf.broadcast_to(indices, tf.concat([batch, tf.shape(indices)[-1:]], 0))
    found = tf.gather(x, indices, axis=rank - 1, batch_dims=rank - 1)
    return tf.transpose(found, np.argsort(order))


def slice(inputs: tf.Tensor, start_indices: Any, shape: tuple) -> tf.Tensor:
    return tf.slice(inputs, _starts(start_indices), shape_tensor(shape))


def slice_update(inputs: tf.Tensor, start_indices: Any, updates: tf.Tensor) -> tf.Tensor:
    begin = _starts(start_indices)
    end = begin + tf.shape(updates)
    return tf.raw_ops.TensorStridedSliceUpdate(
        input=inputs, begin=begin, end=end, strides=tf.ones_like(begin), value=updates
    )


def _starts(start_indices: Any) -> tf.Tensor:
    if isinstance(start_indices, (tuple, list)):
        return tf.stack([tf.cast(convert(i), tf.int32) for i in start_indices])
    return tf.cast(convert(start_indices), tf.int32)


_SCATTER = {
    None: tf.tensor_scatter_nd_update,
    "add": tf.tensor_scatter_nd_add,
    "max": tf.tensor_scatter_nd_max,
    "min": tf.tensor_scatter_nd_min,
}


def scatter_update(inputs: tf.Tensor, indices: tf.Tensor, updates: tf.Tensor, reduction: Any = None) -> tf.Tensor:
    if inputs.shape.num_elements() == 0:  # the kernel refuses it in a graph
        return tf.identity(inputs)
    depth = indices.shape[-1]
    sizes = tf.cast(tf.shape(inputs)[:depth], indices.dtype)
    indices = _from_start(indices, sizes)
    if reduction == "mul":
        return _scatter_product(inputs, indices, updates, sizes)
    if inputs.dtype is tf.bool and reduction is not None:
        wide = scatter_update(tf.cast(inputs, tf.int32), indices, tf.cast(updates, tf.int32), reduction)
        return tf.cast(wide, tf.bool)
    return _SCATTER[reduction](inputs, indices, updates)


def _scatter_product(inputs: tf.Tensor, indices: tf.Tensor, updates: tf.Tensor, sizes: tf.Tensor) -> tf.Tensor:
    strides = tf.math.cumprod(sizes, exclusive=True, reverse=True)
    flat = tf.reduce_sum(indices * strides, -1)
    factors = tf.math.unsorted_segment_prod(updates, flat, tf.reduce_prod(sizes))
    return inputs * tf.reshape(factors, tf.shape(inputs))


# --- search -----------------------------------------------------------------------------------------------------------


def nonzero(x: tf.Tensor) -> tuple[tf.Tensor, ...]:
    places = tf.cast(tf.where(tf.cast(x, tf.bool)), tf.int32)
    return tuple(tf.unstack(places, axis=-1, num=x.shape.rank))


def searchsorted(sorted_sequence: tf.Tensor, values: tf.Tensor, side: str = "left") -> tf.Tensor:
    if values.shape.num_elements() == 0:  # the kernel refuses it in a graph
        return tf.zeros(tf.shape(values), tf.int32)
    found = tf.searchsorted(sorted_sequence, tf.reshape(values, [-1]), side)
    return tf.reshape(found, tf.shape(values))
