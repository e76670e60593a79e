"""Names: `Dense` → `dense`, `dense_1`…, unique until `clear_session`; name scopes for the paths of variables."""

from __future__ import annotations

import collections
import re
import threading

from triceras.core.scope import local

_counts: collections.Counter[str] = collections.Counter()
_lock = threading.Lock()


def to_snake_case(name: str) -> str:
    """`"BatchNormalization"` → `"batch_normalization"`, `"Conv2D"` → `"conv2d"`."""
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def get_uid(prefix: str = "") -> int:
    """The next number for a prefix, from 1 on."""
    with _lock:
        _counts[prefix] += 1
        return _counts[prefix]


def auto_name(prefix: str) -> str:
    """A name not given before in this session: `dense`, then `dense_1`, `dense_2`…"""
    prefix = to_snake_case(prefix)
    number = get_uid(prefix)
    return prefix if number == 1 else f"{prefix}_{number - 1}"


def reset_names() -> None:
    """Start every count anew."""
    with _lock:
        _counts.clear()


class name_scope:  # noqa: N801 - reads as a function
    """Prefix the paths of variables that are created inside a `with` block.

    Args:
        name: one path segment, without `/`.

    Raises:
        ValueError: the name is empty or contains `/`.
    """

    __slots__ = ("name", "before")

    def __init__(self, name: str, **kwargs: object):
        if not isinstance(name, str) or not name or "/" in name:
            raise ValueError(f"Argument `name` must be a non-empty string without '/'. Received: name={name!r}")
        self.name = name

    def __enter__(self) -> name_scope:
        self.before = local.names
        local.names = (*self.before, self.name)
        return self

    def __exit__(self, *exc: object) -> None:
        local.names = self.before


def current_path() -> str:
    """The open name scopes, joined with `/`."""
    return "/".join(local.names)
