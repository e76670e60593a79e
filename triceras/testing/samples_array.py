"""Samples of ops on shapes and parts, of linear algebra and of neural networks."""

from __future__ import annotations

# fmt: off
import numpy as np

from triceras.testing import references as ref
from triceras.testing import samples_math  # noqa: F401 - its cases come first; some get more samples here
from triceras.testing.case import CASES, call, case, draw

# --- making -----------------------------------------------------------------------------------------------------------

case("cast", lambda x, dtype: np.asarray(x).astype(dtype), (draw(2, 3), "float16"), (np.int8([1, -2]), "float32"),
    (np.float32([1.7, -1.7]), "int32"), (draw(3), "bool"), call(np.array(True), dtype="int8"), gradient=False)
case("saturate_cast", ref.saturate, (np.float32([-3, 4.5, 300]), "uint8"), (np.int32([1000, -1000, 5]), "int8"),
    (np.uint8([3]), "float32"), (np.float32([1e+20, -1e+20, 7]), "int32"), (draw(2, dtype="bool"), "int8"),
    gradient=False)
_NO_INPUT = {"gradient": False}
case("zeros", ref.made(0), (3,), ((2, 0),), call((2, 1), dtype="int32"), **_NO_INPUT)
case("ones", ref.made(1), (3,), ((2, 0),), call((2, 1), dtype="bool"), **_NO_INPUT)
case("empty", lambda *a, **k: ref.made(0)(*a, **k), ((0, 2),), call((0,), dtype="int32"),
    call((2, 0), dtype="float16"), **_NO_INPUT)
case("full", lambda shape, v, dtype=None: np.full(shape, v, dtype or "float32"), ((2, 3), 1.5), (2, 7, "int32"),
    ((2, 2), np.float32([1, 2])), call((1,), True, dtype="bool"), gradient=False)
case("full_like", lambda x, v, dtype=None: np.full_like(x, v, dtype=dtype), (draw(2, 3), 2.5),
    (draw(2, dtype="int8"), 3), (draw(1, 0), 1, "int32"), gradient=False)
for _name in ("zeros_like", "ones_like"):
    CASES[_name] = CASES[_name]._replace(samples=(*CASES[_name].samples, call(draw(2), dtype="int32")))
case("arange", ref.arange, (5,), (2, 9, 3), (0.0, 1.0, 0.3), (5, 0, -2), call(3, dtype="float16"), (4, 2), **_NO_INPUT)
case("linspace", ref.linspace, (0, 1, 5), call(2.0, -1.0, num=4, endpoint=False),
    (np.float32([0, 1]), np.float32([[1], [2]]), 3), call(0, 1, num=3, retstep=True), call(0, 1, num=1),
    call(np.float32([0, 1]), 4.0, num=3, axis=-1), gradient=False)
for _name in ("eye", "tri"):
    case(_name, ref.in_floatx(getattr(np, _name)), (3,), (2, 3, 1), call(3, 2, k=-1, dtype="int32"), **_NO_INPUT)
case("identity", ref.in_floatx(np.identity), (3,), (1,), call(2, dtype="int8"), **_NO_INPUT)
_MATRICES = [draw(3, 4), call(draw(2, 3, 3), k=1), call(draw(4, 2, dtype="int8"), k=-1),
    (draw(1, 3, dtype="float16"), 5)]
case("tril", np.tril, *_MATRICES)
case("triu", np.triu, *_MATRICES)
case("diag", np.diag, draw(3), call(draw(2), k=-1), call(draw(3, 4), k=1), np.int8([1, 2]))
case("diagflat", np.diagflat, draw(2, 2), call(draw(2), k=1), np.int32([[3]]), static=False)
case("diagonal", np.diagonal, draw(3, 4), call(draw(2, 3, 4), offset=1, axis1=1, axis2=2),
    call(draw(3, 2, dtype="int8"), offset=-2), call(draw(2, 2, 3), axis1=-1, axis2=0))
