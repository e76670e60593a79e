"""Batches on their way to a step: each leaf becomes a tensor of the model's backend, once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from triceras.core import config, tree
from triceras.training.data.sparse import is_sparse, to_rows

_AS_THEY_ARE = "?bBhHiIlLqQef"  # NumPy's characters of all plain numbers but float64


def to_tensor(backend: Any, leaf: Any) -> Any:
    """A leaf of a batch as a tensor; float64 arrays in `floatx`, strings as they are."""
    if isinstance(leaf, np.ndarray):
        if leaf.dtype.kind in "SUO":
            return leaf
        if leaf.dtype == np.float64:
            return backend.convert(leaf, config.floatx())
    elif is_sparse(leaf) and not isinstance(leaf, backend.tensor_types):
        return to_rows(leaf).to_tensor(backend)
    return backend.convert(leaf)


def to_argument(backend: Any, leaf: Any) -> Any:
    """A leaf of a batch as a compiled step takes it at the least cost."""
    known = type(leaf) is np.ndarray and leaf.dtype.char in _AS_THEY_ARE
    return leaf if known else to_tensor(backend, leaf)


def to_native(backend: Any, compiled: bool = False) -> Callable[[list[Any]], list[Any]]:
    """A function that makes tensors of batches; for compiled steps NumPy arrays may stay, where `jit` takes them."""
    function = partial(to_argument if compiled and backend.jit_takes_arrays else to_tensor, backend)
    return lambda batches: [backend.place_batch(_convert(function, batch)) for batch in batches]


def _convert(function: Callable[[Any], Any], batch: Any) -> Any:
    kind = type(batch)
    if kind is np.ndarray:
        return function(batch)
    if kind is tuple:
        return tuple([_convert(function, part) for part in batch])
    return tree.map_structure(lambda leaf: None if leaf is None else function(leaf), batch)
