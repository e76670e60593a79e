"""NumPy functions of the ops in `ops/reduce.py`."""

import numpy as np

from triceras.backends.numpy.math import quiet


@quiet
def sum(x, axis, keepdims=False):
    return np.sum(x, axis=axis, keepdims=keepdims, dtype=x.dtype)


@quiet
def prod(x, axis, keepdims=False, dtype=None):
    return np.prod(x, axis=axis, keepdims=keepdims, dtype=dtype or x.dtype)


@quiet
def mean(x, axis, keepdims=False):
    wide = np.float32 if x.dtype.itemsize == 2 else x.dtype  # 16-bit sums overflow
    count = np.prod([x.shape[i] for i in axis], dtype=np.int64)
    return (np.sum(x, axis=axis, keepdims=keepdims, dtype=wide) / np.asarray(count, wide)).astype(x.dtype)


def max(x, axis, keepdims=False, initial=None):
    return np.max(x, axis=axis, keepdims=keepdims, **({} if initial is None else {"initial": initial})).astype(x.dtype)


def min(x, axis, keepdims=False, initial=None):
    return np.min(x, axis=axis, keepdims=keepdims, **({} if initial is None else {"initial": initial})).astype(x.dtype)


def argmax(x, axis=None, keepdims=False):
    return np.argmax(x, axis=axis, keepdims=keepdims).astype(np.int32)


def argmin(x, axis=None, keepdims=False):
    return np.argmin(x, axis=axis, keepdims=keepdims).astype(np.int32)


@quiet
def cumsum(x, axis=None, dtype=None):
    return np.cumsum(x, axis=axis, dtype=dtype or x.dtype)


@quiet
def cumprod(x, axis=None, dtype=None):
    return np.cumprod(x, axis=axis, dtype=dtype or x.dtype)


def argsort(x, axis=-1):
    return np.argsort(x, axis=axis, kind="stable").astype(np.int32)


def sort(x, axis=-1):
    return np.sort(x, axis=axis)
