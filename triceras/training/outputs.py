"""A model's outputs and what is given for each of them: losses, weights, metrics, targets.

What the user gives may be one thing for all outputs, a list in their order, a dict by their names, or a tree of the
model's own structure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from triceras.core import tree

MISSING = object()


class Output(NamedTuple):
    """One output of a model.

    Args:
        path: where it is in the tree of outputs.
        name: what logs call it; None where it has no name.
    """

    path: tuple[Any, ...]
    name: str | None


def outputs_of(y_pred: Any, output_names: Sequence[str] | None = None) -> list[Output]:
    """The outputs in a tree of predictions.

    Args:
        y_pred: the tree.
        output_names: the names that a functional model has for them, in order.
    """
    paths = [path for path, _ in tree.flatten_with_path(y_pred)]
    names = output_names if output_names is not None and len(output_names) == len(paths) else [None] * len(paths)
    return [Output(path, _name(path, name)) for path, name in zip(paths, names, strict=True)]


def _name(path: tuple[Any, ...], own: str | None) -> str | None:
    keys = [part for part in path if isinstance(part, str)]
    if own is not None and not (path and isinstance(path[-1], str)):
        keys.append(own)
    return "/".join(keys) or None


def find(given: Any, path: tuple[Any, ...], is_leaf: Callable[[Any], bool]) -> Any:
    """What stands at a path of a tree, or `MISSING`."""
    for part in path:
        if isinstance(given, dict):
            given = given.get(part, MISSING)
        elif isinstance(given, (list, tuple)) and isinstance(part, int) and part < len(given):
            given = given[part]
        else:
            return MISSING
        if given is MISSING or given is None:
            return given
    return given if is_leaf(given) else MISSING


def is_one(value: Any) -> bool:
    """Whether something isn't a tree."""
    return not tree.is_nested(value)


def is_one_or_list(value: Any) -> bool:
    """Whether something isn't a tree, or is a list without trees in it."""
    return is_one(value) or (isinstance(value, (list, tuple)) and all(map(is_one, value)))


def for_each(given: Any, outputs: list[Output], what: str, is_leaf: Callable[[Any], bool] = is_one) -> list[Any]:
    """What was given for each output, None where nothing was.

    Args:
        given: a list in the outputs' order, a dict by their names or a tree of their structure.
        outputs: the outputs.
        what: the argument's name, for errors.
        is_leaf: what may be given for one output.

    Raises:
        ValueError: another number of entries, or names that no output has.
    """
    names = {output.name for output in outputs} | {output.path[0] for output in outputs if output.path}
    if isinstance(given, dict):
        names |= {output.name.rpartition("/")[2] for output in outputs if output.name}
        unknown = [key for key in given if key not in names]
        if unknown and not (len(outputs) == len(given) == 1):
            raise ValueError(
                f"`{what}` has entries {unknown} that no output of the model has. "
                f"The outputs are: {[output.name or output.path for output in outputs]}. Received: {what}={given}"
            )
        if len(outputs) == 1 and len(given) == 1:
            return list(given.values())
        return [_of_dict(given, output, is_leaf) for output in outputs]
    found = [find(given, output.path, is_leaf) for output in outputs]
    if not _any_missing(found) and _counts_agree(given, outputs):
        return found
    if len(given) == len(outputs) and all(entry is None or is_leaf(entry) for entry in given):
        return list(given)
    raise ValueError(
        f"`{what}` must have one entry for each output of the model, {len(outputs)} in all: a list, a dict by the "
        f"names {[output.name or output.path for output in outputs]}, or a tree of the outputs' structure. "
        f"Received: {what}={given}"
    )


def _any_missing(found: list[Any]) -> bool:
    return any(x is MISSING for x in found)  # not `in`, which would compare tensors


def _counts_agree(given: Any, outputs: list[Output]) -> bool:
    tops = {output.path[0] for output in outputs if output.path}
    return not isinstance(given, (list, tuple)) or len(given) == len(tops)


def _of_dict(given: dict, output: Output, is_leaf: Callable[[Any], bool]) -> Any:
    found = find(given, output.path, is_leaf)
    if found is MISSING:
        last = output.name.rpartition("/")[2] if output.name else None
        found = given.get(output.name, given.get(last))
    return found


def align(values: Any, outputs: list[Output]) -> list[Any]:
    """Targets or sample weights, one for each output.

    Args:
        values: one for all; or a list, dict or tree as in `for_each`.

    Raises:
        ValueError: nothing was given for some output's place.
    """
    if len(outputs) == 1:
        leaves = tree.flatten(values)
        return leaves if len(leaves) == 1 else [values]
    if is_one(values):
        return [values] * len(outputs)
    if isinstance(values, dict):
        return [_of_dict(values, output, is_one) for output in outputs]
    found = [find(values, output.path, is_one) for output in outputs]
    if not _any_missing(found) and _counts_agree(values, outputs):
        return found
    leaves = tree.flatten(values)
    if len(leaves) == len(outputs):
        return leaves
    raise ValueError(
        f"The model has {len(outputs)} outputs, {[output.name or output.path for output in outputs]}, but "
        f"{len(leaves)} targets or sample weights were given."
    )
