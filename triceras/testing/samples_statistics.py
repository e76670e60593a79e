"""Samples of ops that arrange, count and relate elements."""

from __future__ import annotations

# fmt: off
import numpy as np

from triceras.testing import references as ref
from triceras.testing.case import call, case, draw

# --- arrangements -----------------------------------------------------------------------------------------------------

_LOOSE = dict(gradients=1)
case("array_split", np.array_split, (draw(7), 3), call(draw(2, 5), 2, axis=1), (draw(3, 2), [1]), (draw(2), 4),
    (draw(6, dtype="int8"), 3), **_LOOSE)
case("hsplit", np.hsplit, (draw(6), 3), (draw(2, 3), [1]), (draw(2, 4, 2, dtype="int32"), 2), (draw(2, 4), [1, 3]),
    (draw(4, dtype="float16"), [0]), **_LOOSE)
case("vsplit", np.vsplit, (draw(4, 3), 2), (draw(4, 3), [1]), (draw(2, 4, 2, dtype="int32"), 2), (draw(3, 1), [1, 2]),
    (draw(2, 2, dtype="float16"), 2), **_LOOSE)
case("dsplit", np.dsplit, (draw(2, 2, 4), 2), (draw(2, 1, 3), [1]), (draw(1, 2, 2, 2, dtype="int32"), 2),
    (draw(1, 1, 3), [1, 2]), (draw(2, 2, 2, dtype="float16"), 2), **_LOOSE)
case("dstack", np.dstack, ([draw(2), draw(2)],), ([draw(2, 3), draw(2, 3)],), ([draw(2, 1, 2), draw(2, 1, 1)],),
    ([draw(), draw()],), ([draw(2, 2, dtype="int8"), draw(2, 2)],))
_TURNED = [draw(2, 3), draw(3, 1, 2), draw(1, 2, dtype="int8"), draw(2, 2, dtype="bool"), draw(2, 0)]
case("flipud", np.flipud, *_TURNED, draw(3))
case("fliplr", np.fliplr, *_TURNED)
case("rot90", np.rot90, *_TURNED[:4], call(draw(2, 3), k=-1), call(draw(2, 3, 2), k=2, axes=(1, 2)),
    call(draw(2, 3), k=3, axes=(1, 0)), call(draw(2, 3), k=4))
case("rearrange", ref.rearrange, (draw(2, 3, 4), "a b c -> c (a b)"), call(draw(2, 6), "a (b c) -> (a b) c", b=2),
    call(draw(1, 4, 6, 2, dtype="int8"), "b (h p) (w q) c -> b (h w) (p q c)", p=2, q=3), 
    (draw(2, 3), "... c -> c ..."), (draw(2, 3), "a b -> a 1 b"),
    (draw(2, 1, 3, dtype="float16"), "a 1 b -> (a b)"), (draw(2, 3, 2), "a ... -> (a ...)"))
_ASKED = [np.array([True, False, False]), np.array([True, True, False])]
case("select", ref.select, call(_ASKED, [draw(3), draw(3)]), call(_ASKED, [np.int32([1, 2, 3]), draw(3)], default=9),
    call([np.array([[True], [False]])], [draw(3)], default=-1.0), call(_ASKED, [draw(3), 2.0], 0.5),
    call([np.array(True)], [draw(2)]))
case("unravel_index", ref.unravel_index, (np.int32([5, 0, -1]), (2, 3)), (np.int32([[7], [1]]), (2, 2, 2)),
    (np.int8([3]), (4,)), (np.array(5, "int32"), (2, 3)), (np.zeros((0,), "int32"), (2, 3)), gradient=False)
case("kron", np.kron, (draw(2, 2), draw(1, 3)), (draw(2), draw(3)), (draw(2), draw(2, 2)),
    (draw(2, dtype="int8"), draw(1, 2, dtype="float16")), (2.0, draw(3)), (draw(2, 1, 2), draw(2, 2)))
_ENDS = [(0.5, 2.0), call(0.0, 3.0, num=4), call(1.0, 2.0, num=3, endpoint=False), call(draw(2), draw(2), num=3),
    call(np.float32([1, 2]), np.float32([3, 4]), num=3, axis=-1), call(1, 3, num=3, dtype="int32")]
