"""The graphs of a function: one for each kind of call."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from triceras.backends.tensorflow.compiler.xla import Contest
from triceras.backends.tensorflow.tensor import COMPOSITES, fill, split
from triceras.core.scope import local, setting


class Trace(NamedTuple):
    """A graph and how to read what it gives.

    Args:
        shapes: of the inputs; None where any size will do.
        graph: the function that was traced.
        run: takes a list of tensors and gives those that the function returned.
        result: the skeleton of what the function returned.
    """

    shapes: tuple
    graph: Any
    run: Callable[[list[Any]], list[Any]]
    result: Any


def compiled(backend: Any, fn: Callable, xla: bool | None) -> Callable:
    """A compiled `fn`: one graph for each kind of call, and one more, with open dimensions, for calls of other shapes.

    `tf.function` has a cache of its own, but makes tensors of the plain values that a function returns, and takes four
    times as long for a call with 3 tensors and 30 variables.

    Args:
        backend: the TensorFlow backend, which is current while tracing.
        fn: any function of trees; tensors and arrays are inputs of the graph, all else is part of the cache's key.
        xla: whether XLA compiles the graph; None: where it is faster.
    """
    traces: dict[Any, Trace] = {}  # by the exact signature
    families: dict[Any, list[Trace]] = {}  # by the signature without sizes

    def find(args: tuple, kwargs: dict[str, Any]) -> tuple[Trace, list[Any]]:
        """The trace for a call, and the call's tensors."""
        tensors: list[Any] = []
        skeleton = split((args, kwargs), tensors)
        shapes = tuple([_shape(x) for x in tensors])
        signature = (skeleton, local.autocast, tuple([x.dtype for x in tensors]), shapes)
        trace = traces.get(signature)
        if trace is None:
            family = families.setdefault((*signature[:-1], tuple(map(_rank, shapes))), [])
            with setting(backend=backend):
                trace = traces[signature] = _find(functools.partial(_trace, fn, xla, skeleton, tensors), family, shapes)
        return trace, tensors

    @functools.wraps(fn)
    def run(*args: Any, **kwargs: Any) -> Any:
        if local.state is not None or not tf.executing_eagerly():
            return fn(*args, **kwargs)  # part of a bigger graph, or of a function that is pure already
        trace, tensors = find(args, kwargs)
        return fill(trace.result, iter(trace.run(tensors)))

    run.find, run.traces = find, traces
    return run


MANY = 3  # from so many traces on, any axis may be opened, not only the first


def _find(make: Callable, family: list[Trace], shapes: tuple) -> Trace:
    """A trace that serves a call: a known one if it fits, else a new one.

    The new one is open where the sizes differ from those of a trace that differs in first axes alone: a smaller last
    batch takes one more trace, and then any batch size will do.
    """
    fitting = next((trace for trace in family if all(map(_fits, trace.shapes, shapes))), None)
    if fitting is not None:
        return fitting
    near = next((trace for trace in family if all(map(_same_but_first, trace.shapes, shapes))), None)
    near = near or (family[-1] if len(family) >= MANY else None)
    if near is not None:
        try:
            family.append(make(tuple(map(_join, near.shapes, shapes))))
            return family[-1]
        except Exception:  # code that needs the sizes, which says so in its own words if it fails with them too
            pass
    family.append(make(shapes))
    return family[-1]


def _trace(fn: Callable, xla: bool | None, skeleton: Any, tensors: list[Any], shapes: tuple) -> Trace:
    made: list[Any] = []

    def body(*inputs: Any) -> list[Any]:
        args, kwargs = fill(skeleton, iter(inputs))
        outputs: list[Any] = []
        made.append(split(fn(*args, **kwargs), outputs, arrays=False))
        return outputs

    specs = [
        s if isinstance(s, tf.TypeSpec) else tf.TensorSpec(s, x.dtype) for s, x in zip(shapes, tensors, strict=True)
    ]
    begun = time.perf_counter()
    graph = tf.function(body, autograph=False, jit_compile=xla or None).get_concrete_function(*specs)
    run = caller(graph)
    if xla is None and all(isinstance(s, tuple) and None not in s for s in shapes):
        run = Contest(graph, run, caller, time.perf_counter() - begun)
    return Trace(shapes, graph, run, made[-1])


def caller(graph: Any) -> Callable[[list[Any]], list[Any]]:
    """A function of a list of tensors that runs a traced function; half the time of calling the traced function."""
    captured = graph.captured_inputs
    if any(isinstance(spec, COMPOSITE_SPECS) for spec in tf.nest.flatten(graph.structured_input_signature)):
        return lambda tensors: graph._call_flat(tf.nest.flatten(tensors, expand_composites=True), captured)
    return lambda tensors: graph._call_flat(tensors, captured)


COMPOSITE_SPECS = (tf.IndexedSlicesSpec, tf.SparseTensorSpec, tf.RaggedTensorSpec)


def _shape(x: Any) -> Any:
    """A tensor's shape; for sparse and ragged tensors TensorFlow's own description, which is never relaxed."""
    return tf.type_spec_from_value(x) if isinstance(x, COMPOSITES) else tuple(x.shape.as_list())


def _rank(shape: Any) -> Any:
    return len(shape) if isinstance(shape, tuple) else shape


def _same_but_first(known: Any, shape: Any) -> bool:
    return known[1:] == shape[1:] if isinstance(known, tuple) else known == shape


def _fits(wide: Any, shape: Any) -> bool:
    return not isinstance(wide, tuple) or all(a is None or a == b for a, b in zip(wide, shape, strict=True))


def _join(wide: Any, shape: Any) -> Any:
    if not isinstance(wide, tuple):
        return wide
    return tuple(a if a == b else None for a, b in zip(wide, shape, strict=True))