case("trace", np.trace, draw(3, 4), call(draw(2, 3, 4), offset=1, axis1=1, axis2=2), draw(2, 2, dtype="int32"))

# --- shape ------------------------------------------------------------------------------------------------------------

case("reshape", lambda x, newshape: np.reshape(x, newshape), (draw(2, 3), (3, 2)), (draw(2, 3), -1),
    (draw(2, 3, 4), (2, -1)), (draw(0, 3), (0, 1, 3)), (draw(4, dtype="int8"), (2, -1, 1)), (draw(), (1,)))
case("ravel", np.ravel, draw(2, 3), draw(), draw(0, 2), draw(2, 1, dtype="bool"))
case("transpose", np.transpose, draw(2, 3), (draw(2, 3, 4), (2, 0, 1)), call(draw(2, 3, dtype="int8"), axes=(-1, 0)),
    draw(3), draw())
case("swapaxes", np.swapaxes, (draw(2, 3, 4), 0, -1), (draw(2, 3), 1, 1), (draw(1, 0, 2, dtype="int32"), 1, 2))
case("moveaxis", np.moveaxis, (draw(2, 3, 4), 0, -1), (draw(2, 3, 4), (0, 1), (2, 0)), (draw(2, 0, dtype="int8"), 1, 0))
case("expand_dims", np.expand_dims, (draw(2, 3), 1), (draw(2), (0, -1)), (draw(dtype="int8"), 0), (draw(0, 2), -1))
case("squeeze", np.squeeze, draw(1, 2, 1), (draw(1, 2, 1), 0), call(draw(1, 1, 2, dtype="int8"), axis=(0, 1)),
    static=False)
case("broadcast_to", np.broadcast_to, (draw(3), (2, 3)), (draw(2, 1), (2, 0)), (draw(dtype="int8"), (1, 2)),
    (draw(2, 1, 2), (3, 2, 4, 2)), gradient=True)
case("concatenate", np.concatenate, ([draw(2, 3), draw(2, 3)],), call([draw(2, 3), draw(2, 1), draw(2, 0)], axis=-1),
    ([np.int8([1]), np.float16([2])],), ([draw(2)],))
case("stack", np.stack, ([draw(2, 3), draw(2, 3)],), call([draw(2), draw(2)], axis=-1), ([np.int8(1), np.float16(2)],))
case("hstack", np.hstack, ([draw(2, 3), draw(2, 1)],), ([draw(2), draw(3)],), ([draw(1, dtype="int8"), draw(1)],))
case("vstack", np.vstack, ([draw(2, 3), draw(1, 3)],), ([draw(2), draw(2)],), ([draw(1, dtype="int8"), draw(1)],),
    static=False)
case("append", np.append, (draw(2, 3), draw(2)), call(draw(2, 3), draw(2, 1), axis=-1), (np.int8([1]), np.int32([2])),
    static=False)
case("split", np.split, (draw(4, 3), 2), call(draw(2, 6), [1, 4], axis=-1), (draw(3, dtype="int8"), 3),
    call(draw(2, 5), (2,), axis=1))
case("unstack", ref.unstack, draw(3, 2), call(draw(2, 3), axis=-1), call(draw(2, 2, dtype="int8"), num=2, axis=1),
    static=False)
case("repeat", np.repeat, (draw(2, 3), 2), call(draw(2, 3), 2, axis=1),
    call(draw(3, 2, dtype="int8"), [1, 0, 2], axis=0), call(draw(1, 2), 3, axis=-1))
case("tile", np.tile, (draw(2, 3), 2), (draw(2), (2, 3)), (draw(2, 3, dtype="int8"), (2, 1)), (draw(2, 1, 2), (2,)))
case("meshgrid", ref.meshgrid, (draw(2), draw(3)), call(draw(2), draw(3), draw(1), indexing="ij"),
    (draw(2, dtype="int8"), draw(2)), (draw(3),), static=False)

