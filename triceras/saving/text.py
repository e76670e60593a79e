"""JSON texts of model files, within the limits; and where in them something is."""

from __future__ import annotations

import json
from typing import Any

from triceras.saving import limits
from triceras.saving.errors import CorruptFile, ModelFileError, ResourceLimit


def parse(data: bytes | str, file: Any = None, member: str | None = None) -> Any:
    """The value of a JSON text.

    Raises:
        CorruptFile: it isn't JSON.
        ResourceLimit: it is too long or nests too deep.
    """
    if len(data) > limits.CONFIG_BYTES:
        raise ResourceLimit(
            "The JSON is too long.", file=file, member=member, expected=limits.CONFIG_BYTES, got=len(data)
        )
    try:
        value = json.loads(data)
        limits.check_depth(value)
        return value
    except RecursionError:
        expected = f"at most {limits.JSON_DEPTH} levels"
        raise ResourceLimit("The JSON nests too deep.", file=file, member=member, expected=expected) from None
    except ModelFileError as error:
        raise error.locate(file, member) from None
    except (ValueError, UnicodeDecodeError) as error:
        raise CorruptFile("This isn't JSON.", file=file, member=member, got=str(error)) from error


def locate(error: ModelFileError, root: Any) -> ModelFileError:
    """Tell an error where in a parsed JSON text its config is."""
    for subject in error.subjects if error.where is None else ():
        path = path_to(root, subject)
        if path is not None:
            error.where = path
            break
    return error


def path_to(root: Any, target: Any) -> str | None:
    """The JSON path (`$.config.layers[3]`) of an object inside another, by identity; None if it isn't there."""
    stack: list[tuple[Any, str]] = [(root, "$")]
    while stack:
        value, path = stack.pop()
        if value is target:
            return path
        if isinstance(value, dict):
            stack += [(child, f"{path}.{key}") for key, child in value.items()]
        elif isinstance(value, list):
            stack += [(child, f"{path}[{i}]") for i, child in enumerate(value)]
    return None


def dump(value: Any) -> bytes:
    """A JSON text."""
    return json.dumps(value).encode("utf-8")
