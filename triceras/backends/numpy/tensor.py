"""Tensors are `ndarray`s."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

from triceras.core import dtypes, registry


class Tensors:
    """Conversion, dtype and device of NumPy arrays."""

    tensor_types = (np.ndarray, np.generic)

    def convert(self, x: Any, dtype: str | None = None) -> np.ndarray:
        owner = registry.backend_of(x)
        if hasattr(x, "assign"):
            x = x.value
        if owner is not None and owner is not self:
            x = _fetch(owner, x)
        return dtypes.array_of(x, dtype)

    def to_numpy(self, x: Any) -> np.ndarray:
        return np.asarray(x)

    def cast(self, x: Any, dtype: str) -> np.ndarray:
        return np.asarray(x).astype(dtypes.to_numpy_dtype(dtype))

    def dtype(self, x: Any) -> str:
        return dtypes.standardize_dtype(x.dtype)

    def device_names(self) -> list[str]:
        return ["cpu:0"]

    def device(self, name: str) -> Any:
        return contextlib.nullcontext()

    def version(self) -> str:
        return np.__version__


def _fetch(owner: Any, x: Any) -> Any:
    """Arrays in place of another backend's tensors, also inside lists."""
    if isinstance(x, (list, tuple)):
        return type(x)(_fetch(owner, v) for v in x)
    return owner.to_numpy(x) if isinstance(x, owner.tensor_types) else x