# --- order and parts --------------------------------------------------------------------------------------------------

case("flip", np.flip, draw(2, 3), call(draw(2, 3), axis=1), call(draw(2, 3, 2, dtype="int8"), axis=(0, -1)))
case("roll", np.roll, (draw(2, 3), 1), (draw(2, 3), -1, 1), call(draw(3, 4), (1, 6), axis=(0, 1)),
    (draw(3, dtype="int8"), 2))
case("pad", ref.pad, (draw(2, 3), 1), (draw(2, 3), ((1, 0), (0, 2))),
    call(draw(3, 4), ((1, 1), (2, 2)), mode="reflect"), call(draw(3, 2), ((1, 1), (2, 1)), mode="symmetric"),
    call(draw(2, dtype="int8"), (1, 2), constant_values=7),
    call(draw(2, 2), ((0, 0), (1, 0)), mode="constant", constant_values=1.5))
_ITEMS = [(draw(3, 4), 1), (draw(3, 4), (slice(None), -1)), (draw(3, 4), (Ellipsis, slice(1, None, 2))),
    (draw(3, 4), (None, slice(0, 2), None, 2)), (draw(4, dtype="int8"), slice(-3, -1)),
    (draw(3, 4), np.int32([2, 0, -1])), (draw(3, 4), (np.int32([0, 1]), np.int32([2, 3]))),
    (draw(2, 3, 4), (0, Ellipsis, 1))]
case("get_item", lambda x, key: x[key], *_ITEMS, gradients=8)
case("take", ref.take, (draw(3, 4), np.int32([0, 2, 2])), call(draw(3, 4), np.int32([[1], [-1]]), axis=1),
    call(draw(3, 4), 2, axis=0), call(draw(3, 2, dtype="int8"), np.int32([2, 0]), axis=-2), gradients=3)
case("take_along_axis", np.take_along_axis, call(draw(3, 4), np.int32([[0, 1, 2, 0]]), axis=0),
    call(draw(2, 3), np.int32([[2], [-1]]), axis=-1), call(draw(2, 2), np.int32([3, 0]), axis=None),
    call(draw(2, 3, dtype="int8"), np.int32([[0, 1], [1, 1]]), axis=1))
case("slice", ref.block, (draw(3, 4), (1, 0), (2, 3)), (draw(3, 4), (0, 2), (3, -1)),
    (draw(5, dtype="int8"), np.int32([2]), (2,)), (draw(2, 2), (0, 0), (0, 1)))
case("slice_update", ref.block_update, (draw(3, 4), (1, 0), draw(2, 3)), (draw(4, dtype="int8"), (2,), np.int8([7])),
    (draw(2, 2), np.int32([1, 1]), draw(1, 1)))
_SCATTERED = (np.int32([[0], [2]]), draw(2, 3))
case("scatter", ref.scatter, (*_SCATTERED, (4, 3)), (np.int32([[0, 1], [0, 1]]), np.float32([1, 2]), (2, 2)),
    (np.int32([[1], [1]]), np.int32([3, 4]), (3,)))
_INTO = [(draw(3, 2), np.int32([[0], [2]]), draw(2, 2)), (draw(3, 2), np.int32([[0, 1], [2, 0]]), draw(2)),
    (np.int8([1, 2, 3]), np.int32([[1]]), np.int8([9]))]
case("scatter_update", ref.scatter_update, *_INTO,
    *(call(*_INTO[0], reduction=r) for r in ("add", "max", "min", "mul")),
    call(np.float32([1, 2]), np.int32([[1], [1]]), np.float32([3, 4]), reduction="add"), gradients=3)
case("nonzero", lambda x: np.nonzero(x), np.int32([0, 3, 1]), draw(2, 3) > 0, np.zeros(2, "float32"), gradient=False,
    jit=False, static=False)
