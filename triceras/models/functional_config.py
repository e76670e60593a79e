"""The config of a functional model: its layers and how their calls are connected, in Keras's form."""

from __future__ import annotations

import collections
from typing import Any

from triceras.core.graph import KerasTensor, OpCall


def to_config(model: Any) -> dict[str, Any]:
    """The config of a functional model."""
    from triceras.saving.serialization import serialize_keras_object

    graph = model._graph
    inside = {id(node) for node in graph.nodes}
    numbers: dict[int, int] = {}
    for operation in graph.operations:
        for i, node in enumerate(n for n in operation._inbound_nodes if id(n) in inside):
            numbers[id(node)] = i

    def place(x: KerasTensor) -> tuple[str, int, int]:
        return x.node.operation.name, numbers[id(x.node)], x.index

    def argument(x: Any) -> Any:
        if isinstance(x, KerasTensor):
            return {
                "class_name": "__keras_tensor__",
                "config": {"shape": list(x.shape), "dtype": x.dtype, "keras_history": list(place(x))},
            }
        if isinstance(x, (list, tuple)):  # JSON has no tuples, and Keras's form none either
            return [argument(v) for v in x]
        if isinstance(x, dict):
            return {k: argument(v) for k, v in x.items()}
        return serialize_keras_object(x)

    layers = []
    for operation in graph.operations:
        nodes = [n for n in operation._inbound_nodes if id(n) in inside and n.inputs]
        layers.append(
            {
                **serialize_keras_object(operation),
                "name": operation.name,
                "inbound_nodes": [_node(n, argument) for n in nodes],
            }
        )
    return {
        "name": model.name,
        "trainable": model.trainable,
        "layers": layers,
        "input_layers": _places(graph.input_tree, place),
        "output_layers": _places(graph.output_tree, place),
    }


def _node(node: Any, argument: Any) -> dict[str, Any]:
    """What an operation is called with; of an op, Keras's files keep a part of the arguments in its config."""
    from triceras.saving import op_nodes

    is_op = isinstance(node.operation, OpCall)
    args, kwargs = op_nodes.call_arguments(node.operation, *node.arguments) if is_op else node.arguments
    return {"args": [argument(x) for x in args], "kwargs": {k: argument(x) for k, x in kwargs.items()}}


def _first_call(operation: Any) -> int:
    """The number by which Keras's `input_layers` and `output_layers` name an operation's first call.

    Functional models have a node of their own; `keras_history` in `inbound_nodes` doesn't count it.
    """
    from triceras.models.functional import Functional

    return int(isinstance(operation, Functional))


def _places(structure: Any, place: Any) -> Any:
    """The tensors of a structure as `[operation's name, node, output]`."""
    if isinstance(structure, KerasTensor):
        name, node, index = place(structure)
        return [name, node + _first_call(structure.node.operation), index]
    if isinstance(structure, dict):
        return {k: _places(v, place) for k, v in structure.items()}
    return [_places(v, place) for v in structure]


