"""More samples of ops that have few: odd dtypes, sizes of 0 and 1, negative axes, scalars."""

from __future__ import annotations

# fmt: off
import numpy as np

from triceras.testing import (  # noqa: F401 - their cases come first
    samples_array,
    samples_image,
    samples_linalg,
    samples_patches,
    samples_signal,
    samples_special,
    samples_statistics,
)
from triceras.testing.case import CASES, Sample, call, draw


def _more(names: str, *samples: object) -> None:
    calls = [s if isinstance(s, Sample) else Sample(s if type(s) is tuple else (s,), {}) for s in samples]
    for name in names.split():
        CASES[name] = CASES[name]._replace(samples=(*CASES[name].samples, *calls))


def _i(*values: object) -> np.ndarray:
    return np.array(values, "int32")


def _b(*values: object) -> np.ndarray:
    return np.array(values, "bool")


_NONE, _ROW, _HALF = np.zeros((0, 2), "float32"), draw(1, 4), draw(2, 2, dtype="float16")
_SQUARE = np.float32([[4, 1], [1, 3]])
_ONE = np.float32([[2]])

# --- element-wise -----------------------------------------------------------------------------------------------------

_more("isnan isinf isfinite nan_to_num", _NONE, np.float32(np.nan))
_more("clip", (_HALF, -1, 1), (_NONE, 0.0, 1.0))
_more("bitwise_and bitwise_or bitwise_xor left_shift right_shift bitwise_left_shift bitwise_right_shift",
    (np.int32(6), _i(1, 2)), (np.zeros((0, 1), "int32"), _i(1, 2)))
_more("bitwise_not bitwise_invert", np.int8([-128, 127]), np.zeros((0,), "int32"))
_more("logical_and logical_or logical_xor", (_NONE, True), (np.int8([[0], [1]]), _b(True, False)))
_more("logical_not", _NONE, np.float16([0, 1]))
_more("where", (_NONE > 0, _NONE, 1.0), (_i(0, 1), np.int8([1, 2]), np.int8([[3], [4]])))
_more("isclose allclose", (_NONE, 1.0), (np.float16([1, 2]), np.float32([1, 2.5])))
_more("threshold", (_NONE, 0.0, 1.0), (np.float32(0.3), 0.5, 9.0))
_more("glu", call(draw(2, 1, 2), axis=-1), call(draw(0, 4)))
_more("sparsemax", draw(1, 1), call(draw(2, 3, 2), axis=1))

# --- reductions -------------------------------------------------------------------------------------------------------

_more("any all", call(_b(False), keepdims=True), call(np.zeros((0, 3), "bool"), axis=0))
_more("count_nonzero", call(draw(2, 3, dtype="int8"), axis=-1), np.float32(2))
_more("average", call(draw(2, 3, 2), axis=-2), call(_HALF, axis=1))
_more("argmax argmin", call(draw(2, 1, 3), axis=1), np.float16([[1, 3, 3]]))
_more("diff", call(draw(3, 1), axis=-2), call(np.float16([1, 4, 9]), n=3))
_more("top_k", (np.float16([[1, 3, 2]]), 2), (draw(2, 1), 1))
_more("in_top_k", (_i(1), np.float32([[1, 3, 2]]), 3), (_i(0, 0), np.float16([[1, 3], [3, 1]]), 1))
_ROWS = [call(np.float16([[1], [2], [3]]), _i(1, 1, 0), num_segments=2), call(draw(2, 0), _i(0, 1), num_segments=3)]
_more("segment_sum segment_max segment_min", *_ROWS)
_more("bincount", call(np.uint8([2, 2]), minlength=1))

# --- making -----------------------------------------------------------------------------------------------------------

_more("zeros ones", call((), dtype="float16"), call((1, 3), dtype="int8"))
_more("empty", call((0, 1), dtype="bool"), call((3, 0), dtype="int8"))
_more("full", call((2, 0), 1, dtype="int8"))
_more("full_like", (np.float16([1, 2]), 0.5), (np.float32(3), 1))
_more("eye", (0,), call(2, 4, k=3, dtype="bool"))
_more("tri", (1,), call(2, 4, k=2, dtype="int8"))
_more("identity", (0,), call(1, dtype="float16"))
_more("tril triu", call(draw(0, 3), k=1))
_more("diag", draw(1, 3))
_more("diagflat", np.float16([1, 2]), call(draw(1, 2), k=-2))
_more("diagonal", call(draw(1, 1), offset=0))
_more("trace", call(draw(2, 2, 3), axis1=-2, axis2=-1), np.float16([[1, 2], [3, 4]]))

# --- shape ------------------------------------------------------------------------------------------------------------

_more("ravel", draw(1, 1, dtype="float16"))
_more("swapaxes", (_HALF, -1, -2), (draw(2, 2, dtype="bool"), 0, 1))
_more("moveaxis", (_HALF, -1, 0), (draw(1, 2, 3, dtype="bool"), (-1, 0), (0, 1)))
_more("expand_dims", (_HALF, -2))
_more("squeeze", (np.float16([[1]]), -1), call(draw(2, 1, 3, 1, dtype="bool"), axis=(1, -1)))
_more("broadcast_to", (draw(1, dtype="bool"), (2, 2)))
_more("concatenate", call([_HALF, draw(1, 2, dtype="float16")], axis=0))
_more("stack", call([draw(dtype="bool"), draw(dtype="bool")]), call([_ROW, _ROW, _ROW], axis=1))
_more("hstack vstack", ([_HALF, _HALF],), ([draw(1, 2, 2), draw(1, 2, 2)],))
_more("append", call(_HALF, _HALF, axis=0), (draw(), draw()))
_more("split", (draw(2, 2, dtype="float16"), [0, 1]))
_more("unstack", _HALF, call(draw(1, 2, 2), axis=-2))
_more("repeat", call(draw(2, dtype="float16"), 0))
_more("tile", (np.float16(2), 3))
_more("meshgrid", call(draw(1), draw(1, dtype="float16"), indexing="ij"))
_more("flip", draw(1, 1, dtype="float16"), call(draw(0, 2), axis=-1))
_more("roll", call(_HALF, 3, axis=-1))

