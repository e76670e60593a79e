"""Convolutional long short-term memories over sequences of lines, images or volumes."""

from __future__ import annotations

import abc
from typing import Any

from triceras import ops
from triceras.core import config
from triceras.core.spec import Spec
from triceras.layers.input_spec import InputSpec
from triceras.layers.rnn.cells import LSTMCell, dropped
from triceras.layers.rnn.rnn import CellRNN
from triceras.layers.settings import positive_integer
from triceras.layers.spatial import integers, one_of

__all__ = ["ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"]


class ConvLSTMCell(LSTMCell):
    """An LSTM cell whose products are convolutions; see `ConvLSTM2D`. Its states are known once it is built.

    Args:
        filters: channels of output and states.
        kernel_size, strides, dilation_rate: tuples with an integer for each spatial dimension.
        padding, data_format: see `ConvLSTM2D`.
        **kwargs: as in `LSTMCell`.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        **kwargs: Any,
    ):
        super().__init__(positive_integer("filters", filters), **kwargs)
        self.filters, self.kernel_size, self.strides = filters, kernel_size, strides
        self.padding, self.data_format, self.dilation_rate = padding, data_format, dilation_rate
        self.channel_axis = -1 if data_format == "channels_last" else 1
        self._state_shape: tuple[int, ...] = (filters,)

    state_shape = property(lambda self: self._state_shape)

    def build(self, input_shape: Any) -> None:
        if input_shape[self.channel_axis] is None:
            raise ValueError(
                f"The channel dimension of the inputs (axis {self.channel_axis}) should be defined. Found None. Full "
                f"input shape received: input_shape={tuple(input_shape)}"
            )
        if None in input_shape[1:]:
            raise ValueError(
                "ConvLSTM layers only support static input shapes for the spatial dimension. Received invalid input "
                f"shape: input_shape={tuple(input_shape)}"
            )
        self._state_shape = self.output_shape(input_shape)[1:]
        super().build(input_shape)

    def output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """The shape of output and states for the shape of one step's input."""
        kernel = Spec((*self.kernel_size, input_shape[self.channel_axis], self.filters), "float32")
        return ops.conv(Spec(input_shape, "float32"), kernel, **self._input_options()).shape

    def _input_options(self) -> dict[str, Any]:
        return {
            "strides": self.strides,
            "padding": self.padding,
            "dilation_rate": self.dilation_rate,
            "data_format": self.data_format,
        }

    def _kernel_shape(self, channels: int) -> tuple[int, ...]:
        return (*self.kernel_size, channels, self.gates * self.units)

    def project(self, inputs: Any) -> Any:
        """What inputs, of one step or of all, add to the gates."""
        shape, options = ops.shape(inputs), self._input_options()
        steps = shape[1 : -len(self.state_shape)]
        x = ops.reshape(inputs, (-1, *shape[2:])) if steps else inputs
        x = (
            ops.conv(x, self.kernel, **options)
            if self.bias is None
            else ops.biased_conv(x, self.kernel, self.bias, **options)
        )
        return ops.reshape(x, (-1, *steps, *ops.shape(x)[1:])) if steps else x

    def recur(self, state: Any, recurrent_mask: Any) -> Any:
        """What the state adds to the gates."""
        state = dropped(state, recurrent_mask)
        return ops.conv(state, self.recurrent_kernel, padding="same", data_format=self.data_format)

    def whole(self, training: bool | None) -> None:
        """There is no kernel for all steps."""
        return None

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["units"]
        return {**config, "filters": self.filters, "kernel_size": self.kernel_size, **self._input_options()}


class ConvLSTM(CellRNN, abc.ABC):
    """A convolutional LSTM over `rank` spatial dimensions."""

    cell_class = ConvLSTMCell
    rank: int

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
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
        **kwargs: Any,
    ):
        kernel_size = integers("kernel_size", kernel_size, self.rank)
        strides = integers("strides", strides, self.rank)
        dilation_rate = integers("dilation_rate", dilation_rate, self.rank)
        padding = one_of("padding", padding, ("valid", "same"))
        data_format = config.standardize_data_format(data_format)
        if max(strides) > 1 and max(dilation_rate) > 1:
            raise ValueError(
                "Specifying `strides > 1` is not compatible with `dilation_rate > 1`. Received: "
                f"strides={strides} and dilation_rate={dilation_rate}"
            )
        self._set_up(locals())
        self.input_spec = InputSpec(ndim=self.rank + 3)

    def _fixed_axes(self, rank: int) -> list[int]:
        return list(range(2, rank))

    def _state_shapes(self, step_shape: Any) -> list[Any]:
        return [self.cell.output_shape(step_shape)] * 2

    def _step_shapes(self, step_shape: Any) -> tuple[Any, list[Any]]:
        states = self._state_shapes(step_shape)
        return states[0], states


