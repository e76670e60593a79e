"""Convolutions, and what their relatives share with them."""

from __future__ import annotations

import abc
from typing import Any

from triceras import activations, ops, regularizers
from triceras.core import config
from triceras.layers.adaptable import Adaptable
from triceras.layers.input_spec import InputSpec
from triceras.layers.layer import Layer
from triceras.layers.settings import keep_settings, make_weight, positive_integer, settings_config
from triceras.layers.spatial import integers, one_of, with_defaults
from triceras.ops import windows

__all__ = ["Conv1D", "Conv2D", "Conv3D"]


class BaseConvolution(Layer, abc.ABC):
    """Kernels that move over `rank` dimensions, then a bias and an activation.

    Subclasses say which weights have initializers, regularizers and constraints (`kinds`), make them in `build`, and
    use `finished` in `call`.
    """

    rank: int
    kinds: tuple[str, ...] = ("kernel", "bias")
    paddings: tuple[str, ...] = ("valid", "same")

    def __init__(
        self,
        kernel_size: Any,
        strides: Any,
        padding: Any,
        data_format: str | None,
        dilation_rate: Any,
        activation: Any,
        use_bias: bool,
        settings: dict[str, Any],
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.kernel_size = integers("kernel_size", kernel_size, self.rank)
        self.strides = integers("strides", strides, self.rank)
        self.dilation_rate = integers("dilation_rate", dilation_rate, self.rank)
        self.padding = one_of("padding", padding, self.paddings)
        self.data_format = config.standardize_data_format(data_format)
        self.activation = activations.get(activation)
        self.use_bias, self.bias = use_bias, None
        keep_settings(self, **settings)
        self._accept(None)

    @property
    def _channel_axis(self) -> int:
        return -1 if self.data_format == "channels_last" else 1

    def _accept(self, channels: int | None) -> None:
        """Let in what has the right rank, and this many channels."""
        ndim = self.rank + 2
        self.input_spec = InputSpec(min_ndim=ndim, max_ndim=ndim, axes={self._channel_axis: channels})

    def _channels(self, input_shape: Any) -> int:
        """How many channels the layer is to be built for."""
        channels = input_shape[self._channel_axis]
        if channels is None:
            raise ValueError(
                f"The channel dimension of the inputs to '{self.name}' must be known. Received: "
                f"input_shape={input_shape}"
            )
        self.compute_output_shape(input_shape)  # the kernel must fit in
        self._accept(channels)
        return channels

    def _refuse_strides_with_dilation(self) -> None:
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                "`strides > 1` not supported in conjunction with `dilation_rate > 1`. Received: "
                f"strides={self.strides} and dilation_rate={self.dilation_rate}"
            )

    def convolved(self, x: Any, kernel: Any, **options: Any) -> Any:
        """The layer's output: a convolution with a kernel, the bias, the activation."""
        if self.bias is None:
            return self.activated(ops.conv(x, kernel, data_format=self.data_format, **options))
        return self.activated(ops.biased_conv(x, kernel, self.bias, data_format=self.data_format, **options))

    def activated(self, x: Any) -> Any:
        """The activation's values."""
        return x if self.activation is activations.linear else self.activation(x)

    @abc.abstractmethod
    def _filters(self, input_shape: Any) -> int | None:
        """How many channels the output has."""

    def _sizes(self, sizes: Any) -> list[int | None]:
        """The sizes of the output's spatial dimensions."""
        padding = "same" if self.padding == "causal" else self.padding
        places = zip(sizes, self.kernel_size, self.strides, self.dilation_rate, strict=True)
        return [windows.windowed(n, k, s, padding, d) for n, k, s, d in places]

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        try:
            sizes = self._sizes(windows.spatial(input_shape, self.data_format))
        except ValueError as error:
            raise ValueError(
                f"An input of shape {tuple(input_shape)} is too small for layer '{self.name}' with "
                f"kernel_size={self.kernel_size}: {error} Use padding='same', a smaller kernel or a larger input."
            ) from error
        return windows.images(input_shape[0], sizes, self._filters(input_shape), self.data_format)

    def get_config(self) -> dict[str, Any]:
        settings = [f"{kind}_{what}" for kind in self.kinds for what in ("initializer", "regularizer", "constraint")]
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            **settings_config(self, *settings),
        }


