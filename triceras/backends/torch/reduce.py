"""torch functions of the ops in `ops/reduce.py`. Where `axis` is empty nothing is reduced; torch would reduce all."""

import torch

from triceras.backends.torch.tensor import to_torch


def sum(x, axis=None, keepdims=False):
    return torch.sum(x, dim=axis, keepdim=keepdims, dtype=x.dtype) if axis else x


def prod(x, axis=None, keepdims=False, dtype=None):
    x = x if dtype is None else x.to(to_torch(dtype))
    for i in sorted(axis, reverse=True):  # torch takes one axis at a time
        x = torch.prod(x, dim=i, keepdim=keepdims, dtype=x.dtype)
    return x


def mean(x, axis=None, keepdims=False):
    return torch.mean(x, dim=axis, keepdim=keepdims) if axis else x


def var(x, axis=None, keepdims=False):
    return torch.var(x, dim=axis, correction=0, keepdim=keepdims) if axis else torch.zeros_like(x.real)


def std(x, axis=None, keepdims=False):
    return torch.std(x, dim=axis, correction=0, keepdim=keepdims) if axis else torch.zeros_like(x.real)


def count_nonzero(x, axis=None):
    return torch.count_nonzero(x, dim=axis).to(torch.int32) if axis else (x != 0).to(torch.int32)


def logsumexp(x, axis=None, keepdims=False):
    return torch.logsumexp(x, dim=axis, keepdim=keepdims) if axis else x


def max(x, axis=None, keepdims=False, initial=None):
    return _extreme(torch.amax, torch.maximum, x, axis, keepdims, initial)


def min(x, axis=None, keepdims=False, initial=None):
    return _extreme(torch.amin, torch.minimum, x, axis, keepdims, initial)


def _extreme(reduce, choose, x, axis, keepdims, initial):
    if initial is not None:
        initial = torch.as_tensor(initial, dtype=x.dtype, device=x.device)
        if 0 in (x.shape[i] for i in axis):
            return initial.expand([1 if i in axis else n for i, n in enumerate(x.shape) if keepdims or i not in axis])
    result = reduce(x, dim=axis, keepdim=keepdims) if axis else x
    return result if initial is None else choose(result, initial)


def argmax(x, axis=None, keepdims=False):
    return _arg(torch.argmax, x, axis, keepdims)


def argmin(x, axis=None, keepdims=False):
    return _arg(torch.argmin, x, axis, keepdims)


def _arg(find, x, axis, keepdims):
    x = x.to(torch.uint8) if x.dtype is torch.bool else x
    if axis is None:
        result = find(x.reshape(-1))
        return (result.reshape((1,) * x.ndim) if keepdims else result).to(torch.int32)
    return find(x, dim=axis, keepdim=keepdims).to(torch.int32)


def cumsum(x, axis=None, dtype=None):
    return _running(torch.cumsum, x, axis, dtype)


def cumprod(x, axis=None, dtype=None):
    return _running(torch.cumprod, x, axis, dtype)


def _running(run, x, axis, dtype):
    x = x.reshape(-1) if axis is None else x
    return run(x, dim=axis or 0, dtype=to_torch(dtype) or x.dtype)


def diff(a, n=1, axis=-1):
    return torch.diff(a, n=n, dim=axis)


def argsort(x, axis=-1):
    if axis is None:
        return torch.argsort(x.reshape(-1), stable=True).to(torch.int32)
    return torch.argsort(x, dim=axis, stable=True).to(torch.int32)


def sort(x, axis=-1):
    return torch.sort(x.reshape(-1) if axis is None else x, dim=axis or 0, stable=True).values


def top_k(x, k, sorted=True):
    # A stable sort, as torch.topk gives equal elements in any order.
    values, indices = torch.sort(x, dim=-1, descending=True, stable=True)
    return values[..., :k], indices[..., :k].to(torch.int32)
