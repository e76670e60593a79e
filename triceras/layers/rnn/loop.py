"""A cell over all steps of a sequence.

A cell may have an `over_time` of its own, such as one kernel for the whole sequence; else it is called step by step, in
a loop that every backend compiles whatever the number of steps.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from triceras import ops
from triceras.core import tree
from triceras.layers.layer import Layer


class Way(NamedTuple):
    """How to go through a sequence.

    Args:
        mask: which steps count, bool `(batch, time)`; the others leave the states as they are. None: all.
        training: whether dropout drops.
        unroll: whether the graph has every step instead of a loop.
        zero_masked: whether masked steps give zeros instead of the output before.
    """

    mask: Any = None
    training: bool | None = False
    unroll: bool = False
    zero_masked: bool = False


def initial_state(cell: Any, batch_size: Any, dtype: str) -> list[Any]:
    """A list of a cell's states before the first step: its own, else zeros."""
    make = getattr(cell, "get_initial_state", None)
    if make is None:
        states = tree.map_structure(lambda n: ops.zeros((batch_size, n), dtype=dtype), cell.state_size)
    else:
        states = make(batch_size=batch_size)
    return list(states) if isinstance(states, (list, tuple)) else [states]


def output_shape(cell: Any) -> tuple[int, ...]:
    """The shape of a cell's output, without the batch."""
    size = getattr(cell, "output_size", None)
    size = tree.flatten(cell.state_size)[0] if size is None else size
    return tuple(size) if isinstance(size, (list, tuple)) else (size,)


def run(cell: Any, sequences: Any, states: list[Any], way: Way) -> tuple[Any, list[Any]]:
    """The outputs of all steps, `(batch, time, ...)`, and the last states.

    Args:
        cell: a layer with `call(inputs, states) -> (output, new_states)`.
        sequences: `(batch, time, ...)`, in the order of the run.
        states: the states before the first step.
        way: how to go.
    """
    if _goes_by_itself(cell) and ops.dtype(sequences) == cell.compute_dtype:
        return cell.over_time(sequences, states, way)
    inputs = _other_axis_first(sequences)
    with _same_noise(cell) as noisy:
        take = caller(cell, way.training)
        if (noisy and way.training) or not all(x.built for x in _layers(cell)):
            take(states, _row(inputs, 0))  # what is drawn and made now is there for all steps, outside of the loop
        return steps(take, sequences, states, way)


def _goes_by_itself(cell: Any) -> bool:
    """Whether a cell has an `over_time` that does what its `call` does: no subclass has overridden `call` alone."""
    for cls in type(cell).__mro__:
        if "over_time" in cls.__dict__:
            return True
        if "call" in cls.__dict__:
            return False
    return False


def _layers(cell: Any) -> list[Layer]:
    return cell._flatten_layers() if isinstance(cell, Layer) else []


@contextlib.contextmanager
def _same_noise(cell: Any) -> Iterator[bool]:
    """Inside, the cells in `cell` drop the same at every step; tells whether one of them drops at all."""
    holders = [x for x in _layers(cell) if hasattr(x, "hold_noise")]
    for x in holders:
        x.hold_noise(True)
    try:
        yield any(x.dropout or x.recurrent_dropout for x in holders)
    finally:
        for x in holders:
            x.hold_noise(False)


def caller(cell: Any, training: bool | None, **options: Any) -> Callable:
    """The cell as a function `(states, input) -> (output, new states)` that keeps the states' structure and dtypes."""
    if isinstance(cell, Layer) or "training" in inspect.signature(cell.call).parameters:
        options["training"] = training

    def take(states: list[Any], x: Any) -> tuple[Any, list[Any]]:
        output, new = cell(x, states, **options)
        new = tree.pack_sequence_as(states, tree.flatten(new))
        return output, tree.map_structure(lambda n, s: ops.cast(n, ops.dtype(s)), new, states)

    return take


def steps(take: Callable, sequences: Any, states: list[Any], way: Way) -> tuple[Any, list[Any]]:
    """Step through a sequence.

    Args:
        take: function `(states, input) -> (output, new states)`.
        sequences: a tree of tensors `(batch, time, ...)`.
        states: the states before the first step.
        way: how to go.

    Returns:
        The outputs `(batch, time, ...)` and the last states.
    """
    inputs = _other_axis_first(sequences)
    if way.mask is None:
        states, outputs = _loop(lambda s, x: take(s, x)[::-1], states, inputs, way.unroll)
        return _other_axis_first(outputs), states
    nothing = tree.map_structure(ops.zeros_like, take(states, _row(inputs, 0))[0])

    def body(carry: Any, xs: Any) -> tuple[Any, Any]:
        (states, before), (x, keep) = carry, xs
        output, new = take(states, x)
        output = _choose(keep, output, nothing if way.zero_masked else before)
        return (_choose(keep, new, states), output), output

    masks = _other_axis_first(way.mask)
    (states, _), outputs = _loop(body, (states, nothing), (inputs, masks), way.unroll)
    return _other_axis_first(outputs), states


def _choose(keep: Any, new: Any, old: Any) -> Any:
    """Trees of tensors `(batch, ...)`: the new ones where a sample's step counts, else the old."""

    def choose(a: Any, b: Any) -> Any:
        return ops.where(ops.reshape(keep, (-1, *(1,) * (len(a.shape) - 1))), a, b)

    return tree.map_structure(choose, new, old)


def _loop(body: Callable, carry: Any, xs: Any, unroll: bool) -> tuple[Any, Any]:
    if not unroll:
        return ops.scan(body, carry, xs)
    count = tree.flatten(xs)[0].shape[0]
    if count is None:
        raise ValueError(
            "With unroll=True the number of time steps must be known. Received: sequences of shape "
            f"(batch, None, ...), or steps of {tree.map_structure(lambda x: tuple(x.shape), xs)}."
        )
    outputs = []
    for i in range(count):
        carry, output = body(carry, _row(xs, i))
        outputs.append(output)
    return carry, tree.map_structure(lambda *x: ops.stack(x, axis=0), *outputs)


def _row(inputs: Any, index: int) -> Any:
    return tree.map_structure(lambda x: x[index], inputs)


def _other_axis_first(x: Any) -> Any:
    """Trees of tensors, `(batch, time, ...)` to `(time, batch, ...)` and back."""
    return tree.map_structure(lambda v: ops.transpose(v, (1, 0, *range(2, len(v.shape)))), x)


def agree(a: tuple, b: tuple) -> bool:
    """Whether two shapes can be the same."""
    return len(a) == len(b) and all(None in (m, n) or m == n for m, n in zip(a, b, strict=True))
