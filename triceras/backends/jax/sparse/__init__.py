"""Sparse tensors are `jax.experimental.sparse.BCOO`s. That module is imported when the first of them is met or made."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from triceras.backends.jax.tensor import BCOO
from triceras.backends.sparse import SparseBackend


def _bcoo() -> Any:
    from jax.experimental import sparse

    return sparse


def plain(x: Any) -> Any:
    """`x` without batch and dense axes, in which values would share indices."""
    return x if x.n_batch == x.n_dense == 0 else _bcoo().bcoo_update_layout(x, n_batch=0, n_dense=0)


def made(values: Any, indices: Any, shape: Any, unique: bool = False) -> Any:
    """A sparse tensor of values at places; places out of range are padding."""
    return _bcoo().BCOO((values, indices), shape=tuple(shape), unique_indices=unique)


class SparseTensors(SparseBackend):
    """Ops on JAX's sparse tensors."""

    tensor_types = (BCOO,)

    def __init__(self, home: Any):
        super().__init__(home)
        self.functions = {**FUNCTIONS, "mean": self.mean}

    def sizes(self, x: Any) -> tuple[int, ...]:
        return x.shape

    def densify(self, x: Any) -> jax.Array:
        return as_bits(lambda bits: bits.todense(), x)

    def values(self, x: Any) -> tuple[jax.Array, Callable]:
        x = _unique(plain(x))
        return x.data, lambda values: made(values, x.indices, x.shape, unique=True)

    def align(self, x1: Any, x2: Any) -> tuple:
        x1, x2 = plain(x1), plain(x2)
        indices = jnp.concatenate([x1.indices, x2.indices])
        first = jnp.concatenate([x1.data, jnp.zeros_like(x2.data)])
        second = jnp.concatenate([jnp.zeros_like(x1.data), x2.data])
        first, second = (_unique(made(values, indices, x1.shape)) for values in (first, second))
        return first.data, second.data, lambda values: made(values, first.indices, x1.shape, unique=True)

    def at(self, dense: jax.Array, x: Any) -> jax.Array:
        x = _unique(plain(x))  # the places of `values`
        places = x.indices[:, x.ndim - dense.ndim :]
        return dense[tuple(0 if size == 1 else places[:, i] for i, size in enumerate(dense.shape))]

    def make(self, indices: Any, values: Any, shape: Any) -> Any:
        """From NumPy arrays with padding up to a power of two, so that compiled code meets few sizes."""
        if isinstance(values, np.ndarray):
            more = 2 ** max(len(values) - 1, 0).bit_length() - len(values)
            indices = np.concatenate([indices, np.tile(np.asarray(shape, indices.dtype), (more, 1))])
            values = np.concatenate([values, np.zeros(more, values.dtype)])
        return made(self.home.convert(values), self.home.convert(indices, "int32"), shape, unique=True)

    def take_apart(self, x: Any) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
        x = _unique(plain(x))
        indices, values = np.asarray(x.indices), np.asarray(x.data)
        inside = (indices < np.asarray(x.shape)).all(axis=1)
        indices, values = indices[inside], values[inside]
        order = np.lexsort(indices.T[::-1])
        return indices[order], values[order], x.shape


def _unique(x: Any) -> Any:
    """Values that share a place added up."""
    return x if x.unique_indices else as_bits(lambda bits: _bcoo().bcoo_sum_duplicates(bits, nse=x.nse), x)


def as_bits(function: Callable, x: Any) -> Any:
    """A function of a sparse tensor, which JAX has for numbers only, on truth values, too."""
    if x.dtype != bool:
        return function(x)
    found = function(_bcoo().BCOO((x.data.astype(jnp.int8), x.indices), shape=x.shape, unique_indices=x.unique_indices))
    return found.astype(bool)


# --- the ops that ask for more than values and their places -----------------------------------------------------------


def reshape(x: Any, newshape: tuple) -> Any:
    sizes = list(newshape)
    if -1 in sizes:
        sizes[sizes.index(-1)] = math.prod(x.shape) // max(-math.prod(sizes), 1)
    return _bcoo().bcoo_reshape(plain(x), new_sizes=tuple(sizes))


def expand_dims(x: Any, axis: tuple[int, ...]) -> Any:
    sizes = list(x.shape)
    for a in axis:
        sizes.insert(a, 1)
    return reshape(x, tuple(sizes))


def squeeze(x: Any, axis: tuple[int, ...]) -> Any:
    sizes = tuple(size for i, size in enumerate(x.shape) if i not in axis)
    return reshape(x, sizes) if sizes else NotImplemented


def transpose(x: Any, axes: tuple[int, ...]) -> Any:
    return _bcoo().bcoo_transpose(plain(x), permutation=axes)


def concatenate(xs: list[Any], axis: int) -> Any:
    if not all(isinstance(x, BCOO) for x in xs):
        return NotImplemented
    return _bcoo().bcoo_concatenate(list(map(plain, xs)), dimension=axis)


def sum_(x: Any, axis: tuple[int, ...], keepdims: bool = False) -> Any:
    if len(axis) == len(x.shape):
        total = plain(x).data.sum(keepdims=True)  # padding is zeros
        return made(total, jnp.zeros((1, x.ndim), "int32"), (1,) * x.ndim) if keepdims else NotImplemented
    found = _bcoo().bcoo_reduce_sum(plain(x), axes=axis)
    return expand_dims(found, axis) if keepdims else found


def matmul(x1: Any, x2: Any) -> Any:
    if min(x1.ndim, x2.ndim) < 2 or x2.ndim > 2:
        return NotImplemented
    x1, x2 = (plain(x) if isinstance(x, BCOO) else x for x in (x1, x2))
    if isinstance(x1, BCOO):
        return _bcoo().bcoo_dot_general(x1, x2, dimension_numbers=(((x1.ndim - 1,), (0,)), ((), ())))
    found = _bcoo().bcoo_dot_general(x2, x1, dimension_numbers=(((0,), (x1.ndim - 1,)), ((), ())))
    return jnp.moveaxis(found, 0, -1)


def bincount(x: Any, weights: Any = None, minlength: int = 0, sparse: bool = False) -> Any:
    """Of the integers that are there: a place without a value counts for nothing."""
    if not isinstance(x, BCOO):
        return NotImplemented
    x = _unique(plain(x))
    if isinstance(weights, BCOO):
        weights = weights.todense()
    counts = jnp.ones_like(x.data, "int32") if weights is None else weights[tuple(x.indices.T)]
    counts = jnp.where((x.indices < jnp.asarray(x.shape)).all(axis=1), counts, 0)
    traced = isinstance(x.data, jax.core.Tracer)
    length = minlength if traced else max(int(x.data.max(initial=-1)) + 1, minlength)
    indices = jnp.concatenate([x.indices[:, :-1], x.data[:, None].astype(x.indices.dtype)], axis=1)
    return made(counts, indices, (*x.shape[:-1], length))


FUNCTIONS: dict[str, Callable] = {
    "bincount": bincount,
    "concatenate": concatenate,
    "expand_dims": expand_dims,
    "matmul": matmul,
    "reshape": reshape,
    "squeeze": squeeze,
    "sum": sum_,
    "transpose": transpose,
}
