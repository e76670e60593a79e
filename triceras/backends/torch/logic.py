"""torch functions of the ops in `ops/logic.py`."""

from __future__ import annotations

from typing import Any

import torch

equal, not_equal = torch.eq, torch.ne
less, less_equal, greater, greater_equal = torch.lt, torch.le, torch.gt, torch.ge
logical_and, logical_or, logical_xor = torch.logical_and, torch.logical_or, torch.logical_xor
logical_not = torch.logical_not
isreal = torch.isreal


def where(condition: torch.Tensor, x1: torch.Tensor | None = None, x2: torch.Tensor | None = None) -> Any:
    if x1 is None or x2 is None:
        return tuple(x.to(torch.int32) for x in torch.where(condition))
    return torch.where(condition, x1, x2)


def isclose(
    x1: torch.Tensor, x2: torch.Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> torch.Tensor:
    if not (x1.dtype.is_floating_point or x1.dtype.is_complex):
        x1, x2 = x1.float(), x2.float()
    return torch.isclose(x1, x2, rtol=rtol, atol=atol, equal_nan=equal_nan)


def any(x: torch.Tensor, axis: Any = None, keepdims: bool = False) -> torch.Tensor:
    return torch.any(x, dim=axis, keepdim=keepdims) if axis else x


def all(x: torch.Tensor, axis: Any = None, keepdims: bool = False) -> torch.Tensor:
    return torch.all(x, dim=axis, keepdim=keepdims) if axis else x
