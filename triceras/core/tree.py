"""Trees of dicts, lists and tuples (also named ones), dicts in the order of sorted keys, `OrderedDict`s in their own.

An own module of some 200 lines rather than a dependency: `import triceras` stays light, and the one leaf that almost
every call has is handled without entering a native library.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping
from typing import Any


class MAP_TO_NONE:  # noqa: N801 - Keras's name
    """A value that `traverse`'s function returns to put None into the tree."""


def is_nested(structure: Any) -> bool:
    """Whether a value is a dict, list or tuple.

    Example:
        >>> is_nested([1, 2]), is_nested(3)
        (True, False)
    """
    return isinstance(structure, (list, tuple, Mapping))


def _items(structure: Any) -> list[tuple[Any, Any]]:
    if isinstance(structure, Mapping):
        return [(k, structure[k]) for k in _keys(structure)]
    return list(enumerate(structure))


def _keys(structure: Mapping) -> list[Any]:
    if isinstance(structure, OrderedDict):
        return list(structure)
    try:
        return sorted(structure)
    except TypeError:
        return list(structure)


def _values_like(first: Any, structure: Any) -> list[Any]:
    """What `structure` holds, in the order of `first`."""
    return [structure[k] for k in _keys(first)] if isinstance(first, Mapping) else list(structure)


def _rebuild(structure: Any, values: list[Any]) -> Any:
    """A container like `structure` with other values, given in the order of `_items`."""
    if isinstance(structure, Mapping):
        new = dict(zip(_keys(structure), values, strict=True))
        ordered = {k: new[k] for k in structure}
        kind = type(structure)
        if isinstance(structure, defaultdict):
            return kind(structure.default_factory, ordered)
        return ordered if kind is dict else kind(ordered)
    if hasattr(structure, "_fields"):
        return type(structure)(*values)
    return type(structure)(values)


def flatten(structure: Any) -> list[Any]:
    """The leaves of a tree, in order. `None` is a leaf.

    Example:
        >>> flatten({"b": [1, 2], "a": (3,)})
        [3, 1, 2]
    """
    if not is_nested(structure):
        return [structure]
    leaves: list[Any] = []
    _flatten_into(structure, leaves)
    return leaves


def _flatten_into(structure: Any, leaves: list[Any]) -> None:
    for _, value in _items(structure):
        if is_nested(value):
            _flatten_into(value, leaves)
        else:
            leaves.append(value)


def flatten_with_path(structure: Any) -> list[tuple[tuple[Any, ...], Any]]:
    """The leaves with their paths, tuples of keys and indices.

    Example:
        >>> flatten_with_path({"a": [1, 2]})
        [(('a', 0), 1), (('a', 1), 2)]
    """
    if not is_nested(structure):
        return [((), structure)]
    return [((k, *path), leaf) for k, v in _items(structure) for path, leaf in flatten_with_path(v)]


def map_structure(func: Callable, *structures: Any, none_is_leaf: bool = True) -> Any:
    """Apply a function to the leaves of trees of one structure.

    Args:
        func: takes as many arguments as there are trees.
        *structures: the trees; the first one's containers are rebuilt.
        none_is_leaf: whether `func` sees None; otherwise None stays.

    Raises:
        ValueError: the trees differ.
        TypeError: `func` isn't callable.

    Example:
        >>> map_structure(lambda a, b: a + b, {"x": 1, "y": [2]}, {"x": 10, "y": [20]})
        {'x': 11, 'y': [22]}
    """
    if not callable(func):
        raise TypeError(f"`func` must be callable. Received: func={func}")
    if not structures:
        raise ValueError("Must provide at least one structure")
    first = structures[0]
    if not is_nested(first):
        if not none_is_leaf and first is None:
            return None
        return func(*structures)
    for other in structures[1:]:
        _check_same(first, other)
    columns = zip(*(_values_like(first, s) for s in structures), strict=True)
    return _rebuild(first, [map_structure(func, *column, none_is_leaf=none_is_leaf) for column in columns])


