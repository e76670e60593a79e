"""Data adapters: whatever the user passes becomes a `Source` of batches."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

from triceras.training.data import iterables
from triceras.training.data.arrays import are_arrays, from_arrays, split
from triceras.training.data.native import to_native
from triceras.training.data.source import Epochs, Source
from triceras.training.data.weights import class_to_sample_weights
from triceras.utils.data import PyDataset

__all__ = ["Epochs", "Source", "class_to_sample_weights", "make_source", "split", "to_native"]


def make_source(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    batch_size: int | None = None,
    shuffle: Any = False,
    class_weight: dict[int, float] | None = None,
) -> Source:
    """The batches that the arguments of `fit`, `evaluate` or `predict` describe.

    Args:
        x: inputs: a tree of arrays, tensors or data frames; or something that yields batches: a generator, a
            `PyDataset`, a `tf.data.Dataset` or a torch `DataLoader`.
        y: targets, where `x` are arrays.
        sample_weight: weights of the samples, where `x` are arrays.
        batch_size: samples a batch, where `x` are arrays; 32 by default.
        shuffle: whether (and, with "batch", how) arrays and `PyDataset`s are shuffled in each pass.
        class_weight: weights of the classes in the targets.

    Returns:
        The source.

    Raises:
        ValueError: data of no known kind, or arguments that don't fit them.
    """
    if class_weight is not None and sample_weight is not None:
        raise ValueError("You cannot `class_weight` and `sample_weight` at the same time.")
    if are_arrays(x):
        _check_arrays(y=y, sample_weight=sample_weight)
        return from_arrays(x, y, sample_weight, batch_size, shuffle, class_weight)
    if isinstance(x, PyDataset):
        _refuse("PyDataset", y, sample_weight, batch_size)
        return iterables.from_py_dataset(x, shuffle, class_weight)
    kind = iterables.framework_kind(x)
    if kind is not None:
        _refuse(kind.label, y, sample_weight, batch_size)
        return iterables.from_framework(x, kind, class_weight)
    if iterables.is_generator(x):
        return _of_generator(x, y, sample_weight, batch_size, class_weight)
    hint = " Make it an array first: np.array(x)." if isinstance(x, (list, tuple)) else ""
    hint = " Call it first, if it is a generator function: x()." if inspect.isfunction(x) else hint
    raise ValueError(f"Unrecognized data type: x={_short(x)} (of type {type(x)}).{hint}")


def _of_generator(x: Any, y: Any, sample_weight: Any, batch_size: Any, class_weight: Any) -> Source:
    _refuse("generator", y, sample_weight, batch_size)
    if class_weight is not None:
        raise ValueError(
            "Argument `class_weight` is not supported for Python generator inputs. "
            f"Received: class_weight={class_weight}"
        )
    return iterables.from_generator(x)


def _check_arrays(**parts: Any) -> None:
    for name, part in parts.items():
        if part is not None and not are_arrays(part):
            raise ValueError(
                f"Unrecognized data type: {name}={_short(part)} (of type {type(part)}). With arrays for `x`, "
                f"`{name}` must be an array, or a list or dict of arrays."
            )


def _refuse(label: str, y: Any, sample_weight: Any, batch_size: Any) -> None:
    for value, name, what in ((y, "y", "targets"), (sample_weight, "sample_weights", "sample weights")):
        if value is not None:
            raise ValueError(
                f"When providing `x` as a {label}, `{name}` should not be passed. Instead, the {what} should be "
                f"included as part of the {label}."
            )
    if batch_size is not None:
        warnings.warn(
            f"`batch_size={batch_size}` is ignored: `x` is a {label}, which makes its own batches.", stacklevel=4
        )


def _short(x: Any) -> str:
    text = repr(x)
    return text if len(text) <= 100 else f"{text[:100]}…"
