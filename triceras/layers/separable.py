"""Depthwise and separable convolutions: channels by themselves first, mixed afterwards or not at all."""

from __future__ import annotations

import abc
from typing import Any

from triceras import ops
from triceras.layers.convolutional import BaseConvolution
from triceras.layers.settings import make_weight, positive_integer
from triceras.layers.spatial import with_defaults

__all__ = ["DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"]


class DepthwiseConvolution(BaseConvolution, abc.ABC):
    """A convolution of each channel by itself, over `rank` dimensions."""

    kinds = ("depthwise", "bias")

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        settings = {
            "depthwise_initializer": depthwise_initializer,
            "bias_initializer": bias_initializer,
            "depthwise_regularizer": depthwise_regularizer,
            "bias_regularizer": bias_regularizer,
            "depthwise_constraint": depthwise_constraint,
            "bias_constraint": bias_constraint,
        }
        window = kernel_size, strides, padding, data_format, dilation_rate
        kwargs["activity_regularizer"] = activity_regularizer
        super().__init__(*window, activation, use_bias, settings, **kwargs)
        self.depth_multiplier = positive_integer("depth_multiplier", depth_multiplier)

    def build(self, input_shape: Any) -> None:
        channels = self._channels(input_shape)
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.kernel = make_weight(self, "depthwise", shape, name="kernel")
        if self.use_bias:
            self.bias = make_weight(self, "bias", (channels * self.depth_multiplier,))
        self.built = True

    def call(self, inputs: Any) -> Any:
        kernel = ops.reshape(self.kernel, (*self.kernel_size, 1, -1))  # as many groups as channels
        rates = {"strides": self.strides, "dilation_rate": self.dilation_rate}
        return self.convolved(inputs, kernel, padding=self.padding, **rates)

    def _filters(self, input_shape: Any) -> int | None:
        channels = input_shape[self._channel_axis]
        return None if channels is None else channels * self.depth_multiplier

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "depth_multiplier": self.depth_multiplier}


class SeparableConvolution(BaseConvolution, abc.ABC):
    """A depthwise convolution over `rank` dimensions, then one with a window of 1 that mixes the channels."""

    kinds = ("depthwise", "pointwise", "bias")

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        settings = {
            "depthwise_initializer": depthwise_initializer,
            "pointwise_initializer": pointwise_initializer,
            "bias_initializer": bias_initializer,
            "depthwise_regularizer": depthwise_regularizer,
            "pointwise_regularizer": pointwise_regularizer,
            "bias_regularizer": bias_regularizer,
            "depthwise_constraint": depthwise_constraint,
            "pointwise_constraint": pointwise_constraint,
            "bias_constraint": bias_constraint,
        }
        window = kernel_size, strides, padding, data_format, dilation_rate
        kwargs["activity_regularizer"] = activity_regularizer
        super().__init__(*window, activation, use_bias, settings, **kwargs)
        self.filters = positive_integer("filters", filters)
        self.depth_multiplier = positive_integer("depth_multiplier", depth_multiplier)

    def build(self, input_shape: Any) -> None:
        channels, multiplier = self._channels(input_shape), self.depth_multiplier
        shape = (*self.kernel_size, channels, multiplier)
        self.depthwise_kernel = make_weight(self, "depthwise", shape, name="depthwise_kernel")
        shape = (*(1,) * self.rank, channels * multiplier, self.filters)
        self.pointwise_kernel = make_weight(self, "pointwise", shape, name="pointwise_kernel")
        if self.use_bias:
            self.bias = make_weight(self, "bias", (self.filters,))
        self.built = True

    def call(self, inputs: Any) -> Any:
        options = {"padding": self.padding, "data_format": self.data_format, "dilation_rate": self.dilation_rate}
        x = ops.depthwise_conv(inputs, self.depthwise_kernel, self.strides, **options)
        return self.convolved(x, self.pointwise_kernel)

    def _filters(self, input_shape: Any) -> int:
        return self.filters

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "filters": self.filters, "depth_multiplier": self.depth_multiplier}


class DepthwiseConv1D(DepthwiseConvolution):
    """A convolution over time of each channel by itself.

    Input: `(batch, time, channels)`, with `"channels_first"` `(batch, channels, time)`; output: the same with
    `channels * depth_multiplier` channels and a time that depends on padding and strides. The kernel has the shape
    `(kernel_size, channels, depth_multiplier)`.

    Args:
        kernel_size: length of the window.
        strides: its step.
        padding: `"valid"` or `"same"`.
        depth_multiplier: how many output channels each input channel has.
        data_format: `"channels_last"` or `"channels_first"`.
        dilation_rate: distance of the window's elements.
        activation: function or its name.
        use_bias: whether there is a bias.
        depthwise_initializer, bias_initializer: initializers or their names.
        depthwise_regularizer, bias_regularizer, activity_regularizer: regularizers or their names.
        depthwise_constraint, bias_constraint: constraints or their names.

    Raises:
        ValueError: an argument isn't allowed.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.DepthwiseConv1D(2, depth_multiplier=3)(np.ones((1, 5, 2))).shape)
        (1, 4, 6)
    """

    rank = 1


