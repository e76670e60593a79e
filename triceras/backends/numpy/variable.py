"""A Variable holds an `ndarray` of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from triceras.core import dtypes


class Variables:
    """Storage of Variables."""

    def new_value(self, value: Any, dtype: str, trainable: bool) -> np.ndarray:
        return np.array(self.convert(value), dtype=dtypes.to_numpy_dtype(dtype))

    def assign(self, native: np.ndarray, value: np.ndarray) -> np.ndarray:
        return np.array(value)  # a copy: the caller may go on writing into its own array
