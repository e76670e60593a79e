"""What layers over spatial dimensions share: arguments with one number for each dimension, and where they lie."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable)


def with_defaults(function: F, **defaults: Any) -> F:
    """A copy of a function with other defaults: layers that differ in rank alone share one constructor."""
    code = function.__code__
    names = code.co_varnames[: code.co_argcount]
    old = function.__defaults__ or ()
    values = {**dict(zip(names[len(names) - len(old) :], old, strict=True)), **defaults}
    ordered = tuple(values[name] for name in names if name in values)
    copy = types.FunctionType(code, function.__globals__, function.__name__, ordered, function.__closure__)
    copy.__annotations__ = function.__annotations__
    return copy


def integers(name: str, value: Any, rank: int, smallest: int = 1) -> tuple[int, ...]:
    """One integer for each dimension, from one for all or a tuple.

    Raises:
        ValueError: another number of them, or one that is too small.
    """
    values = (value,) * rank if isinstance(value, int) else tuple(value) if isinstance(value, (list, tuple)) else ()
    if len(values) != rank or any(not isinstance(v, int) or isinstance(v, bool) or v < smallest for v in values):
        raise ValueError(
            f"The `{name}` argument must be a tuple of {rank} integers of at least {smallest}. Received: {name}={value}"
        )
    return values


def edges(name: str, value: Any, rank: int) -> tuple:
    """How much at both ends of dimensions: a pair (before, after) for one dimension, a tuple of pairs for more.

    They come from one integer for all, or for each dimension an integer or a pair.

    Raises:
        ValueError: another number of them, or a negative one.
    """
    if rank == 1:
        return integers(name, value, 2, smallest=0)
    values = (value,) * rank if isinstance(value, int) else value
    if not isinstance(values, (list, tuple)) or len(values) != rank:
        raise ValueError(
            f"The `{name}` argument must be an integer, or a tuple with an integer or a pair of integers (before, "
            f"after) for each of {rank} dimensions. Received: {name}={value}"
        )
    return tuple(integers(f"{name}[{i}]", v, 2, smallest=0) for i, v in enumerate(values))


def one_of(name: str, value: Any, allowed: tuple[str, ...]) -> str:
    """A choice in lower case.

    Raises:
        ValueError: one that isn't allowed.
    """
    choice = value.lower() if isinstance(value, str) else value
    if choice not in allowed:
        raise ValueError(f"The `{name}` argument must be one of {allowed}. Received: {name}={value}")
    return choice


def spatial_axes(data_format: str, rank: int) -> tuple[int, ...]:
    """Which axes of a batch are spatial."""
    first = 1 if data_format == "channels_last" else 2
    return tuple(range(first, first + rank))
