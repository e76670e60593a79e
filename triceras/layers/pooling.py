"""Pooling: windows become their maximum or mean."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any

from triceras import ops
from triceras.core import config
from triceras.layers.input_spec import InputSpec
from triceras.layers.layer import Layer
from triceras.layers.spatial import integers, one_of, spatial_axes, with_defaults

__all__ = [
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
]


class Pooling(Layer, abc.ABC):
    """Windows over `rank` dimensions, each of which becomes one number a channel by `pool`."""

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
        self.padding = one_of("padding", padding, ("valid", "same"))
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self.built = True

    def call(self, inputs: Any) -> Any:
        options = {"strides": self.strides, "padding": self.padding, "data_format": self.data_format}
        return self.pool(inputs, self.pool_size, **options)

    def compute_output_spec(self, inputs: Any) -> Any:
        try:
            return self.call(inputs)
        except ValueError as error:
            raise ValueError(
                f"An input of shape {tuple(inputs.shape)} is too small for layer '{self.name}' with "
                f"pool_size={self.pool_size}: {error} Use padding='same', a smaller window or a larger input."
            ) from error

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "padding": self.padding,
            "strides": self.strides,
            "data_format": self.data_format,
        }


class GlobalPooling(Layer, abc.ABC):
    """All places of `rank` dimensions become one number a channel by `reduce`."""

    rank: int
    reduce: Callable

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.data_format, self.keepdims = config.standardize_data_format(data_format), keepdims
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self.built = True

    def call(self, inputs: Any) -> Any:
        return self.reduce(inputs, axis=spatial_axes(self.data_format, self.rank), keepdims=self.keepdims)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format, "keepdims": self.keepdims}


class MaxPooling1D(Pooling):
    """The maximum of windows over time.

    Input: `(batch, time, channels)`, with `"channels_first"` `(batch, channels, time)`; output: the same with a shorter
    time.

    Args:
        pool_size: length of the window.
        strides: its step; `pool_size` by default.
        padding: `"valid"` or `"same"`.
        data_format: `"channels_last"` or `"channels_first"`.
        name: the layer's name.

    Raises:
        ValueError: an argument isn't allowed; when called, the window doesn't fit into the input.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> out = triceras.layers.MaxPooling1D(2)(np.array([[[1.0], [3.0], [2.0], [0.0]]]))
        >>> triceras.ops.convert_to_numpy(out).tolist()
        [[[3.0], [2.0]]]
    """

    rank, pool = 1, staticmethod(ops.max_pool)
    __init__ = with_defaults(Pooling.__init__, pool_size=2)


class MaxPooling2D(Pooling):
    """The maximum of windows over images.

    Input: `(batch, height, width, channels)`, with `"channels_first"` `(batch, channels, height, width)`; output: the
    same, smaller.

    Args:
        pool_size: height and width of the window, or one integer.
        strides: its steps; `pool_size` by default.
        padding: `"valid"` or `"same"`.
        data_format: `"channels_last"` or `"channels_first"`.
        name: the layer's name.

    Raises:
        ValueError: as `MaxPooling1D` does.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.MaxPooling2D()(np.ones((1, 4, 4, 3))).shape)
        (1, 2, 2, 3)
    """

    rank, pool = 2, staticmethod(ops.max_pool)
    __init__ = with_defaults(Pooling.__init__, pool_size=(2, 2))


class MaxPooling3D(Pooling):
    """The maximum of windows over volumes.

    Input: `(batch, depth, height, width, channels)`, with `"channels_first"` the channels second; output: the same,
    smaller.

    Args:
        pool_size: size of the window, three integers or one.
        strides: its steps; `pool_size` by default.
        padding: `"valid"` or `"same"`.
        data_format: `"channels_last"` or `"channels_first"`.
        name: the layer's name.

    Raises:
        ValueError: as `MaxPooling1D` does.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.MaxPooling3D()(np.ones((1, 4, 4, 6, 3))).shape)
        (1, 2, 2, 3, 3)
    """

    rank, pool = 3, staticmethod(ops.max_pool)
    __init__ = with_defaults(Pooling.__init__, pool_size=(2, 2, 2))


class AveragePooling1D(Pooling):
    """The mean of windows over time.

    Input: `(batch, time, channels)`, with `"channels_first"` `(batch, channels, time)`; output: the same with a shorter
    time.

    Args:
        pool_size: length of the window.
        strides: its step; `pool_size` by default.
        padding: `"valid"` or `"same"`; padding doesn't count.
        data_format: `"channels_last"` or `"channels_first"`.
        name: the layer's name.

    Raises:
        ValueError: as `MaxPooling1D` does.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> out = triceras.layers.AveragePooling1D(2)(np.array([[[1.0], [3.0], [2.0], [0.0]]]))
        >>> triceras.ops.convert_to_numpy(out).tolist()
        [[[2.0], [1.0]]]
    """

    rank, pool = 1, staticmethod(ops.average_pool)


class AveragePooling2D(Pooling):
    """The mean of windows over images.

    Input: `(batch, height, width, channels)`, with `"channels_first"` `(batch, channels, height, width)`; output: the
    same, smaller.

    Args:
        pool_size: height and width of the window, or one integer.
        strides: its steps; `pool_size` by default.
        padding: `"valid"` or `"same"`; padding doesn't count.
        data_format: `"channels_last"` or `"channels_first"`.
        name: the layer's name.

    Raises:
        ValueError: as `MaxPooling1D` does.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.AveragePooling2D(2)(np.ones((1, 4, 4, 3))).shape)
        (1, 2, 2, 3)
    """

    rank, pool = 2, staticmethod(ops.average_pool)


class AveragePooling3D(Pooling):
    """The mean of windows over volumes.

    Input: `(batch, depth, height, width, channels)`, with `"channels_first"` the channels second; output: the same,
    smaller.

    Args:
        pool_size: size of the window, three integers or one.
        strides: its steps; `pool_size` by default.
        padding: `"valid"` or `"same"`; padding doesn't count.
        data_format: `"channels_last"` or `"channels_first"`.
        name: the layer's name.

    Raises:
        ValueError: as `MaxPooling1D` does.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.AveragePooling3D(2)(np.ones((1, 4, 4, 6, 3))).shape)
        (1, 2, 2, 3, 3)
    """

    rank, pool = 3, staticmethod(ops.average_pool)


class GlobalAveragePooling1D(GlobalPooling):
    """The mean over time; masked steps don't count, and the mask ends here.

    Input: `(batch, time, channels)`, with `"channels_first"` `(batch, channels, time)`, maybe with a mask
    `(batch, time)`; output: `(batch, channels)`.

    Args:
        data_format: `"channels_last"` or `"channels_first"`.
        keepdims: whether the time dimension stays, with size 1.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> layer = triceras.layers.GlobalAveragePooling1D()
        >>> out = layer(np.array([[[1.0], [3.0], [8.0]]]), mask=np.array([[True, True, False]]))
        >>> triceras.ops.convert_to_numpy(out).tolist()
        [[2.0]]
    """

    rank, reduce = 1, staticmethod(ops.mean)

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any):
        super().__init__(data_format, keepdims, **kwargs)
        self.supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        if mask is None:
            return super().call(inputs)
        (axis,) = spatial_axes(self.data_format, self.rank)
        mask = ops.expand_dims(ops.cast(mask, inputs.dtype), axis=3 - axis)
        total = ops.sum(ops.multiply(inputs, mask), axis=axis, keepdims=self.keepdims)
        return ops.divide(total, ops.sum(mask, axis=axis, keepdims=self.keepdims))

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return None


class GlobalAveragePooling2D(GlobalPooling):
    """The mean over an image's places.

    Input: `(batch, height, width, channels)`, with `"channels_first"` `(batch, channels, height, width)`; output:
    `(batch, channels)`.

    Args:
        data_format: `"channels_last"` or `"channels_first"`.
        keepdims: whether the dimensions stay, with size 1.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.GlobalAveragePooling2D()(np.ones((2, 4, 4, 3))).shape)
        (2, 3)
    """

    rank, reduce = 2, staticmethod(ops.mean)


class GlobalAveragePooling3D(GlobalPooling):
    """The mean over a volume's places.

    Input: `(batch, depth, height, width, channels)`, with `"channels_first"` the channels second; output:
    `(batch, channels)`.

    Args:
        data_format: `"channels_last"` or `"channels_first"`.
        keepdims: whether the dimensions stay, with size 1.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.GlobalAveragePooling3D()(np.ones((2, 4, 4, 4, 3))).shape)
        (2, 3)
    """

    rank, reduce = 3, staticmethod(ops.mean)


class GlobalMaxPooling1D(GlobalPooling):
    """The maximum over time.

    Input: `(batch, time, channels)`, with `"channels_first"` `(batch, channels, time)`; output: `(batch, channels)`.

    Args:
        data_format: `"channels_last"` or `"channels_first"`.
        keepdims: whether the time dimension stays, with size 1.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> out = triceras.layers.GlobalMaxPooling1D()(np.array([[[1.0], [3.0], [2.0]]]))
        >>> triceras.ops.convert_to_numpy(out).tolist()
        [[3.0]]
    """

    rank, reduce = 1, staticmethod(ops.max)


class GlobalMaxPooling2D(GlobalPooling):
    """The maximum over an image's places.

    Input: `(batch, height, width, channels)`, with `"channels_first"` `(batch, channels, height, width)`; output:
    `(batch, channels)`.

    Args:
        data_format: `"channels_last"` or `"channels_first"`.
        keepdims: whether the dimensions stay, with size 1.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.GlobalMaxPooling2D()(np.ones((2, 4, 4, 3))).shape)
        (2, 3)
    """

    rank, reduce = 2, staticmethod(ops.max)


class GlobalMaxPooling3D(GlobalPooling):
    """The maximum over a volume's places.

    Input: `(batch, depth, height, width, channels)`, with `"channels_first"` the channels second; output:
    `(batch, channels)`.

    Args:
        data_format: `"channels_last"` or `"channels_first"`.
        keepdims: whether the dimensions stay, with size 1.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.GlobalMaxPooling3D()(np.ones((2, 4, 4, 4, 3))).shape)
        (2, 3)
    """

    rank, reduce = 3, staticmethod(ops.max)
