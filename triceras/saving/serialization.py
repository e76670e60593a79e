"""Objects ↔ JSON data, in Keras's form: `{"module", "class_name", "config", "registered_name", …}`."""

from __future__ import annotations

import contextlib
import inspect
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from triceras.core import dtypes
from triceras.core import registry as backends
from triceras.saving import lambdas, registry
from triceras.saving.errors import ConfigInvalid, ModelFileError, ResourceLimit, behind


class _Local(threading.local):
    safe: bool | None = None  # set by the outermost call and frozen until it returns
    shared: Any = None  # the objects met so far: by id while saving, by number while loading


_local = _Local()


def in_safe_mode() -> bool:
    """Whether code in configs is refused just now; true unless the outermost caller said otherwise."""
    return _local.safe is not False


@contextlib.contextmanager
def safe_mode_scope(safe_mode: bool | None) -> Iterator[None]:
    """Fix the policy for a `with` block; the outermost scope wins, so that nothing inside a file can change it."""
    before = _local.safe
    if before is None:
        _local.safe = safe_mode is not False
    try:
        yield
    finally:
        _local.safe = before


@contextlib.contextmanager
def object_sharing() -> Iterator[None]:
    """Inside, an object that is written twice is read back as one."""
    before, _local.shared = _local.shared, {}
    try:
        yield
    finally:
        _local.shared = before


# --- objects → data -------------------------------------------------------------------------------------------------
def serialize_keras_object(obj: Any) -> Any:
    """JSON data that `deserialize_keras_object` turns back into the object.

    Args:
        obj: a layer, model, optimizer, loss, metric, initializer…; a function; a tensor or array; or lists, tuples and
            dicts of them.

    Raises:
        TypeError: an object without `get_config()`.

    Example:
        >>> import triceras
        >>> triceras.saving.serialize_keras_object(triceras.initializers.Zeros())["class_name"]
        'Zeros'
    """
    if obj is None or isinstance(obj, (bool, int, float, str)) and not isinstance(obj, np.generic):
        return obj
    if isinstance(obj, bytes):
        return {"class_name": "__bytes__", "config": {"value": obj.decode("utf-8", "surrogateescape")}}
    if isinstance(obj, dict):
        return {key: serialize_keras_object(value) for key, value in obj.items()}
    if isinstance(obj, (list, tuple)):
        items = [serialize_keras_object(value) for value in obj]
        return items if isinstance(obj, list) else tuple(items)
    data = _array_data(obj)
    if data is None:
        data = _function_data(obj) if _is_function(obj) else _object_data(obj)
    return data


def _array_data(obj: Any) -> Any:
    """The data of arrays, tensors and the other values of Python, None for all else."""
    from triceras.core.graph import KerasTensor

    if isinstance(obj, np.generic):
        return obj.item()
    if isinstance(obj, np.ndarray):
        return {"class_name": "__numpy__", "config": {"value": obj.tolist(), "dtype": obj.dtype.name}}
    if isinstance(obj, np.dtype):
        return dtypes.standardize_dtype(obj)
    if isinstance(obj, slice):
        parts = {name: serialize_keras_object(getattr(obj, name)) for name in ("start", "stop", "step")}
        return {"class_name": "__slice__", "config": parts}
    if obj is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(obj, KerasTensor):
        return _keras_tensor_data(obj)
    if hasattr(obj, "shape") and hasattr(obj, "dtype") and not hasattr(obj, "assign"):
        backend = backends.backend_of(obj)
        if backend is not None:
            value, dtype = backend.to_numpy(obj).tolist(), backend.dtype(obj)
            return {"class_name": "__tensor__", "config": {"value": value, "dtype": dtype}}
    return None


def _keras_tensor_data(x: Any) -> dict[str, Any]:
    config = {"shape": list(x.shape), "dtype": x.dtype}
    if x.node is not None:
        operation, node_index, tensor_index = x._keras_history
        config["keras_history"] = [operation.name, node_index, tensor_index]
    return {"class_name": "__keras_tensor__", "config": config}


