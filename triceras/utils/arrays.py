"""Small helpers for NumPy data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["normalize", "pad_sequences", "to_categorical"]


def to_categorical(x: Any, num_classes: int | None = None) -> Any:
    """Class numbers as one-hot rows.

    Args:
        x: integers of any shape; a last dimension of 1 is dropped.
        num_classes: how many classes; the largest number plus one by default.

    Returns:
        A float32 array of shape `(*x.shape, num_classes)`; a tensor of the same backend if `x` is one.

    Example:
        >>> to_categorical([0, 2]).tolist()
        [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    from triceras.core import registry

    backend = registry.backend_of(x)
    array = np.asarray(x if backend is None else backend.to_numpy(x), dtype="int64")
    if array.ndim > 1 and array.shape[-1] == 1:
        array = array.reshape(array.shape[:-1])
    num_classes = num_classes or int(array.max()) + 1
    if array.size and (array.min() < 0 or array.max() >= num_classes):
        raise ValueError(f"Class numbers must be from 0 to {num_classes - 1}; got {array.min()} to {array.max()}.")
    result = np.eye(num_classes, dtype="float32")[array]
    return result if backend is None else backend.convert(result)


def normalize(x: Any, axis: int = -1, order: int = 2) -> np.ndarray:
    """Scale vectors along an axis to length 1; those of length 0 stay.

    Args:
        x: array.
        axis: along which dimension.
        order: of the norm.

    Example:
        >>> normalize([[3.0, 4.0]]).tolist()
        [[0.6, 0.8]]
    """
    x = np.asarray(x)
    norm = np.linalg.norm(x, ord=order, axis=axis, keepdims=True)
    return x / np.where(norm == 0, 1, norm)


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: str = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: float = 0.0,
) -> np.ndarray:
    """Sequences of different lengths as one array.

    Args:
        sequences: list of lists.
        maxlen: length of the rows; the longest sequence's by default.
        dtype: of the array.
        padding: `"pre"` or `"post"`: where short ones are filled up.
        truncating: `"pre"` or `"post"`: where long ones are cut.
        value: what fills up.

    Returns:
        An array of shape `(len(sequences), maxlen, ...)`.

    Raises:
        ValueError: something in `sequences` isn't a sequence, or the elements' shapes differ.

    Example:
        >>> pad_sequences([[1], [2, 3]]).tolist()
        [[0, 1], [2, 3]]
    """
    for name, given in (("padding", padding), ("truncating", truncating)):
        if given not in ("pre", "post"):
            raise ValueError(f"`{name}` must be 'pre' or 'post'. Received: {name}={given!r}")
    rows = []
    for i, sequence in enumerate(sequences):
        if not hasattr(sequence, "__len__"):
            raise ValueError(f"`sequences` must be a list of sequences; element {i} is {sequence!r}.")
        rows.append(np.asarray(sequence))
    length = max(map(len, rows), default=0) if maxlen is None else maxlen
    rest = next((row.shape[1:] for row in rows if len(row)), ())
    out = np.full((len(rows), length, *rest), value, dtype=object if dtype in (str, object) else dtype)
    for i, row in enumerate(rows):
        if len(row) == 0 or length == 0:
            continue
        if row.shape[1:] != rest:
            raise ValueError(
                f"Shape of sample {row.shape[1:]} of sequence at position {i} is different from expected shape {rest}"
            )
        row = row[-length:] if truncating == "pre" else row[:length]
        if padding == "pre":
            out[i, length - len(row) :] = row
        else:
            out[i, : len(row)] = row
    return out
