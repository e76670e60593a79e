"""Recurrent networks over whole sequences. The bodies define them; backends have kernels for all steps at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from triceras import ops
from triceras.ops.op import composite
from triceras.ops.rules import Rule, float_


def lstm_gates(
    projected: Any,
    c: Any,
    activation: Callable | None = None,
    recurrent_activation: Callable | None = None,
    axis: int = -1,
) -> tuple[Any, Any]:
    """The end of an LSTM's step: output and cell from the sum of all projections, `(batch, 4 * units)`, and the cell.

    Args:
        projected: input, forget, cell and output gate side by side.
        c: the cell before, `(batch, units)`.
        activation: of the cell's input and output, default `tanh`.
        recurrent_activation: of the gates, default `sigmoid`.
        axis: where they are side by side.
    """
    activation, gate = activation or ops.tanh, recurrent_activation or ops.sigmoid
    i, f, g, o = ops.split(projected, 4, axis=axis)
    c = ops.add(ops.multiply(gate(f), c), ops.multiply(gate(i), activation(g)))
    return ops.multiply(gate(o), activation(c)), c


def gru_gates(
    projected: Any,
    recurrent: Any,
    h: Any,
    activation: Callable | None = None,
    recurrent_activation: Callable | None = None,
) -> Any:
    """The end of a GRU's step whose reset gate acts after the product with the state: the new state.

    Args:
        projected: of the input: update gate, reset gate and candidate side by side, `(batch, 3 * units)`.
        recurrent: of the state, likewise.
        h: the state before, `(batch, units)`.
        activation: of the candidate, default `tanh`.
        recurrent_activation: of the gates, default `sigmoid`.
    """
    activation, gate = activation or ops.tanh, recurrent_activation or ops.sigmoid
    xz, xr, xg = ops.split(projected, 3, axis=-1)
    hz, hr, hg = ops.split(recurrent, 3, axis=-1)
    update, reset = gate(ops.add(xz, hz)), gate(ops.add(xr, hr))
    candidate = activation(ops.add(xg, ops.multiply(reset, hg)))
    return ops.add(ops.multiply(update, h), ops.multiply(ops.subtract(1.0, update), candidate))


def _shapes(gates: int) -> Callable[..., list[tuple]]:
    def shapes(inputs: Any, kernel: Any, recurrent_kernel: Any, **states: Any) -> list[tuple]:
        width = recurrent_kernel.shape[-1]
        if len(inputs.shape) != 3:
            raise ValueError(f"argument inputs must have shape (batch, time, features); got shape {inputs.shape}.")
        if width != kernel.shape[-1] or recurrent_kernel.shape[0] not in (None, width // gates):
            raise ValueError(
                f"arguments kernel and recurrent_kernel must have shapes (features, {gates} * units) and (units, "
                f"{gates} * units); got {kernel.shape} and {recurrent_kernel.shape}."
            )
        units = width // gates
        batch, time = inputs.shape[:2]
        return [(batch, time, units), *[(batch, units)] * sum(name.startswith("initial") for name in states)]

    return shapes


_LSTM = Rule(_shapes(4), float_, ("inputs", "initial_h", "initial_c", "kernel", "recurrent_kernel", "bias?"))
_GRU = Rule(_shapes(3), float_, ("inputs", "initial_h", "kernel", "recurrent_kernel", "bias?"))


@composite(_LSTM)
def lstm(
    inputs: Any, initial_h: Any, initial_c: Any, kernel: Any, recurrent_kernel: Any, bias: Any = None
) -> tuple[Any, Any, Any]:
    """A long short-term memory (Hochreiter and Schmidhuber 1997) over a sequence.

    Args:
        inputs: a tensor of shape `(batch, time, features)`.
        initial_h, initial_c: output and cell before the first step, `(batch, units)`.
        kernel: a tensor of shape `(features, 4 * units)`: input, forget, cell and output gate.
        recurrent_kernel: a tensor of shape `(units, 4 * units)`.
        bias: a tensor of shape `(4 * units,)`, or None.

    Returns:
        The outputs of all steps, `(batch, time, units)`, the last output and the last cell.

    Example:
        >>> from triceras import ops
        >>> state, kernel = ops.zeros((2, 3)), ops.ones((5, 12))
        >>> tuple(ops.lstm(ops.ones((2, 4, 5)), state, state, kernel, ops.ones((3, 12)))[0].shape)
        (2, 4, 3)
    """

    def step(states: tuple[Any, Any], x: Any) -> tuple[Any, Any]:
        h, c = states
        projected = ops.add(ops.matmul(x, kernel), ops.matmul(h, recurrent_kernel))
        h, c = lstm_gates(projected if bias is None else ops.add(projected, bias), c)
        return (h, c), h

    (h, c), outputs = ops.scan(step, (initial_h, initial_c), ops.transpose(inputs, (1, 0, 2)))
    return ops.transpose(outputs, (1, 0, 2)), h, c


@composite(_GRU)
def gru(inputs: Any, initial_h: Any, kernel: Any, recurrent_kernel: Any, bias: Any = None) -> tuple[Any, Any]:
    """A gated recurrent unit (Cho et al. 2014) over a sequence; its reset gate acts after the product with the state.

    Args:
        inputs: a tensor of shape `(batch, time, features)`.
        initial_h: the state before the first step, `(batch, units)`.
        kernel: a tensor of shape `(features, 3 * units)`: update gate, reset gate and candidate.
        recurrent_kernel: a tensor of shape `(units, 3 * units)`.
        bias: a tensor of shape `(2, 3 * units)`, for input and state, or None.

    Returns:
        The outputs of all steps, `(batch, time, units)`, and the last one.

    Example:
        >>> from triceras import ops
        >>> outputs, _ = ops.gru(ops.ones((2, 4, 5)), ops.zeros((2, 3)), ops.ones((5, 9)), ops.ones((3, 9)))
        >>> tuple(outputs.shape)
        (2, 4, 3)
    """

    def step(h: Any, x: Any) -> tuple[Any, Any]:
        projected, recurrent = ops.matmul(x, kernel), ops.matmul(h, recurrent_kernel)
        if bias is not None:
            projected, recurrent = ops.add(projected, bias[0]), ops.add(recurrent, bias[1])
        h = gru_gates(projected, recurrent, h)
        return h, h

    h, outputs = ops.scan(step, initial_h, ops.transpose(inputs, (1, 0, 2)))
    return ops.transpose(outputs, (1, 0, 2)), h
