"""Which classes and functions a file may name: the public ones, by a closed list, and what the user registered.

A name in a file is looked up and nothing else: no module is imported because a file says so. Keras's own module names,
public (`keras.layers`) and internal (`keras.src.layers.core.dense`), are read as hints at the kind of object.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import threading
from collections.abc import Callable, Iterable
from typing import Any

from triceras.saving.errors import ConfigInvalid, ResourceLimit, UnknownObject, UnsafeContent

# kind → our module, whose hand-listed `__all__` is the closed list, and the module that files name
KINDS = {
    "schedules": ("triceras.optimizers.schedules", "keras.optimizers.schedules"),
    "layers": ("triceras.layers", "keras.layers"),
    "models": ("triceras.models", "keras"),
    "losses": ("triceras.losses", "keras.losses"),
    "metrics": ("triceras.metrics", "keras.metrics"),
    "optimizers": ("triceras.optimizers", "keras.optimizers"),
    "initializers": ("triceras.initializers", "keras.initializers"),
    "regularizers": ("triceras.regularizers", "keras.regularizers"),
    "constraints": ("triceras.constraints", "keras.constraints"),
    "dtype_policies": ("triceras.dtype_policies", "keras.dtype_policies"),
    "quantizers": ("triceras.quantizers", "keras.quantizers"),
    "random": ("triceras.random", "keras.random"),
}
FUNCTION_KINDS = ("activations", "losses", "metrics")
WRITTEN_ELSEWHERE = {
    "DTypePolicy": "keras",
    "FloatDTypePolicy": "keras",
    "Functional": "keras.src.models.functional",
}
ROOTS = ("keras", "triceras", "tf_keras", "keras_core", "tensorflow")
NOT_FROM_FILES = ("FeatureSpace",)  # they run code that lives outside the file
# A string here would be opened as a path or URL.
PATH_ARGUMENTS = {
    "StringLookup": ("vocabulary", "idf_weights"),
    "IntegerLookup": ("vocabulary", "idf_weights"),
    "TextVectorization": ("vocabulary", "idf_weights"),
}
# Where a number alone makes a class take memory before it makes a variable.
LARGEST = {"num_thresholds": 1_000_000}
_TOOLS = ("get", "serialize", "deserialize")

_registered: dict[str, Any] = {}
_names: dict[Any, str] = {}


class _Local(threading.local):
    scopes: tuple[dict[str, Any], ...] = ()


_local = _Local()


# --- what the user adds ---------------------------------------------------------------------------------------------
def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[Any], Any]:
    """Decorator: make a class or function known to the loader, as `package>name`.

    Args:
        package: goes before the name, so that two packages' names can't clash.
        name: the class's or function's own by default.

    Raises:
        ValueError: a class without `get_config`.

    Example:
        >>> import triceras
        >>> @triceras.saving.register_keras_serializable("doc")
        ... def double(x):
        ...     return 2 * x
        >>> triceras.saving.get_registered_name(double)
        'doc>double'
    """

    def decorate(obj: Any) -> Any:
        if inspect.isclass(obj) and not hasattr(obj, "get_config"):
            raise ValueError(
                f"Cannot register class {obj.__name__}: it has no get_config() method, which saving needs."
            )
        registered = f"{package}>{name or obj.__name__}"
        _registered[registered] = obj
        _names[obj] = registered
        return obj

    return decorate


def get_custom_objects() -> dict[str, Any]:
    """The process's dictionary of registered objects; what is put into it is found by the loader."""
    return _registered


class CustomObjectScope:
    """Make custom objects known to the loader in a `with` block, in this thread.

    Args:
        custom_objects: name → class or function.

    Example:
        >>> import triceras
        >>> with triceras.saving.custom_object_scope({"double": lambda x: 2 * x}):
        ...     triceras.activations.get("double")(3)
        6
    """

    def __init__(self, custom_objects: dict[str, Any] | None):
        self.custom_objects = dict(custom_objects or {})

    def __enter__(self) -> CustomObjectScope:
        self.before = _local.scopes
        _local.scopes = (self.custom_objects, *self.before)
        return self

    def __exit__(self, *exc: object) -> None:
        _local.scopes = self.before


custom_object_scope = CustomObjectScope


def get_registered_name(obj: Any) -> str:
    """`package>name` of a registered class or function, else its `__name__`."""
    plain = plain_class(obj) if inspect.isclass(obj) else obj
    try:
        return _names.get(plain) or _names.get(obj) or plain.__name__
    except TypeError:  # unhashable callables
        return obj.__name__


def get_registered_object(
    name: str, custom_objects: dict[str, Any] | None = None, module_objects: dict[str, Any] | None = None
) -> Any:
    """The class or function of a name, or None.

    Args:
        name: registered name.
        custom_objects: looked at first.
        module_objects: looked at last.
    """
    return find_custom((name,), custom_objects) or (module_objects or {}).get(name)


