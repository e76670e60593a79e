"""The values of a model ↔ the tree of an HDF5 file, named as Keras names it: `layers/dense/vars/0`, `optimizer/vars/3`.

An object's path is made of attribute names, and of class names inside lists, tuples and dicts (`dense`, `dense_1`); a
layer's own name plays no part. Public attributes come before private ones, both in alphabetical order; what is met
twice is written where it was met first. Metrics aren't written, as in Keras. States of seed generators are, in groups
of their own that Keras passes over.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from triceras.core import naming, registry
from triceras.core.seeds import SeedGenerator
from triceras.saving import h5
from triceras.saving.errors import WeightsMismatch, behind

MAX_DEPTH = 200
INTERNAL = ("_stack", "_graph_layers")  # where our models keep their layers; `layers` shows them


# --- the object tree ------------------------------------------------------------------------------------------------
def walk(root: Any) -> Iterator[tuple[str, Any]]:
    """Every object of a model that holds values, with its path; the model itself first, with path `""`."""
    yield from _walk_object(root, "", {}, 0)


def _walk_object(obj: Any, path: str, visited: dict[int, Any], depth: int) -> Iterator[tuple[str, Any]]:
    if depth > MAX_DEPTH:
        raise RecursionError(f"Objects nest deeper than {MAX_DEPTH} at {path[:200]}.")
    visited[id(obj)] = obj  # kept alive: a property may make a fresh list, whose id another would get
    yield path, obj
    if isinstance(obj, SeedGenerator):
        return
    for name, child in _attributes(obj):
        yield from _walk_child(child, f"{path}/{name}" if path else name, visited, depth + 1)


def _walk_child(child: Any, path: str, visited: dict[int, Any], depth: int) -> Iterator[tuple[str, Any]]:
    if id(child) in visited:
        return
    if holds_values(child):
        yield from _walk_object(child, path, visited, depth)
    elif isinstance(child, (list, tuple, dict)):
        yield from _walk_container(child, path, visited, depth)


def _walk_container(container: Any, path: str, visited: dict[int, Any], depth: int) -> Iterator[tuple[str, Any]]:
    counts: collections.Counter[str] = collections.Counter()
    visited[id(container)] = container
    for child in container.values() if isinstance(container, dict) else container:
        if holds_values(child):
            name = naming.to_snake_case(type(child).__name__)
        elif isinstance(child, (list, tuple, dict)):
            name = "container"
        else:
            continue
        number, counts[name] = counts[name], counts[name] + 1
        yield from _walk_child(child, f"{path}/{name}_{number}" if number else f"{path}/{name}", visited, depth + 1)


def holds_values(obj: Any) -> bool:
    """Whether an object is saved: layers, models, optimizers and seed generators are; metrics aren't."""
    if isinstance(obj, SeedGenerator):
        return True
    return hasattr(type(obj), "save_own_variables") and not hasattr(type(obj), "update_state")


def _attributes(obj: Any) -> Iterator[tuple[str, Any]]:
    """What an object's attributes and properties hold, `layers` of Sequential and functional models first."""
    skipped = _skipped(*_kind(obj))
    names = [name for name in dir(obj) if not name.startswith("__") and name not in skipped]
    first = "layers" if _has_layer_list(obj) else None
    for name in sorted(names, key=lambda name: (name != first, name.startswith("_"), name)):
        value = _quietly(obj, name)
        if holds_values(value) or isinstance(value, (list, tuple, dict)):
            yield name, value


def _quietly(obj: Any, name: str) -> Any:
    """An attribute, or None where a property can't tell it."""
    with contextlib.suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(obj, name)
    return None


def _has_layer_list(obj: Any) -> bool:
    from triceras.models import Functional, Sequential

    return isinstance(obj, (Functional, Sequential))


def _kind(obj: Any) -> tuple[type, Any]:
    """The base class whose own attributes hold nothing that belongs into a file, and the backend that mixes into it."""
    from triceras.layers import Layer
    from triceras.optimizers import Optimizer

    base = next((base for base in (Layer, Optimizer) if isinstance(obj, base)), object)
    return base, getattr(obj, "backend", None) if base is Layer else None


@functools.cache
def _skipped(base: type, backend: Any) -> frozenset[str]:
    names = set(dir(base)) | set(INTERNAL)
    if backend is not None:
        from triceras.core.scope import use_backend

        with use_backend(backend):
            names |= set(dir(base(name="reference")))
    return frozenset(names)


# --- writing --------------------------------------------------------------------------------------------------------
class Written(dict):
    """What `save_own_variables(store)` gets: an assignment writes a data set.

    Args:
        group: where; see `h5.write_array`.
    """

    def __init__(self, group: Any):
        self.group = group

    def __setitem__(self, key: Any, value: Any) -> None:
        h5.write_array(self.group, str(key), to_array(value))
        super().__setitem__(str(key), None)  # for `keys()`; the array isn't kept