case("searchsorted", np.searchsorted, (np.float32([1, 2, 2, 3]), draw(2, 3, low=0, high=4)),
    call(np.float32([1, 2, 2, 3]), np.float32([2, 5]), side="right"), (np.int32([1, 5]), np.int32(3)), gradient=False)

# --- linear algebra ---------------------------------------------------------------------------------------------------

case("matmul", ref.matmul, (draw(2, 3), draw(3, 4)), (draw(2, 2, 3), draw(3, 1)), (draw(3), draw(3)),
    (draw(2, 3), draw(3)), (draw(3), draw(2, 3, 2)), (np.int8([[100, 100]]), np.int8([[100], [100]])),
    (draw(2, 2, dtype="float16"), draw(2, 2)), (draw(2, 2, dtype="int32"), draw(2, 2)), (draw(0, 2), draw(2, 3)),
    gradients=5, tolerance=0.0001)
_KERNEL, _BIAS = np.float32([[1, -2], [0.5, 3], [2, 1]]), np.float32([0.5, -1])
case("affine", lambda x, kernel, bias: ref.matmul(x, kernel) + bias, (np.float32([[1, 2, 3]]), _KERNEL, _BIAS),
    (np.float32([[[1, -2, 3]], [[0, 1, 0.5]]]), _KERNEL, _BIAS), (np.int32([[1, 2, 3]]), _KERNEL, _BIAS),
    (np.int32([[1, 2]]), np.int32([[3], [4]]), np.int32([5])), (np.int8([[99]]), np.int8([[99]]), np.int8([1])),
    (np.float16([[1, 2, 3]]), _KERNEL.astype("float16"), _BIAS.astype("float16")),
    (np.zeros((0, 3), "float32"), _KERNEL, _BIAS), gradients=2, tolerance=0.0001)
case("dot", np.dot, (draw(3), draw(3)), (draw(2, 3), draw(3)), (draw(2, 3), draw(2, 3, 2)), (draw(2), 3.0),
    tolerance=0.0001)
case("inner", np.inner, (draw(3), draw(3)), (draw(2, 3), draw(4, 3)), (draw(3, dtype="int32"), draw(3)), tolerance=1e-4)
case("outer", np.outer, (draw(3), draw(2)), (draw(2, 2), draw(3)), (draw(2, dtype="int8"), draw(2)))
case("vdot", np.vdot, (draw(3), draw(3)), (draw(2, 2), draw(2, 2)), (np.int32([1, 2]), np.int32([3, 4])),
    tolerance=0.0001)
case("tensordot", np.tensordot, (draw(2, 3, 4), draw(3, 4, 2)), call(draw(2, 3), draw(3, 2), axes=1),
    call(draw(2, 3, 4), draw(4, 2), axes=([2, 0], [0, 1])), call(draw(2), draw(3), axes=0), tolerance=0.0001)
case("einsum", ref.einsum, ("ij,jk->ik", draw(2, 3), draw(3, 4)), ("bij,bjk->bik", draw(2, 1, 3), draw(2, 3, 2)),
    ("ii->i", draw(3, 3)), ("ij->", draw(2, 3)), ("...ij,jk->...ik", draw(2, 2, 3), draw(3, 1)),
    ("abc,cd,d->ab", draw(2, 2, 3), draw(3, 2), draw(2)), ("ij,ij", draw(2, 2), draw(2, 2)),
    ("i,j->ij", draw(2, dtype="int8"), draw(2)), tolerance=0.0001, gradients=7)
case("cross", ref.cross, (draw(3), draw(3)), (draw(2, 3), draw(2, 3)), call(draw(3, 2), draw(3, 2), axis=0),
    (draw(2), draw(3)), tolerance=0.0001)
_SYMMETRIC = ref.symmetric(draw(3, 3))
_BATCH = np.stack([_SYMMETRIC, 2 * _SYMMETRIC])
_ONE_FLOAT = {"tolerance": 1e-3, "gradients": 1}
case("cholesky", ref.cholesky, _SYMMETRIC, _BATCH, call(_SYMMETRIC, upper=True), gradient=False, tolerance=1e-4)
for _name in ("inv", "det"):
    case(_name, getattr(np.linalg, _name), _SYMMETRIC, _BATCH, np.float32([[2, 1], [0, 3]]), **_ONE_FLOAT)
