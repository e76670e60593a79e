"""NumPy functions of the ops in `ops/linalg.py`; 16-bit floats are computed in 32 bits."""

import functools

import numpy as np


def widened(function):
    """A function that computes 16-bit floats in 32 bits."""

    @functools.wraps(function)
    def run(*args, **kwargs):
        kind = next(a.dtype for a in args if isinstance(a, (np.ndarray, np.generic)))
        if kind.itemsize != 2 or kind.kind in "iub":
            return function(*args, **kwargs)
        result = function(*(a.astype(np.float32) if hasattr(a, "dtype") else a for a in args), **kwargs)
        return tuple(r.astype(kind) for r in result) if isinstance(result, tuple) else result.astype(kind)

    return run


@widened
def matmul(x1, x2):
    if x1.dtype == x2.dtype == np.int8:
        return np.matmul(x1, x2, dtype=np.int32)
    return np.matmul(x1, x2)


@widened
def einsum(subscripts, *operands):
    if all(x.dtype == np.int8 for x in operands):
        operands = [x.astype(np.int32) for x in operands]
    return np.einsum(subscripts, *operands, optimize=len(operands) > 1)


@widened
def cholesky(x, upper=False):
    lower = np.linalg.cholesky(x)
    return np.conjugate(np.swapaxes(lower, -1, -2)) if upper else lower


det, inv = widened(np.linalg.det), widened(np.linalg.inv)


@widened
def solve(a, b):
    if b.ndim == a.ndim - 1:
        return np.linalg.solve(a, b[..., None])[..., 0]
    return np.linalg.solve(a, b)


def solve_triangular(a, b, lower=False):
    return solve(np.tril(a) if lower else np.triu(a), b)


@widened
def qr(x, mode="reduced"):
    return tuple(np.linalg.qr(x, mode=mode))


@widened
def svd(x, full_matrices=True, compute_uv=True):
    result = np.linalg.svd(x, full_matrices=full_matrices, compute_uv=compute_uv)
    return tuple(result) if compute_uv else result


@widened
def eigh(x):
    return tuple(np.linalg.eigh(x))


@widened
def slogdet(x):
    return tuple(np.linalg.slogdet(x))


def eig(x):
    kind = np.complex128 if x.dtype == np.float64 else np.complex64
    return tuple(part.astype(kind) for part in np.linalg.eig(x.astype(np.float32) if x.dtype.itemsize == 2 else x))
