"""Samples of element-wise ops, comparisons and reductions."""

from __future__ import annotations

# fmt: off
import math

import numpy as np

from triceras.testing import references as ref
from triceras.testing.case import CASES, call, case, draw


def _unary(low: float, high: float) -> list[np.ndarray]:
    kinds = [((2, 3), "float32"), ((), "float32"), ((4,), "int8"), ((1, 0), "float32"), ((2, 1, 3), "float16")]
    return [draw(*shape, dtype=dtype, low=low, high=high) for shape, dtype in [*kinds, ((3,), "int32")]]


# --- element-wise -----------------------------------------------------------------------------------------------------

_FLOAT_UNARY = {"arccos": (np.arccos, -0.9, 0.9), "arccosh": (np.arccosh, 1.2, 3), "arcsin": (np.arcsin, -0.9, 0.9),
    "arcsinh": (np.arcsinh, -3, 3), "arctan": (np.arctan, -3, 3), "arctanh": (np.arctanh, -0.9, 0.9),
    "cos": (np.cos, -3, 3), "cosh": (np.cosh, -2, 2), "deg2rad": (np.deg2rad, -90, 90), "erf": (ref.erf, -2, 2),
    "erfc": (lambda x: 1 - ref.erf(x), -2, 2), "erfinv": (ref.erfinv, -0.9, 0.9), "exp": (np.exp, -2, 2),
    "exp2": (np.exp2, -2, 2), "expm1": (np.expm1, -1, 1), "log": (np.log, 0.5, 3), "log10": (np.log10, 0.5, 3),
    "log1p": (np.log1p, -0.5, 3), "log2": (np.log2, 0.5, 3), "rad2deg": (np.rad2deg, -1, 1),
    "reciprocal": (lambda x: 1 / x, 0.5, 3), "rsqrt": (lambda x: 1 / np.sqrt(x), 0.5, 3), "sin": (np.sin, -3, 3),
    "sinh": (np.sinh, -2, 2), "sqrt": (np.sqrt, 0.5, 3), "tan": (np.tan, -1, 1), "tanh": (np.tanh, -2, 2),
    "celu": (lambda x: np.where(x > 0, x, np.expm1(x)), -2, 2),
    "elu": (lambda x: np.where(x > 0, x, np.expm1(x)), -2, 2), "gelu": (ref.gelu_tanh, -2, 2),
    "hard_sigmoid": (lambda x: np.clip(x / 6 + 0.5, 0, 1), -4, 4),
    "hard_silu": (lambda x: x * np.clip(x / 6 + 0.5, 0, 1), -4, 4),
    "hard_swish": (lambda x: x * np.clip(x / 6 + 0.5, 0, 1), -4, 4),
    "hard_tanh": (lambda x: np.clip(x, -1, 1), -2, 2),
    "hard_shrink": (lambda x: np.where(np.abs(x) > 0.5, x, 0), -2, 2),
    "leaky_relu": (lambda x: np.where(x < 0, 0.2 * x, x), -2, 2),
    "log_sigmoid": (lambda x: -np.log1p(np.exp(-x)), -3, 3),
    "mish": (lambda x: x * np.tanh(np.log1p(np.exp(x))), -2, 2), "relu6": (lambda x: np.clip(x, 0, 6), -3, 8),
    "selu": (lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)), -2, 2),
    "sigmoid": (ref.sigmoid, -3, 3), "silu": (lambda x: x * ref.sigmoid(x), -3, 3),
    "swish": (lambda x: x * ref.sigmoid(x), -3, 3),
    "soft_shrink": (lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0), -2, 2),
    "softplus": (lambda x: np.log1p(np.exp(x)), -3, 3), "softsign": (lambda x: x / (1 + np.abs(x)), -3, 3),
    "sparse_plus": (lambda x: np.where(x <= -1, 0, np.where(x < 1, (x + 1) ** 2 / 4, x)), -2, 2),
    "sparse_sigmoid": (lambda x: np.clip((x + 1) / 2, 0, 1), -2, 2),
    "squareplus": (lambda x: (x + np.sqrt(x * x + 4)) / 2, -2, 2), "tanh_shrink": (lambda x: x - np.tanh(x), -2, 2)}
for _name, (_function, _low, _high) in _FLOAT_UNARY.items():
    case(_name, ref.in_floats(_function), *_unary(_low, _high))

