"""NumPy functions of the ops in `ops/math.py`. As on the other backends, NaN and infinity come without warnings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def quiet(function: Callable) -> Callable:
    """A function that gives NaN and infinity without a warning."""

    def run(*args: Any, **kwargs: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*args, **kwargs)

    return run


add, multiply, divide, floor_divide, mod, power = map(
    quiet, (np.add, np.multiply, np.divide, np.floor_divide, np.mod, np.power)
)
maximum, minimum = map(quiet, (np.maximum, np.minimum))
subtract, square, reciprocal = map(quiet, (np.subtract, np.square, np.reciprocal))
absolute, sign = np.absolute, quiet(np.sign)
sqrt, exp, exp2, expm1 = map(quiet, (np.sqrt, np.exp, np.exp2, np.expm1))
log, log1p, log2, log10, logaddexp, logaddexp2 = map(
    quiet, (np.log, np.log1p, np.log2, np.log10, np.logaddexp, np.logaddexp2)
)
sin, cos, tan, arcsin, arccos, arctan = map(quiet, (np.sin, np.cos, np.tan, np.arcsin, np.arccos, np.arctan))
sinh, cosh, tanh, arcsinh, arccosh, arctanh = map(
    quiet, (np.sinh, np.cosh, np.tanh, np.arcsinh, np.arccosh, np.arctanh)
)
arctan2, hypot, deg2rad, rad2deg = map(quiet, (np.arctan2, np.hypot, np.deg2rad, np.rad2deg))
floor, ceil, trunc, isnan, isinf, isfinite = np.floor, np.ceil, np.trunc, np.isnan, np.isinf, np.isfinite
conjugate, real, imag = np.conjugate, np.real, np.imag
bitwise_and, bitwise_or, bitwise_xor, bitwise_not = np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.bitwise_not
left_shift, right_shift = np.left_shift, np.right_shift
cbrt, fmax, fmin, fmod = map(quiet, (np.cbrt, np.fmax, np.fmin, np.fmod))
heaviside, gcd, lcm = np.heaviside, np.gcd, np.lcm


def negative(x):
    return np.logical_not(x) if x.dtype == bool else np.negative(x)


@quiet
def clip(x, x_min, x_max):
    return np.minimum(np.maximum(x, x_min), x_max)


def round(x, decimals=0):
    return np.round(x, decimals).astype(x.dtype)


# The rational approximations of Cephes (Moshier 1984, ndtr.c), good to double precision.
_ERF_P = (9.60497373987051638749e0, 9.00260197203842689217e1, 2.23200534594684319226e3, 7.00332514112805075473e3)
_ERF_P += (5.55923013010394962768e4,)
_ERF_Q = (1.0, 3.35617141647503099647e1, 5.21357949780152679795e2, 4.59432382970980127987e3)
_ERF_Q += (2.26290000613890934246e4, 4.92673942608635921086e4)
_ERFC_P = (2.46196981473530512524e-10, 5.64189564831068821977e-1, 7.46321056442269912687e0, 4.86371970985681366614e1)
_ERFC_P += (1.96520832956077098242e2, 5.26445194995477358631e2, 9.34528527171957607540e2, 1.02755188689515710272e3)
_ERFC_P += (5.57535335369399327526e2,)
_ERFC_Q = (1.0, 1.32281951154744992508e1, 8.67072140885989742329e1, 3.54937778887819891062e2, 9.75708501743205489753e2)
_ERFC_Q += (1.82390916687909736289e3, 2.24633760818710981792e3, 1.65666309194161350182e3, 5.57535340817727675546e2)


@quiet
def erf(x):
    wide = np.asarray(x, np.float64)
    size = np.minimum(np.abs(wide), 6.0)
    near = wide * np.polyval(_ERF_P, wide * wide) / np.polyval(_ERF_Q, wide * wide)
    far = np.sign(wide) * (1.0 - np.exp(-size * size) * np.polyval(_ERFC_P, size) / np.polyval(_ERFC_Q, size))
    return np.where(size < 1.0, near, far).astype(x.dtype)


# Giles 2012, "Approximating the erfinv function"; single precision, then Newton's method.
_CENTRE = (2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503)
_CENTRE += (-0.00417768164, 0.246640727, 1.50140941)
_TAIL = (-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613)
_TAIL += (0.00943887047, 1.00167406, 2.83297682)


@quiet
def erfinv(x):
    y = np.asarray(x, np.float64)
    w = -np.log((1.0 - y) * (1.0 + y))
    z = y * np.where(w < 5.0, np.polyval(_CENTRE, w - 2.5), np.polyval(_TAIL, np.sqrt(w) - 3.0))
    for _ in range(2):
        step = (erf(z) - y) * np.exp(z * z) * (np.sqrt(np.pi) / 2.0)
        z = np.where(np.isfinite(step), z - step, z)
    return np.where(np.abs(y) == 1.0, np.copysign(np.inf, y), z).astype(x.dtype)
