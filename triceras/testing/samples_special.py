"""Samples of rarer element-wise ops, and of reductions that leave NaN out."""

from __future__ import annotations

# fmt: off
import math
import warnings

import numpy as np

from triceras.testing import references as ref
from triceras.testing.case import CASES, call, case, draw

# --- special functions ------------------------------------------------------------------------------------------------

_NONE = np.zeros((0, 2), "float32")
_FLOATS = {"fabs": (np.abs, -3, 3), "cbrt": (np.cbrt, 0.5, 3), "sinc": (np.sinc, -2, 2), "i0": (np.i0, -5, 5)}
for _name, (_function, _low, _high) in _FLOATS.items():
    _span = {"low": _low, "high": _high}
    case(_name, ref.in_floats(_function), draw(2, 3, **_span), draw(**_span), draw(4, dtype="int8", low=1, high=2),
        _NONE, draw(2, 1, dtype="float16", **_span), draw(3, dtype="int32", low=1, high=3), tolerance=1e-4)
CASES["cbrt"] = CASES["cbrt"]._replace(samples=(*CASES["cbrt"].samples, call(np.float32([-8, 27, -np.inf, np.nan]))))
case("signbit", np.signbit, np.float32([[-1, -0.0, 0, np.inf, -np.inf]]), np.float16([-0.0, 2]), np.int8([-3, 0]),
    np.uint8([200]), np.array([True]), _NONE, np.float32(-2), gradient=False)
_INFINITE = [np.float32([[1, np.nan, -np.inf], [np.inf, 0, -0.0]]), np.float16([-np.inf, np.inf]), np.int32([1, -2]),
    np.array(True), _NONE]
case("isposinf", lambda x: np.isinf(x) & (x > 0), *_INFINITE, gradient=False)
case("isneginf", lambda x: np.isinf(x) & (x < 0), *_INFINITE, gradient=False)
case("heaviside", np.heaviside, (np.float32([-1, 0, 2, np.nan]), np.float32(0.5)),
    (np.int32([[-1], [0]]), np.float32([3, 4])), (np.int8([0, 1]), np.int8([5, 5])), (draw(2, 3), 0.5),
    (np.float16([0, 1]), 2.0), (_NONE, 1.0), gradient=False)
_MISSING = [(draw(2, 1), draw(3)), (draw(2, 3), 0.2), (np.int32([1, -2]), np.int8([0, 3])),
    (np.float32([1, np.nan, np.nan, 4]), np.float32([2, 5, np.nan, np.nan])),
    (np.float16([1]), 2.0), (np.array([True, False]), np.array([False, False]))]
case("fmax", np.fmax, *_MISSING)
case("fmin", np.fmin, *_MISSING)
case("fmod", np.fmod, (draw(2, 3, low=2, high=4), draw(3, low=0.7, high=1.2)), (np.int32([-7, 7, -6, 0]), np.int32(3)),
    (np.int8([[7], [-7]]), np.int8([2, -2])), (np.float32([-5.5, 5.5]), 2), (np.float16([7]), np.int8([4])),
    (np.uint8([250]), np.uint8([7])), gradient=False)
case("ldexp", np.ldexp, (draw(2, 3), np.int32([1, -2, 0])), (np.int32([1, 2]), np.int8([3, 4])),
    (np.float16([[1.5]]), np.int32([2, 3])), (draw(2), 3), (_NONE, np.int32(1)))
_BETWEEN = [(np.float32([0, 1, -1, 2]), np.float32([1, -1, -2, 2])), (np.float32([[0, 0]]), np.float32([[-1], [0]])),
    (np.float32([np.nan, np.inf, 1]), np.float32([1, 0, np.nan])), (np.float32(1), np.float32(np.inf)), (_NONE, 1.0)]
case("nextafter", np.nextafter, *_BETWEEN, gradient=False, tolerance=0.0)
_WHOLE = [(np.int32([12, 0, 0, -8]), np.int32([18, 5, 0, 12])), (np.int8([[4], [6]]), np.int8([6, 8, 9])),
    (np.uint8([200]), np.uint8([75])), (np.int32([2**31 - 1, 1836311903]), np.int32([7, 1134903170])),
    (np.int32([6]), 4), (np.zeros((0,), "int32"), np.int32([3]))]
case("gcd", np.gcd, *_WHOLE, gradient=False)
case("lcm", np.lcm, *_WHOLE[:3], *_WHOLE[4:], gradient=False)

# --- bits and complex numbers -----------------------------------------------------------------------------------------

