"""What a model file may cost. Every number is checked before the memory is taken."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from triceras.core import scope
from triceras.saving.errors import ResourceLimit

MIB = 1 << 20
CONFIG_BYTES = 64 * MIB  # one JSON text
JSON_DEPTH = 256
MEMBERS = 10_000  # of an archive
LINKS = 1_000_000  # of one HDF5 group: an optimizer keeps all its values in one
NAME_BYTES = 4_096
SLACK_BYTES = 64 * MIB  # what a small file may cost anyway
OPTIMIZER_SLOTS = 8  # at most this many values per weight: momenta, averages, accumulated gradients


def budget_for(stored_bytes: int) -> int:
    """How many bytes of variables a file with so many bytes of weights may ask for."""
    return 2 * stored_bytes + SLACK_BYTES


@contextlib.contextmanager
def variable_budget(limit: int | None) -> Iterator[None]:
    """Refuse this thread's new variables beyond `limit` bytes in all; None sets no limit.

    Raises:
        ResourceLimit: a variable would go beyond the limit; raised before it is allocated.
    """
    used = 0

    def spend(nbytes: int, path: Any = None) -> None:
        nonlocal used
        used += nbytes
        if limit is not None and used > limit:
            raise ResourceLimit(
                f"The config asks for more memory than the stored weights account for, at variable {path!s}.",
                expected=f"at most {limit:,} bytes of variables",
                got=f"{used:,} bytes",
                hint="If you trust the file, pass safe_mode=False: it sets no memory budget.",
            )

    with scope.setting(allocation_budget=spend):
        yield


def check_name(name: str, what: str) -> None:
    """Refuse a name that is too long.

    Raises:
        ResourceLimit: it is longer than `NAME_BYTES`.
    """
    size = len(name.encode("utf-8", "surrogateescape"))
    if size > NAME_BYTES:
        raise ResourceLimit(
            f"The name of {what} is too long.", expected=f"at most {NAME_BYTES} bytes", got=f"{size} bytes"
        )


def check_depth(value: Any) -> None:
    """Refuse parsed JSON that nests deeper than `JSON_DEPTH`.

    Raises:
        ResourceLimit: it nests deeper.
    """
    level = [value]
    for _ in range(JSON_DEPTH + 1):
        level = [child for item in level for child in _children(item)]
        if not level:
            return
    raise ResourceLimit("The JSON nests too deep.", expected=f"at most {JSON_DEPTH} levels", got="more")


def _children(value: Any) -> Any:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
