"""Which backends there are, which is in force, and which one a tensor belongs to."""

from __future__ import annotations

import contextlib
import difflib
import functools
import importlib
import importlib.util
import os
import sys
import threading
from typing import Any

import numpy as np

from triceras.backends import BUILTIN, Info
from triceras.core import config
from triceras.core.scope import local

GROUP = "triceras.backends"

_loaded: dict[str, Any] = {}
_lock = threading.RLock()
_default: str | None = None


@functools.cache
def _plugins() -> dict[str, Info]:
    from importlib.metadata import entry_points

    points = {p.name: p for p in entry_points(group=GROUP) if p.name not in BUILTIN}
    return {
        name: Info(name, p.value, p.value.partition(":")[0].partition(".")[0], p.dist.name if p.dist else name)
        for name, p in points.items()
    }


def known() -> dict[str, Info]:
    """Every backend that could be loaded, built in or plugged in, by name."""
    return {**BUILTIN, **_plugins()}


def installed() -> tuple[str, ...]:
    """The names of the backends whose framework is installed; imports none of them."""
    return tuple(name for name, info in known().items() if is_installed(info))


def is_installed(info: Info) -> bool:
    """Whether the framework of a backend can be imported; doesn't import it."""
    if info.framework in sys.modules:
        return sys.modules[info.framework] is not None
    return importlib.util.find_spec(info.framework) is not None


def loaded() -> tuple[str, ...]:
    """The names of the backends that are loaded in this process."""
    return tuple(_loaded)


def _info(name: str) -> Info:
    info = known().get(name) if isinstance(name, str) else None
    if info is None:
        near = difflib.get_close_matches(str(name), known(), n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"Unknown backend {name!r}.{hint} Known backends: {', '.join(known())}.")
    return info


def find(name: str) -> Info:
    """What is known of a backend whose framework is installed; loads nothing, and raises what `get` raises."""
    info = _info(name)
    if not is_installed(info):
        raise ImportError(
            f"Backend {info.name!r} needs {info.framework}, which isn't installed. "
            f'Install it: pip install "{info.requirement}"'
        )
    return info


def get(name: Any) -> Any:
    """The backend of a name, loaded at the first request.

    Raises:
        ValueError: no backend has this name.
        ImportError: its framework isn't installed.
    """
    try:
        return _loaded[name]
    except (KeyError, TypeError):
        pass
    if not isinstance(name, str) and hasattr(name, "impls"):
        return name
    return _load(find(name))


_symbolic: list[Any] = []


def add(backend: Any) -> None:
    """Take in a backend that isn't chosen by name: the abstract and the symbolic one, and those of sparse tensors."""
    _symbolic.append(backend)
    _symbolic.sort(key=lambda backend: backend.rank)
    forget_types()


def _load(info: Info) -> Any:
    with _lock:
        if info.name in _loaded:
            return _loaded[info.name]
        module, _, attribute = info.target.partition(":")
        backend = getattr(_import(module), attribute)()
        _loaded[info.name] = backend
        forget_types()
        if backend.sparse is not None:
            add(backend.sparse)
        return backend


def _import(module: str) -> Any:
    """Import a backend's module and take away a `keras.json` that its framework writes meanwhile.

    TensorFlow's own old Keras writes one at import; it would choose the backend of every later process.
    """
    path = str(config.keras_home() / "keras.json")
    there = os.path.exists(path)
    try:
        return importlib.import_module(module)
    finally:
        if not there:
            with contextlib.suppress(OSError):
                os.unlink(path)


def default_name() -> str:
    """The process's default backend; chosen at the first request and kept until `set_default`."""
    global _default
    if _default is None:
        _default, _ = choose_default()
    return _default


def choose_default() -> tuple[str, str]:
    """The name that the environment, `keras.json` and what is installed give, and which of them gave it.

    Raises:
        ValueError: the environment or the file names an unknown backend.
    """
    name = os.environ.get("KERAS_BACKEND")
    source = "KERAS_BACKEND"
    if not name:
        name, source = config.read_keras_json().get("backend"), str(config.keras_home() / "keras.json")
    if name:
        try:
            return _info(name).name, source
        except ValueError as error:
            raise ValueError(f"{source}: {error}") from None
    return next(name for name, info in BUILTIN.items() if is_installed(info)), "first that is installed"