case("logspace", ref.in_floatx(np.logspace), *_ENDS, call(0.0, 3.0, num=4, base=2), tolerance=1e-4, gradient=False)
case("geomspace", ref.in_floatx(np.geomspace), (0.5, 2.0), call(1.0, 1000.0, num=4),
    call(-1.0, -8.0, num=4, endpoint=False), call(np.float32([1, 2]), np.float32([8, 16]), num=3, axis=-1),
    call(draw(2, low=1, high=2), 4.0, num=5), call(1, 256, num=9), tolerance=1e-4, gradient=False)

# --- counts -----------------------------------------------------------------------------------------------------------

_TABLE = np.int32([[1, 2], [0, 1], [1, 2]])
_EVERYTHING = dict(return_index=True, return_inverse=True, return_counts=True)
case("unique", ref.unique, np.float32([3, 1, 2, 1, 3, np.nan, np.nan]), call(_TABLE, **_EVERYTHING),
    call(_TABLE, axis=0, **_EVERYTHING), call(_TABLE, axis=1), call(np.array([True, False, True]), return_counts=True),
    call(np.float16([2, 1, 2]), sorted=False), gradient=False, jit=False, static=False)
case("isin", np.isin, (np.float32([1, 2, np.nan, np.inf]), np.float32([2, np.nan])),
    call(_TABLE, np.int32([0, 2]), invert=True),
    (np.int8([1, 3]), np.float32([[1.0, 2.5]])), (np.float32([1.0]), np.zeros((0,), "float32")),
    call(np.int32([4, 5]), np.int32([5, 6]), assume_unique=True), gradient=False)
case("digitize", np.digitize, (np.float32([0, 1, 2.5, 9, np.nan]), np.float32([1, 2, 3])),
    (np.int32([[0, 1], [2, 4]]), np.float32([1, 2, 3])), (draw(3), draw(1)), (np.float32(2), np.int32([1, 2])),
    (draw(0, 2), np.float32([0])), gradient=False)
case("argpartition", lambda x, kth, axis=-1: np.argsort(x, axis, kind="stable"), (draw(5), 2),
    call(draw(3, 4), 1, axis=0), (np.int32([3, 1, 3]), -1), call(draw(2, 3), 4, axis=None),
    (draw(2, 2, dtype="float16"), 0), gradient=False)
case("histogram", np.histogram, (np.float32([1, 2, 2, 5]), 3), call(np.float32([1, 2, 2, 5]), bins=4, range=(0, 4)),
    np.int32([1, 2, 2, 5, 9]), (np.float32([2, 2]), 2), call(draw(9), bins=5, range=(-1, 1)), gradient=False)
_PRODUCTS = [call(draw(4, 2), np.int32([0, 2, 0, 1]), num_segments=4),
    call(draw(3), np.int32([1, -1, 5]), num_segments=2), call(np.int32([[2], [3]]), np.int32([0, 0]), num_segments=1),
    call(draw(2, 0), np.int32([0, 1]), num_segments=2),
    call(draw(2, dtype="float16"), np.int32([1, 1]), num_segments=2)]
case("segment_prod", ref.segment(np.multiply, 1), *_PRODUCTS, gradient=False)

# --- relations --------------------------------------------------------------------------------------------------------

case("corrcoef", np.corrcoef, draw(2, 5), draw(3, 4), draw(4), draw(2, 3, dtype="int32"), draw(2, 4, dtype="float16"),
    tolerance=2e-3, gradient=False)
_SIGNALS = [(np.float32([1, 2, 3, 4]), np.float32([1, 0.5])), (draw(2), draw(5)), (draw(3), draw(3)),
    (draw(4, dtype="int32"), draw(2)), (draw(4, dtype="float16"), draw(3, dtype="int8"))]
case("correlate", lambda x1, x2, mode="valid": np.correlate(x1, x2, mode), *_SIGNALS,
    *(call(*pair, mode=mode) for mode in ("same", "full") for pair in _SIGNALS[:3]), tolerance=1e-3)
case("trapezoid", np.trapezoid, draw(2, 3), call(draw(1, 3), np.float32([0, 1, 3])), call(draw(3, 2), dx=2.0, axis=0),
    call(draw(2, 3), draw(2, 3)), draw(3, dtype="int32"), draw(3, dtype="float16"), tolerance=1e-4)
case("vander", np.vander, draw(3), call(draw(3), N=2), call(np.int32([1, 2]), N=4, increasing=True),
    call(draw(2, dtype="float16"), increasing=True), np.int8([2, 3]), tolerance=1e-3)
