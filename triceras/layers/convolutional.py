"""Convolutions."""

from __future__ import annotations

import abc
from typing import Any

from triceras import activations, ops, regularizers
from triceras.core import config
from triceras.layers.input_spec import InputSpec
from triceras.layers.layer import Layer
from triceras.layers.settings import keep_settings, make_weight, positive_integer, settings_config

__all__ = ["Conv1D", "Conv2D", "Conv3D"]


def integers(name: str, value: Any, rank: int, smallest: int = 1) -> tuple[int, ...]:
    """One integer for each dimension, from one for all or a tuple.

    Raises:
        ValueError: another number of them, or one that is too small.
    """
    values = (value,) * rank if isinstance(value, int) else tuple(value) if isinstance(value, (list, tuple)) else ()
    if len(values) != rank or any(not isinstance(v, int) or isinstance(v, bool) or v < smallest for v in values):
        raise ValueError(
            f"The `{name}` argument must be a tuple of {rank} integers of at least {smallest}. Received: {name}={value}"
        )
    return values


def standardize_padding(padding: Any, allowed: tuple[str, ...] = ("valid", "same")) -> str:
    """A padding in lower case.

    Raises:
        ValueError: one that isn't allowed.
    """
    name = padding.lower() if isinstance(padding, str) else padding
    if name not in allowed:
        raise ValueError(f"The `padding` argument must be one of {set(allowed)}. Received: padding={padding}")
    return name