def _is_function(obj: Any) -> bool:
    from triceras.ops.op import Op

    return isinstance(obj, Op) or inspect.isfunction(obj) or inspect.isbuiltin(obj)


def _function_data(function: Callable) -> dict[str, Any]:
    if lambdas.is_lambda(function):
        return {"class_name": "__lambda__", "config": lambdas.encode(function)}
    name = registry.get_registered_name(function)
    return {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}


def _object_data(obj: Any) -> dict[str, Any]:
    from triceras.core.graph import OpCall

    if isinstance(obj, OpCall):
        from triceras.saving import op_nodes

        return op_nodes.op_data(obj)
    if inspect.isclass(obj) or not hasattr(obj, "get_config"):
        raise TypeError(
            f"Cannot serialize object {obj} of type {type(obj)}. "
            "To be serializable, a class must implement the `get_config()` method."
        )
    data = {**_class_data(type(obj)), "config": serialize_dict(obj)}
    data = {key: data[key] for key in ("module", "class_name", "config", "registered_name")}
    for key, method in (("build_config", "get_build_config"), ("compile_config", "get_compile_config")):
        if hasattr(obj, method):
            found = getattr(obj, method)()
            if found is not None:
                data[key] = serialize_keras_object(found)
    return _note_shared(obj, data)


def serialize_dict(obj: Any) -> dict[str, Any]:
    """The config of an object, with every value serialized."""
    return {key: serialize_keras_object(value) for key, value in obj.get_config().items()}


def _class_data(cls: type) -> dict[str, Any]:
    public = registry.public_path(cls)
    plain = registry.plain_class(cls)
    registered = registry.get_registered_name(plain)
    if public is None or registered != plain.__name__:
        module = None if plain.__module__ in ("__main__", "builtins") else plain.__module__
        return {"module": module, "class_name": plain.__name__, "registered_name": registered}
    internal = public[0].startswith("keras.src.")
    return {"module": public[0], "class_name": public[1], "registered_name": public[1] if internal else None}


def _note_shared(obj: Any, data: dict[str, Any]) -> dict[str, Any]:
    """From the second time on that an object is written, both places bear the same number."""
    if _local.shared is not None:
        first, number, _ = _local.shared.setdefault(id(obj), (data, len(_local.shared) + 1, obj))
        if first is not data:
            first["shared_object_id"] = data["shared_object_id"] = number
    return data


# --- data → objects -------------------------------------------------------------------------------------------------
def deserialize_keras_object(
    config: Any, custom_objects: dict[str, Any] | None = None, safe_mode: bool | None = True, **kwargs: Any
) -> Any:
    """The object that JSON data stands for.

    Args:
        config: what `serialize_keras_object` gave.
        custom_objects: name → class or function, for this call.
        safe_mode: False lets lambdas in `config` run; it is ignored inside a load that is under way. Anything else is
            safe.

    Raises:
        ModelFileError: `UnknownObject`, `UnsafeContent` or `ConfigInvalid` (all are ValueErrors).

    Example:
        >>> import triceras
        >>> config = triceras.saving.serialize_keras_object(triceras.regularizers.L2(0.1))
        >>> triceras.saving.deserialize_keras_object(config).l2
        0.1
    """
    module_objects = kwargs.pop("module_objects", None)
    with safe_mode_scope(safe_mode), registry.CustomObjectScope(custom_objects):
        return _value(config, module_objects)


def _value(config: Any, module_objects: Any = None) -> Any:
    if isinstance(config, str):
        custom = registry.find_custom((config,))
        return custom if custom is not None else (module_objects or {}).get(config, config)
    if isinstance(config, (list, tuple)):
        items = [_value(item, module_objects) for item in config]
        return items if isinstance(config, list) else tuple(items)
    if not isinstance(config, dict):
        return config
    try:
        return _dict_value(config, module_objects)
    except ModelFileError as error:
        error.subjects.append(config)
        raise
    except RecursionError:
        raise ResourceLimit("The config nests too deep.") from None


