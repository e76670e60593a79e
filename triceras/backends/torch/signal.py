"""torch functions of the ops in `ops/signal.py`."""

from __future__ import annotations

from typing import Any

import torch


def _parts(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return x.real, x.imag


def fft(x: Any) -> Any:
    return _parts(torch.fft.fft(torch.complex(*x)))


def fft2(x: Any) -> Any:
    return _parts(torch.fft.fft2(torch.complex(*x)))


def ifft2(x: Any) -> Any:
    return _parts(torch.fft.ifft2(torch.complex(*x)))


def rfft(x: torch.Tensor, fft_length: int | None = None) -> Any:
    return _parts(torch.fft.rfft(x, fft_length))


def irfft(x: Any, fft_length: int | None = None) -> torch.Tensor:
    return torch.fft.irfft(torch.complex(*x), fft_length)
