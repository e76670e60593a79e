"""Cells: one step of a recurrent layer.

The part of a step that depends on the input alone is `prepare`, done for all time steps at once; `step` is the rest.
"""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any

import numpy as np

from triceras import activations, ops, random
from triceras.core.seeds import SeedGenerator
from triceras.layers.layer import Layer
from triceras.layers.rnn import whole
from triceras.layers.rnn.loop import Way, steps
from triceras.layers.settings import keep_settings, make_weight, positive_integer, settings_config
from triceras.ops.recurrent import gru_gates, lstm_gates

__all__ = ["GRUCell", "LSTMCell", "SimpleRNNCell"]


class Cell(Layer, abc.ABC):
    """A recurrent cell with `gates` products of input and of state."""

    gates: int
    states: int = 1
    channel_axis = -1  # of the input, and where the gates are side by side
    _held: dict[str, Any] | None = None  # the noise of all calls, while they are the steps of one sequence

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.units = positive_integer("units", units)
        self.activation, self.use_bias = activations.get(activation), use_bias
        keep_settings(
            self,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
        )
        self.dropout, self.recurrent_dropout = min(1.0, max(0.0, dropout)), min(1.0, max(0.0, recurrent_dropout))
        self.seed = seed
        if self.dropout or self.recurrent_dropout:
            self.seed_generator = SeedGenerator(seed)
        self.state_size = self.units if self.states == 1 else [self.units] * self.states
        self.output_size = self.units
        self.bias = None

    bias_shape = property(lambda self: (self.gates * self.units,))
    state_shape = property(lambda self: (self.units,), doc="The shape of a state, without the batch.")

    def build(self, input_shape: Any) -> None:
        self.kernel = make_weight(self, "kernel", self._kernel_shape(input_shape[self.channel_axis]))
        self.recurrent_kernel = self.add_weight(
            self._kernel_shape(self.units),
            self.recurrent_initializer,
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
            name="recurrent_kernel",
        )
        if self.use_bias:
            self.bias = make_weight(self, "bias", self.bias_shape, initializer=self._bias_initializer())
        self.built = True

    def _kernel_shape(self, channels: int) -> tuple[int, ...]:
        return (channels, self.gates * self.units)

    def _bias_initializer(self) -> Any:
        return self.bias_initializer

    def _input_bias(self) -> Any:
        return self.bias

    # --- one step, or all ------------------------------------------------------------------------------------------

    def prepare(self, inputs: Any, training: bool | None) -> tuple[Any, Any]:
        """The input's part of the gates, for one step `(batch, features)` or all steps `(batch, time, features)`.

        Returns:
            That, and the mask for the state's dropout (None without dropout).
        """
        recurrent_mask, batch = None, ops.shape(inputs)[0]
        if training and self.recurrent_dropout:
            recurrent_mask = self._noise("state", (batch, *self.state_shape), self.recurrent_dropout)
        return self.project(self.dropped_inputs(inputs, training)), recurrent_mask

    def project(self, inputs: Any) -> Any:
        """What inputs, of one step or of all, add to the gates."""
        projected, bias = ops.matmul(inputs, self.kernel), self._input_bias()
        return projected if bias is None else ops.add(projected, bias)

    def recur(self, state: Any, recurrent_mask: Any) -> Any:
        """What the state adds to the gates."""
        return ops.matmul(dropped(state, recurrent_mask), self.recurrent_kernel)

    @abc.abstractmethod
    def step(self, projected: Any, states: list[Any], recurrent_mask: Any) -> tuple[Any, list[Any]]:
        """The output and the new states from the prepared input and the states."""

    def whole(self, training: bool | None) -> Callable | None:
        """The function in `whole.py` that does what this cell does for all steps; None: there is none."""
        return None

    def over_time(self, sequences: Any, states: list[Any], way: Way) -> tuple[Any, list[Any]]:
        """The outputs of all steps and the last states; arguments as for `loop.run`."""
        whole = None if way.unroll else self.whole(way.training)
        if whole is not None:
            weights = self.kernel, self.recurrent_kernel, self.bias
            return whole(self.dropped_inputs(sequences, way.training), states, weights, way.mask, way.zero_masked)
        prepared, recurrent_mask = self.prepare(sequences, way.training)
        return steps(lambda states, x: self.step(x, states, recurrent_mask), prepared, states, way)

    def call(self, inputs: Any, states: Any, training: bool = False) -> tuple[Any, Any]:
        several = isinstance(states, (list, tuple))
        projected, recurrent_mask = self.prepare(inputs, training)
        output, new = self.step(projected, list(states) if several else [states], recurrent_mask)
        return output, new if several else new[0]

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        """Zeros."""
        return [ops.zeros((batch_size, *self.state_shape), dtype=self.compute_dtype) for _ in range(self.states)]

    # --- dropout ---------------------------------------------------------------------------------------------------

    def dropped_inputs(self, inputs: Any, training: bool | None) -> Any:
        """The inputs after dropout, which is the same for all steps."""
        if not training or not self.dropout:
            return inputs
        batch, *sizes = ops.shape(inputs)
        one_step = len(sizes) == len(self.state_shape)
        noise = self._noise("input", (batch, *(sizes if one_step else sizes[1:])), self.dropout)
        return ops.multiply(inputs, noise if one_step else ops.expand_dims(noise, 1))

    def _noise(self, kind: str, shape: Any, rate: float) -> Any:
        held = {} if self._held is None else self._held
        if kind not in held:
            held[kind] = random.dropout(ops.ones(shape, dtype=self.compute_dtype), rate, seed=self.seed_generator)
        return held[kind]

    def hold_noise(self, held: bool) -> None:
        """From now on, whether all calls drop the same, as the steps of a sequence must, or each call its own."""
        self.__dict__["_held"] = {} if held else None  # nothing that attributes' tracking should see

    def get_dropout_mask(self, step_input: Any) -> Any:
        """The mask that the input is multiplied with in training, the same until it is reset.

        Args:
            step_input: the input of a step.
        """
        return self._asked_noise("input", step_input, self.dropout)

    def get_recurrent_dropout_mask(self, step_input: Any) -> Any:
        """The mask that the state is multiplied with in training, the same until it is reset.

        Args:
            step_input: a state.
        """
        return self._asked_noise("state", step_input, self.recurrent_dropout)

    def _asked_noise(self, kind: str, x: Any, rate: float) -> Any:
        if self._held is None:
            self.hold_noise(True)
        return self._noise(kind, ops.shape(x), rate) if rate else None

    def reset_dropout_mask(self) -> None:
        """Forget the mask of `get_dropout_mask`."""
        (self._held or {}).pop("input", None)

    def reset_recurrent_dropout_mask(self) -> None:
        """Forget the mask of `get_recurrent_dropout_mask`."""
        (self._held or {}).pop("state", None)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            **settings_config(self, "kernel_initializer", "recurrent_initializer", "bias_initializer"),
            **settings_config(self, "kernel_regularizer", "recurrent_regularizer", "bias_regularizer"),
            **settings_config(self, "kernel_constraint", "recurrent_constraint", "bias_constraint"),
            "dropout": self.dropout,
            "recurrent_dropout": self.recurrent_dropout,
            "seed": self.seed,
        }


