"""Whole sequences by one op: `ops.lstm` and `ops.gru`, with masks, which no backend's kernel knows.

A masked step must leave the state as it is. So the inputs get one more feature, 1 where a step is masked, and the
kernels a row that closes the gates which let something in and opens those that keep the old.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from triceras import ops

SHUT = 1e4  # a gate's sum of which float16 is sure, and whose sigmoid is 1


def lstm(inputs: Any, states: list[Any], weights: tuple, mask: Any, zero_masked: bool) -> tuple[Any, list[Any]]:
    """The outputs of all steps and the last states.

    Args:
        inputs: `(batch, time, features)`, in the order of the run.
        states: output and cell, `(batch, units)`.
        weights: kernel, recurrent kernel and bias, as `ops.lstm` takes them.
        mask: bool `(batch, time)`, or None.
        zero_masked: whether masked steps give zeros instead of the output before.
    """
    if mask is None:
        outputs, *states = ops.lstm(inputs, *states, *weights)
        return outputs, states
    # The output gate would still let the output change. So the steps that count come first, and those before the end
    # of each sequence are read.
    steps = ops.expand_dims(ops.arange(ops.shape(inputs)[1], dtype="int32"), 0)
    order = ops.argsort(ops.where(mask, steps, ops.add(steps, ops.shape(inputs)[1])), axis=1)
    inputs = ops.take_along_axis(inputs, ops.expand_dims(order, -1), axis=1)
    count = ops.cumsum(ops.cast(mask, "int32"), axis=1)
    total = count[:, -1:]
    inputs, kernel = _marked(inputs, weights[0], ops.less(steps, total), (-SHUT, SHUT, 0, 0))
    outputs, _, c = ops.lstm(inputs, *states, kernel, *weights[1:])
    outputs = ops.take_along_axis(outputs, ops.expand_dims(ops.maximum(ops.subtract(count, 1), 0), -1), axis=1)
    h = ops.where(ops.greater(total, 0), outputs[:, -1], states[0])
    return _shown(outputs, mask if zero_masked else ops.greater(count, 0)), [h, c]


def gru(inputs: Any, states: list[Any], weights: tuple, mask: Any, zero_masked: bool) -> tuple[Any, list[Any]]:
    """The same with `ops.gru`; there is one state."""
    if mask is None:
        outputs, *states = ops.gru(inputs, *states, *weights)
        return outputs, states
    inputs, kernel = _marked(inputs, weights[0], mask, (SHUT, 0, 0))
    outputs, *states = ops.gru(inputs, *states, kernel, *weights[1:])
    counted = mask if zero_masked else ops.greater(ops.cumsum(ops.cast(mask, "int32"), axis=1), 0)
    return _shown(outputs, counted), states


def _marked(inputs: Any, kernel: Any, keep: Any, gates: tuple) -> tuple[Any, Any]:
    """Inputs with one more feature, 1 where a step doesn't count, and a kernel with what that adds to each gate."""
    kernel = ops.convert_to_tensor(kernel)
    row = np.repeat(np.array(gates, "float32"), kernel.shape[-1] // len(gates))[None]
    keep = ops.expand_dims(keep, -1)
    mark = ops.cast(ops.logical_not(keep), ops.dtype(inputs))
    inputs = ops.concatenate([ops.where(keep, inputs, ops.zeros_like(inputs)), mark], axis=-1)
    return inputs, ops.concatenate([kernel, ops.cast(row, ops.dtype(kernel))], axis=0)


def _shown(outputs: Any, where: Any) -> Any:
    return ops.where(ops.expand_dims(where, -1), outputs, ops.zeros_like(outputs))
