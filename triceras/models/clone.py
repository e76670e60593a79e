"""`clone_model`: the same architecture with fresh layers and weights, on the current backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from triceras.core import tree
from triceras.core.graph import KerasTensor, Node, OpCall
from triceras.layers.input_layer import Input, InputLayer
from triceras.models.functional import Functional
from triceras.models.sequential import Sequential


def clone_model(
    model: Any,
    input_tensors: Any = None,
    clone_function: Callable | None = None,
    call_function: Callable | None = None,
    recursive: bool = False,
    **kwargs: Any,
) -> Any:
    """Make a fresh model of the same architecture, on the current backend; the model given stays as it is.

    Args:
        model: Sequential, functional, or subclassed with `get_config`.
        input_tensors: `KerasTensor`s to build the clone on; fresh inputs by default.
        clone_function: from a layer to the layer that takes its place; `layer.from_config(layer.get_config())` by
            default.
        call_function: `(layer, *args, **kwargs)` → outputs, in place of calling the layer.
        recursive: whether models inside are cloned layer by layer, too.

    Returns:
        The clone, with freshly drawn weights.

    Example:
        >>> import triceras
        >>> model = triceras.Sequential([triceras.Input((4,)), triceras.layers.Dense(2)])
        >>> with triceras.use_backend("numpy"):
        ...     clone = triceras.models.clone_model(model)
        >>> clone.backend.name, clone.output_shape
        ('numpy', (None, 2))
    """
    if kwargs:
        raise ValueError(f"Unexpected keyword argument(s): {tuple(kwargs)}")
    make = clone_function or (lambda layer: type(layer).from_config(layer.get_config()))

    def clone_layer(layer: Any) -> Any:
        if recursive and isinstance(layer, (Functional, Sequential)):
            return clone_model(layer, clone_function=clone_function, call_function=call_function, recursive=True)
        return make(layer)

    if isinstance(model, Sequential):
        return _clone_sequential(model, input_tensors, clone_layer)
    if isinstance(model, Functional) and _is_plain(model):
        return _clone_functional(model, input_tensors, clone_layer, call_function)
    if input_tensors is not None or clone_function is not None or call_function is not None:
        raise ValueError(
            "Arguments clone_function, input_tensors and call_function are only supported for Sequential models or "
            "Functional models."
        )
    return type(model).from_config(model.get_config())


def _is_plain(model: Any) -> bool:
    return type(model).call is Functional.call


def _clone_sequential(model: Sequential, input_tensors: Any, clone_layer: Callable) -> Sequential:
    inputs = tree.flatten(input_tensors)[:1] if input_tensors is not None else []
    if not inputs and model._stack and isinstance(model._stack[0], InputLayer):
        inputs = [
            Input(batch_shape=model._stack[0].batch_shape, dtype=model._stack[0].dtype, name=model._stack[0].name)
        ]
    clone = Sequential([*inputs, *map(clone_layer, model.layers)], name=model.name, trainable=model.trainable)
    if not clone.built and model.built and model._graph is not None:
        clone.build(model._graph.inputs[0].shape, model._graph.inputs[0].dtype)
    return clone


def _clone_functional(
    model: Functional, input_tensors: Any, clone_layer: Callable, call_function: Callable | None
) -> Functional:
    graph = model._graph
    if input_tensors is None:
        fresh = [
            Input(batch_shape=x.shape, dtype=x.dtype, name=name, sparse=x.sparse, ragged=x.ragged)
            for x, name in zip(graph.inputs, model._input_names, strict=True)
        ]
        inputs = tree.pack_sequence_as(graph.input_tree, fresh)
    else:
        inputs = input_tensors if tree.is_nested(input_tensors) or len(graph.inputs) > 1 else input_tensors
        fresh = tree.flatten(inputs)
    known = {id(old): new for old, new in zip(graph.inputs, fresh, strict=True)}
    clones: dict[int, Any] = {}

    def clone_of(operation: Any) -> Any:
        if id(operation) not in clones:
            clones[id(operation)] = (
                OpCall(operation.op, operation.name) if isinstance(operation, OpCall) else clone_layer(operation)
            )
        return clones[id(operation)]

    def replace(x: Any) -> Any:
        return known[id(x)] if isinstance(x, KerasTensor) else x

    def run(node: Node) -> None:
        args, kwargs = tree.map_structure(replace, node.arguments)
        operation = clone_of(node.operation)
        results = call_function(operation, *args, **kwargs) if call_function is not None else operation(*args, **kwargs)
        for old, new in zip(node.outputs, tree.flatten(results), strict=True):
            known[id(old)] = new

    for node in graph.nodes:
        if node.inputs and not all(id(x) in known for x in node.outputs):
            run(node)
    outputs = tree.map_structure(replace, graph.output_tree)
    clone = Functional(inputs, outputs, name=model.name)
    if not model.trainable:
        clone.trainable = False
    return clone
