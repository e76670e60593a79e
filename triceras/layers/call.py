"""What surrounds a layer's `call`: the context of the outermost call, arguments by name, inputs, masks, errors."""

from __future__ import annotations

import functools
import inspect
import itertools
from typing import Any, NamedTuple

from triceras.core import dtypes, masks, registry, tree
from triceras.core.graph import KerasTensor
from triceras.core.spec import Spec

_numbers = itertools.count(1)


class CallContext:
    """The outermost layer call of this thread: what the calls inside it share."""

    __slots__ = ("entry", "backend", "training", "number")

    def __init__(self, entry: Any):
        self.entry, self.backend, self.training, self.number = entry, entry.backend, None, next(_numbers)


class Signature(NamedTuple):
    """What is known of a class's `call`, worked out once.

    Args:
        names: its parameters, in order; with `*args`, those before it.
        training: whether it takes `training`.
        default_training: that parameter's default.
        mask_of: from a parameter of masks to the parameter whose masks they are.
        open: whether it takes `**kwargs`.
    """

    names: tuple[str, ...]
    training: bool
    default_training: Any
    mask_of: dict[str, str]
    open: bool


@functools.cache
def signature_of(call: Any) -> Signature:
    """The signature of a `call` function (not bound)."""
    parameters = [p for p in inspect.signature(call).parameters.values() if p.name != "self"]
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY, p.POSITIONAL_ONLY)]
    variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    names = tuple(p.name for p in named if not (variadic and p.kind is p.KEYWORD_ONLY))
    mask_of = {f"{name}_mask": name for name in names if f"{name}_mask" in names}
    if "mask" in names and names:
        mask_of["mask"] = names[0]
    defaults = {p.name: p.default for p in named if p.default is not p.empty}
    return Signature(
        names,
        any(p.name == "training" for p in named),
        defaults.get("training"),
        mask_of,
        any(p.kind is p.VAR_KEYWORD for p in parameters),
    )


def convert_inputs(layer: Any, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
    """A layer's arguments with tensors of its backend in place of arrays and foreign tensors, floats in its dtype."""
    dtype = layer.input_dtype if layer.autocast else None
    args = tuple([_convert(layer, x, dtype, True) for x in args])
    if kwargs:
        kwargs = {key: _convert(layer, x, dtype, False) if key != "training" else x for key, x in kwargs.items()}
    return args, kwargs


def _convert(layer: Any, x: Any, dtype: str | None, positional: bool) -> Any:
    backend = layer.backend
    if isinstance(x, backend.tensor_types):
        if dtype is None:
            return x
        own = backend.dtype(x)
        if own == dtype or not dtypes.is_float(own):
            return x
        return keep_mask(x, backend.cast(x, dtype))
    if x is None or isinstance(x, KerasTensor):
        return x
    if isinstance(x, Spec):
        return type(x)(x.shape, dtype) if dtype and dtypes.is_float(x.dtype) else x
    if type(x) is list:
        return [_convert(layer, v, dtype, positional) for v in x]
    if isinstance(x, (list, tuple, dict)):
        return tree.map_structure(lambda leaf: _convert(layer, leaf, dtype, positional), x)
    if hasattr(x, "__array__") or registry.backend_of(x) is not None:
        return _from_array(backend, x, dtype)
    if positional and isinstance(x, (int, float)):
        return _from_array(backend, x, dtype)
    if positional and not layer.allow_non_tensor_positional_args:
        raise ValueError(
            "Only input tensors may be passed as positional arguments. The following argument value should be "
            f"passed as a keyword argument: {x} (of type {type(x)})"
        )
    return x


def _from_array(backend: Any, x: Any, dtype: str | None) -> Any:
    floating = dtype is not None and hasattr(x, "dtype") and dtypes.is_float(x.dtype)
    result = backend.convert(x, dtype if floating or (dtype is not None and isinstance(x, float)) else None)
    return keep_mask(x, result)


def keep_mask(x: Any, result: Any) -> Any:
    """`result`, with the mask that `x` has."""
    if masks.any_masks() and result is not x:
        masks.set(result, masks.get(x))
    return result


def fill_masks(signature: Signature, args: tuple, kwargs: dict[str, Any]) -> None:
    """Pass the inputs' masks as the mask arguments that weren't given, in place."""
    for mask_name, name in signature.mask_of.items():
        if kwargs.get(mask_name) is not None:
            continue
        position = signature.names.index(name)
        value = args[position] if position < len(args) else kwargs.get(name)
        if signature.names.index(mask_name) < len(args):
            continue
        found = masks_of(value)
        if found is not None:
            kwargs[mask_name] = found


def masks_of(values: Any) -> Any:
    """The masks of a tree of tensors, in the same structure; None where none has one."""
    if not isinstance(values, (list, tuple, dict)):
        return masks.get(values)
    found = tree.map_structure(masks.get, values)
    return found if any(m is not None for m in tree.flatten(found)) else None


def by_name(signature: Signature, args: tuple, kwargs: dict[str, Any]) -> dict[str, Any]:
    """All given arguments by their names."""
    beyond = (f"args[{i}]" for i in itertools.count())
    named = dict(zip(itertools.chain(signature.names, beyond), args, strict=False))
    named.update(kwargs)
    return named


def describe(value: Any) -> str:
    """An argument in an error message: shapes and dtypes, not values."""
    if isinstance(value, (list, tuple)):
        opening, closing = "[]" if isinstance(value, list) else "()"
        return f"{opening}{', '.join(map(describe, value))}{closing}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k!r}: {describe(v)}" for k, v in value.items()) + "}"
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        kind = (
            "KerasTensor"
            if isinstance(value, Spec)
            else f"{type(value).__module__.partition('.')[0]}.{type(value).__name__}"
        )
        return f"{kind}(shape={tuple(value.shape)}, dtype={dtypes.standardize_dtype(value.dtype)})"
    return str(value)


def explain(layer: Any, error: Exception, args: tuple, kwargs: dict[str, Any]) -> Exception:
    """The error of a layer's `call`, with the layer and its arguments; of the same type where that can be made."""
    if getattr(error, "_explained", False):
        return error
    named = by_name(signature_of(type(layer).call), args, kwargs)
    received = "\n".join(f"  • {name}={describe(value)}" for name, value in named.items())
    where = f" (layer '{layer.path}')" if layer.path != type(layer).__name__ else ""
    text = (
        f"Exception encountered when calling {type(layer).__name__}.call().\n\n{error}\n\n"
        f"Arguments received by {type(layer).__name__}.call(){where}:\n{received}"
    )
    try:
        new = type(error)(text)
    except Exception:  # an exception with a constructor of its own
        new = RuntimeError(text)
    new._explained = True
    return new
