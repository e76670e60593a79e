"""torch functions of the ops in `ops/math.py`."""

from __future__ import annotations

from typing import Any

import torch

add, subtract, multiply, divide = torch.add, torch.sub, torch.mul, torch.true_divide
floor_divide, mod, power = torch.floor_divide, torch.remainder, torch.pow
maximum, minimum = torch.maximum, torch.minimum
negative, sign = torch.neg, torch.sgn
sqrt, rsqrt, reciprocal, square = torch.sqrt, torch.rsqrt, torch.reciprocal, torch.square
exp, exp2, expm1 = torch.exp, torch.exp2, torch.expm1
log, log1p, log2, log10 = torch.log, torch.log1p, torch.log2, torch.log10
logaddexp, logaddexp2 = torch.logaddexp, torch.logaddexp2
sin, cos, tan = torch.sin, torch.cos, torch.tan
arcsin, arccos, arctan, arctan2 = torch.asin, torch.acos, torch.atan, torch.atan2
sinh, cosh, tanh = torch.sinh, torch.cosh, torch.tanh
arcsinh, arccosh, arctanh = torch.asinh, torch.acosh, torch.atanh
hypot, deg2rad, rad2deg = torch.hypot, torch.deg2rad, torch.rad2deg
erf, erfc, erfinv = torch.erf, torch.erfc, torch.erfinv
floor, ceil = torch.floor, torch.ceil
isnan, isinf, isfinite = torch.isnan, torch.isinf, torch.isfinite
nan_to_num = torch.nan_to_num
real = torch.real
bitwise_and, bitwise_or, bitwise_xor = torch.bitwise_and, torch.bitwise_or, torch.bitwise_xor
bitwise_not = torch.bitwise_not
left_shift, right_shift = torch.bitwise_left_shift, torch.bitwise_right_shift
sinc, fmod, fmax, fmin = torch.sinc, torch.fmod, torch.fmax, torch.fmin
signbit, gcd, lcm, i0, polar = torch.signbit, torch.gcd, torch.lcm, torch.i0, torch.polar


def view_as_complex(x: torch.Tensor) -> torch.Tensor:
    return torch.complex(x[..., 0], x[..., 1])


def absolute(x: torch.Tensor) -> torch.Tensor:
    return x if x.dtype is torch.bool else torch.abs(x)


def clip(x: torch.Tensor, x_min: Any, x_max: Any) -> torch.Tensor:
    return torch.clamp(x, x_min, x_max)


def round(x: torch.Tensor, decimals: int = 0) -> torch.Tensor:
    if x.dtype.is_floating_point:
        return torch.round(x, decimals=decimals)
    return x if decimals >= 0 else torch.round(x.double(), decimals=decimals).to(x.dtype)


def trunc(x: torch.Tensor) -> torch.Tensor:
    return torch.trunc(x) if x.dtype.is_floating_point else x


def conjugate(x: torch.Tensor) -> torch.Tensor:
    return torch.conj(x).resolve_conj()


def imag(x: torch.Tensor) -> torch.Tensor:
    return torch.imag(x) if x.dtype.is_complex else torch.zeros_like(x)