class DepthwiseConv2D(DepthwiseConvolution):
    """A convolution over images of each channel by itself.

    Input: `(batch, height, width, channels)`, with `"channels_first"` `(batch, channels, height, width)`; output: the
    same with `channels * depth_multiplier` channels. The kernel has the shape
    `(*kernel_size, channels, depth_multiplier)`.

    Args:
        kernel_size: height and width of the window, or one integer.
        strides: its steps, or one integer.
        padding: `"valid"` or `"same"`.
        depth_multiplier: how many output channels each input channel has.
        data_format: `"channels_last"` or `"channels_first"`.
        dilation_rate: distances of the window's elements, or one integer.
        activation, use_bias: as in `DepthwiseConv1D`.
        depthwise_initializer, bias_initializer, activity_regularizer: as there.
        depthwise_regularizer, bias_regularizer, depthwise_constraint, bias_constraint: as there.

    Raises:
        ValueError: an argument isn't allowed.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.DepthwiseConv2D(3, padding="same")(np.ones((1, 5, 6, 2))).shape)
        (1, 5, 6, 2)
    """

    rank = 2
    __init__ = with_defaults(DepthwiseConvolution.__init__, strides=(1, 1), dilation_rate=(1, 1))


class SeparableConv1D(SeparableConvolution):
    """A convolution over time of each channel by itself, then a mix of the channels at each step.

    Input: `(batch, time, channels)`, with `"channels_first"` `(batch, channels, time)`; output: the same with `filters`
    channels and a time that depends on padding and strides. The kernels have the shapes
    `(kernel_size, channels, depth_multiplier)` and `(1, channels * depth_multiplier, filters)`.

    Args:
        filters: channels of the output.
        kernel_size: length of the window.
        strides: its step.
        padding: `"valid"` or `"same"`.
        data_format: `"channels_last"` or `"channels_first"`.
        dilation_rate: distance of the window's elements.
        depth_multiplier: how many channels each input channel has between the two convolutions.
        activation: function or its name, after both.
        use_bias: whether there is a bias, after both.
        depthwise_initializer, pointwise_initializer, bias_initializer: initializers or their names.
        depthwise_regularizer, pointwise_regularizer, bias_regularizer: regularizers or their names.
        activity_regularizer: regularizer of the output, or its name.
        depthwise_constraint, pointwise_constraint, bias_constraint: constraints or their names.

    Raises:
        ValueError: an argument isn't allowed.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> layer = triceras.layers.SeparableConv1D(4, 2)
        >>> tuple(layer(np.ones((1, 5, 2))).shape), [w.name for w in layer.weights]
        ((1, 4, 4), ['depthwise_kernel', 'pointwise_kernel', 'bias'])
    """

    rank = 1


class SeparableConv2D(SeparableConvolution):
    """A convolution over images of each channel by itself, then a mix of the channels at each place.

    Input: `(batch, height, width, channels)`, with `"channels_first"` `(batch, channels, height, width)`; output: the
    same with `filters` channels. The kernels have the shapes `(*kernel_size, channels, depth_multiplier)` and
    `(1, 1, channels * depth_multiplier, filters)`. Chollet 2017, "Xception".

    Args:
        filters: channels of the output.
        kernel_size: height and width of the window, or one integer.
        strides: its steps, or one integer.
        padding: `"valid"` or `"same"`.
        data_format: `"channels_last"` or `"channels_first"`.
        dilation_rate: distances of the window's elements, or one integer.
        depth_multiplier, activation, use_bias: as in `SeparableConv1D`.
        depthwise_initializer, pointwise_initializer, bias_initializer, activity_regularizer: as there.
        depthwise_regularizer, pointwise_regularizer, bias_regularizer: as there.
        depthwise_constraint, pointwise_constraint, bias_constraint: as there.

    Raises:
        ValueError: an argument isn't allowed.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.SeparableConv2D(4, 3, padding="same")(np.ones((1, 5, 6, 2))).shape)
        (1, 5, 6, 4)
    """

    rank = 2
    __init__ = with_defaults(SeparableConvolution.__init__, strides=(1, 1), dilation_rate=(1, 1))
