"""`resolve`: what every `get(identifier)` does with a name, a config, a class, a function or an instance."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping
from typing import Any


def resolve(identifier: Any, kind: str, table: Mapping[str, Any], base: type | tuple[type, ...] | None = None) -> Any:
    """The object that an identifier stands for.

    Args:
        identifier: None; a name in `table` or of a custom object; a config; a class, which is instantiated; an instance
            or function.
        kind: what it should be, for messages: `"optimizer"`, `"loss"`, …
        table: name → class or function; classes are instantiated.
        base: what the result must be an instance of; None: anything callable.

    Raises:
        ValueError: nothing answers to the identifier (the message has the nearest names), or it is of another kind.

    Example:
        >>> from triceras.core.identifiers import resolve
        >>> resolve("abs", "function", {"abs": abs})(-1)
        1
    """
    if identifier is None:
        return None
    found = _find(identifier, kind, table)
    if inspect.isclass(found):
        found = found()
    if isinstance(found, base) if base is not None else callable(found):
        return found
    raise ValueError(
        f"Could not interpret {kind} identifier: {identifier}. Received an object of type {type(found).__name__}."
    )


def _find(identifier: Any, kind: str, table: Mapping[str, Any]) -> Any:
    if isinstance(identifier, dict):
        from triceras.saving.serialization import deserialize_keras_object

        return deserialize_keras_object(identifier, module_objects=table)
    if not isinstance(identifier, str):
        return identifier
    from triceras.saving.registry import find_custom

    custom = find_custom((identifier,))
    if custom is not None:
        return custom
    if identifier in table:
        return table[identifier]
    raise ValueError(f"Could not interpret {kind} identifier: {identifier}.{_nearest(identifier, table)}")


def _nearest(name: str, table: Mapping[str, Any]) -> str:
    lowered = {known.lower(): known for known in table}
    near = difflib.get_close_matches(name.lower(), lowered, n=3, cutoff=0.4)
    return f" Nearest: {', '.join(lowered[n] for n in near)}." if near else f" Known: {', '.join(sorted(table))}."