def to_array(value: Any) -> Any:
    """The NumPy array of a Variable, tensor or array."""
    if hasattr(value, "numpy") and hasattr(value, "assign"):
        return value.numpy()
    backend = registry.backend_of(value)
    return backend.to_numpy(value) if backend is not None else value


def save(root: Any, file: Any) -> None:
    """Write a model's values into an open HDF5 file.

    Args:
        root: the model.
        file: an `h5py.File`, or a `shards.Writer`.
    """
    for path, obj in walk(root):
        group = file.create_group(f"{path}/vars" if path else "vars")
        group.attrs["name"] = (getattr(obj, "name", "") or "").replace("\0", "")
        store = Written(group)
        if isinstance(obj, SeedGenerator):
            store["0"] = obj.state
        else:
            obj.save_own_variables(store)


# --- reading --------------------------------------------------------------------------------------------------------
def load(root: Any, find: Callable[[str], list[h5.Group]], skip_mismatch: bool = False) -> None:
    """Read a model's values.

    Args:
        root: the model.
        find: the groups (`…/vars`) in which the values of a path lie.
        skip_mismatch: whether objects whose values don't fit keep what they have, with a warning.

    Raises:
        WeightsMismatch: values don't fit.
        ModelFileError: the file is damaged or unsafe.
    """
    from triceras.layers import Layer

    plan, failed = [], []
    optimizer = getattr(root, "optimizer", None)
    if optimizer is not None and not optimizer.built and find("optimizer/vars"):
        optimizer.build(root.trainable_variables)
    for path, obj in walk(root):
        where = f"{path}/vars" if path else "vars"
        groups = find(where)
        if not groups and not isinstance(obj, Layer):
            continue  # seeds in a file of Keras's, optimizers in a file of weights alone
        store = h5.Store(groups, _shapes(obj))
        problem = _misfit(obj, store)
        (plan if problem is None else failed).append((obj, problem, where, store))
    if failed and not skip_mismatch:
        raise _mismatch(failed)  # before anything is changed
    for obj, _, where, store in plan:
        problem = _load_own(obj, store, where)
        if problem is not None:
            failed.append((obj, problem, where, store))
    if failed and not skip_mismatch:
        raise _mismatch(failed)
    if failed:
        warnings.warn(_mismatch(failed).problem, stacklevel=5)


def _misfit(obj: Any, store: h5.Store) -> str | None:
    """What doesn't fit, found without reading a value; None if all fits or only the object itself can tell."""
    from triceras.layers import Layer

    if getattr(type(obj), "load_own_variables", None) is not Layer.load_own_variables:
        return None
    own = obj._variables_in_files()
    if len(own) != len(store):
        return (
            f"Layer '{obj.name}' expected {len(own)} variables, but received {len(store)} variables during loading. "
            f"Expected: {[v.name for v in own]}"
        )
    shapes = ((v, store.shape(i)) for i, v in enumerate(own))
    wrong = next(((v, shape) for v, shape in shapes if tuple(v.shape) != shape), None)
    return wrong and (
        "The shape of the target variable and the shape of the target value in `variable.assign(value)` must match. "
        f"variable.shape={wrong[0].shape}, Received: value.shape={wrong[1]}. Target variable: {wrong[0].path}"
    )


def _shapes(obj: Any) -> set[tuple[int, ...]]:
    if hasattr(obj, "expected_shapes"):
        return obj.expected_shapes()
    variables = getattr(obj, "variables", ())
    return {tuple(v.shape) for v in (variables if isinstance(variables, (list, tuple)) else ())}


def _load_own(obj: Any, store: h5.Store, where: str) -> str | None:
    """Let one object read its own values; returns what went wrong if they don't fit."""
    try:
        if isinstance(obj, SeedGenerator):
            obj.state.assign(store["0"])
        else:
            obj.load_own_variables(store)
    except Exception as error:
        found = behind(error)
        if found is not None and not isinstance(found, WeightsMismatch):
            raise found.locate(where=where) from None
        if isinstance(error, KeyError):
            return f"The entry {error} is missing. Received: {list(store)}"
        return found.problem if found is not None else str(error)
    return None


def _mismatch(failed: list[tuple[Any, str, str, Any]]) -> WeightsMismatch:
    objects = [obj for obj, *_ in failed]
    text = (
        f"A total of {len(failed)} objects could not be loaded. Example error message for object {objects[0]}:\n\n"
        f"{failed[0][1]}\n\nList of objects that could not be loaded:\n{objects}"
    )
    hint = "Build the model as it was when it was saved, or pass skip_mismatch=True."
    return WeightsMismatch(text, where=failed[0][2], hint=hint)


def find_in(root: h5.Group) -> Callable[[str], list[h5.Group]]:
    """The lookup for a file that isn't sharded."""

    def find(path: str) -> list[h5.Group]:
        group = root.find(path)
        return [] if group is None else [group]

    return find