# --- parts ------------------------------------------------------------------------------------------------------------

_more("take", call(_HALF, _i([0, 1], [1, 1]), axis=-1))
_more("take_along_axis", call(_HALF, _i([1, 0], [0, 0]), axis=-2))
_more("slice", (_HALF, (1, 0), (1, 2)))
_more("slice_update", (_HALF, (0, 1), np.float16([[5], [6]])), (draw(2, 2, dtype="bool"), _i(0, 0), _b(True)[None]))
_more("scatter", (_i([0, 0], [1, 2]), np.float16([1, 2]), (2, 3)), (np.zeros((0, 1), "int32"), draw(0, 2), (2, 2)))
_more("nonzero", np.zeros((0, 2), "float32"), np.float16([[0, 1]]))
_more("searchsorted", call(np.float16([1, 2]), np.float16([[0, 2]])), call(np.float32([1]), draw(0, 2), side="right"))

# --- matrices ---------------------------------------------------------------------------------------------------------

_more("dot", (_HALF, np.float16([1, 2])))
_more("inner", (np.float16([1, 2]), np.float16([3, 4])), (draw(1, 1, 2), draw(3, 2)))
_more("outer", (2.0, draw(3)), (np.float16([1, 2]), draw(0)))
_more("vdot", (np.float16([1, 2]), np.float16([3, 4])), (draw(0), draw(0)))
_more("tensordot", call(_HALF, _HALF, axes=1))
_more("cross", (np.float16([1, 2, 3]), np.float16([3, 2, 1])))
_more("cholesky inv det", _ONE, np.stack([_SQUARE, 2 * _SQUARE])[None])
_more("solve", (_ONE, draw(1)))
_more("solve_triangular", (_ONE, draw(1, 2)), call(_SQUARE, draw(2, 1), lower=True))
_more("qr", call(draw(2, 2), mode="reduced"), draw(1, 3))
_more("svd", call(draw(1, 1), compute_uv=False), call(draw(2, 1, 3), compute_uv=False))
_more("eigh", _ONE, np.stack([np.diag(np.float32([1, 2]))])[None])
_more("lstsq", (draw(3, 1), draw(3)))

# --- neural networks --------------------------------------------------------------------------------------------------

_more("multi_hot", call(_i(0, 1), num_classes=3, dtype="float16"), call(_i([2], [0]), 3))
_PART = np.float32([[0.2, 0.3, 0.5]])
_more("binary_crossentropy", (np.float16([1, 0]), np.float16([0.7, 0.2])), (_PART, draw(1, 3, low=0.2, high=0.8)))
_more("categorical_crossentropy", (_PART, _PART), call(_PART, draw(1, 3), from_logits=True, axis=-1))
_more("sparse_categorical_crossentropy", (_i(1), draw(1, 2, low=0.3, high=0.6)))
_more("psnr", (draw(2, 2, 2), draw(2, 2, 2), 2.0), (np.float32([0.5]), np.float32([0.25]), 1))
_more("moments", call(draw(3, 2), axes=(0, 1)), call(draw(2, 3), axes=-1, keepdims=True))
_more("batch_normalization", call(draw(1, 2), draw(2), draw(2, low=0.5), axis=-1),
    call(draw(2, 2, 1, 2), draw(2), draw(2, low=0.5), axis=1, scale=draw(2), offset=draw(2)))
_more("rms_normalization", draw(1, 1), call(draw(2, 3, dtype="float16"), axis=-1))
_more("normalize", call(draw(2, 2), axis=-2))
_more("biased_conv", call(draw(1, 4, 1), draw(2, 1, 1), draw(1), padding="same"),
    call(draw(2, 3, 3, 2), draw(1, 1, 2, 2), draw(2)))
_more("lstm", (draw(1, 2, 1), draw(1, 1), draw(1, 1), draw(1, 4), draw(1, 4), draw(4)),
    (draw(2, 1, 3), draw(2, 2), draw(2, 2), draw(3, 8), draw(2, 8)))
_more("gru", (draw(1, 2, 1), draw(1, 1), draw(1, 3), draw(1, 3), draw(2, 3)),
    (draw(2, 1, 3), draw(2, 2), draw(3, 6), draw(2, 6)))
_more("random_bits", (np.uint32([5, 5]), (0,)), (np.uint32([7, 1]), (1, 3, 2)))
_more("depthwise_conv", call(draw(1, 5, 1), draw(2, 1, 3), padding="same"), call(draw(2, 3, 3, 1), draw(1, 1, 1, 2)))
_more("separable_conv", call(draw(1, 5, 1), draw(2, 1, 2), draw(1, 2, 1), padding="same"),
    call(draw(2, 3, 3, 2), draw(2, 2, 2, 1), draw(1, 1, 2, 1)))