def set_default(name: str) -> None:
    """Load a backend and make it the process's default."""
    global _default
    _default = get(name).name


def current_name() -> str:
    """The name of the current backend; doesn't load it."""
    return local.backend.name if local.backend is not None else default_name()


def current() -> Any:
    """The current backend, loaded."""
    return local.backend or _loaded.get(_default) or get(default_name())


# --- whose tensor is this? -----------------------------------------------------------------------------------------

NO_VOTE = None  # numbers, strings, NumPy arrays: they follow the others
NESTED = "nested"  # lists, tuples, dicts: look inside
BOUND = "bound"  # has a `.backend` of its own: Variables

_NEUTRAL = (bool, int, float, complex, str, bytes, type(None), np.ndarray, np.generic, slice, type(Ellipsis), range)
BY_TYPE: dict[type, Any] = {}
# By the types of all arguments: the outcome of the vote, and the places of those whose vote depends on the value.
BY_TYPES: dict[tuple[type, ...], tuple[Any, list[int]]] = {}


def forget_types() -> None:
    """Classify every type anew: called when a backend was loaded, since a type unknown so far may be its own."""
    BY_TYPE.clear()
    BY_TYPES.clear()
    BY_TYPE.update(dict.fromkeys(_NEUTRAL, NO_VOTE))
    BY_TYPE.update(dict.fromkeys((list, tuple, dict), NESTED))


def classify(x: Any) -> Any:
    """What `BY_TYPE` has for the type of `x`, found out at first sight; may load the backend of a loaded framework."""
    kind = type(x)
    if kind in BY_TYPE:
        return BY_TYPE[kind]
    BY_TYPE[kind] = found = _classify(x)
    return found


def _classify(x: Any) -> Any:
    if hasattr(type(x), "assign") and hasattr(x, "backend"):
        return BOUND
    if isinstance(x, (list, tuple, dict)):
        return NESTED
    if isinstance(x, _NEUTRAL):
        return NO_VOTE
    for backend in (*reversed(_symbolic), *_loaded.values()):
        if isinstance(x, backend.tensor_types):
            return backend
    for info in BUILTIN.values():
        if info.name not in _loaded and info.framework in sys.modules and _is_of(x, info.framework):
            get(info.name)
            return _classify(x)
    return NO_VOTE


def _is_of(x: Any, framework: str) -> bool:
    return any(base.__module__.startswith(framework) for base in type(x).__mro__)


def backend_of(*values: Any) -> Any:
    """The backend that the tensors among some values belong to; None if there is no tensor."""
    found = _vote(*values)
    return found and found.home


def _vote(*values: Any) -> Any:
    """Which backend runs an operation on some values: theirs, or what it has for its sparse tensors.

    Symbolic tensors win over specs, specs over values, so that a graph may hold constants.

    Raises:
        TypeError: tensors of two backends.
    """
    found = None
    for x in values:
        vote = BY_TYPE.get(type(x), BY_TYPE)
        if vote is BY_TYPE:
            vote = classify(x)
        if vote is NO_VOTE:
            continue
        if vote is NESTED:
            vote = _vote(*(x.values() if isinstance(x, dict) else x))
        elif vote is BOUND:
            vote = x.backend
        if vote is not None and vote is not found:
            found = vote if found is None else _stronger(found, vote)
    return found


def backend_for(types: tuple[type, ...], values: tuple) -> Any:
    """The backend that an operation on some values of these types runs on: their own, else the current one."""
    found = _vote(*values)
    if found is None:
        return current()
    votes = [BY_TYPE.get(t, NESTED) for t in types]  # the vote may have loaded a backend, which forgets all types
    if all(vote is NO_VOTE or vote is found or vote is BOUND for vote in votes):
        BY_TYPES[types] = found, [i for i, vote in enumerate(votes) if vote is BOUND]
    return found


def _stronger(a: Any, b: Any) -> Any:
    if a.rank != b.rank and (a.home is b.home or max(a.rank, b.rank) >= 1):
        return a if a.rank > b.rank else b
    raise TypeError(
        f"Tensors of two backends in one operation: {a.name} and {b.name}. Convert one of them first: "
        f"`triceras.convert(x, {a.name!r})`, or move its model with `to_backend({a.name!r})`."
    )


forget_types()
