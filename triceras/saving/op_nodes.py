"""Calls of ops in functional graphs ↔ Keras's form, where each op is a class: part of the arguments is its config.

`ops.mean(x, axis=1)` is `{"module": "keras.src.ops.numpy", "class_name": "Mean", "config": {"name": "mean", "axis": 1,
"keepdims": false}}` called with `x`.
"""

from __future__ import annotations

import functools
import inspect
import re
from typing import Any, NamedTuple

from triceras.core.graph import OpCall, has_symbolic
from triceras.saving import keras_ops
from triceras.saving.errors import ConfigInvalid, UnknownObject


class OpClass(NamedTuple):
    """How Keras's files name and split up an op."""

    module: str
    name: str
    inputs: tuple[str, ...]  # arguments of the call
    settings: tuple[str, ...]  # arguments in the config


@functools.cache
def _classes() -> dict[str, OpClass]:
    """Every op class, by class name."""
    found = {}
    for module, text in keras_ops.TABLE.items():
        for name, inputs, settings in re.findall(r"(\w+)\(([^;)]*)(?:; ([^)]*))?\)", text):
            found[name] = OpClass(module, name, _names(inputs), _names(settings))
    return found


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip() and not part.strip().startswith("**"))


def function_name(class_name: str) -> str:
    """The op that a class of Keras's stands for: `GetItem` → `get_item`."""
    return keras_ops.FUNCTIONS.get(class_name) or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", class_name).lower()


@functools.cache
def _by_function() -> dict[str, OpClass]:
    return {function_name(name): found for name, found in _classes().items()}


def pure_functions() -> dict[str, Any]:
    """The ops of ours that a file may name, by function name."""
    from triceras import ops  # noqa: F401 - fills the table
    from triceras.ops.op import OPS

    return {name: OPS[name] for name in _by_function() if name in OPS}


# --- writing --------------------------------------------------------------------------------------------------------
def _op_class(call: OpCall) -> OpClass:
    found = _by_function().get(call.op.name)
    if found is None:
        raise TypeError(
            f"Cannot serialize the call of ops.{call.op.name} in a functional model: Keras's files have no form for "
            "it. Call it inside a layer of your own, registered with `@keras.saving.register_keras_serializable()`."
        )
    return found


def op_data(call: OpCall) -> dict[str, Any]:
    """The config of an op's call in a functional graph, without the tensors it is called with."""
    from triceras.saving.serialization import serialize_keras_object

    op_class = _op_class(call)
    config: dict[str, Any] = {"name": call.name}
    if call._inbound_nodes:
        bound = call.op.bind(*call._inbound_nodes[0].arguments)
        settings = {name: bound[name] for name in op_class.settings if name in bound}
        _refuse_tensors(call, settings)
        config |= {name: serialize_keras_object(value) for name, value in settings.items()}
    return {
        "module": op_class.module,
        "class_name": op_class.name,
        "config": config,
        "registered_name": op_class.name,
    }


def _refuse_tensors(call: OpCall, settings: dict[str, Any]) -> None:
    for name, value in settings.items():
        if has_symbolic(value):
            raise TypeError(
                f"Cannot serialize the call of ops.{call.op.name}: its argument {name!r} is a symbolic tensor, for "
                "which Keras's files have no form. Call the op inside a layer of your own."
            )


def call_arguments(call: OpCall, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
    """What Keras's op class is called with where our op was called with `args` and `kwargs`."""
    op_class = _op_class(call)
    bound = call.op.bind(args, kwargs)
    positional: list[Any] = []
    for name in op_class.inputs:
        value = bound.get(name.lstrip("*"))
        positional.extend(value) if name.startswith("*") else positional.append(value)
    return tuple(positional), {}


# --- reading --------------------------------------------------------------------------------------------------------
class LoadedOp(OpCall):
    """A call of an op that came from a file: at its symbolic call, config and inputs are put together again."""

    def __init__(self, op: Any, name: str, op_class: OpClass, settings: dict[str, Any]):
        super().__init__(op, name)
        self.op_class, self.settings = op_class, settings

    def symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = self._arguments(args, kwargs)
        return super().symbolic_call(*args, **kwargs)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        if not self._inbound_nodes:
            raise ConfigInvalid(
                f"Op {self.name!r} of the graph takes no tensor of the graph.", expected="a __keras_tensor__"
            )
        return super().call(*args, **kwargs)

    def _arguments(self, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
        """`args` and `kwargs` for our op, in the order of its signature."""
        given = self._inputs(args) | kwargs | self.settings
        positional: list[Any] = []
        parameters = self.op.signature.parameters.values()
        variadic = any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters)
        for parameter in parameters if variadic else ():
            if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
                positional.extend(given.pop(parameter.name, ()))
                break
            positional.append(given.pop(parameter.name))
        return tuple(positional), given

    def _inputs(self, args: tuple) -> dict[str, Any]:
        found: dict[str, Any] = {}
        rest = list(args)
        for name in self.op_class.inputs:
            if name.startswith("*"):
                found[name[1:]], rest = rest, []
            elif rest:
                found[name] = rest.pop(0)
        if rest:
            raise ConfigInvalid(
                f"Op {self.name!r} is called with {len(args)} inputs.", expected=f"{self.op_class.inputs}"
            )
        if self.op.name == "get_item" and isinstance(found.get("key"), list):
            found["key"] = tuple(found["key"])  # JSON has no tuples
        return found


def op_from_data(data: dict[str, Any]) -> LoadedOp:
    """The op's call that a config of Keras's describes.

    Raises:
        UnknownObject: a class that isn't on the list, or that we don't have.
        ConfigInvalid: settings that our op doesn't take.
    """
    from triceras.saving.serialization import deserialize_keras_object

    op_class = _classes().get(data["class_name"]) if isinstance(data["class_name"], str) else None
    op = pure_functions().get(function_name(op_class.name)) if op_class else None
    if op is None:
        raise UnknownObject(
            f"Could not locate op {data['class_name']!r}.",
            expected="a pure op of keras.ops",
            got=f"module {data.get('module')!r}",
            hint="Update triceras, or rebuild the model without this op.",
        )
    config = data["config"]
    if not isinstance(config, dict) or not isinstance(config.get("name"), str):
        raise ConfigInvalid(
            f"The config of op {op_class.name} needs a name.", expected="dict with 'name'", got=repr(config)
        )
    settings = {name: _tuples(deserialize_keras_object(value)) for name, value in config.items() if name != "name"}
    known = op.signature.parameters
    takes_all = any(p.kind is p.VAR_KEYWORD for p in known.values())
    settings = {name: value for name, value in settings.items() if name in known or value not in (None, False)}
    extra = [] if takes_all else [name for name in settings if name not in known]
    if extra:
        raise ConfigInvalid(
            f"ops.{op.name} takes no {', '.join(extra)}.", expected=str(op.signature), got=repr(settings)
        )
    return LoadedOp(op, config["name"], op_class, settings)


def _tuples(value: Any) -> Any:
    """Axes, shapes and paddings were tuples before they went through JSON."""
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def is_op_class(name: str) -> bool:
    """Whether Keras's files name an op by this class name."""
    return name in _classes()
