"""What holds for the current thread: the backend in force and the state of the running call.

One plain `threading.local` with class-level defaults, so that a read costs one attribute access and works inside every
framework's tracer.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any


class _Local(threading.local):
    backend: Any = None  # core.backend.Backend set by the innermost `use_backend`
    state: Any = None  # innermost core.state.StatelessScope
    autocast: str | None = None  # dtype that floating variables are read in
    call: Any = None  # layers.call_context.CallContext of the outermost layer call
    names: tuple[str, ...] = ()  # open name scopes
    allocation_budget: Any = None  # callable(nbytes, what) that may refuse a new variable


local = _Local()


@contextlib.contextmanager
def setting(**values: Any) -> Iterator[None]:
    """Set attributes of this thread's `local` for the length of a `with` block."""
    before = {name: getattr(local, name) for name in values}
    for name, value in values.items():
        setattr(local, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(local, name, value)


class use_backend:  # noqa: N801 - reads as a function
    """Make a backend the current one inside a `with` block, in this thread.

    Args:
        name: a backend's name, such as `"jax"`, or a `Backend`.

    Raises:
        ValueError: no backend has this name.
        ImportError: the backend's framework isn't installed.

    Example:
        >>> import triceras
        >>> with triceras.use_backend("numpy"):
        ...     triceras.config.backend()
        'numpy'
    """

    __slots__ = ("backend", "before")

    def __init__(self, name: Any):
        from triceras.core import registry

        self.backend = registry.get(name)

    def __enter__(self) -> use_backend:
        self.before = local.backend
        local.backend = self.backend
        return self

    def __exit__(self, *exc: object) -> None:
        local.backend = self.before
