"""`Spec`: a tensor that has a shape and a dtype and no values. The abstract backend computes with these."""

from __future__ import annotations

from typing import Any

from triceras.core.operators import Operators


class Spec(Operators):
    """A shape and a dtype.

    Args:
        shape: dimensions; `None` is unknown.
        dtype: a standard name, or a Python number type for a weak scalar.
    """

    __slots__ = ("shape", "dtype")
    sparse = False

    def __init__(self, shape: Any, dtype: Any = "float32"):
        self.shape = tuple(shape)
        self.dtype = dtype

    @property
    def ndim(self) -> int:
        """How many dimensions there are."""
        return len(self.shape)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(shape={self.shape}, dtype={self.dtype})"

    def __bool__(self) -> bool:
        raise TypeError(
            "A symbolic tensor has no truth value: it holds a shape and a dtype, no numbers. Use ops.where or ops.cond."
        )

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(
            "A symbolic tensor has no values to turn into a NumPy array. Use triceras.ops on it, or wrap NumPy "
            "code in a layer."
        )


class SparseSpec(Spec):
    """The spec of a sparse tensor."""

    __slots__ = ()
    sparse = True