case("solve", ref.solve, (_SYMMETRIC, draw(3, 2)), (_SYMMETRIC, draw(3)), (_BATCH, draw(2, 3, 1)),
    (_BATCH, draw(2, 3)), **_ONE_FLOAT)
case("solve_triangular", ref.solve_triangular, (_SYMMETRIC, draw(3, 2)), call(_SYMMETRIC, draw(3, 1), lower=True),
    (_BATCH, draw(2, 3, 1)), gradient=False, tolerance=0.0001)
case("qr", ref.qr, draw(3, 2), call(draw(3, 2), mode="complete"), draw(2, 2, 3), gradient=False, tolerance=1e-4)
case("svd", ref.svd, call(draw(3, 2), compute_uv=False), call(draw(2, 2, 3), compute_uv=False),
    call(draw(2, 2, dtype="int32"), compute_uv=False), gradient=False, tolerance=0.0001)
case("eigh", ref.eigh, np.diag(np.float32([3, 1, 2])),
    np.stack([np.diag(np.float32([3, 1])), np.diag(np.float32([5, 7]))]), np.diag(np.int32([2, 1])), gradient=False,
    tolerance=0.0001)
case("lstsq", ref.lstsq, (draw(4, 2), draw(4)), (draw(4, 2), draw(4, 3)), (draw(2, 3), draw(2)),
    (np.float32([[1, 1], [1, 1]]), np.float32([1, 3])), gradient=False, tolerance=0.001)

# --- neural networks --------------------------------------------------------------------------------------------------

CASES["gelu"] = CASES["gelu"]._replace(reference=ref.gelu,
    samples=(*CASES["gelu"].samples, call(draw(3), approximate=False)))
for _name in ("elu", "celu"):
    CASES[_name] = CASES[_name]._replace(reference=ref.in_floats(ref.elu),
        samples=(*CASES[_name].samples, call(np.float32([2.0]), alpha=0.5)))
case("threshold", lambda x, t, v: np.where(x > t, x, np.asarray(v, x.dtype)), (draw(2, 3), 0.5, -1.0),
    (draw(4, dtype="int32"), 1, 0), (draw(2, dtype="float16"), 0.0, 2.0))
case("glu", ref.glu, draw(2, 4), call(draw(4, 2), axis=0), draw(2, dtype="float16"))
_SOFT = [draw(2, 3), call(draw(2, 3), axis=0), call(draw(2, 3, 4), axis=(1, -1)), np.float32([[1000, 1001]]),
    draw(3, dtype="float16"), draw(2, 2, dtype="int32")]
case("softmax", ref.softmax, *_SOFT)
case("log_softmax", lambda x, axis=-1: np.log(ref.softmax(x, axis)), *_SOFT, tolerance=1e-4)
case("sparsemax", ref.sparsemax, draw(2, 4), call(draw(3, 2), axis=0), draw(2, dtype="float16"), tolerance=1e-4)
case("one_hot", ref.one_hot, (np.int32([0, 2]), 3), call(np.int32([[0], [5]]), 2, axis=1),
    call(np.uint8([1, 0]), 2, dtype="int32"), (np.int32(1), 3), (np.int32([-1]), 2), gradient=False)
case("multi_hot", ref.multi_hot, (np.int32([0, 2]), 4), call(np.int32([[0, 1], [1, 1]]), 3),
    call(np.int32([[0], [1]]), num_classes=2, dtype="int32"), gradient=False, static=False)
_YES, _MAYBE = np.float32([[0, 1], [1, 0.5]]), draw(2, 2, low=0.1, high=0.9)
case("binary_crossentropy", ref.binary_crossentropy, (_YES, _MAYBE), call(_YES, draw(2, 2), from_logits=True),
    (np.int32([1, 0]), np.float32([0, 1])), gradient=False)
