"""Several steps as one graph: a loop over stacked batches around the graph of one step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from triceras.backends.tensorflow.compiler.traces import Trace, compiled
from triceras.backends.tensorflow.tensor import fill


def several_steps(backend: Any, one: Callable, only_last: bool, xla: bool | None) -> Callable[[list[Any]], list[Any]]:
    """See `Backend.several_steps`. The step isn't traced for the loop: this calls the graph that `one` uses.

    Args:
        backend: the TensorFlow backend.
        one: what `compiled` made of the step.
        only_last: whether the results of the last batch will do.
        xla: whether XLA compiles the loop; None: where it is faster.
    """
    loops: dict[int, Callable] = {}  # by the step's trace

    def run(batches: list[Any]) -> list[Any]:
        found = [one.find((batch,), {}) for batch in batches]
        trace, rows = found[0][0], [tensors for _, tensors in found]
        if any(other is not trace for other, _ in found) or not _can_loop(trace):
            return [one(batch) for batch in batches]
        loop = loops.get(id(trace))
        if loop is None:
            loop = loops[id(trace)] = compiled(backend, loop_over(trace, only_last), xla)
        return [fill(trace.result, iter(loop([tf.stack(column) for column in zip(*rows, strict=True)])))]

    return run


def _can_loop(trace: Trace) -> bool:
    """Whether a step's tensors all have known shapes, going in, so that batches can be stacked."""
    return bool(trace.shapes) and all(isinstance(shape, tuple) and None not in shape for shape in trace.shapes)


def loop_over(trace: Trace, only_last: bool) -> Callable[[list[Any]], list[Any]]:
    """A function of stacked tensors that runs a step's graph on each row, and gives the last or all results."""
    specs = [tf.TensorSpec(x.shape, x.dtype) for x in trace.graph.outputs]

    def run(columns: list[Any]) -> list[Any]:
        count = columns[0].shape[0]
        arrays = [tf.TensorArray(s.dtype, size=1 if only_last else count, element_shape=s.shape) for s in specs]

        def step(i: Any, arrays: list[Any]) -> tuple[Any, list[Any]]:
            results = trace.graph(*[tf.gather(column, i) for column in columns])
            return i + 1, [a.write(0 if only_last else i, x) for a, x in zip(arrays, results, strict=True)]

        _, arrays = tf.while_loop(
            lambda i, _: i < count, step, (tf.constant(0), arrays), parallel_iterations=1, maximum_iterations=count
        )
        return [a.read(0) if only_last else _joined(a) for a in arrays]

    return run


def _joined(array: tf.TensorArray) -> tf.Tensor:
    return array.concat() if array.element_shape.rank else array.stack()
