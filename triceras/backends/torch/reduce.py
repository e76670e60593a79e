"""torch functions of the ops in `ops/reduce.py`. Where `axis` is empty nothing is reduced; torch would reduce all."""

from __future__ import annotations

from typing import Any

import torch

from triceras.backends.torch.tensor import to_torch


def sum(x: torch.Tensor, axis: Any = None, keepdims: bool = False) -> torch.Tensor:
    return torch.sum(x, dim=axis, keepdim=keepdims, dtype=x.dtype) if axis else x


def prod(x: torch.Tensor, axis: Any = None, keepdims: bool = False, dtype: str | None = None) -> torch.Tensor:
    x = x if dtype is None else x.to(to_torch(dtype))
    for i in sorted(axis, reverse=True):  # torch takes one axis at a time
        x = torch.prod(x, dim=i, keepdim=keepdims, dtype=x.dtype)
    return x


def mean(x: torch.Tensor, axis: Any = None, keepdims: bool = False) -> torch.Tensor:
    return torch.mean(x, dim=axis, keepdim=keepdims) if axis else x


def var(x: torch.Tensor, axis: Any = None, keepdims: bool = False) -> torch.Tensor:
    return torch.var(x, dim=axis, correction=0, keepdim=keepdims) if axis else torch.zeros_like(x.real)


def std(x: torch.Tensor, axis: Any = None, keepdims: bool = False) -> torch.Tensor:
    return torch.std(x, dim=axis, correction=0, keepdim=keepdims) if axis else torch.zeros_like(x.real)


def count_nonzero(x: torch.Tensor, axis: Any = None) -> torch.Tensor:
    return torch.count_nonzero(x, dim=axis).to(torch.int32) if axis else (x != 0).to(torch.int32)


def logsumexp(x: torch.Tensor, axis: Any = None, keepdims: bool = False) -> torch.Tensor:
    return torch.logsumexp(x, dim=axis, keepdim=keepdims) if axis else x


def max(x: torch.Tensor, axis: Any = None, keepdims: bool = False, initial: Any = None) -> torch.Tensor:
    return _extreme(torch.amax, torch.maximum, x, axis, keepdims, initial)


def min(x: torch.Tensor, axis: Any = None, keepdims: bool = False, initial: Any = None) -> torch.Tensor:
    return _extreme(torch.amin, torch.minimum, x, axis, keepdims, initial)


def _extreme(reduce: Any, choose: Any, x: torch.Tensor, axis: Any, keepdims: bool, initial: Any) -> torch.Tensor:
    if initial is not None:
        initial = torch.as_tensor(initial, dtype=x.dtype, device=x.device)
        if 0 in (x.shape[i] for i in axis):
            return initial.expand([1 if i in axis else n for i, n in enumerate(x.shape) if keepdims or i not in axis])
    result = reduce(x, dim=axis, keepdim=keepdims) if axis else x
    return result if initial is None else choose(result, initial)


def argmax(x: torch.Tensor, axis: Any = None, keepdims: bool = False) -> torch.Tensor:
    return _arg(torch.argmax, x, axis, keepdims)


def argmin(x: torch.Tensor, axis: Any = None, keepdims: bool = False) -> torch.Tensor:
    return _arg(torch.argmin, x, axis, keepdims)


def _arg(find: Any, x: torch.Tensor, axis: Any, keepdims: bool) -> torch.Tensor:
    x = x.to(torch.uint8) if x.dtype is torch.bool else x
    if axis is None:
        result = find(x.reshape(-1))
        return (result.reshape((1,) * x.ndim) if keepdims else result).to(torch.int32)
    return find(x, dim=axis, keepdim=keepdims).to(torch.int32)


def cumsum(x: torch.Tensor, axis: Any = None, dtype: str | None = None) -> torch.Tensor:
    return _running(torch.cumsum, x, axis, dtype)


def cumprod(x: torch.Tensor, axis: Any = None, dtype: str | None = None) -> torch.Tensor:
    return _running(torch.cumprod, x, axis, dtype)


def _running(run: Any, x: torch.Tensor, axis: Any, dtype: str | None) -> torch.Tensor:
    x = x.reshape(-1) if axis is None else x
    return run(x, dim=axis or 0, dtype=to_torch(dtype) or x.dtype)


def diff(a: torch.Tensor, n: int = 1, axis: Any = -1) -> torch.Tensor:
    return torch.diff(a, n=n, dim=axis)


def argsort(x: torch.Tensor, axis: Any = -1) -> torch.Tensor:
    if axis is None:
        return torch.argsort(x.reshape(-1), stable=True).to(torch.int32)
    return torch.argsort(x, dim=axis, stable=True).to(torch.int32)


def sort(x: torch.Tensor, axis: Any = -1) -> torch.Tensor:
    return torch.sort(x.reshape(-1) if axis is None else x, dim=axis or 0, stable=True).values


def top_k(x: torch.Tensor, k: int, sorted: bool = True) -> tuple[torch.Tensor, torch.Tensor]:
    # A stable sort, as torch.topk gives equal elements in any order.
    values, indices = torch.sort(x, dim=-1, descending=True, stable=True)
    return values[..., :k], indices[..., :k].to(torch.int32)
