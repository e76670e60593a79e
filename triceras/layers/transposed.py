"""Transposed convolutions: what convolutions' gradients compute, as layers that make things larger."""

from __future__ import annotations

import abc
from typing import Any

from triceras import ops
from triceras.layers.convolutional import BaseConvolution
from triceras.layers.settings import make_weight, positive_integer
from triceras.layers.spatial import integers, with_defaults
from triceras.ops import windows

__all__ = ["Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"]


class TransposedConvolution(BaseConvolution, abc.ABC):
    """A transposed convolution over `rank` dimensions: every element of the input adds a window to the output."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        settings = {
            "kernel_initializer": kernel_initializer,
            "bias_initializer": bias_initializer,
            "kernel_regularizer": kernel_regularizer,
            "bias_regularizer": bias_regularizer,
            "kernel_constraint": kernel_constraint,
            "bias_constraint": bias_constraint,
        }
        window = kernel_size, strides, padding, data_format, dilation_rate
        kwargs["activity_regularizer"] = activity_regularizer
        super().__init__(*window, activation, use_bias, settings, **kwargs)
        self.filters, self.output_padding = positive_integer("filters", filters), None
        self._refuse_strides_with_dilation()
        if output_padding is not None:
            self.output_padding = integers("output_padding", output_padding, self.rank, smallest=0)
            if any(extra >= step for extra, step in zip(self.output_padding, self.strides, strict=True)):
                raise ValueError(
                    "`output_padding` must be strictly less than `strides` for all dimensions. Received: "
                    f"output_padding={self.output_padding}, strides={self.strides}"
                )

    def build(self, input_shape: Any) -> None:
        self.kernel = make_weight(self, "kernel", (*self.kernel_size, self.filters, self._channels(input_shape)))
        if self.use_bias:
            self.bias = make_weight(self, "bias", (self.filters,))
        self.built = True

    def call(self, inputs: Any) -> Any:
        rates = {"strides": self.strides, "dilation_rate": self.dilation_rate}
        more = {"padding": self.padding, "output_padding": self.output_padding, "data_format": self.data_format}
        x = ops.conv_transpose(inputs, self.kernel, **rates, **more)
        if self.bias is not None:
            last = self.data_format == "channels_last"
            x = ops.add(x, self.bias if last else ops.reshape(self.bias, (self.filters, *(1,) * self.rank)))
        return self.activated(x)

    def _filters(self, input_shape: Any) -> int:
        return self.filters

    def _sizes(self, sizes: Any) -> list[int | None]:
        extra = self.output_padding or (None,) * self.rank
        places = zip(sizes, self.kernel_size, self.strides, extra, self.dilation_rate, strict=True)
        return [windows.transposed(n, k, s, self.padding, e, d)[0] for n, k, s, e, d in places]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "filters": self.filters, "output_padding": self.output_padding}


class Conv1DTranspose(TransposedConvolution):
    """A transposed convolution over time: makes sequences longer.

    Input: `(batch, time, channels)`, with `"channels_first"` `(batch, channels, time)`; output: the same with `filters`
    channels and a time of `(time - 1) * strides + max(kernel_size, strides)`, under `"same"` `time * strides`. The
    kernel has the shape `(kernel_size, filters, channels)`. Zeiler et al. 2010, "Deconvolutional Networks".

    Args:
        filters: channels of the output.
        kernel_size: length of the window.
        strides: how far apart the windows of neighbours are in the output.
        padding: `"valid"` or `"same"`.
        output_padding: how much longer the output is than `(time - 1) * strides + kernel_size`, under `"same"` less
            twice half a window; smaller than `strides`. By default the output is as long as said above.
        data_format: `"channels_last"` or `"channels_first"`.
        dilation_rate: distance of the window's elements; with it, `strides` must be 1.
        activation: function or its name.
        use_bias: whether there is a bias.
        kernel_initializer, bias_initializer: initializers or their names.
        kernel_regularizer, bias_regularizer, activity_regularizer: regularizers or their names.
        kernel_constraint, bias_constraint: constraints or their names.

    Raises:
        ValueError: an argument isn't allowed.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.Conv1DTranspose(3, 2, strides=2)(np.ones((1, 5, 2))).shape)
        (1, 10, 3)
    """

    rank = 1


class Conv2DTranspose(TransposedConvolution):
    """A transposed convolution over images: makes them larger.

    Input: `(batch, height, width, channels)`, with `"channels_first"` `(batch, channels, height, width)`; output: the
    same with `filters` channels, and sizes as `Conv1DTranspose` has them. The kernel has the shape
    `(*kernel_size, filters, channels)`.

    Args:
        filters: channels of the output.
        kernel_size: height and width of the window, or one integer.
        strides: how far apart the windows of neighbours are in the output, two integers or one.
        padding: `"valid"` or `"same"`.
        output_padding: as in `Conv1DTranspose`, two integers or one.
        data_format: `"channels_last"` or `"channels_first"`.
        dilation_rate: distances of the window's elements, two integers or one; with them, `strides` must be 1.
        activation, use_bias: as in `Conv1DTranspose`.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer: as there.
        kernel_constraint, bias_constraint: as there.

    Raises:
        ValueError: an argument isn't allowed.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> layer = triceras.layers.Conv2DTranspose(4, 3, strides=2, padding="same")
        >>> tuple(layer(np.ones((1, 5, 6, 2))).shape)
        (1, 10, 12, 4)
    """

    rank = 2
    __init__ = with_defaults(TransposedConvolution.__init__, strides=(1, 1), dilation_rate=(1, 1))


class Conv3DTranspose(TransposedConvolution):
    """A transposed convolution over volumes: makes them larger.

    Input: `(batch, depth, height, width, channels)`, with `"channels_first"` the channels second; output: the same with
    `filters` channels, and sizes as `Conv1DTranspose` has them. The kernel has the shape
    `(*kernel_size, filters, channels)`.

    Args:
        filters: channels of the output.
        kernel_size: size of the window, three integers or one.
        strides: how far apart the windows of neighbours are in the output, three integers or one.
        padding: `"valid"` or `"same"`.
        data_format: `"channels_last"` or `"channels_first"`; comes before `output_padding` here alone.
        output_padding: as in `Conv1DTranspose`, three integers or one.
        dilation_rate: distances of the window's elements, three integers or one; with them, `strides` must be 1.
        activation, use_bias: as in `Conv1DTranspose`.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer: as there.
        kernel_constraint, bias_constraint: as there.

    Raises:
        ValueError: an argument isn't allowed.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.Conv3DTranspose(4, 2, strides=2)(np.ones((1, 2, 3, 4, 2))).shape)
        (1, 4, 6, 8, 4)
    """

    rank = 3

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        output_padding: Any = None,
        dilation_rate: Any = (1, 1, 1),
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(
            filters,
            kernel_size,
            strides,
            padding,
            output_padding,
            data_format,
            dilation_rate,
            activation,
            use_bias,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            activity_regularizer,
            kernel_constraint,
            bias_constraint,
            **kwargs,
        )