_FAR = {"arcsinh": [1e20, -np.inf, np.nan], "arccosh": [1e20, np.inf], "sinh": [np.inf, -np.inf, np.nan]}
for _name, _values in _FAR.items():
    CASES[_name] = CASES[_name]._replace(samples=(*CASES[_name].samples, call(np.float32(_values))))

_UNARY = {"abs": np.abs, "absolute": np.abs, "ceil": np.ceil, "conj": np.conj, "conjugate": np.conj,
    "floor": np.floor, "imag": np.imag, "isreal": np.isreal, "negative": np.negative, "real": np.real,
    "relu": lambda x: np.maximum(x, 0), "round": lambda x, decimals=0: np.round(x, decimals), "sign": np.sign,
    "square": np.square, "trunc": np.trunc, "copy": np.array, "zeros_like": np.zeros_like, "ones_like": np.ones_like,
    "empty_like": np.zeros_like}
_FLAT = ("ceil", "floor", "round", "sign", "trunc", "imag", "isreal", "zeros_like", "ones_like", "empty_like")
for _name, _function in _UNARY.items():
    case(_name, _function, *_unary(-3, 3), gradient=_name not in _FLAT)
CASES["round"] = CASES["round"]._replace(
    samples=(*CASES["round"].samples, call(np.float32([1.234, -5.678]), decimals=1)))
_COMPLEX = np.complex64([[1 + 2j, -0.5j], [0, 3]])
for _name in ("abs", "absolute", "conj", "conjugate", "imag", "real", "square", "exp", "isreal"):
    CASES[_name] = CASES[_name]._replace(samples=(*CASES[_name].samples, call(_COMPLEX)))

_ODD = [np.float32([[1, np.nan, -np.inf], [np.inf, 0, -0.0]]), np.float16([np.nan, 2]), np.int32([1, 2]),
    np.array(True)]
for _name, _function in {"isnan": np.isnan, "isinf": np.isinf, "isfinite": np.isfinite}.items():
    case(_name, _function, *_ODD, gradient=False)
case("nan_to_num", np.nan_to_num, _ODD[0], call(_ODD[0], nan=1.0, posinf=2.0, neginf=-3.0), _ODD[2], draw(3),
    gradient=False)


def _pairs(low: float, high: float, *more: tuple) -> list[tuple]:
    between = {"low": low, "high": high}
    return [
        (draw(2, 3, **between), draw(2, 3, **between)),
        (draw(2, 1, **between), draw(3, **between)),
        (draw(3, **between), draw(3, dtype="int8", **between)),
        (draw(0, 2, **between), 1.5),
        (2, draw(2, dtype="int32", **between)),
        (draw(2, dtype="float16", **between), draw(1, dtype="bool") | True),
        *more,
    ]


_INTEGERS = (draw(4, dtype="int32", low=-9, high=9), np.int32([3, -4, 5, 7]))
_BINARY = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.true_divide,
    "true_divide": np.true_divide, "maximum": np.maximum, "minimum": np.minimum, "arctan2": np.arctan2,
    "hypot": np.hypot, "logaddexp": np.logaddexp, "logaddexp2": np.logaddexp2, "power": np.power,
    "divide_no_nan": np.true_divide}
for _name, _function in _BINARY.items():
    case(_name, _function, *_pairs(0.6, 3), tolerance=0.0001)
case("floor_divide", np.floor_divide, *_pairs(1, 3, _INTEGERS), (draw(3, low=-5, high=5), np.float32(1.5)),
    gradient=False)
case("mod", np.mod, *_pairs(1, 3, _INTEGERS), (draw(3, low=-5, high=5), np.float32(1.5)), gradient=False,
    tolerance=0.002)
CASES["hypot"] = CASES["hypot"]._replace(
    samples=(*CASES["hypot"].samples, call(np.float32([np.inf, -np.inf, 1e30]), np.float32([1, np.inf, 1e30]))))
CASES["divide_no_nan"] = CASES["divide_no_nan"]._replace(
    reference=lambda x, y: np.true_divide(x, np.where(np.equal(y, 0), 1, y)) * np.not_equal(y, 0),
    samples=(*CASES["divide_no_nan"].samples, call(np.float32([1, 2]), np.float32([0, 4]))))
