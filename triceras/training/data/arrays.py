"""Arrays in memory: NumPy arrays, tensors of any backend, data frames, in any nesting."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from triceras.core import config, dtypes, registry, seeds, tree
from triceras.training.data.source import Source
from triceras.training.data.sparse import is_sparse, to_rows
from triceras.training.data.weights import class_to_sample_weights
from triceras.utils.data import pack_x_y_sample_weight


def is_array(x: Any) -> bool:
    """Whether something has rows that can be taken: an array, a tensor, a data frame or a column of one."""
    if isinstance(x, np.ndarray) or hasattr(x, "iloc"):
        return True
    return hasattr(x, "shape") and (hasattr(x, "__array__") or registry.backend_of(x) is not None or is_sparse(x))


def are_arrays(data: Any) -> bool:
    """Whether every leaf of a tree is an array, and there is at least one."""
    leaves = [leaf for leaf in tree.flatten(data) if leaf is not None]
    return bool(leaves) and all(map(is_array, leaves))


def to_array(x: Any) -> Any:
    """A NumPy array of anything that `is_array`, or `SparseRows`; floats in `floatx`.

    Raises:
        ValueError: Python objects, or no rows.
    """
    if is_sparse(x):
        return to_rows(x)
    if hasattr(x, "iloc"):
        x = x.to_numpy()[:, None] if x.ndim == 1 else x.to_numpy()
    backend = registry.backend_of(x)
    array = np.asarray(x) if backend is None else np.asarray(backend.to_numpy(getattr(x, "value", x)))
    if array.ndim == 0:
        raise ValueError(f"Data need a first axis that counts samples. Received a single number: {array!r}")
    if array.dtype == object:
        raise ValueError(
            f"Invalid dtype: object. Data must be numbers; got an array of Python objects such as {array.flat[0]!r}. "
            "Convert it first, e.g. with `.astype('float32')`, or pad rows of different lengths."
        )
    if array.dtype.kind not in "SU" and dtypes.is_float(dtypes.standardize_dtype(array.dtype)):
        return array.astype(config.floatx(), copy=False)
    return array


def num_samples(**trees: Any) -> int:
    """How many samples some trees of arrays have in common.

    Raises:
        ValueError: they differ.
    """
    sizes = {name: [len(leaf) for leaf in tree.flatten(data) if leaf is not None] for name, data in trees.items()}
    every = {size for found in sizes.values() for size in found}
    if len(every) != 1:
        listed = "".join(f"'{name}' sizes: {', '.join(map(str, found))}\n" for name, found in sizes.items() if found)
        raise ValueError(
            f"Data cardinality is ambiguous. Make sure all arrays contain the same number of samples.{listed}"
        )
    return every.pop()


def split(validation_split: float, *parts: Any) -> tuple[tuple, tuple]:
    """The parts for training and, from their ends, for validation.

    Args:
        validation_split: which fraction goes to validation.
        parts: trees of arrays, or None.

    Returns:
        Two tuples, each with as many parts.

    Raises:
        ValueError: data that have no rows to take, or one side would be empty.
    """
    unfit = [type(leaf) for leaf in tree.flatten(parts) if leaf is not None and not is_array(leaf)]
    if unfit:
        raise ValueError(
            "Argument `validation_split` is only supported for tensors or NumPy arrays."
            f"Found incompatible type in the input: {unfit}"
        )
    parts = tree.map_structure(lambda leaf: None if leaf is None else to_array(leaf), parts)
    total = num_samples(x=parts)
    at = int(np.floor(total * (1.0 - validation_split)))
    if not 0 < at < total:
        raise ValueError(
            f"Training data contains {total} samples, which is not sufficient to split it into a validation and "
            f"training set as specified by `validation_split={validation_split}`. Either provide more data, or a "
            "different value for the `validation_split` argument."
        )
    return _rows(parts, slice(None, at)), _rows(parts, slice(at, None))


def _rows(parts: Any, rows: slice) -> Any:
    return tree.map_structure(lambda leaf: None if leaf is None else leaf[rows], parts)


def from_arrays(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    batch_size: int | None = None,
    shuffle: Any = False,
    class_weight: dict[int, float] | None = None,
) -> Source:
    """Batches of arrays.

    Args:
        x: a tree of arrays.
        y: a tree of arrays, or None.
        sample_weight: a tree of arrays, or None.
        batch_size: samples a batch; 32 by default.
        shuffle: True: a new order of the samples in each pass; "batch": of the batches. The order is drawn on the host,
            so that a seed gives the same one on every backend.
        class_weight: weights of the classes in `y`.

    Raises:
        ValueError: different numbers of samples, none at all, or a senseless `batch_size`.
    """
    x, y, sample_weight = tree.map_structure(
        lambda leaf: None if leaf is None else to_array(leaf), (x, y, sample_weight)
    )
    y = tree.map_structure(lambda leaf: leaf.to_numpy() if is_sparse(leaf) else leaf, y)  # losses want dense targets
    if class_weight is not None:
        sample_weight = class_to_sample_weights(y, class_weight)
    total = num_samples(x=x, y=y, sample_weight=sample_weight)
    batch_size = 32 if batch_size is None else batch_size
    if batch_size < 1:
        raise ValueError(f"`batch_size` must be at least 1. Received: batch_size={batch_size}")
    if not total:
        raise ValueError("The data have no samples. Received arrays of length 0.")
    data = pack_x_y_sample_weight(x, y, sample_weight)
    leaves = tree.flatten(data)
    is_flat = type(data) is tuple and not any(leaf is None or tree.is_nested(leaf) for leaf in data)
    pick = _by_index if shuffle and shuffle != "batch" else _by_slice

    def begin_pass() -> Iterator[Any]:  # no line of Python runs for each batch, if the data are as simple as most
        rows = list(_batches_of_rows(total, batch_size, shuffle))
        if not tree.is_nested(data):
            return map(pick(data), rows)
        columns = [itertools.repeat(None) if leaf is None else map(pick(leaf), rows) for leaf in leaves]
        batches = zip(*columns, strict=False)
        return batches if is_flat else (tree.pack_sequence_as(data, list(batch)) for batch in batches)

    return Source(begin_pass, num_batches=-(-total // batch_size), batch_size=batch_size)


def _by_index(leaf: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    return partial(leaf.take, axis=0)  # takes a tenth of the time of indexing by an array


def _by_slice(leaf: np.ndarray) -> Callable[[slice], np.ndarray]:
    return leaf.__getitem__


def _batches_of_rows(total: int, batch_size: int, shuffle: Any) -> Iterator[Any]:
    starts = np.arange(0, total, batch_size)
    if shuffle == "batch":
        starts = seeds.host_generator().permutation(starts)
    elif shuffle:
        order = seeds.host_generator().permutation(total)
        yield from (order[start : start + batch_size] for start in starts)
        return
    yield from (slice(start, min(start + batch_size, total)) for start in map(int, starts))