def dropped(state: Any, mask: Any) -> Any:
    """A state after dropout with a mask; None: there is none."""
    return state if mask is None else ops.multiply(state, mask)


class SimpleRNNCell(Cell):
    """`h' = activation(x @ kernel + h @ recurrent_kernel + bias)` (Elman 1990).

    Called with an input `(batch, features)` and a list with the state `(batch, units)`; gives the output, which is the
    new state, and a list with it.

    Args:
        units: size of the state.
        activation: function or its name.
        use_bias: whether there is a bias.
        kernel_initializer, recurrent_initializer, bias_initializer: initializers or their names.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: regularizers or their names.
        kernel_constraint, recurrent_constraint, bias_constraint: constraints or their names.
        dropout, recurrent_dropout: which part of the input, of the state is dropped in training.
        seed: integer for the dropout.

    Raises:
        ValueError: `units` isn't a positive integer, or a name is unknown.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> cell = triceras.layers.SimpleRNNCell(3)
        >>> output, states = cell(np.ones((2, 5)), cell.get_initial_state(2))
        >>> tuple(output.shape), len(states)
        ((2, 3), 1)
    """

    gates = 1

    def step(self, projected: Any, states: list[Any], recurrent_mask: Any) -> tuple[Any, list[Any]]:
        out = self.activation(ops.add(projected, self.recur(states[0], recurrent_mask)))
        return out, [out]


class GatedCell(Cell, abc.ABC):
    """A cell with gates that have an activation of their own."""

    def __init__(self, units: int, activation: Any = "tanh", recurrent_activation: Any = "sigmoid", **kwargs: Any):
        super().__init__(units, activation, **kwargs)
        self.recurrent_activation = activations.get(recurrent_activation)

    def _is_usual(self, training: bool | None) -> bool:
        """Whether the activations are those of the kernels, and nothing is dropped between steps."""
        usual = self.activation is activations.tanh and self.recurrent_activation is activations.sigmoid
        return usual and not (training and self.recurrent_dropout)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "recurrent_activation": activations.serialize(self.recurrent_activation)}


