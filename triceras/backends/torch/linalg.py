"""torch functions of the ops in `ops/linalg.py`."""

from __future__ import annotations

from typing import Any

import torch

det, inv = torch.linalg.det, torch.linalg.inv


def matmul(x1: torch.Tensor, x2: torch.Tensor) -> torch.Tensor:
    return _product(torch.matmul, x1, x2)


def affine(x: torch.Tensor, kernel: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    if not x.dtype.is_floating_point:
        return torch.add(matmul(x, kernel), bias)
    return torch.addmm(bias, x, kernel) if x.ndim == 2 else torch.nn.functional.linear(x, kernel.t(), bias)


def einsum(subscripts: str, *operands: Any, **kwargs: Any) -> torch.Tensor:
    return _product(lambda *xs: torch.einsum(subscripts, *xs), *operands)


def tensordot(x1: torch.Tensor, x2: torch.Tensor, axes: Any = 2) -> torch.Tensor:
    return _product(lambda a, b: torch.tensordot(a, b, dims=axes), x1, x2)


def _product(product: Any, *xs: Any) -> torch.Tensor:
    """A matrix product; of integers in a type that the device multiplies and that holds the sums."""
    dtype = xs[0].dtype
    if dtype.is_floating_point or dtype.is_complex:
        return product(*xs)
    result = torch.int32 if dtype is torch.int8 and len(xs) == 2 else dtype
    wide = torch.float64 if xs[0].device.type != "cpu" else torch.int64
    return product(*(x.to(wide) for x in xs)).to(result)


def cholesky(x: torch.Tensor, upper: bool = False) -> torch.Tensor:
    return torch.linalg.cholesky(x, upper=upper)


def solve(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return _solved(torch.linalg.solve, a, b)


def solve_triangular(a: torch.Tensor, b: torch.Tensor, lower: bool = False) -> torch.Tensor:
    return _solved(lambda a, b: torch.linalg.solve_triangular(a, b, upper=not lower), a, b)


def _solved(solve: Any, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return solve(a, b.unsqueeze(-1)).squeeze(-1) if b.ndim == a.ndim - 1 else solve(a, b)


def qr(x: torch.Tensor, mode: str = "reduced") -> tuple[torch.Tensor, ...]:
    return tuple(torch.linalg.qr(x, mode=mode))


def svd(x: torch.Tensor, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    return tuple(torch.linalg.svd(x, full_matrices=full_matrices)) if compute_uv else torch.linalg.svdvals(x)


def eigh(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return tuple(torch.linalg.eigh(x))


def slogdet(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return tuple(torch.linalg.slogdet(x))


def eig(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return tuple(torch.linalg.eig(x))


def lu_factor(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    matrix, pivots = torch.linalg.lu_factor(x)
    return matrix, pivots - 1  # LAPACK counts from 1