def from_config(cls: type, config: dict[str, Any], custom_objects: Any = None) -> Any:
    """A fresh model from its config.

    Raises:
        ValueError: the config isn't a functional model's, or its nodes never fit together.
    """
    from triceras.saving.serialization import deserialize_keras_object

    operations: dict[str, Any] = {}
    waiting: list[tuple[Any, int, Any]] = []
    for data in config["layers"]:
        data = dict(data)
        nodes, name = data.pop("inbound_nodes", []), data.pop("name", None)
        operation = deserialize_keras_object(data, custom_objects=custom_objects)
        operations[name or operation.name] = operation
        waiting += [(operation, i, node) for i, node in enumerate(nodes)]
    first_node = {name: len(op._inbound_nodes) for name, op in operations.items()}
    for name, operation in operations.items():
        if not any(op is operation for op, _, _ in waiting):
            first_node[name] = 0
    made: dict[tuple[str, int], Any] = {
        (name, 0): op._inbound_nodes[0]
        for name, op in operations.items()
        if op._inbound_nodes and first_node[name] == 0
    }
    names = {id(op): name for name, op in operations.items()}
    kept: list[Any] = []  # tensors hold their nodes
    blocked: dict[tuple[str, int], list[Any]] = {}  # by the node that they wait for
    queue = collections.deque(waiting)
    while queue:
        operation, index, node = queue.popleft()
        try:
            args, kwargs = _arguments(node, made, deserialize_keras_object)
        except _NotYet as missing:
            blocked.setdefault(missing.place, []).append((operation, index, node))
            continue
        kept.append(operation(*args, **kwargs))
        place = names[id(operation)], index
        made[place] = operation._inbound_nodes[-1]
        queue.extend(blocked.pop(place, ()))
    if blocked:
        (name, _), [(operation, _, _), *_] = next(iter(blocked.items()))
        raise ValueError(
            f"The config of model {config.get('name')!r} can't be put together: the inputs of layer "
            f"{names[id(operation)]!r} come from layer {name!r}, which isn't there."
        )
    counted = {(name, i + _first_call(operations[name])): node for (name, i), node in made.items()}
    inputs, outputs = (_tensors(config[key], counted) for key in ("input_layers", "output_layers"))
    extra = {"trainable": config["trainable"]} if config.get("trainable") is False else {}
    return cls(inputs=inputs, outputs=outputs, name=config.get("name"), **extra)


class _NotYet(Exception):
    """A node's input isn't made yet."""

    def __init__(self, place: tuple[str, int]):
        super().__init__(place)
        self.place = place


def _arguments(node: Any, made: dict, deserialize: Any) -> tuple[list, dict]:
    """The arguments of a node's call, with tensors that are made."""
    if isinstance(node, dict):
        return [_argument(x, made, deserialize) for x in node["args"]], _argument(node["kwargs"], made, deserialize)
    return _keras_2_arguments(node, made)


def _argument(x: Any, made: dict, deserialize: Any) -> Any:
    if isinstance(x, dict):
        kind = x.get("class_name")
        if kind == "__keras_tensor__":
            return _tensor(x["config"]["keras_history"], made)
        if kind == "__tuple__":
            return tuple(_argument(v, made, deserialize) for v in x["items"])
        if kind is not None and "config" in x:
            return deserialize(x)
        return {k: _argument(v, made, deserialize) for k, v in x.items()}
    if isinstance(x, list):
        return [_argument(v, made, deserialize) for v in x]
    return x


def _keras_2_arguments(node: Any, made: dict) -> tuple[list, dict]:
    """Of a call as Keras 2 wrote it: `[[name, node, output, kwargs], …]`."""
    entries = [node] if node and isinstance(node[0], str) else node
    tensors = [_tensor(entry[:3], made) for entry in entries]
    kwargs = entries[0][3] if entries and len(entries[0]) > 3 else {}
    return [tensors[0] if len(tensors) == 1 else tensors], {k: _linked(v, made) for k, v in kwargs.items()}


def _linked(x: Any, made: dict) -> Any:
    is_link = isinstance(x, list) and len(x) in (3, 4) and isinstance(x[0], str) and isinstance(x[1], int)
    return _tensor(x[:3], made) if is_link else x


def _tensor(place: Any, made: dict) -> Any:
    name, node, output = place[:3]
    if (name, node) not in made:
        raise _NotYet((name, node))
    return made[name, node].outputs[output]


def _tensors(places: Any, made: dict) -> Any:
    if isinstance(places, dict):
        return {k: _tensors(v, made) for k, v in places.items()}
    if len(places) == 3 and isinstance(places[0], str):
        try:
            return _tensor(places, made)
        except _NotYet:
            raise ValueError(
                f"The config of the model names an output of layer {places[0]!r} that isn't there."
            ) from None
    return [_tensors(v, made) for v in places]