class ConvLSTM1D(ConvLSTM):
    """A convolutional LSTM over sequences of lines (Shi et al. 2015): an LSTM whose products are convolutions.

    Input: `(batch, time, length, channels)`, with `"channels_first"` the channels third;
    only `batch` and `time` may be unknown. Output: the last output, `(batch, new_length, filters)`, or with
    `return_sequences` all, time second. With `return_state` output and cell come out behind it, both of that shape.

    Args:
        filters: channels of output and states.
        kernel_size: length of the window.
        strides: its step, of the input's convolution.
        padding: `"valid"` or `"same"`, of the input's convolution; that of the state is always `"same"`.
        data_format: `"channels_last"` or `"channels_first"`.
        dilation_rate: distance of its elements, of the input's convolution.
        activation: of the cell's input and output.
        recurrent_activation: of the gates.
        use_bias: whether there is a bias.
        kernel_initializer, recurrent_initializer, bias_initializer: initializers or their names.
        unit_forget_bias: whether the forget gate's bias begins at 1.
        kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer: regularizers or their names.
        kernel_constraint, recurrent_constraint, bias_constraint: constraints or their names.
        dropout, recurrent_dropout: which part of the input, of the state is dropped in training.
        seed: integer for the dropout.
        return_sequences, return_state, go_backwards, stateful: see `RNN`.
        **kwargs: `unroll` as in `RNN`, and what every layer takes.

    Raises:
        ValueError: an argument out of its range, both `strides` and `dilation_rate` above 1, an unknown name.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.ConvLSTM1D(3, 2)(np.ones((2, 4, 6, 5))).shape)
        (2, 5, 3)
    """

    rank = 1


class ConvLSTM2D(ConvLSTM):
    """A convolutional LSTM over sequences of images (Shi et al. 2015): an LSTM whose products are convolutions.

    Input: `(batch, time, height, width, channels)`, with `"channels_first"` the channels third;
    only `batch` and `time` may be unknown. Output: the last output, `(batch, new_height, new_width, filters)`, or with
    `return_sequences` all, time second. With `return_state` output and cell come out behind it, both of that shape.

    Args:
        filters: channels of output and states.
        kernel_size: height and width of the window, or one integer.
        strides: its steps, or one integer, of the input's convolution.
        padding: `"valid"` or `"same"`, of the input's convolution; that of the state is always `"same"`.
        data_format: `"channels_last"` or `"channels_first"`.
        dilation_rate: distances of its elements, or one integer, of the input's convolution.
        activation: of the cell's input and output.
        recurrent_activation: of the gates.
        use_bias: whether there is a bias.
        kernel_initializer, recurrent_initializer, bias_initializer: initializers or their names.
        unit_forget_bias: whether the forget gate's bias begins at 1.
        kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer: regularizers or their names.
        kernel_constraint, recurrent_constraint, bias_constraint: constraints or their names.
        dropout, recurrent_dropout: which part of the input, of the state is dropped in training.
        seed: integer for the dropout.
        return_sequences, return_state, go_backwards, stateful: see `RNN`.
        **kwargs: `unroll` as in `RNN`, and what every layer takes.

    Raises:
        ValueError: an argument out of its range, both `strides` and `dilation_rate` above 1, an unknown name.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.ConvLSTM2D(3, 2)(np.ones((2, 4, 6, 6, 1))).shape)
        (2, 5, 5, 3)
    """

    rank = 2


class ConvLSTM3D(ConvLSTM):
    """A convolutional LSTM over sequences of volumes (Shi et al. 2015): an LSTM whose products are convolutions.

    Input: `(batch, time, depth, height, width, channels)`, with `"channels_first"` the channels third;
    only `batch` and `time` may be unknown. Output: the last, `(batch, new_depth, new_height, new_width, filters)`,
    or with `return_sequences` all, time second. With `return_state` output and cell come out behind it, of that shape.

    Args:
        filters: channels of output and states.
        kernel_size: depth, height and width of the window, or one integer.
        strides: its steps, or one integer, of the input's convolution.
        padding: `"valid"` or `"same"`, of the input's convolution; that of the state is always `"same"`.
        data_format: `"channels_last"` or `"channels_first"`.
        dilation_rate: distances of its elements, or one integer, of the input's convolution.
        activation: of the cell's input and output.
        recurrent_activation: of the gates.
        use_bias: whether there is a bias.
        kernel_initializer, recurrent_initializer, bias_initializer: initializers or their names.
        unit_forget_bias: whether the forget gate's bias begins at 1.
        kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer: regularizers or their names.
        kernel_constraint, recurrent_constraint, bias_constraint: constraints or their names.
        dropout, recurrent_dropout: which part of the input, of the state is dropped in training.
        seed: integer for the dropout.
        return_sequences, return_state, go_backwards, stateful: see `RNN`.
        **kwargs: `unroll` as in `RNN`, and what every layer takes.

    Raises:
        ValueError: an argument out of its range, both `strides` and `dilation_rate` above 1, an unknown name.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.ConvLSTM3D(3, 2)(np.ones((2, 4, 3, 3, 3, 1))).shape)
        (2, 2, 2, 2, 3)
    """

    rank = 3