def _check_same(a: Any, b: Any) -> None:
    same_kind = isinstance(b, Mapping) if isinstance(a, Mapping) else type(a) is type(b)
    if not same_kind or len(a) != len(b):
        raise ValueError(f"The trees don't have the same structure: {_short(a)} and {_short(b)}.")
    if isinstance(a, Mapping) and set(a) != set(b):
        raise ValueError(f"The trees have different keys: {sorted(map(str, a))} and {sorted(map(str, b))}.")


def _short(x: Any) -> str:
    text = repr(x)
    return text if len(text) < 200 else text[:200] + "…"


def map_structure_up_to(shallow_structure: Any, func: Callable, *structures: Any) -> Any:
    """Apply a function to what stands in trees at the places of a shallower tree's leaves."""
    if not is_nested(shallow_structure):
        return func(*structures)
    for other in structures:
        _check_same(shallow_structure, other)
    columns = zip(*(_values_like(shallow_structure, s) for s in (shallow_structure, *structures)), strict=True)
    return _rebuild(shallow_structure, [map_structure_up_to(s, func, *rest) for s, *rest in columns])


def pack_sequence_as(structure: Any, flat_sequence: Any) -> Any:
    """Put leaves into a tree of a given structure.

    Raises:
        ValueError: too few or too many leaves.

    Example:
        >>> pack_sequence_as({"a": 0, "b": [0, 0]}, [1, 2, 3])
        {'a': 1, 'b': [2, 3]}
    """
    leaves = list(flat_sequence)
    count = len(flatten(structure))
    if count != len(leaves):
        raise ValueError(f"The structure has {count} leaves, but flat_sequence has {len(leaves)} elements.")
    rest = iter(leaves)
    return map_structure(lambda _: next(rest), structure)


def assert_same_structure(a: Any, b: Any, check_types: Any = None) -> None:
    """Raise `ValueError` unless two trees have the same containers and keys."""
    map_structure(lambda *_: None, a, b)
    for leaf, other in zip(_leaves_up_to(a, a), _leaves_up_to(a, b), strict=True):
        if is_nested(other) and not is_nested(leaf):
            raise ValueError(f"The trees don't have the same structure: {_short(a)} and {_short(b)}.")


def _leaves_up_to(shallow: Any, structure: Any) -> list[Any]:
    found: list[Any] = []
    map_structure_up_to(shallow, found.append, structure)
    return found


def assert_same_paths(a: Any, b: Any) -> None:
    """Raise `ValueError` unless two trees have leaves at the same paths, whatever their containers are."""
    paths_a, paths_b = ({path for path, _ in flatten_with_path(x)} for x in (a, b))
    if paths_a != paths_b:
        raise ValueError(f"`a` and `b` don't have the same paths: {sorted(map(str, paths_a ^ paths_b))}.")


def traverse(func: Callable, structure: Any, top_down: bool = True) -> Any:
    """Visit every subtree; what `func` returns replaces it, None keeps it, `MAP_TO_NONE` puts None.

    Args:
        func: takes a subtree or leaf.
        structure: the tree.
        top_down: whether a container is visited before what it holds (and what replaces it isn't entered).
    """

    def visit(x: Any) -> Any:
        if top_down:
            new = func(x)
            if new is not None:
                return None if new is MAP_TO_NONE else new
        if is_nested(x):
            x = _rebuild(x, [visit(value) for _, value in _items(x)])
        if not top_down:
            new = func(x)
            if new is not None:
                return None if new is MAP_TO_NONE else new
        return x

    return visit(structure)


def lists_to_tuples(structure: Any) -> Any:
    """The tree with tuples in place of lists.

    Example:
        >>> lists_to_tuples([1, {"a": [2]}])
        (1, {'a': (2,)})
    """
    return traverse(lambda x: tuple(map(lists_to_tuples, x)) if type(x) is list else None, structure)


def map_shape_structure(func: Callable, structure: Any) -> Any:
    """Apply a function to the shapes (lists or tuples of ints and None) in a tree."""

    def is_shape(x: Any) -> bool:
        return isinstance(x, (list, tuple)) and all(d is None or isinstance(d, int) for d in x)

    if is_shape(structure):
        return func(tuple(structure))
    return _rebuild(structure, [map_shape_structure(func, value) for _, value in _items(structure)])