case("clip", lambda x, a, b: np.clip(np.asarray(x), a, b).astype(np.asarray(x).dtype), (draw(2, 3), -1, 1),
    (draw(2, 3), draw(3, low=-1, high=0), np.float32(0.5)), (draw(5, dtype="int32", low=-9, high=9), 0, 6))

_BITS = [(np.int32([5, -3, 0]), np.int32([3, 1, 7])), (np.uint8([[200, 1]]), np.uint8([[3], [1]])),
    (np.int8([1, 2]), 3)]
_SHIFTS = {"left_shift": np.left_shift, "right_shift": np.right_shift}
_BITWISE = {"bitwise_and": np.bitwise_and, "bitwise_or": np.bitwise_or, "bitwise_xor": np.bitwise_xor, **_SHIFTS}
_BITWISE |= {f"bitwise_{name}": function for name, function in _SHIFTS.items()}
for _name, _function in _BITWISE.items():
    case(_name, _function, *_BITS, gradient=False)
for _name in ("bitwise_not", "bitwise_invert"):
    case(_name, np.bitwise_not, np.int32([5, -3]), np.uint8([[200], [1]]), np.array([True, False]), gradient=False)

# --- logic ------------------------------------------------------------------------------------------------------------

_COMPARED = [(np.float32([1, 2, np.nan]), np.float32([1, 3, np.nan])), (np.int8([[1], [2]]), np.float16([1, 2])),
    (np.int32([1, 2]), 2), (np.array([True, False]), False), (np.zeros((0, 2), "float32"), 1.0)]
for _name in ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"):
    case(_name, getattr(np, _name), *_COMPARED, gradient=False)
for _name in ("logical_and", "logical_or", "logical_xor"):
    case(_name, getattr(np, _name), (np.array([True, False]), np.array([[True], [False]])),
        (np.int32([0, 2]), np.float32([0, 0])), (np.float32([1, 0]), True), gradient=False)
case("logical_not", np.logical_not, np.array([[True, False]]), np.float32([0, 3]), np.int8(0), gradient=False)
case("where", np.where, (np.array([True, False]), draw(2), draw(3, 2)), (np.int32([[0], [1]]), 1, np.int8([3, 4])),
    (np.array(True), np.float16([1]), 2.0), (draw(2, 3) > 0, draw(2, 3), 0))
_NEAR = [(np.float32([1, 2, np.nan]), np.float32([1 + 1e-07, 2.1, np.nan])), (np.int32([1, 2]), np.int32([1, 3])),
    call(np.float32([np.nan, np.inf, 1]), np.float32([np.nan, np.inf, np.inf]), equal_nan=True),
    call(np.float32([1.0, 5.0]), 1.05, rtol=0.1, atol=0.0)]
case("isclose", np.isclose, *_NEAR, gradient=False)
case("allclose", np.allclose, *_NEAR, gradient=False)

_REDUCED = [draw(2, 3), call(draw(2, 3, 4), axis=1), call(draw(2, 3, 4), axis=(0, -1), keepdims=True),
    call(draw(3, 2, dtype="int8"), axis=-1), call(draw(2, 2, dtype="float16"), axis=0), draw()]
_TRUTH = [call(draw(2, 3, dtype="bool"), axis=0), draw(4, dtype="int32"),
    call(draw(2, 2, 2, dtype="bool"), axis=(0, 2), keepdims=True), call(np.zeros((2, 0), "bool"), axis=1)]
case("any", np.any, *_TRUTH, gradient=False)
case("all", np.all, *_TRUTH, gradient=False)

# --- reductions -------------------------------------------------------------------------------------------------------

for _name in ("sum", "mean", "prod", "max", "min", "amax", "amin", "std", "var", "ptp"):
    case(_name, getattr(np, _name), *_REDUCED, tolerance=0.0001 if _name != "std" else 0.001, gradient=_name != "ptp")
case("prod", ref.prod, *_REDUCED, call(np.int32([2, 3]), dtype="float32"))
case("std", np.std, *_REDUCED[:-1], tolerance=1e-3)
case("sum", ref.sum, *_REDUCED, np.uint8([200, 100]), np.array([True, True]), call(np.zeros((2, 0), "float32"), axis=1))
_WITH_INITIAL = call(np.zeros((2, 0), "float32"), axis=1, initial=1.0)
for _name in ("max", "min"):
    CASES[_name] = CASES[_name]._replace(
        samples=(*CASES[_name].samples, _WITH_INITIAL, call(draw(3, dtype="int32"), initial=1)))