_HOT = np.float32([[1, 0, 0], [0, 0.5, 0.5]])
case("categorical_crossentropy", ref.categorical_crossentropy, (_HOT, draw(2, 3, low=0.2, high=1)),
    call(_HOT, draw(2, 3), from_logits=True), call(_HOT.T.copy(), draw(3, 2, low=0.2, high=1), axis=0),
    tolerance=0.0001)
case("sparse_categorical_crossentropy", ref.sparse_crossentropy, (np.int32([0, 2]), draw(2, 3, low=0.2, high=1)),
    call(np.int32([[1], [0]]), draw(2, 3), from_logits=True),
    call(np.int32([[1, 0]]), draw(1, 2, 3), from_logits=True),
    call(np.uint8([1, 0]), draw(3, 2), from_logits=True, axis=0), tolerance=0.0001)
case("psnr", lambda a, b, m: 20 * np.log10(m) - 10 * np.log10(np.mean((a - b) ** 2)), (draw(2, 3), draw(2, 3), 1.0),
    (draw(4), draw(4), 255), (np.float16([1]), np.float16([0]), 2.0), tolerance=0.001)
case("moments", ref.moments, call(draw(4, 3), axes=0), call(draw(2, 3, 2), axes=(0, -1), keepdims=True),
    call(draw(4, dtype="float16"), axes=(0,)), tolerance=0.0001)
_STATISTICS = (draw(3), draw(3, low=0.5))
case("batch_normalization", ref.batch_normalization, call(draw(2, 3), *_STATISTICS, axis=-1),
    call(draw(2, 3, 2), *_STATISTICS, axis=1, offset=draw(3), scale=draw(3)),
    call(draw(2, 3), *_STATISTICS, axis=1, scale=draw(3), epsilon=0.1), tolerance=0.0001)
case("layer_normalization", ref.layer_normalization, draw(2, 4),
    call(draw(2, 4), gamma=draw(4), beta=draw(4), axis=-1),
    call(draw(2, 3, 2), draw(3, 2), draw(3, 2), axis=(1, 2), epsilon=0.01), call(draw(3, 2), gamma=draw(3), axis=0),
    draw(2, 3, dtype="float16"), tolerance=0.001)
case("rms_normalization", ref.rms_normalization, draw(2, 4), call(draw(2, 4), scale=draw(4)),
    call(draw(2, 3), axis=(0, 1), epsilon=0.1), tolerance=0.0001)
case("normalize", ref.normalize, draw(2, 4), call(draw(2, 4), axis=0), call(draw(2, 4), order=1),
    call(draw(2, 3, 2), axis=-1, order=3), tolerance=0.0001, gradients=3)
_CONVS = [(draw(1, 5, 2), draw(3, 2, 3)), call(draw(2, 5, 5, 2), draw(3, 2, 2, 3), strides=2, padding="same"),
    call(draw(1, 6, 5, 2), draw(2, 2, 2, 2), dilation_rate=(2, 1), padding="same"),
    call(draw(1, 4, 4, 4), draw(3, 3, 2, 4), strides=(1, 2)),
    call(draw(1, 2, 4, 5), draw(2, 3, 2, 3), padding="same", strides=(2, 1), data_format="channels_first"),
    call(draw(1, 3, 3, 3, 1), draw(2, 2, 2, 1, 2)),
    call(draw(1, 2, 7), draw(3, 1, 4), data_format="channels_first", dilation_rate=2)]
case("conv", ref.conv, *_CONVS, gradients=3, tolerance=1e-4)
case("biased_conv", ref.biased_conv, (draw(1, 5, 2), draw(3, 2, 3), draw(3)),
    call(draw(1, 2, 4, 5), draw(2, 3, 2, 3), draw(3), padding="same", strides=(2, 1), data_format="channels_first"),
    call(draw(1, 4, 4, 4), draw(3, 3, 2, 4), draw(4), strides=(1, 2)), tolerance=1e-4)
