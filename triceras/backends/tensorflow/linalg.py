"""Products and decompositions of matrices."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from triceras.backends.tensorflow import array
from triceras.backends.tensorflow.tensor import dynamic_shape

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
    if x2.shape.rank == 2:
        return _of_rows(_product, x1, x2)
    return tf.matmul(x1, x2)


def affine(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    if x.dtype.is_floating:  # in graphs, the product, the bias and an activation become one operation
        return _of_rows(lambda rows, kernel: tf.raw_ops.BiasAdd(value=_product(rows, kernel), bias=bias), x, kernel)
    product = matmul(x, kernel)
    return product + tf.cast(bias, product.dtype)


def _product(x1: tf.Tensor, x2: tf.Tensor) -> tf.Tensor:
    """Of two matrices. The bare function: eagerly, `tf.matmul` spends as long on its arguments as on the numbers."""
    return tf.raw_ops.MatMul(a=x1, b=x2)


def _of_rows(function: Callable, x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """A function of two matrices, for all rows of `x` at once: quicker than many small products, above all backward."""
    if x.shape.rank == 2:
        return function(x, kernel)
    (*sizes, _), (depth, width) = dynamic_shape(x), dynamic_shape(kernel)
    rows = function(array.reshape(x, (-1 if kernel.shape[0] else math.prod(sizes), depth)), kernel)
    return array.reshape(rows, (*sizes, width))


def _with_vector(x1: tf.Tensor, x2: tf.Tensor) -> tf.Tensor:
    if x1.shape.rank == x2.shape.rank:
        return tf.tensordot(x1, x2, 1)
    if x2.shape.rank == 1:
        return tf.linalg.matvec(x1, x2)
    return tf.linalg.matvec(x2, x1, transpose_a=True)


def einsum(subscripts: str, *operands: tf.Tensor, **kwargs: Any) -> tf.Tensor:
    return _widened(functools.partial(_einsum, subscripts))(*operands)


class Product(NamedTuple):
    """An einsum of two operands that is a product of matrices.

    Args:
        labels: of each operand's axes.
        orders: for each operand, which axes count the matrices, and which become their rows and columns.
        flips: which of the two matrices is to be transposed.
        made: labels of the product's axes.
        output: labels of the result's.
    """

    labels: list[str]
    orders: list[tuple[str, str, str]]
    flips: tuple[bool, bool]
    made: str
    output: str


@functools.cache
def _as_product(subscripts: str) -> Product | None:
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    labels = inputs.split(",")
    simple = arrow and "." not in subscripts and len(labels) == 2 and all(labels)
    if not simple or any(len(set(part)) < len(part) for part in (*labels, output)):
        return None
    a, b = labels
    left, right = ("".join(x for x in part if x not in other) for part, other in ((a, b), (b, a)))
    batch = "".join(x for x in a if x in b and x in output)
    summed = "".join(x for x in a if x in b and x not in output)
    if not summed or not set(left + right) <= set(output):
        return None
    flips = a[-1] in left, b[-1] in summed  # so that the last axis may stay the last
    orders = [(batch, summed, left) if flips[0] else (batch, left, summed)]
    orders.append((batch, right, summed) if flips[1] else (batch, summed, right))
    return Product(labels, orders, flips, batch + left + right, output)


def _einsum(subscripts: str, *operands: tf.Tensor) -> tf.Tensor:
    """As a product of matrices where it is one: a third quicker than `tf.einsum`, forth and back."""
    plan = _as_product(subscripts)
    if plan is None:
        return tf.einsum(subscripts, *operands)
    sizes: dict[str, Any] = {}
    for labels, x in zip(plan.labels, operands, strict=True):
        for label, size in zip(labels, dynamic_shape(x), strict=True):
            known = sizes.setdefault(label, size)
            if isinstance(known, tf.Tensor):
                sizes[label] = size
            elif isinstance(size, int) and size != known:
                return tf.einsum(subscripts, *operands)  # says what is wrong
    matrices = []
    for x, labels, (batch, rows, columns) in zip(operands, plan.labels, plan.orders, strict=True):
        x = _permuted(x, labels, batch + rows + columns)
        shape = (*(sizes[x] for x in batch), *(math.prod(sizes[x] for x in part) for part in (rows, columns)))
        matrices.append(array.reshape(x, shape))
    product = tf.matmul(*matrices, transpose_a=plan.flips[0], transpose_b=plan.flips[1])
    return _permuted(array.reshape(product, tuple(sizes[x] for x in plan.made)), plan.made, plan.output)


def _permuted(x: tf.Tensor, labels: str, wanted: str) -> tf.Tensor:
    return x if labels == wanted else array.transpose(x, tuple(map(labels.index, wanted)))


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