def _dict_value(config: dict[str, Any], module_objects: Any) -> Any:
    name = config.get("class_name")
    if name == "__tuple__":
        return tuple(_value(item) for item in config.get("items", config.get("config", {}).get("value", ())))
    if name is None or "config" not in config:
        return {key: _value(value, module_objects) for key, value in config.items()}
    if isinstance(name, str) and name in _SPECIAL:
        return _special(name, config["config"])
    if name == "function" or config.get("registered_name") == "function":
        return registry.find_function(config["config"], module_objects=module_objects)
    custom = registry.find_custom((config.get("registered_name"), name))
    if custom is None and registry.kind_of(config.get("module")) == "ops":
        from triceras.saving import op_nodes

        return op_nodes.op_from_data(config)
    return _make(config, module_objects)


def _make(config: dict[str, Any], module_objects: Any) -> Any:
    cls = registry.find_class(config, module_objects)
    inner = config["config"] if config["config"] is not None else {}
    if not isinstance(inner, dict):
        raise ConfigInvalid(
            f"Expected 'config' to be a dict for {config['class_name']}.", expected="dict", got=repr(inner)
        )
    number = config.get("shared_object_id")
    if _local.shared is not None and isinstance(number, int) and number in _local.shared:
        return _local.shared[number]
    registry.check_arguments(config["class_name"], inner)
    label = config["class_name"]
    made = guarded(label, cls.from_config, dict(inner))
    for key, method in (("build_config", "build_from_config"), ("compile_config", "compile_from_config")):
        if config.get(key) and hasattr(made, method):
            guarded(f"{label}.{method}", getattr(made, method), config[key])
    if _local.shared is not None and isinstance(number, int):
        _local.shared[number] = made
    return made


def guarded(label: str, function: Callable, *args: Any) -> Any:
    """Call what builds an object; whatever goes wrong is a `ModelFileError`."""
    try:
        return function(*args)
    except (RecursionError, MemoryError) as error:
        raise ResourceLimit(f"{label} asks for more than this machine has.", got=type(error).__name__) from error
    except Exception as error:
        found = behind(error)
        if found is not None:
            raise found from None
        raise ConfigInvalid(
            f"{label} could not be deserialized properly. Please ensure that components that are Python object "
            "instances (layers, models, etc.) returned by `get_config()` are explicitly deserialized in the model's "
            f"`from_config()` method.\nException encountered: {type(error).__name__}: {error}",
            got=f"config={args[0]}",
        ) from error


def _array(config: dict[str, Any]) -> np.ndarray:
    dtype = dtypes.standardize_dtype(config["dtype"])
    return np.array(config["value"], dtype=dtypes.to_numpy_dtype(dtype))


def _tensor(config: dict[str, Any]) -> Any:
    return backends.current().convert(_array(config))


def _keras_tensor(config: dict[str, Any]) -> Any:
    from triceras.core.graph import KerasTensor

    return KerasTensor(tuple(config["shape"]), config["dtype"])


def _slice(config: dict[str, Any]) -> slice:
    return slice(*(_value(config.get(name)) for name in ("start", "stop", "step")))


def _bytes(config: Any) -> bytes:
    return (config["value"] if isinstance(config, dict) else config).encode("utf-8", "surrogateescape")


_SPECIAL: dict[str, Callable] = {
    "__numpy__": _array,
    "__tensor__": _tensor,
    "__keras_tensor__": _keras_tensor,
    "__slice__": _slice,
    "__ellipsis__": lambda config: Ellipsis,
    "__bytes__": _bytes,
    "__lambda__": lambda config: lambdas.decode(config, in_safe_mode()),
}


def _special(name: str, config: Any) -> Any:
    return guarded(name, _SPECIAL[name], config)
