"""What a model file may cost. Every number is checked before the memory is taken."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from triceras.core import scope
from triceras.saving.errors import ModelFileError, ResourceLimit

MIB = 1 << 20
CONFIG_BYTES = 64 * MIB  # one JSON text
JSON_DEPTH = 256
MEMBERS = 10_000  # of an archive, or links in one HDF5 group
NAME_BYTES = 4_096
SLACK_BYTES = 64 * MIB  # what a small file may cost anyway
OPTIMIZER_SLOTS = 8  # at most this many values per weight: momenta, averages, accumulated gradients


def budget_for(stored_bytes: int) -> int:
    """How many bytes of variables a file with so many bytes of weights may ask for."""
    return 2 * stored_bytes + SLACK_BYTES


@contextlib.contextmanager
def variable_budget(limit: int | None, reason: str) -> Iterator[None]:
    """Refuse new variables of this thread beyond `limit` bytes in all; None sets no limit of its own.

    Raises:
        ResourceLimit: a variable would go beyond the limit; raised before it is allocated.
    """
    used = 0
    outer = scope.local.allocation_budget

    def spend(nbytes: int, path: Any = None) -> None:
        nonlocal used
        used += nbytes
        if limit is not None and used > limit:
            raise ResourceLimit(
                f"The config asks for more memory than the file's weights account for: variable {path!s}.",
                expected=f"at most {limit:,} bytes of variables ({reason})",
                got=f"{used:,} bytes",
                hint="If you trust the file, load it with safe_mode=False, which sets no memory budget.",
            )
        if outer is not None:
            outer(nbytes, path)

    with scope.setting(allocation_budget=spend):
        yield


def check_name(name: str, what: str) -> None:
    """Refuse names that are too long or hold a zero byte.

    Raises:
        ResourceLimit: the name is longer than `NAME_BYTES`.
    """
    size = len(name.encode("utf-8", "surrogateescape"))
    if size > NAME_BYTES:
        raise ResourceLimit(f"The name of {what} is too long.", expected=f"at most {NAME_BYTES} bytes", got=f"{size} bytes")


def check_json_depth(text: str) -> None:
    """Refuse JSON that nests deeper than `JSON_DEPTH`, before the parser recurses into it.

    Raises:
        ResourceLimit: the text nests too deep.
    """
    depth = 0
    in_string = escaped = False
    for char in text:
        if in_string:
            if escaped:
                escaped = False
            elif char == "\\":
                escaped = True
            elif char == '"':
                in_string = False
        elif char == '"':
            in_string = True
        elif char in "[{":
            depth += 1
            if depth > JSON_DEPTH:
                raise ResourceLimit("The JSON nests too deep.", expected=f"at most {JSON_DEPTH} levels", got="more")
        elif char in "]}":
            depth -= 1


def root_error(error: BaseException) -> ModelFileError | None:
    """The `ModelFileError` behind an error that some layer wrapped on its way up, if there is one."""
    seen = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        if isinstance(found, ModelFileError):
            return found
        seen.add(id(found))
        found = found.__cause__ or found.__context__
    return None
