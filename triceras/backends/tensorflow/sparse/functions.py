"""The ops on `tf.SparseTensor`s that ask for more than values and their places."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from triceras.backends.tensorflow.tensor import densify, dynamic_shape, shape_tensor


def sparse(indices: Any, values: Any, sizes: Any, static: Any) -> tf.SparseTensor:
    """A sparse tensor that remembers what is known of its shape."""
    made = tf.SparseTensor(indices, values, sizes)
    made.set_shape(static)
    return made


def _of_sparse(function: Callable) -> Callable:
    """A function that leaves `tf.IndexedSlices` to the dense op."""

    @functools.wraps(function)
    def run(x: Any, *args: Any, **kwargs: Any) -> Any:
        return function(x, *args, **kwargs) if isinstance(x, tf.SparseTensor) else NotImplemented

    return run


@_of_sparse
def reshape(x: tf.SparseTensor, newshape: tuple) -> tf.SparseTensor:
    return tf.sparse.reshape(x, tf.cast(shape_tensor(newshape), tf.int64))


@_of_sparse
def expand_dims(x: tf.SparseTensor, axis: tuple[int, ...]) -> tf.SparseTensor:
    sizes = list(dynamic_shape(x))
    for a in axis:
        sizes.insert(a, 1)
    return _reshaped(x, sizes, [None if isinstance(size, tf.Tensor) else size for size in sizes])


@_of_sparse
def squeeze(x: tf.SparseTensor, axis: tuple[int, ...]) -> tf.SparseTensor:
    return _only(x, [i for i in range(x.shape.rank) if i not in axis])


def _only(x: tf.SparseTensor, axes: list[int]) -> Any:
    """`x` with only these axes, in this order, where no two values meet in one place."""
    if not axes:
        return NotImplemented
    made = tf.SparseTensor(tf.gather(x.indices, axes, axis=1), x.values, tf.gather(x.dense_shape, axes))
    made = tf.sparse.reorder(made)
    return sparse(made.indices, made.values, made.dense_shape, [x.shape[a] for a in axes])


@_of_sparse
def transpose(x: tf.SparseTensor, axes: tuple[int, ...]) -> tf.SparseTensor:
    return _only(x, list(axes)) if axes else x


def concatenate(xs: list[Any], axis: int) -> Any:
    if not all(isinstance(x, tf.SparseTensor) for x in xs):
        return NotImplemented
    static = list(xs[0].shape)
    sizes = [x.shape[axis] for x in xs]
    static[axis] = None if None in sizes else sum(sizes)
    made = tf.sparse.concat(axis, xs)
    return sparse(made.indices, made.values, made.dense_shape, static)


@_of_sparse
def sum_(x: tf.SparseTensor, axis: tuple[int, ...], keepdims: bool = False) -> Any:
    kept = [i for i in range(x.shape.rank) if i not in axis]
    if not kept and not keepdims:
        return NotImplemented
    if not kept:
        total, ones = tf.reduce_sum(x.values, keepdims=True), [1] * x.shape.rank
        return sparse(tf.zeros((1, len(ones)), tf.int64), total, ones, ones)
    sizes = tf.gather(x.dense_shape, kept)
    strides = tf.math.cumprod(sizes, exclusive=True, reverse=True)
    numbers = tf.reduce_sum(tf.gather(x.indices, kept, axis=1) * strides, axis=1)  # of the places that remain
    numbers, where = tf.unique(numbers)
    values = tf.math.unsorted_segment_sum(x.values, where, tf.size(numbers))
    indices = tf.math.floormod(tf.expand_dims(numbers, 1) // strides, sizes)
    made = tf.sparse.reorder(tf.SparseTensor(indices, values, sizes))
    made = sparse(made.indices, made.values, sizes, [x.shape[i] for i in kept])
    return expand_dims(made, tuple(axis)) if keepdims else made


# --- products ---------------------------------------------------------------------------------------------------------

MULTIPLIED = frozenset(("float32", "float64", "complex64", "complex128"))  # TensorFlow has no kernels for others


def matmul(x1: Any, x2: Any) -> Any:
    ranks = x1.shape.rank, x2.shape.rank
    if isinstance(x1, tf.IndexedSlices) or isinstance(x2, tf.IndexedSlices) or min(ranks) < 2 or ranks[1] > 2:
        return NotImplemented
    if x1.dtype.name not in MULTIPLIED:
        wide = tf.float64 if x1.dtype.is_integer else tf.float32
        found = matmul(tf.cast(x1, wide), tf.cast(x2, wide))
        return found if found is NotImplemented else tf.cast(found, x1.dtype)
    if ranks[0] > 2:
        sizes, static = dynamic_shape(x1), [*x1.shape[:-1], x2.shape[1]]
        found = matmul(_reshaped(x1, (math.prod(sizes[:-1]), sizes[-1])), x2)
        return _reshaped(found, (*sizes[:-1], dynamic_shape(x2)[1]), static)
    if isinstance(x2, tf.SparseTensor) and isinstance(x1, tf.SparseTensor):
        return _sparse_product(x1, x2)
    if isinstance(x2, tf.SparseTensor):
        return tf.transpose(tf.sparse.sparse_dense_matmul(tf.sparse.transpose(x2), tf.transpose(x1)))
    return tf.ensure_shape(tf.sparse.sparse_dense_matmul(x1, x2), (x1.shape[0], x2.shape[1]))


def _reshaped(x: Any, sizes: tuple, static: Any = None) -> Any:
    if not isinstance(x, tf.SparseTensor):
        return tf.ensure_shape(tf.reshape(x, shape_tensor(sizes)), static)
    x = reshape(x, sizes)
    return sparse(x.indices, x.values, x.dense_shape, static or x.shape)


def _sparse_product(x1: tf.SparseTensor, x2: tf.SparseTensor) -> tf.SparseTensor:
    first, second = (
        tf.raw_ops.SparseTensorToCSRSparseMatrix(indices=x.indices, values=x.values, dense_shape=x.dense_shape)
        for x in (x1, x2)
    )
    product = tf.raw_ops.SparseMatrixSparseMatMul(a=first, b=second, type=x1.dtype)
    found = tf.raw_ops.CSRSparseMatrixToSparseTensor(sparse_matrix=product, type=x1.dtype)
    return sparse(found.indices, found.values, found.dense_shape, (x1.shape[0], x2.shape[1]))


# --- counts -----------------------------------------------------------------------------------------------------------


def bincount(x: Any, weights: Any = None, minlength: int = 0, sparse: bool = False) -> Any:
    """Of the integers that are there: a place without a value counts for nothing."""
    if not isinstance(x, tf.SparseTensor) or x.shape.rank > 2:
        return NotImplemented
    if weights is not None:
        weights = densify(weights) if isinstance(weights, tf.SparseTensor) else weights
        weights = tf.SparseTensor(x.indices, tf.gather_nd(weights, x.indices), x.dense_shape)
    found = tf.sparse.bincount(x, weights, axis=-1, minlength=minlength)
    return tf.cast(found, tf.int32 if weights is None else weights.dtype)


FUNCTIONS = {
    "bincount": bincount,
    "concatenate": concatenate,
    "expand_dims": expand_dims,
    "matmul": matmul,
    "reshape": reshape,
    "squeeze": squeeze,
    "sum": sum_,
    "transpose": transpose,
}