class LSTMCell(GatedCell):
    """A long short-term memory (Hochreiter and Schmidhuber 1997); gates in the order input, forget, cell, output.

    Called with an input `(batch, features)` and a list of output and cell, each `(batch, units)`; gives the output and
    a list of the new ones.

    Args:
        units: size of the state.
        activation: of the cell's input and output.
        recurrent_activation: of the gates.
        use_bias: whether there is a bias.
        unit_forget_bias: whether the forget gate's bias begins at 1.
        kernel_initializer, recurrent_initializer, bias_initializer: initializers or their names.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: regularizers or their names.
        kernel_constraint, recurrent_constraint, bias_constraint: constraints or their names.
        dropout, recurrent_dropout: which part of the input, of the state is dropped in training.
        seed: integer for the dropout.

    Raises:
        ValueError: `units` isn't a positive integer, or a name is unknown.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> cell = triceras.layers.LSTMCell(3)
        >>> output, states = cell(np.ones((2, 5)), cell.get_initial_state(2))
        >>> tuple(output.shape), len(states)
        ((2, 3), 2)
    """

    gates, states = 4, 2

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        **kwargs: Any,
    ):
        super().__init__(
            units,
            activation,
            recurrent_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            **kwargs,
        )
        self.unit_forget_bias = unit_forget_bias

    def _bias_initializer(self) -> Any:
        if not self.unit_forget_bias:
            return self.bias_initializer
        inner, units = self.bias_initializer, self.units

        def bias(shape: Any, dtype: Any = None) -> np.ndarray:
            draw = getattr(inner, "draw", inner)
            parts = [np.asarray(draw((n * units,), dtype=dtype)) for n in (1, 2)]
            return np.concatenate([parts[0], np.ones((units,), parts[0].dtype), parts[1]])

        return bias

    def step(self, projected: Any, states: list[Any], recurrent_mask: Any) -> tuple[Any, list[Any]]:
        h, c = states
        projected = ops.add(projected, self.recur(h, recurrent_mask))
        h, c = lstm_gates(projected, c, self.activation, self.recurrent_activation, self.channel_axis)
        return h, [h, c]

    def whole(self, training: bool | None) -> Callable | None:
        return whole.lstm if self._is_usual(training) else None

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "unit_forget_bias": self.unit_forget_bias}


class GRUCell(GatedCell):
    """A gated recurrent unit (Cho et al. 2014); gates in the order update, reset, candidate.

    Called with an input `(batch, features)` and a list with the state `(batch, units)`; gives the output, which is the
    new state, and a list with it.

    Args:
        units: size of the state.
        activation: of the candidate.
        recurrent_activation: of the gates.
        use_bias: whether there is a bias.
        reset_after: whether the reset gate acts after the product with the state (as in cuDNN) or before.
        kernel_initializer, recurrent_initializer, bias_initializer: initializers or their names.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: regularizers or their names.
        kernel_constraint, recurrent_constraint, bias_constraint: constraints or their names.
        dropout, recurrent_dropout: which part of the input, of the state is dropped in training.
        seed: integer for the dropout.

    Raises:
        ValueError: `units` isn't a positive integer, or a name is unknown.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> cell = triceras.layers.GRUCell(3)
        >>> output, states = cell(np.ones((2, 5)), cell.get_initial_state(2))
        >>> tuple(output.shape), len(states)
        ((2, 3), 1)
    """

    gates = 3

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        reset_after: bool = True,
        **kwargs: Any,
    ):
        super().__init__(units, activation, recurrent_activation, **kwargs)
        self.reset_after = reset_after

    bias_shape = property(lambda self: (2, 3 * self.units) if self.reset_after else (3 * self.units,))

    def _input_bias(self) -> Any:
        return self.bias[0] if self.bias is not None and self.reset_after else self.bias

    def step(self, projected: Any, states: list[Any], recurrent_mask: Any) -> tuple[Any, list[Any]]:
        old = states[0]
        h = dropped(old, recurrent_mask)
        if self.reset_after:
            recurrent = ops.matmul(h, self.recurrent_kernel)
            recurrent = recurrent if self.bias is None else ops.add(recurrent, self.bias[1])
            out = gru_gates(projected, recurrent, old, self.activation, self.recurrent_activation)
            return out, [out]
        kernel = ops.convert_to_tensor(self.recurrent_kernel)
        xz, xr, xh = ops.split(projected, 3, axis=-1)
        hz, hr = ops.split(ops.matmul(h, kernel[:, : 2 * self.units]), 2, axis=-1)
        update = self.recurrent_activation(ops.add(xz, hz))
        reset = self.recurrent_activation(ops.add(xr, hr))
        hh = ops.matmul(ops.multiply(reset, h), kernel[:, 2 * self.units :])
        candidate = self.activation(ops.add(xh, hh))
        out = ops.add(ops.multiply(update, old), ops.multiply(ops.subtract(1.0, update), candidate))
        return out, [out]

    def whole(self, training: bool | None) -> Callable | None:
        return whole.gru if self.reset_after and self._is_usual(training) else None

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "reset_after": self.reset_after}
