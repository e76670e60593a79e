"""The stand-in for a framework: an array type that neither NumPy nor Triceras knows. Yours has its own: delete this."""

from __future__ import annotations

from typing import Any

import numpy as np

from triceras.core.operators import Operators


class Array(Operators):
    """Values with a shape and a dtype; Python's operators go through `triceras.ops`.

    A tensor type needs `shape`, `dtype` (anything with a standard name), and to be hashable and weakly referable.
    """

    __slots__ = ("data", "__weakref__")

    def __init__(self, data: Any):
        self.data = np.asarray(data)

    shape = property(lambda self: self.data.shape)
    dtype = property(lambda self: self.data.dtype)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.data, dtype=dtype, copy=copy)

    def __bool__(self) -> bool:
        return bool(self.data)

    def __int__(self) -> int:
        return int(self.data)

    def __float__(self) -> float:
        return float(self.data)

    def __index__(self) -> int:
        return self.data.__index__()

    def __repr__(self) -> str:
        return f"Array({self.data})"
