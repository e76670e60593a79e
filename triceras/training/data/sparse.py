"""Sparse arrays in memory, SciPy's or a framework's: sparse on the host, row by row, until a batch becomes a tensor."""

from __future__ import annotations

from typing import Any

import numpy as np

from triceras.core import config, dtypes, registry


class SparseRows:
    """A sparse array whose rows can be taken as a NumPy array's can.

    Args:
        indices: places of the values, `(n, rank)`, in the order of rows.
        values: the values, `(n,)`.
        shape: sizes.
    """

    def __init__(self, indices: np.ndarray, values: np.ndarray, shape: tuple[int, ...]):
        self.indices, self.values, self.shape = indices, values, tuple(shape)
        self.starts = np.searchsorted(indices[:, 0], np.arange(shape[0] + 1))

    dtype = property(lambda self: self.values.dtype)
    ndim = property(lambda self: len(self.shape))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> SparseRows:
        start, stop, _ = rows.indices(len(self))
        inside = slice(self.starts[start], self.starts[max(stop, start)])
        shifted = self.indices[inside] - np.eye(1, self.ndim, dtype=self.indices.dtype) * start
        return SparseRows(shifted, self.values[inside], (max(stop - start, 0), *self.shape[1:]))

    def take(self, rows: np.ndarray, axis: int = 0) -> SparseRows:
        """Rows by their numbers."""
        counts = self.starts[rows + 1] - self.starts[rows]
        first = np.repeat(self.starts[rows] - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts)
        places = first + np.arange(len(first))
        indices = self.indices[places]
        indices[:, 0] = np.repeat(np.arange(len(rows)), counts)
        return SparseRows(indices, self.values[places], (len(rows), *self.shape[1:]))

    def to_numpy(self) -> np.ndarray:
        """The dense array."""
        dense = np.zeros(self.shape, self.values.dtype)
        dense[tuple(self.indices.T)] = self.values
        return dense

    def to_tensor(self, backend: Any) -> Any:
        """A sparse tensor, or a dense one where the backend has no sparse ones."""
        if backend.sparse is None:
            return backend.convert(self.to_numpy())
        return backend.sparse.make(self.indices, self.values, self.shape)


def is_sparse(x: Any) -> bool:
    """Whether something is a sparse array: of SciPy, or of a framework."""
    if isinstance(x, SparseRows) or (type(x).__module__.startswith("scipy.sparse") and hasattr(x, "tocoo")):
        return True
    owner = registry.backend_of(x)
    return owner is not None and owner.sparse is not None and owner.sparse.is_sparse(x)


def to_rows(x: Any) -> SparseRows:
    """The rows of what `is_sparse`; floats in `floatx`."""
    if isinstance(x, SparseRows):
        return x
    owner = registry.backend_of(x)
    if owner is not None:
        indices, values, shape = owner.sparse.take_apart(x)
    else:
        x = x.tocsr()
        x.sum_duplicates()
        x = x.tocoo()
        indices, values, shape = np.stack([x.row, x.col], axis=1).astype("int64"), x.data, x.shape
    if dtypes.is_float(dtypes.standardize_dtype(values.dtype)):
        values = values.astype(config.floatx(), copy=False)
    return SparseRows(indices, values, shape)
