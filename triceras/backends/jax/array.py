"""Making tensors, and changing their shape, order and parts. Sizes are always known here."""

from __future__ import annotations

import builtins
import operator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from triceras.backends.jax.tensor import compiled, jax_dtype

# --- constants --------------------------------------------------------------------------------------------------------

zeros, ones, empty, eye, identity, tri, linspace = (
    jnp.zeros, jnp.ones, jnp.empty, jnp.eye, jnp.identity, jnp.tri, jnp.linspace,
)  # fmt: skip
zeros_like, ones_like, empty_like, full_like = jnp.zeros_like, jnp.ones_like, jnp.empty_like, jnp.full_like
tril, triu, diag, diagonal, copy = jnp.tril, jnp.triu, jnp.diag, jnp.diagonal, jnp.copy


def full(shape: tuple, fill_value: Any, dtype: str) -> jax.Array:
    return jnp.full(shape, jnp.asarray(fill_value), dtype)


def view(x: jax.Array, dtype: str) -> jax.Array:
    return x.view(jax_dtype(dtype))


def arange(start: Any, stop: Any, step: Any, dtype: str) -> jax.Array:
    return jnp.arange(start, stop, step, dtype=dtype)


def trace(x: jax.Array, offset: int = 0, axis1: int = 0, axis2: int = 1) -> jax.Array:
    return jnp.trace(x, offset, axis1, axis2, dtype=x.dtype)


# --- shape and order --------------------------------------------------------------------------------------------------

transpose = compiled(jnp.transpose, "axes")
swapaxes, moveaxis = jnp.swapaxes, jnp.moveaxis
expand_dims, squeeze = compiled(jnp.expand_dims, "axis"), compiled(jnp.squeeze, "axis")
_reshape, _broadcast_to = compiled(jnp.reshape, "shape"), compiled(jnp.broadcast_to, "shape")
_concatenate, _stack = compiled(jnp.concatenate, "axis"), compiled(jnp.stack, "axis")
split, flip, roll = jnp.split, jnp.flip, jnp.roll


def reshape(x: jax.Array, newshape: tuple) -> jax.Array:
    return _reshape(x, tuple(map(operator.index, newshape)))


def broadcast_to(x: jax.Array, shape: tuple) -> jax.Array:
    return _broadcast_to(x, tuple(map(operator.index, shape)))


def concatenate(xs: list[jax.Array], axis: int = 0) -> jax.Array:
    return _concatenate(xs, axis)


def stack(x: list[jax.Array], axis: int = 0) -> jax.Array:
    return _stack(x, axis)


def unstack(x: jax.Array, num: int | None = None, axis: int = 0) -> list[jax.Array]:
    return list(jnp.unstack(x, axis=axis))


def repeat(x: jax.Array, repeats: Any, axis: int | None = None) -> jax.Array:
    return jnp.repeat(x, np.asarray(repeats), axis=axis)


def tile(x: jax.Array, repeats: tuple) -> jax.Array:
    return jnp.tile(x, tuple(map(operator.index, repeats)))


def pad(x: jax.Array, pad_width: tuple, mode: str = "constant", constant_values: Any = None) -> jax.Array:
    if mode != "constant":
        return jnp.pad(x, pad_width, mode)
    return jnp.pad(x, pad_width, constant_values=constant_values)


# --- parts ------------------------------------------------------------------------------------------------------------


def get_item(x: jax.Array, key: Any) -> jax.Array:
    keys = tuple(map(_index, key)) if isinstance(key, tuple) else (_index(key),)
    axis = 0
    for k in keys:  # JAX would take the last element where an index is out of range
        if k is Ellipsis or isinstance(k, (np.ndarray, jax.Array)):
            break
        if isinstance(k, int) and not isinstance(k, bool) and axis < x.ndim and not -x.shape[axis] <= k < x.shape[axis]:
            raise IndexError(f"index {k} is out of range for axis {axis} of size {x.shape[axis]}")
        axis += k is not None
    return x[keys]


def _index(key: Any) -> Any:
    if isinstance(key, builtins.slice):
        parts = (key.start, key.stop, key.step)
        return builtins.slice(*(None if part is None else operator.index(part) for part in parts))
    if isinstance(key, list):
        return np.asarray(key)
    if isinstance(key, np.integer):
        return int(key)
    return key.value if hasattr(key, "assign") else key


def take(x: jax.Array, indices: jax.Array, axis: int | None = None) -> jax.Array:
    if 0 in x.shape and 0 in indices.shape:  # JAX would forget the indices' shape
        around = ((), ()) if axis is None else (x.shape[:axis], x.shape[axis + 1 :])
        return jnp.zeros((*around[0], *indices.shape, *around[1]), x.dtype)
    return jnp.take(x, indices, axis=axis)


def take_along_axis(x: jax.Array, indices: jax.Array, axis: int | None = None) -> jax.Array:
    return jnp.take_along_axis(x, indices, axis=axis)


def slice(inputs: jax.Array, start_indices: Any, shape: tuple) -> jax.Array:
    starts = _starts(start_indices)
    sizes = [
        n - operator.index(starts[i]) if operator.index(d) == -1 else operator.index(d)
        for i, (d, n) in enumerate(zip(shape, inputs.shape, strict=True))
    ]
    return lax.dynamic_slice(inputs, starts, sizes)


def slice_update(inputs: jax.Array, start_indices: Any, updates: jax.Array) -> jax.Array:
    return lax.dynamic_update_slice(inputs, updates, _starts(start_indices))


def _starts(start_indices: Any) -> list[Any]:
    start_indices = start_indices.value if hasattr(start_indices, "assign") else start_indices
    return [i.value if hasattr(i, "assign") else i for i in start_indices]


def scatter_update(
    inputs: jax.Array, indices: jax.Array, updates: jax.Array, reduction: str | None = None
) -> jax.Array:
    places = inputs.at[tuple(jnp.moveaxis(indices, -1, 0))]
    method = {None: places.set, "add": places.add, "max": places.max, "min": places.min, "mul": places.multiply}
    return method[reduction](updates)


# --- search -----------------------------------------------------------------------------------------------------------


def nonzero(x: jax.Array) -> tuple[jax.Array, ...]:
    return tuple(i.astype("int32") for i in jnp.nonzero(x))


def searchsorted(sorted_sequence: jax.Array, values: jax.Array, side: str = "left") -> jax.Array:
    return jnp.searchsorted(sorted_sequence, values, side=side).astype("int32")