case("view", lambda x, dtype: x.view(dtype), call(np.float32([[1, -2]]), dtype="int32"),
    call(np.int32([[1, 2, 3]]), dtype="int8"), call(np.uint8([[1, 2, 3, 4]] * 2), dtype="int32"),
    call(np.float16([1, 2]), dtype="float32"), call(np.array(1.5, "float32"), dtype="int32"),
    call(np.zeros((2, 0), "float32"), dtype="int8"), gradient=False)
_COMPLEX = [np.complex64([[1 + 2j, -0.5j], [0, 3]]), np.complex64(-1 - 1j), draw(2, 3), draw(3, dtype="int32", low=1),
    np.zeros((0,), "complex64")]
case("angle", ref.in_floats(lambda x: np.angle(x).astype("float32")), *_COMPLEX, np.float32([-1, 0, 2]), gradient=False)
case("view_as_real", lambda x: np.stack([x.real, x.imag], -1), *_COMPLEX[:2], draw(2, 3), np.float16([1, 2]),
    _COMPLEX[-1], gradient=False)
case("view_as_complex", lambda x: x[..., 0] + np.complex64(1j) * x[..., 1], draw(3, 2), draw(2), draw(2, 1, 2),
    np.int32([[1, 2]]), draw(0, 2), gradient=False)
case("polar", lambda a, b: a * np.exp(1j * np.asarray(b, "float32")), (draw(2, 3, low=0.1), draw(2, 3)),
    (draw(2, low=0.1), 0.5), (2.0, draw(3, 1)), (np.float32([1]), np.float32([math.pi])), (_NONE, np.float32(1)),
    gradient=False, tolerance=1e-4)

# --- without NaN ------------------------------------------------------------------------------------------------------


def _quiet(function):
    def run(*args, **kwargs):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*args, **kwargs)

    return run


_HOLES = np.float32([[1, np.nan, 3, -2], [np.nan, 5, 0.5, np.nan], [2, 4, -np.inf, 7]])
_NOTHING = np.float32([[np.nan, np.nan], [1, np.nan]])
_REDUCED = [_HOLES[:2], call(_HOLES[:2], axis=0), call(_HOLES, axis=1), call(_HOLES[:2], axis=(0, 1), keepdims=True),
    call(draw(2, 3, 4), axis=-2),
    call(draw(3, 2, dtype="int8"), axis=0, keepdims=True), call(_HOLES[:2].astype("float16"), axis=0)]
for _name in ("nansum", "nanprod", "nanmax", "nanmin", "nanmean"):
    case(_name, _quiet(getattr(np, _name)), *_REDUCED, call(_NOTHING, axis=1), tolerance=1e-3)
_FINITE = [_HOLES[:2], call(_HOLES[:2], axis=1), call(_HOLES[:2], axis=(0, 1), keepdims=True), *_REDUCED[4:]]
for _name in ("nanvar", "nanstd", "nanmedian"):
    case(_name, _quiet(getattr(np, _name)), *_FINITE, call(_NOTHING, axis=1), tolerance=5e-3,
        gradient=_name == "nanvar")
for _name in ("nanargmax", "nanargmin"):
    case(_name, getattr(np, _name), _HOLES, call(_HOLES, axis=1), call(_HOLES, axis=0, keepdims=True),
        call(draw(3, 4, dtype="int32"), axis=-1), np.float16([2, np.nan, 1]), gradient=False)
_RUNNING = [_HOLES[0], call(_HOLES[:2], axis=1), call(_HOLES[:2], axis=0), np.int8([[1, 2], [3, 4]]),
    call(np.int32([1, 2]), dtype="float32")]
case("nancumsum", np.nancumsum, *_RUNNING)
case("nancumprod", np.nancumprod, *_RUNNING)
_PARTS = [(_HOLES[:2], 30.0), call(_HOLES[:2], np.float32([10, 80]), axis=1, keepdims=True),
    call(_HOLES[:2], 40.0, axis=(0, 1), method="lower"), call(draw(4, dtype="int32"), 50.0, method="midpoint"),
    call(draw(2, 3, dtype="float16"), 25.0, axis=0, method="nearest"), call(draw(5), 60.0, method="higher")]
case("percentile", np.percentile, (draw(2, 3), 30.0),
    call(draw(2, 5), np.float32([10, 80]), axis=1, keepdims=True), *_PARTS[3:], tolerance=2e-3, gradient=False)
case("nanpercentile", _quiet(np.nanpercentile), *_PARTS, tolerance=2e-3, gradient=False)
case("nanquantile", _quiet(np.nanquantile), (_HOLES[:2], 0.3),
    call(_HOLES[:2], np.float32([0.1, 0.8]), axis=1), call(_NOTHING, 0.5, axis=1), call(draw(3, dtype="int8"), 0.5),
    call(_HOLES, 0.25, axis=0, keepdims=True), tolerance=2e-3, gradient=False)
