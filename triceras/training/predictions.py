"""Predictions on their way back: they stay on the device for a while, are fetched in groups and joined once."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from triceras.core import tree

GROUP = 64  # batches that may be under way on the device …
NUMBERS = 2**22  # … as long as they hold no more numbers than this


def joined(outputs: Iterable[Any], to_numpy: Callable[[Any], np.ndarray]) -> Any:
    """The outputs of all batches as one tree of arrays.

    Args:
        outputs: a tree of tensors for each batch, all of one structure.
        to_numpy: makes an array of a tensor; waits for the device.

    Raises:
        ValueError: no batch.
    """
    outputs, found = iter(outputs), []
    waiting = list(itertools.islice(outputs, 1))
    group = _group(waiting)
    while waiting:
        waiting += itertools.islice(outputs, group - len(waiting))
        found += _fetched(waiting, to_numpy)
        waiting = list(itertools.islice(outputs, group))
    if not found:
        raise ValueError("There was no batch of data to predict.")
    return tree.map_structure(lambda *parts: parts[0] if len(parts) == 1 else np.concatenate(parts), *found)


def _fetched(outputs: list[Any], to_numpy: Callable[[Any], np.ndarray]) -> list[Any]:
    if not tree.is_nested(outputs[0]):
        return list(map(to_numpy, outputs))
    return [tree.map_structure(to_numpy, output) for output in outputs]


def _group(outputs: list[Any]) -> int:
    """How many outputs of this size may wait."""
    size = sum(math.prod(getattr(leaf, "shape", ())) for leaf in tree.flatten(outputs))
    return max(1, min(GROUP, NUMBERS // max(size, 1)))
