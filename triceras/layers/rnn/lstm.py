"""The long short-term memory."""

from __future__ import annotations

from typing import Any

from triceras.layers.rnn.cells import LSTMCell
from triceras.layers.rnn.rnn import CellRNN

__all__ = ["LSTM"]


class LSTM(CellRNN):
    """Long short-term memory (Hochreiter and Schmidhuber 1997).

    Input: `(batch, time, features)`; output: `(batch, units)`, or with `return_sequences` `(batch, time, units)`. The
        gates
    are in the order input, forget, cell, output.

    Args:
        units: size of the state.
        activation: of the cell's input and output.
        recurrent_activation: of the gates.
        use_bias: whether there is a bias.
        kernel_initializer, recurrent_initializer, bias_initializer: initializers or their names.
        unit_forget_bias: whether the forget gate's bias begins at 1.
        kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer: regularizers or their names.
        kernel_constraint, recurrent_constraint, bias_constraint: constraints or their names.
        dropout, recurrent_dropout: which part of the input, of the state is dropped in training.
        seed: integer for the dropout.
        return_sequences, return_state, go_backwards, stateful, unroll: see `RNN`.
        use_cudnn: kept for compatibility.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.LSTM(3, return_sequences=True)(np.ones((2, 4, 5))).shape)
        (2, 4, 3)
    """

    cell_class = LSTMCell

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
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ):
        self._set_up(locals())
