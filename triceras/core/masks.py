"""Masks of tensors, kept beside them: a weak table from tensors to masks, since not every tensor takes attributes."""

from __future__ import annotations

import weakref
from typing import Any

_masks: dict[int, tuple[weakref.ref, Any]] = {}


def get(tensor: Any) -> Any:
    """The mask of a tensor, or None."""
    if not _masks:
        return None
    entry = _masks.get(id(tensor))
    return entry[1] if entry is not None and entry[0]() is tensor else None


def set(tensor: Any, mask: Any) -> None:  # noqa: A001 - reads as masks.set
    """Give a tensor a mask; None takes it away. What can't be referred to weakly has none."""
    key = id(tensor)
    if mask is None:
        _masks.pop(key, None)
        return
    try:
        _masks[key] = (weakref.ref(tensor, lambda _: _masks.pop(key, None)), mask)
    except TypeError:
        pass


def any_masks() -> bool:
    """Whether any tensor has a mask just now; lets unmasked models skip all of this."""
    return bool(_masks)