def find_custom(names: Iterable[Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """The user's object for the first of some names that is known, or None."""
    for name in names:
        for scope in (custom_objects or {}, *_local.scopes, _registered):
            if isinstance(name, str) and name in scope:
                return scope[name]
    return None


# --- the closed list ------------------------------------------------------------------------------------------------
def listed(module: str) -> dict[str, Any]:
    """What a module of ours lists in `__all__`; empty where we don't have the module yet."""
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and module.startswith(error.name):
            return {}
        raise
    return {name: getattr(found, name) for name in getattr(found, "__all__", ()) if name not in _TOOLS}


@functools.cache
def classes(kind: str) -> dict[str, type]:
    """The public classes of a kind, by name."""
    found = {name: value for name, value in listed(KINDS[kind][0]).items() if inspect.isclass(value)}
    return {value.__name__: value for value in found.values() if value.__name__ in found} | found


@functools.cache
def functions() -> dict[str, Callable]:
    """The functions that a file may name: activations, losses, metrics and pure ops, the first of a name winning."""
    from triceras.saving import op_nodes

    found = dict(op_nodes.pure_functions())
    for kind in reversed(FUNCTION_KINDS):
        members = listed(f"triceras.{kind}")
        found |= {name: value for name, value in members.items() if callable(value) and not inspect.isclass(value)}
    return found


@functools.cache
def _public_paths() -> dict[type, tuple[str, str]]:
    found: dict[type, tuple[str, str]] = {}
    for kind, (_, written) in KINDS.items():
        for name, cls in classes(kind).items():
            found.setdefault(cls, (WRITTEN_ELSEWHERE.get(name, written), name))
    return found


def public_path(cls: type) -> tuple[str, str] | None:
    """Module and class name that files use for a class of ours; None for a class of the user's."""
    return _public_paths().get(plain_class(cls))


def plain_class(cls: type) -> type:
    """The class as it was written, without what a backend mixed in (the mixed class bears the same name)."""
    same = [c for c in cls.__mro__ if (c.__module__, c.__qualname__) == (cls.__module__, cls.__qualname__)]
    return same[-1]


def kind_of(module: Any) -> str | None:
    """What kind of object a module name of Keras's holds: a key of `KINDS`, "ops", "" for the root, None if foreign."""
    parts = module.split(".") if isinstance(module, str) else [None]
    if parts[0] not in ROOTS:
        return None
    inner = set(parts[1:])
    if inner & {"ops", "activations"}:
        return "ops"
    return next((kind for kind in KINDS if kind in inner), "")


def find_class(config: dict[str, Any], module_objects: dict[str, Any] | None = None) -> type:
    """The class that a config names.

    Raises:
        UnknownObject: it is neither the user's nor public.
        UnsafeContent: it is public, and can't be made from a file.
    """
    name, registered = config.get("class_name"), config.get("registered_name")
    custom = find_custom((registered, name))
    if custom is not None:
        return _checked_class(custom, name)
    if name in NOT_FROM_FILES:
        raise UnsafeContent(
            f"A file can't make a {name}: it wraps code that lives outside the file.",
            hint=f"Make it in Python and pass custom_objects={{{name!r}: a class whose from_config() returns it}}.",
        )
    found = _find_public(config.get("module", ""), name, module_objects)
    if found is None:
        raise unknown("class", config)
    return _checked_class(found, name)


def _find_public(module: Any, name: Any, module_objects: dict[str, Any] | None) -> Any:
    kind = kind_of(module) if module else ("" if module == "" else None)
    if not isinstance(name, str) or kind is None:
        return None
    if kind == "" and module_objects and inspect.isclass(module_objects.get(name)):
        return module_objects[name]
    for candidate in (kind,) if kind in KINDS else KINDS:
        if name in classes(candidate):
            return classes(candidate)[name]
    return None


def _checked_class(found: Any, name: Any) -> type:
    if not inspect.isclass(found) or not hasattr(found, "from_config"):
        raise ConfigInvalid(
            f"Unable to reconstruct an instance of {name!r} because the class is missing a `from_config()` method.",
            got=repr(found),
        )
    return found


def find_function(name: Any, module_objects: dict[str, Any] | None = None) -> Any:
    """The function that a config names.

    Raises:
        UnknownObject: it is neither the user's nor one of the pure functions that files may name.
    """
    custom = find_custom((name,))
    ours = functions().get(name) if isinstance(name, str) else None
    found = ours if custom is None or inspect.isclass(custom) else custom
    if found is None and module_objects and isinstance(name, str):
        found = module_objects.get(name)
    if found is None:
        raise unknown("function", {"class_name": name})
    return found


def unknown(what: str, config: dict[str, Any]) -> UnknownObject:
    """The error for a name that nobody knows."""
    name = config.get("registered_name") if config.get("class_name") in (None, "function") else config.get("class_name")
    return UnknownObject(
        f"Could not locate {what} {name!r}. Make sure custom classes and functions are decorated with "
        "`@keras.saving.register_keras_serializable()`. If they are already decorated, make sure they are all imported "
        "so that the decorator is run before trying to load them.",
        expected="a public class or pure function of Keras, or a registered object; no module is imported for a file",
        got=f"module {config.get('module')!r}, registered name {config.get('registered_name')!r}",
        hint=f"Pass custom_objects={{{name!r}: ...}} or register it; not all of Keras's classes are here yet.",
    )


def check_arguments(class_name: Any, config: dict[str, Any]) -> None:
    """Refuse arguments by which a class would read a file or URL, or take memory without bounds.

    Raises:
        UnsafeContent, ResourceLimit: there is one.
    """
    for argument, largest in LARGEST.items():
        if isinstance(config.get(argument), (int, float)) and config[argument] > largest:
            raise ResourceLimit(
                f"{class_name} asks for too large a {argument}.", expected=f"at most {largest:,}", got=config[argument]
            )
    for argument in PATH_ARGUMENTS.get(class_name, ()):
        if isinstance(config.get(argument), str):
            raise UnsafeContent(
                f"{class_name} would read its {argument} from a path or URL that the file names.",
                expected="a list of entries",
                got=repr(config[argument]),
                hint=f"Load the {argument} yourself and save the layer with it.",
            )
