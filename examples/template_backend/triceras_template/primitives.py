"""The primitives: what a backend must supply. Everything else in `triceras.ops` is written with these.

The functions get tensors of one backend by position, already promoted, and all else by the names in the op's signature:
axes as non-negative ints, sizes as tuples, dtypes as names. Most are one name of the framework.
"""

import builtins
import functools
import math
import statistics

import numpy as np
from numpy import linalg

from triceras.core.dtypes import to_numpy_dtype

# --- element by element -----------------------------------------------------------------------------------------------

add, subtract, multiply, divide, floor_divide = np.add, np.subtract, np.multiply, np.divide, np.floor_divide
mod, power, maximum, minimum, arctan2 = np.mod, np.power, np.maximum, np.minimum, np.arctan2
absolute, sign, floor, round, sqrt = np.absolute, np.sign, np.floor, np.round, np.sqrt
exp, expm1, log, log1p, sin, cos, tanh = np.exp, np.expm1, np.log, np.log1p, np.sin, np.cos, np.tanh
conjugate, real, imag, equal, less = np.conjugate, np.real, np.imag, np.equal, np.less
logical_and, logical_or, logical_not = np.logical_and, np.logical_or, np.logical_not
bitwise_and, bitwise_or, bitwise_xor = np.bitwise_and, np.bitwise_or, np.bitwise_xor
left_shift, right_shift = np.left_shift, np.right_shift


def negative(x):
    return np.logical_not(x) if x.dtype == bool else np.negative(x)


def erf(x):
    return np.vectorize(math.erf, [float])(x).astype(x.dtype)


def erfinv(x):
    def one(y):  # the tangent's inverse, too, has infinities at -1 and 1, and nothing beyond
        return statistics.NormalDist().inv_cdf((y + 1) / 2) / math.sqrt(2) if abs(y) < 1 else np.arctanh(y)

    return np.vectorize(one, [float])(x).astype(x.dtype)


def where(condition, x1=None, x2=None):
    return nonzero(condition) if x1 is None else np.where(condition, x1, x2)


# --- reductions; what counts or points is int32 -----------------------------------------------------------------------


def int32(function):
    @functools.wraps(function)
    def run(*args, **kwargs):
        found = function(*args, **kwargs)
        return tuple(i.astype(np.int32) for i in found) if isinstance(found, tuple) else found.astype(np.int32)

    return run


argmax, argmin, nonzero = int32(np.argmax), int32(np.argmin), int32(np.nonzero)
argsort = int32(functools.partial(np.argsort, kind="stable"))
max, min = np.maximum.reduce, np.minimum.reduce
prod, cumsum, cumprod = np.prod, np.cumsum, np.cumprod


def sum(x, axis, keepdims=False):
    return np.sum(x, axis=axis, keepdims=keepdims, dtype=x.dtype)


# --- shapes, joining, cutting -----------------------------------------------------------------------------------------

transpose, flip, broadcast_to, expand_dims, squeeze = np.transpose, np.flip, np.broadcast_to, np.expand_dims, np.squeeze
take, take_along_axis = np.take, np.take_along_axis


def reshape(x, newshape):
    return np.reshape(x, newshape)


def concatenate(xs, axis=0):
    return np.concatenate(xs, axis=axis)


def arange(start, stop, step, dtype=None):
    return np.arange(start, stop, step).astype(to_numpy_dtype(dtype))


def view(x, dtype=None):
    return np.array(x, order="C").view(to_numpy_dtype(dtype))


def pad(x, pad_width, mode="constant", constant_values=None):
    more = {"constant_values": np.asarray(constant_values).astype(x.dtype)} if mode == "constant" else {}
    return np.pad(x, pad_width, mode=mode, **more)


def get_item(x, key):
    return x[key]


def slice(inputs, start_indices, shape):
    """A block, moved inward where it would reach beyond the end. A size of -1 means up to the end."""
    block = []
    for size, start, wanted in zip(inputs.shape, map(int, start_indices), shape, strict=True):
        wanted = size - start if wanted == -1 else wanted
        start = np.clip(start, 0, size - wanted)
        block.append(builtins.slice(start, start + wanted))
    return inputs[tuple(block)]


def slice_update(inputs, start_indices, updates):
    result = inputs.copy()
    slice(result, start_indices, updates.shape)[...] = updates
    return result


def scatter_update(inputs, indices, updates, reduction=None):
    result, places = inputs.copy(), tuple(np.moveaxis(indices, -1, 0))
    combine = {"add": np.add.at, "max": np.maximum.at, "min": np.minimum.at, "mul": np.multiply.at}
    combine.get(reduction, np.ndarray.__setitem__)(result, places, updates)
    return result


# --- linear algebra ---------------------------------------------------------------------------------------------------


def single(function):
    """A function that computes 16-bit floats in 32 bits, since NumPy can't, or not well."""

    @functools.wraps(function)
    def run(*args, **kwargs):
        given = next(a.dtype for a in args if isinstance(a, np.ndarray))
        if given.itemsize != 2 or given.kind in "iu":
            return function(*args, **kwargs)
        found = function(*(a.astype(np.float32) if isinstance(a, np.ndarray) else a for a in args), **kwargs)
        return tuple(part.astype(given) for part in found) if isinstance(found, tuple) else found.astype(given)

    return run


det, cholesky, qr, svd, eigh = map(single, (linalg.det, linalg.cholesky, linalg.qr, linalg.svd, linalg.eigh))


@single
def matmul(x1, x2):
    return np.matmul(x1, x2, dtype=np.int32 if x1.dtype == x2.dtype == np.int8 else None)


@single
def einsum(subscripts, *operands):
    kind = np.int32 if all(x.dtype == np.int8 for x in operands) else operands[0].dtype
    return np.einsum(subscripts, *(x.astype(kind) for x in operands))


@single
def solve(a, b):
    return linalg.solve(a, b[..., None])[..., 0] if b.ndim == a.ndim - 1 else linalg.solve(a, b)


def solve_triangular(a, b, lower=False):
    return solve(np.tril(a) if lower else np.triu(a), b)


def eig(x):
    kind = np.complex128 if x.dtype == np.float64 else np.complex64
    return tuple(part.astype(kind) for part in linalg.eig(x.astype(kind)))


# --- random -----------------------------------------------------------------------------------------------------------


def random_bits(key, shape):
    """Threefry-2x32, 20 rounds (Salmon et al. 2011): the same bits from the same key on every backend."""
    keys = (*key.astype(np.uint32), np.bitwise_xor.reduce(key.astype(np.uint32)) ^ np.uint32(0x1BD11BDA))
    count = np.arange(math.prod(shape), dtype=np.uint64)
    x0, x1 = (count >> 32).astype(np.uint32) + keys[0], count.astype(np.uint32) + keys[1]
    for i in range(20):
        x0 = x0 + x1
        turn = (13, 15, 26, 6, 17, 29, 16, 24)[i % 8]
        x1 = (x1 << turn | x1 >> (32 - turn)) ^ x0
        if i % 4 == 3:
            x0, x1 = x0 + keys[(i // 4 + 1) % 3], x1 + keys[(i // 4 + 2) % 3] + np.uint32(i // 4 + 1)
    return (x0 ^ x1).reshape(shape)
