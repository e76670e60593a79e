"""Samples of decompositions of matrices, and of distances."""

from __future__ import annotations

# fmt: off
import numpy as np

from triceras.testing import references as ref
from triceras.testing.case import call, case, draw

_ONE = np.float32([[4, 1, 0.5], [1, 3, -1], [0.5, -1, 5]])
_ODD = np.float32([[1, 2, 0], [3, 4, 1], [7, 1, 1]])
_BATCH = np.stack([_ONE, _ODD])
_WHOLE = np.int32([[2, 1], [5, 3]])
_MATRICES = [_ONE, _ODD, _BATCH, _WHOLE, draw(1, 2, 2, 2), np.float32([[2.0]])]
_EXACT = dict(tolerance=1e-3)
case("slogdet", ref.in_floats(lambda x: tuple(np.linalg.slogdet(x))), *_MATRICES, **_EXACT)
case("logdet", ref.in_floats(lambda x: np.linalg.slogdet(x)[1]), *_MATRICES, **_EXACT)
_LOWER = np.tril(_BATCH)
case("cholesky_inverse", ref.cholesky_inverse, _LOWER, _LOWER[0], call(np.triu(_ODD), upper=True),
    np.float32([[[2.0]]]), call(np.int32([[1, 2], [0, 3]]), upper=True), gradient=False, **_EXACT)
case("eig", np.linalg.eig, np.diag(np.float32([3, 1, 2])), np.diag(np.int32([2, 1])), np.float32([[2.0]]),
    np.stack([np.diag(np.float32([3, 1])), np.diag(np.float32([5, 7]))]), np.zeros((0, 2, 2), "float32"),
    gradient=False, jit=False, **_EXACT)
case("lu_factor", ref.lu_factor, _ONE, _ODD, _BATCH, _WHOLE, np.float32([[2.0]]), gradient=False, **_EXACT)
_RANKS = [_ODD, np.float32([[1, 2], [2, 4]]), draw(2, 3, 2), np.int32([[1, 0, 1], [0, 0, 0]]),
    np.zeros((2, 2), "float32")]
case("matrix_rank", np.linalg.matrix_rank, *_RANKS, call(_ONE, tol=3.0), gradient=False)
case("pinv", ref.in_floats(np.linalg.pinv), draw(3, 2), draw(2, 2, 3), _ONE, np.int32([[1, 2], [2, 4]]),
    call(np.diag(np.float32([4, 1])), rcond=0.5), gradient=False, **_EXACT)
case("cdist", ref.cdist, (draw(3, 2), draw(4, 2)), (draw(2, 3, 2), draw(1, 4, 2)),
    (np.int32([[0, 0]]), np.int32([[3, 4]])),
    (draw(1, 2, dtype="float16"), draw(2, 2)), (np.float32([[1, 1]]), np.float32([[1, 1], [4, 5]])),
    (draw(0, 2), draw(3, 2)), gradients=2)