class Convolution(Adaptable, BaseConvolution, abc.ABC):
    """A convolution over `rank` dimensions: weights are shared over places."""

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
        self.filters, self.groups = positive_integer("filters", filters), positive_integer("groups", groups)
        self._refuse_strides_with_dilation()
        if filters % groups:
            raise ValueError(
                "The number of filters must be evenly divisible by the number of groups. Received: "
                f"groups={groups}, filters={filters}."
            )

    def build(self, input_shape: Any) -> None:
        channels = self._channels(input_shape)
        if channels % self.groups:
            raise ValueError(
                "The number of input channels must be evenly divisible by the number of groups. Received "
                f"groups={self.groups}, but the input of layer '{self.name}' has {channels} channels (full input shape "
                f"is {input_shape})."
            )
        self.kernel = make_weight(self, "kernel", (*self.kernel_size, channels // self.groups, self.filters))
        if self.use_bias:
            self.bias = make_weight(self, "bias", (self.filters,))
        self.built = True
        self._adapt()

    def call(self, inputs: Any) -> Any:
        x, padding = inputs, self.padding
        if padding == "causal":
            x, padding = self._pad_left(x), "valid"
        rates = {"strides": self.strides, "dilation_rate": self.dilation_rate}
        return self.convolved(x, self.kernel, padding=padding, **rates)

    def _pad_left(self, x: Any) -> Any:
        before = (self.dilation_rate[0] * (self.kernel_size[0] - 1), 0)
        return ops.pad(x, [(0, 0), before, (0, 0)] if self.data_format == "channels_last" else [(0, 0), (0, 0), before])

    def _filters(self, input_shape: Any) -> int:
        return self.filters

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "filters": self.filters, "groups": self.groups}


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
        dilation_rate: distance of the window's elements; with it, `strides` must be 1.
        groups: how many groups of channels are convolved apart.
        activation: function or its name.
        use_bias: whether there is a bias.
        kernel_initializer, bias_initializer: initializers or their names.
        kernel_regularizer, bias_regularizer, activity_regularizer: regularizers or their names.
        kernel_constraint, bias_constraint: constraints or their names.

    Raises:
        ValueError: an argument isn't allowed; at the first call, `groups` doesn't divide the number of channels.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.Conv1D(3, 2)(np.ones((1, 5, 2))).shape)
        (1, 4, 3)
    """

    rank = 1
    paddings = ("valid", "same", "causal")


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
        dilation_rate: distances of the window's elements, or one integer; with them, `strides` must be 1.
        groups: how many groups of channels are convolved apart.
        activation: function or its name.
        use_bias: whether there is a bias.
        kernel_initializer, bias_initializer: initializers or their names.
        kernel_regularizer, bias_regularizer, activity_regularizer: regularizers or their names.
        kernel_constraint, bias_constraint: constraints or their names.

    Raises:
        ValueError: as `Conv1D` does.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.Conv2D(3, 2, padding="same")(np.ones((1, 5, 5, 2))).shape)
        (1, 5, 5, 3)
    """

    rank = 2
    __init__ = with_defaults(Convolution.__init__, strides=(1, 1), dilation_rate=(1, 1))


class Conv3D(Convolution):
    """A convolution over volumes.

    Input: `(batch, depth, height, width, channels)`, with `"channels_first"` the channels second; output: the same with
    `filters` channels. The kernel has the shape `(*kernel_size, channels // groups, filters)`.

    Args:
        filters: channels of the output.
        kernel_size: size of the window, three integers or one.
        strides: its steps, three integers or one.
        padding: `"valid"` or `"same"`.
        data_format: `"channels_last"` or `"channels_first"`.
        dilation_rate: distances of the window's elements, three integers or one; with them, `strides` must be 1.
        groups, activation, use_bias: as in `Conv2D`.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer: as there.
        kernel_constraint, bias_constraint: as there.

    Raises:
        ValueError: as `Conv1D` does.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.Conv3D(3, 2)(np.ones((1, 3, 4, 5, 2))).shape)
        (1, 2, 3, 4, 3)
    """

    rank = 3
    __init__ = with_defaults(Convolution.__init__, strides=(1, 1, 1), dilation_rate=(1, 1, 1))
