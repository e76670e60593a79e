"""Pooling: windows become their maximum or mean."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any

from triceras import ops
from triceras.core import config
from triceras.layers.convolutional import integers, standardize_padding, window_output
from triceras.layers.input_spec import InputSpec
from triceras.layers.layer import Layer

__all__ = [
    "AveragePooling1D",
    "AveragePooling2D",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "MaxPooling1D",
    "MaxPooling2D",
]


class Pooling(Layer, abc.ABC):
    """Windows over `rank` dimensions, each of which becomes one number a channel."""

    rank: int
    pool: Callable

    def __init__(
        self,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        self.pool_size = integers("pool_size", pool_size, self.rank)
        self.strides = integers("strides", self.pool_size if strides is None else strides, self.rank)
        self.padding = standardize_padding(padding)
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self.built = True

    def call(self, inputs: Any) -> Any:
        return self.pool(
            inputs, self.pool_size, strides=self.strides, padding=self.padding, data_format=self.data_format
        )

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        last = self.data_format == "channels_last"
        spatial = input_shape[1:-1] if last else input_shape[2:]
        sizes = tuple(window_output(*v, self.padding) for v in zip(spatial, self.pool_size, self.strides, strict=True))
        return (input_shape[0], *sizes, input_shape[-1]) if last else (*input_shape[:2], *sizes)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "padding": self.padding,
            "strides": self.strides,
            "data_format": self.data_format,
        }


def _max(inputs: Any, *args: Any, **kwargs: Any) -> Any:
    return ops.max_pool(inputs, *args, **kwargs)


def _average(inputs: Any, *args: Any, **kwargs: Any) -> Any:
    return ops.average_pool(inputs, *args, **kwargs)


class MaxPooling1D(Pooling):
    """The maximum of windows over time.

    Input: `(batch, time, channels)`, with `"channels_first"` `(batch, channels, time)`.

    Args:
        pool_size: length of the window.
        strides: its step; `pool_size` by default.
        padding: `"valid"` or `"same"`.
        data_format: `"channels_last"` or `"channels_first"`.
    """

    rank, pool = 1, staticmethod(_max)

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)


class MaxPooling2D(Pooling):
    """The maximum of windows over images.

    Input: `(batch, height, width, channels)`, with `"channels_first"` `(batch, channels, height, width)`.

    Args:
        pool_size: height and width of the window, or one integer.
        strides: its steps; `pool_size` by default.
        padding: `"valid"` or `"same"`.
        data_format: `"channels_last"` or `"channels_first"`.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.MaxPooling2D()(np.ones((1, 4, 4, 3))).shape)
        (1, 2, 2, 3)
    """

    rank, pool = 2, staticmethod(_max)

    def __init__(
        self,
        pool_size: Any = (2, 2),
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)


class AveragePooling1D(Pooling):
    """The mean of windows over time.

    Args:
        pool_size: length of the window.
        strides: its step; `pool_size` by default.
        padding: `"valid"` or `"same"`; padding doesn't count.
        data_format: `"channels_last"` or `"channels_first"`.
    """

    rank, pool = 1, staticmethod(_average)

    def __init__(
        self,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)


class AveragePooling2D(Pooling):
    """The mean of windows over images.

    Args:
        pool_size: height and width of the window, or one integer.
        strides: its steps; `pool_size` by default.
        padding: `"valid"` or `"same"`; padding doesn't count.
        data_format: `"channels_last"` or `"channels_first"`.
    """

    rank, pool = 2, staticmethod(_average)

    def __init__(
        self,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)


class GlobalPooling(Layer, abc.ABC):
    """All places become one number a channel."""

    rank: int

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.data_format, self.keepdims = config.standardize_data_format(data_format), keepdims
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self.built = True

    @property
    def axes(self) -> tuple[int, ...]:
        """The dimensions that go."""
        return tuple(range(1, self.rank + 1)) if self.data_format == "channels_last" else tuple(range(2, self.rank + 2))

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return tuple(
            1 if i in self.axes else d for i, d in enumerate(input_shape) if self.keepdims or i not in self.axes
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format, "keepdims": self.keepdims}


class GlobalAveragePooling1D(GlobalPooling):
    """The mean over time; masked steps don't count.

    Input: `(batch, time, channels)`; output: `(batch, channels)`.

    Args:
        data_format: `"channels_last"` or `"channels_first"`.
        keepdims: whether the time dimension stays, with size 1.
    """

    rank = 1

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any):
        super().__init__(data_format, keepdims, **kwargs)
        self.supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        if mask is None:
            return ops.mean(inputs, axis=self.axes, keepdims=self.keepdims)
        axis = self.axes[0]
        mask = ops.expand_dims(ops.cast(mask, inputs.dtype), axis=3 - axis)
        total = ops.sum(ops.multiply(inputs, mask), axis=axis, keepdims=self.keepdims)
        return ops.divide(total, ops.sum(mask, axis=axis, keepdims=self.keepdims))

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return None


class GlobalAveragePooling2D(GlobalPooling):
    """The mean over an image's places.

    Input: `(batch, height, width, channels)`; output: `(batch, channels)`.

    Args:
        data_format: `"channels_last"` or `"channels_first"`.
        keepdims: whether the dimensions stay, with size 1.
    """

    rank = 2

    def call(self, inputs: Any) -> Any:
        return ops.mean(inputs, axis=self.axes, keepdims=self.keepdims)


class GlobalMaxPooling1D(GlobalPooling):
    """The maximum over time."""

    rank = 1

    def call(self, inputs: Any) -> Any:
        return ops.max(inputs, axis=self.axes, keepdims=self.keepdims)


class GlobalMaxPooling2D(GlobalPooling):
    """The maximum over an image's places."""

    rank = 2

    def call(self, inputs: Any) -> Any:
        return ops.max(inputs, axis=self.axes, keepdims=self.keepdims)
