"""Shapes of layers' outputs, found without computing: from `compute_output_shape`, or by running `call` on specs."""

from __future__ import annotations

from typing import Any

import numpy as np

from triceras.core import tree
from triceras.core.graph import KerasTensor
from triceras.core.scope import local
from triceras.core.spec import SparseSpec, Spec
from triceras.core.state import StatelessScope
from triceras.core.variable import autocast_scope
from triceras.layers.call import CallContext, by_name, explain, signature_of


def holds_tensors(value: Any) -> bool:
    return any(hasattr(leaf, "shape") and hasattr(leaf, "dtype") for leaf in tree.flatten(value))


def holds_sparse(specs: Any) -> bool:
    """Whether sparse specs are in a tree; then `call` must tell whether the output is sparse."""
    return any(isinstance(leaf, SparseSpec) for leaf in tree.flatten(specs))


def is_shape(value: Any) -> bool:
    return isinstance(value, (tuple, list)) and all(d is None or isinstance(d, (int, np.integer)) for d in value)


def to_shape(value: Any) -> Any:
    """Lists that came from JSON as the tuples that they were."""
    if is_shape(value):
        return tuple(value)
    if isinstance(value, dict):
        return {k: to_shape(v) for k, v in value.items()}
    return [to_shape(v) for v in value] if isinstance(value, (list, tuple)) else value


def shapes_of(values: Any) -> Any:
    """A tree of shapes in place of a tree of tensors."""
    return tree.map_structure(lambda x: tuple(x.shape) if hasattr(x, "shape") else None, values)


def declared(layer: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
    """The output specs that a layer's `compute_output_shape` tells for specs of the inputs."""
    shapes = {f"{k}_shape": shapes_of(v) for k, v in by_name(signature_of(type(layer).call), args, kwargs).items()}
    names = signature_of(type(layer).compute_output_shape).names
    chosen = {name: shapes[name] for name in names if name in shapes}
    if names and names[0] not in chosen:
        chosen[names[0]] = next(iter(shapes.values()))
    return _specs(layer.compute_output_shape(**chosen), layer.compute_dtype)


def _specs(shapes: Any, dtype: str) -> Any:
    if is_shape(shapes):
        return Spec(shapes, dtype)
    if isinstance(shapes, dict):
        return {k: _specs(v, dtype) for k, v in shapes.items()}
    return type(shapes)(_specs(v, dtype) for v in shapes)


def traced(layer: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
    """The output specs, found by running a layer's `call` on specs, as a last resort by the framework's own tracer.

    Raises:
        Exception: what `call` raised, with the layer and its arguments.
    """
    static = {k: v for k, v in kwargs.items() if not holds_tensors(v)}
    specs = {k: v for k, v in kwargs.items() if k not in static}

    def forward(inputs: tuple, named: dict[str, Any]) -> Any:
        with autocast_scope(layer._reads_in):
            return layer.call(*inputs, **named, **static)

    entered = local.call is None
    if entered:
        local.call = CallContext(layer)
    try:
        with StatelessScope():
            return _canonical(layer.backend, forward(args, specs))
    except Exception as error:  # native code, or a size that nobody knows yet: the framework's tracer may do it
        try:
            with StatelessScope():
                return layer.backend.eval_shape(forward, args, specs)
        except Exception:
            raise explain(layer, error, args, kwargs) from error
    finally:
        if entered:
            local.call = None


def _canonical(backend: Any, outputs: Any) -> Any:
    def spec(x: Any) -> Any:
        if isinstance(x, KerasTensor):
            raise TypeError("`call` returned a symbolic tensor that doesn't come from its inputs.")
        return type(x)(x.shape, backend.canonical_dtype(x.dtype)) if isinstance(x, Spec) else x

    return tree.map_structure(spec, outputs)
