"""Products and decompositions of matrices."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

# --- products -------------------------------------------------------------------------------------------------------

_SMALL = (tf.bool, tf.uint8, tf.uint16, tf.uint32, tf.uint64, tf.int8, tf.int16)


def _widened(product: Callable) -> Callable:
    """A product for the integers that TensorFlow can't multiply: of int8 in int32, of others in their own dtype."""

    @functools.wraps(product)
    def multiply(*tensors: tf.Tensor) -> tf.Tensor:
        dtype = tensors[0].dtype
        if dtype not in _SMALL:
            return product(*tensors)
        wide = tf.int64 if dtype.size > 2 else tf.int32
        result = product(*(tf.cast(x, wide) for x in tensors))
        return tf.cast(result, tf.int32 if dtype is tf.int8 else dtype)

    return multiply


@_widened
def matmul(x1: tf.Tensor, x2: tf.Tensor) -> tf.Tensor:
    if x1.shape.rank == 1 or x2.shape.rank == 1:
        return _with_vector(x1, x2)
    if x1.shape.rank > 2 and x2.shape.rank == 2:
        # One product of two matrices: quicker than a batch of small ones, above all in the backward pass.
        rows = tf.matmul(tf.reshape(x1, [-1, x2.shape[0] or tf.shape(x2)[0]]), x2)
        result = tf.reshape(rows, tf.concat([tf.shape(x1)[:-1], tf.shape(x2)[1:]], 0))
        return tf.ensure_shape(result, [*x1.shape[:-1], x2.shape[1]])
    return tf.matmul(x1, x2)


def affine(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    if not x.dtype.is_floating:
        product = matmul(x, kernel)
        return product + tf.cast(bias, product.dtype)
    # The bare functions: in eager code, `tf.matmul` and `+` spend twice as long on their arguments as on the numbers.
    product = tf.raw_ops.MatMul(a=x, b=kernel) if x.shape.rank == 2 else matmul(x, kernel)
    return tf.raw_ops.BiasAdd(value=product, bias=bias)


def _with_vector(x1: tf.Tensor, x2: tf.Tensor) -> tf.Tensor:
    if x1.shape.rank == x2.shape.rank:
        return tf.tensordot(x1, x2, 1)
    if x2.shape.rank == 1:
        return tf.linalg.matvec(x1, x2)
    return tf.linalg.matvec(x2, x1, transpose_a=True)


def einsum(subscripts: str, *operands: tf.Tensor, **kwargs: Any) -> tf.Tensor:
    return _widened(functools.partial(tf.einsum, subscripts))(*operands)


def tensordot(x1: tf.Tensor, x2: tf.Tensor, axes: Any = 2) -> tf.Tensor:
    return _widened(lambda a, b: tf.tensordot(a, b, axes))(x1, x2)


# --- decompositions and equations ----------------------------------------------------------------------------------


def _in_float32(function: Callable) -> Callable:
    """A function for which TensorFlow has no 16-bit kernels."""

    @functools.wraps(function)
    def run(x: tf.Tensor, *args: Any, **kwargs: Any) -> Any:
        if x.dtype.size > 2:
            return function(x, *args, **kwargs)
        args = [tf.cast(a, tf.float32) if isinstance(a, tf.Tensor) else a for a in args]
        return tf.nest.map_structure(lambda y: tf.cast(y, x.dtype), function(tf.cast(x, tf.float32), *args, **kwargs))

    return run


@_in_float32
def cholesky(x: tf.Tensor, upper: bool = False) -> tf.Tensor:
    lower = tf.linalg.cholesky(x)
    return tf.linalg.adjoint(lower) if upper else lower


det, inv = _in_float32(tf.linalg.det), _in_float32(tf.linalg.inv)


def _columns(function: Callable) -> Callable:
    """An equation's solver that takes one right side as a vector too."""

    @_in_float32
    def run(a: tf.Tensor, b: tf.Tensor, **options: Any) -> tf.Tensor:
        if b.shape.rank == a.shape.rank - 1:
            return tf.squeeze(function(a, tf.expand_dims(b, -1), **options), -1)
        return function(a, b, **options)

    return run


solve = _columns(tf.linalg.solve)
solve_triangular = _columns(lambda a, b, lower=False: tf.linalg.triangular_solve(a, b, lower=lower))


@_in_float32
def qr(x: tf.Tensor, mode: str = "reduced") -> tuple[tf.Tensor, tf.Tensor]:
    return tuple(tf.linalg.qr(x, full_matrices=mode == "complete"))


@_in_float32
def svd(x: tf.Tensor, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    if not compute_uv:
        return tf.linalg.svd(x, compute_uv=False)
    s, u, v = tf.linalg.svd(x, full_matrices=full_matrices)
    return u, s, tf.linalg.adjoint(v)


@_in_float32
def eigh(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    return tuple(tf.linalg.eigh(x))


def slogdet(x: tf.Tensor) -> tuple[tf.Tensor, ...]:
    return tuple(tf.linalg.slogdet(x))


def eig(x: tf.Tensor) -> tuple[tf.Tensor, ...]:
    return tuple(tf.linalg.eig(x))
