"""A call's arguments: which tensors are in them, and what else the compiled function depends on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from triceras.backends.torch.compiler.capture import Slot
from triceras.core import tree

_ATOMS = frozenset((bool, int, float, str, type(None)))
_TENSORS = (torch.Tensor, torch.nn.Parameter)
_BATCH = "batch"


class Unsuitable(Exception):
    """Arguments that only an eager call can take."""


def split(x: Any, convert: Callable[[Any], torch.Tensor], key: list[Any], leaves: list[torch.Tensor]) -> None:
    """Collect the tensors of a tree into `leaves`, and what else tells it apart into `key`.

    The batch size, the first tensor's first dimension, which others share, goes into `key[0]` and isn't told apart.

    Raises:
        Unsuitable: a tensor that isn't a plain one, or that the result is to be differentiated by.
    """
    kind = type(x)
    if kind in _TENSORS:
        if x.layout is not torch.strided or (x.requires_grad and torch.is_grad_enabled()):
            raise Unsuitable
        shape = x.shape
        if shape:
            if key[0] is None:
                key[0] = shape[0]
            if shape[0] == key[0]:
                shape = (_BATCH, *shape[1:])
        key += (shape, x.dtype, x.device)
        leaves.append(x if x.is_contiguous() else x.contiguous())
    elif kind in _ATOMS:
        key += (kind, x)
    elif kind is tuple or kind is list:
        key += (kind, len(x))
        for value in x:
            split(value, convert, key, leaves)
    elif kind is dict:
        key.append(tuple(x))
        for value in x.values():
            split(value, convert, key, leaves)
    elif isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind not in "OSU":
        split(convert(x), convert, key, leaves)
    elif isinstance(x, torch.Tensor):
        raise Unsuitable
    elif tree.is_nested(x):
        key.append((kind, tuple(x) if isinstance(x, Mapping) else len(x)))
        for value in x.values() if isinstance(x, Mapping) else x:
            split(value, convert, key, leaves)
    else:
        key.append(_Static(x))


def slots(x: Any, count: list[int]) -> Any:
    """The tree with slots where `split` finds tensors, numbered in its order."""
    if isinstance(x, Mapping):
        made = {key: slots(value, count) for key, value in x.items()}
        return made if type(x) is dict else type(x)(made)
    if hasattr(x, "_fields"):
        return type(x)(*[slots(value, count) for value in x])
    if isinstance(x, (tuple, list)):
        return type(x)([slots(value, count) for value in x])
    if isinstance(x, torch.Tensor) or (isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind not in "OSU"):
        count[0] += 1
        return Slot(count[0] - 1)
    return x


class _Static:
    """What isn't a tensor: equal if hashable and equal, else only if it is the same object."""

    __slots__ = ("value", "hash")

    def __init__(self, value: Any):
        self.value = value
        try:
            self.hash = hash(value)
        except TypeError:
            self.hash = id(value)

    def __hash__(self) -> int:
        return self.hash

    def __eq__(self, other: Any) -> bool:
        if not isinstance(other, _Static) or type(self.value) is not type(other.value):
            return False
        return self.value is other.value or (
            self.hash == other.hash and not hasattr(self.value, "assign") and bool(self.value == other.value)
        )
