"""A fully connected recurrent layer."""

from __future__ import annotations

from typing import Any

from triceras.layers.rnn.cells import SimpleRNNCell
from triceras.layers.rnn.rnn import CellRNN

__all__ = ["SimpleRNN"]


class SimpleRNN(CellRNN):
    """A recurrent layer whose output is its state.

    Input: `(batch, time, features)`; output: `(batch, units)`, or with `return_sequences` `(batch, time, units)`.

    Args:
        units: size of the state.
        activation: function or its name.
        use_bias: whether there is a bias.
        kernel_initializer, recurrent_initializer, bias_initializer: initializers or their names.
        kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer: regularizers or their names.
        kernel_constraint, recurrent_constraint, bias_constraint: constraints or their names.
        dropout, recurrent_dropout: which part of the input, of the state is dropped in training.
        return_sequences, return_state, go_backwards, stateful, unroll: see `RNN`.
        seed: integer for the dropout.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.SimpleRNN(3)(np.ones((2, 4, 5))).shape)
        (2, 3)
    """

    cell_class = SimpleRNNCell

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
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ):
        self._set_up(locals())