case("median", np.median, *_REDUCED, tolerance=1e-4)
case("logsumexp", ref.logsumexp, *_REDUCED, call(np.float32([[1000, 1001], [-1000, -1000]]), axis=1), tolerance=1e-4)
case("count_nonzero", np.count_nonzero, np.int32([0, 2, 3]), call(draw(2, 3) > 0, axis=1),
    call(draw(2, 0), axis=(0, 1)), gradient=False)
case("average", np.average, draw(2, 3), call(draw(2, 3), axis=1, weights=draw(3, low=0.5)),
    call(draw(2, 3), weights=draw(2, 3, low=0.5)), call(draw(2, 3, dtype="int32"), axis=0), tolerance=0.0001)
case("norm", ref.norm, draw(3), draw(2, 3), call(draw(2, 3), axis=1, keepdims=True), call(draw(2, 3), ord=1, axis=0),
    call(draw(2, 3), ord=math.inf, axis=-1), call(draw(2, 3), ord=3, axis=-1),
    call(draw(2, 3), ord="fro", axis=(0, 1)), call(draw(2, 3, 4), ord=1, axis=(1, 2)),
    call(draw(2, 3, 4), ord=2, axis=(2, 0), keepdims=True), tolerance=0.0001, gradients=4)
_ARGS = [draw(2, 3), call(draw(2, 3), axis=1), call(draw(2, 3), axis=-2, keepdims=True),
    call(np.int32([3, 9, 9, 0, 0]), axis=0)]
case("argmax", np.argmax, *_ARGS, gradient=False)
case("argmin", np.argmin, *_ARGS, gradient=False)
_RUNNING = [draw(3), draw(2, 3), call(draw(2, 3), axis=1), call(np.int8([[1, 2], [3, 4]]), axis=-2),
    call(np.int32([1, 2]), dtype="float32")]
case("cumsum", ref.cumsum, *_RUNNING, tolerance=1e-4)
case("cumprod", ref.cumprod, *_RUNNING, tolerance=1e-4)
case("diff", np.diff, draw(4), call(draw(2, 4), n=2), call(draw(3, 2, dtype="int32"), axis=0),
    np.array([True, False, False]))
_ORDER = [draw(5), call(draw(2, 4), axis=0), np.int32([[3, 1, 3, 1]]), call(draw(2, 3), axis=None), np.float16([3, 1])]
case("argsort", lambda x, axis=-1: np.argsort(x, axis, kind="stable"), *_ORDER, gradient=False)
case("sort", np.sort, *_ORDER)
case("top_k", ref.top_k, (draw(2, 5), 2), (np.int32([3, 1, 3, 2]), 3), (draw(3), 3),
    call(draw(2, 2, 3), k=1, sorted=True))
case("in_top_k", ref.in_top_k, (np.int32([0, 1]), draw(2, 3), 1), (np.int32([2, 1, 0]), draw(3, 4), 2),
    (np.int32([0]), np.float32([[1, 1, 1]]), 1), gradient=False)
case("quantile", ref.quantile, (draw(5), np.float32(0.3)), call(draw(2, 5), 0.5, axis=1),
    call(draw(2, 5), np.float32([0.1, 0.8]), axis=1, keepdims=True),
    call(draw(2, 5), 0.4, axis=(0, 1), method="lower"), call(draw(4), 0.4, method="midpoint"),
    call(draw(4), 0.4, method="nearest"), tolerance=0.0001, gradient=False)
_SEGMENTS = [call(draw(4, 2), np.int32([0, 2, 0, 1]), num_segments=4),
    call(draw(3), np.int32([1, -1, 5]), num_segments=2), call(np.int32([[1], [2]]), np.int32([0, 0]), num_segments=1)]
case("segment_sum", ref.segment(np.add, 0), *_SEGMENTS)
case("segment_max", ref.segment(np.maximum, "low"), *_SEGMENTS, gradient=False)
case("segment_min", ref.segment(np.minimum, "high"), *_SEGMENTS, gradient=False)
case("bincount", ref.bincount, np.int32([1, 1, 3]), call(np.int32([0, 2]), minlength=5),
    call(np.int32([0, 2, 2]), weights=np.float32([0.5, 1, 2])), np.int32([[0, 1], [1, 1]]), gradient=False, jit=False,
    static=False)