def window_output(size: int | None, window: int, stride: int, padding: str, dilation: int = 1) -> int | None:
    """How many places a window takes along a dimension."""
    if size is None:
        return None
    if padding == "valid":
        size -= (window - 1) * dilation
        if size < 1:
            raise ValueError(
                f"The window of size {(window - 1) * dilation + 1} doesn't fit into a dimension of "
                f"{size + (window - 1) * dilation}. "
                "Use padding='same', a smaller window or a larger input."
            )
    return -(-size // stride)


class Convolution(Layer, abc.ABC):
    """A convolution over `rank` dimensions: weights are shared over places."""

    rank: int

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
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
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters, self.groups = positive_integer("filters", filters), positive_integer("groups", groups)
        self.kernel_size = integers("kernel_size", kernel_size, self.rank)
        self.strides = integers("strides", strides, self.rank)
        self.dilation_rate = integers("dilation_rate", dilation_rate, self.rank)
        self.padding = standardize_padding(
            padding, ("valid", "same", "causal") if self.rank == 1 else ("valid", "same")
        )
        self.data_format = config.standardize_data_format(data_format)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                "`strides > 1` not supported in conjunction with `dilation_rate > 1`. Received: "
                f"strides={self.strides} and dilation_rate={self.dilation_rate}"
            )
        if filters % groups:
            raise ValueError(
                "The number of filters must be evenly divisible by the number of groups. Received: "
                f"groups={groups}, filters={filters}."
            )
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        keep_settings(
            self,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )
        self.input_spec = InputSpec(min_ndim=self.rank + 2)
        self.bias = None

    def build(self, input_shape: Any) -> None:
        axis = -1 if self.data_format == "channels_last" else 1
        channels = input_shape[axis]
        if channels is None:
            raise ValueError(
                f"The channel dimension of the inputs to '{self.name}' must be known. Received: "
                f"input_shape={input_shape}"
            )
        if channels % self.groups:
            raise ValueError(
                "The number of input channels must be evenly divisible by the number of groups. Received "
                f"groups={self.groups}, but the input has {channels} channels (full input shape is {input_shape})."
            )
        self.kernel = make_weight(self, "kernel", (*self.kernel_size, channels // self.groups, self.filters))
        if self.use_bias:
            self.bias = make_weight(self, "bias", (self.filters,))
        self.input_spec = InputSpec(min_ndim=self.rank + 2, axes={axis: channels})
        self.built = True

    def call(self, inputs: Any) -> Any:
        x, padding = inputs, self.padding
        if padding == "causal":
            x, padding = self._pad_left(x), "valid"
        options = {
            "strides": self.strides,
            "padding": padding,
            "dilation_rate": self.dilation_rate,
            "data_format": self.data_format,
        }
        if self.bias is None:
            x = ops.conv(x, self.kernel, **options)
        else:
            x = ops.biased_conv(x, self.kernel, self.bias, **options)
        return x if self.activation is activations.linear else self.activation(x)

    def _pad_left(self, x: Any) -> Any:
        before = (self.dilation_rate[0] * (self.kernel_size[0] - 1), 0)
        return ops.pad(x, [(0, 0), before, (0, 0)] if self.data_format == "channels_last" else [(0, 0), (0, 0), before])

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        last = self.data_format == "channels_last"
        spatial = input_shape[1:-1] if last else input_shape[2:]
        padding = "same" if self.padding == "causal" else self.padding
        sizes = tuple(
            window_output(*values, padding, dilation)
            for *values, dilation in zip(spatial, self.kernel_size, self.strides, self.dilation_rate, strict=True)
        )
        return (input_shape[0], *sizes, self.filters) if last else (input_shape[0], self.filters, *sizes)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
            "groups": self.groups,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            **settings_config(self, "kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer"),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            **settings_config(self, "kernel_constraint", "bias_constraint"),
        }


class Conv1D(Convolution):
    """A convolution over time.

    Input: `(batch, time, channels)`, with `"channels_first"` `(batch, channels, time)`; output: the same with `filters`
    channels and a time that depends on padding and strides. The kernel has the shape
    `(kernel_size, channels // groups, filters)`.

    Args:
        filters: channels of the output.
        kernel_size: length of the window.
        strides: its step.
        padding: `"valid"`, `"same"` or `"causal"` (output `t` sees inputs up to `t`).
        data_format: `"channels_last"` or `"channels_first"`.
        dilation_rate: distance of the window's elements.
        groups: how many groups of channels are convolved apart.
        activation: function or its name.
        use_bias: whether there is a bias.
        kernel_initializer, bias_initializer: initializers or their names.
        kernel_regularizer, bias_regularizer, activity_regularizer: regularizers or their names.
        kernel_constraint, bias_constraint: constraints or their names.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.Conv1D(3, 2)(np.ones((1, 5, 2))).shape)
        (1, 4, 3)
    """

    rank = 1


class Conv2D(Convolution):
    """A convolution over images.

    Input: `(batch, height, width, channels)`, with `"channels_first"` `(batch, channels, height, width)`; output: the
    same with `filters` channels. The kernel has the shape `(*kernel_size, channels // groups, filters)`.

    Args:
        filters: channels of the output.
        kernel_size: height and width of the window, or one integer.
        strides: its steps, or one integer.
        padding: `"valid"` or `"same"`.
        data_format: `"channels_last"` or `"channels_first"`.
        dilation_rate: distances of the window's elements, or one integer.
        groups: how many groups of channels are convolved apart.
        activation: function or its name.
        use_bias: whether there is a bias.
        kernel_initializer, bias_initializer: initializers or their names.
        kernel_regularizer, bias_regularizer, activity_regularizer: regularizers or their names.
        kernel_constraint, bias_constraint: constraints or their names.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.Conv2D(3, 2, padding="same")(np.ones((1, 5, 5, 2))).shape)
        (1, 5, 5, 3)
    """

    rank = 2

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = (1, 1),
        groups: int = 1,
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
            data_format,
            dilation_rate,
            groups,
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


class Conv3D(Convolution):
    """A convolution over volumes.

    Input: `(batch, depth, height, width, channels)`, with `"channels_first"` the channels second.

    Args:
        filters: channels of the output.
        kernel_size: size of the window, three integers or one.
        **kwargs: as in `Conv2D`.
    """

    rank = 3

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = (1, 1, 1),
        groups: int = 1,
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
            data_format,
            dilation_rate,
            groups,
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