case("conv_transpose", ref.conv_transpose, (draw(1, 4, 2), draw(3, 3, 2)),
    call(draw(1, 3, 3, 2), draw(3, 3, 1, 2), strides=2, padding="same"),
    call(draw(1, 3, 4, 1), draw(2, 3, 2, 1), strides=(3, 1)),
    call(draw(1, 3, 3, 1), draw(3, 3, 1, 1), strides=2, output_padding=1),
    call(draw(1, 4, 1), draw(3, 1, 1), strides=2, padding="same", output_padding=0),
    call(draw(1, 2, 3, 3), draw(2, 2, 3, 2), strides=2, data_format="channels_first"),
    call(draw(1, 4, 1), draw(2, 1, 1), dilation_rate=2), tolerance=0.0001)
case("depthwise_conv", ref.depthwise_conv, (draw(1, 4, 2), draw(3, 2, 1)),
    call(draw(1, 4, 4, 2), draw(3, 3, 2, 2), strides=2, padding="same"),
    call(draw(1, 2, 4, 4), draw(2, 2, 2, 2), data_format="channels_first"), tolerance=0.0001)
case("separable_conv", ref.separable_conv, (draw(1, 4, 2), draw(3, 2, 2), draw(1, 4, 3)),
    call(draw(1, 4, 4, 2), draw(3, 3, 2, 1), draw(1, 1, 2, 3), padding="same"),
    call(draw(1, 2, 4, 4), draw(2, 2, 2, 1), draw(1, 1, 2, 1), strides=2, data_format="channels_first"),
    tolerance=0.0001)
_POOLS = [(draw(1, 5, 2), 2), call(draw(2, 5, 4, 2), 3, strides=1, padding="same"),
    call(draw(1, 2, 5, 5), (2, 3), strides=(2, 1), data_format="channels_first"), call(draw(1, 3, 3, 3, 1), 2),
    call(draw(1, 4, 4, 1), 3, strides=2, padding="same"),
    call(draw(1, 1, 5), 2, padding="same", data_format="channels_first")]
case("max_pool", ref.pool(np.max, -np.inf), *_POOLS)
case("average_pool", ref.pool(np.nanmean, np.nan), *_POOLS)
_QKV = (draw(2, 3, 2, 4), draw(2, 5, 2, 4), draw(2, 5, 2, 3))
case("dot_product_attention", ref.attention, _QKV,
    call(*_QKV, mask=draw(2, 1, 3, 5, dtype="bool") | np.eye(3, 5, dtype=bool)),
    call(draw(1, 3, 4, 2), draw(1, 3, 2, 2), draw(1, 3, 2, 2), is_causal=True),
    call(*_QKV, bias=draw(2, 3, 5), scale=0.3), call(*_QKV, attn_logits_soft_cap=1.5), tolerance=0.0001, gradients=3)
_STEPS, _H, _C = draw(2, 3, 2), draw(2, 3), draw(2, 3)
case("lstm", ref.lstm, (_STEPS, _H, _C, draw(2, 12), draw(3, 12), draw(12)),
    (_STEPS, _H, _C, draw(2, 12), draw(3, 12)), (draw(3, 1, 4), draw(3, 2), draw(3, 2), draw(4, 8), draw(2, 8)))
case("gru", ref.gru, (_STEPS, _H, draw(2, 9), draw(3, 9), draw(2, 9)),
    (_STEPS, _H, draw(2, 9), draw(3, 9)), (draw(3, 1, 4), draw(3, 2), draw(4, 6), draw(2, 6)))
case("random_bits", ref.threefry, (np.uint32([0, 0]), (2, 3)), (np.uint32([1, 2]), (5,)),
    (np.uint32([2 ** 32 - 1, 7]), ()), gradient=False)
