"""Adaptive pooling: as many windows as are wanted, of the sizes that this takes."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any

from triceras import ops
from triceras.core import config
from triceras.layers.input_spec import InputSpec
from triceras.layers.layer import Layer
from triceras.layers.spatial import integers

__all__ = [
    "AdaptiveAveragePooling1D",
    "AdaptiveAveragePooling2D",
    "AdaptiveAveragePooling3D",
    "AdaptiveMaxPooling1D",
    "AdaptiveMaxPooling2D",
    "AdaptiveMaxPooling3D",
]


class AdaptivePooling(Layer, abc.ABC):
    """A wanted number of windows covers each of `rank` dimensions; each becomes one number a channel by `pool`."""

    rank: int
    pool: Callable

    def __init__(self, output_size: Any, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.output_size = integers("output_size", output_size, self.rank)
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self.built = True

    def call(self, inputs: Any) -> Any:
        return self.pool(inputs, self.output_size, data_format=self.data_format)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "output_size": self.output_size, "data_format": self.data_format}


class AdaptiveAveragePooling1D(AdaptivePooling):
    """The means of windows over time, which are as many as wanted and as equal in size as whole elements allow.

    Windows may overlap by an element. Input: `(batch, time, channels)`, with `"channels_first"` `(batch, channels,
    time)`; output: the same with a time of `output_size`.

    Args:
        output_size: how many windows there are.
        data_format: `"channels_last"` or `"channels_first"`.

    Raises:
        ValueError: an argument isn't allowed.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.AdaptiveAveragePooling1D(2)(np.ones((1, 5, 3))).shape)
        (1, 2, 3)
    """

    rank, pool = 1, staticmethod(ops.adaptive_average_pool)


class AdaptiveAveragePooling2D(AdaptivePooling):
    """The means of windows over images, which are as many as wanted and as equal in size as whole elements allow.

    Windows may overlap by an element. Input: `(batch, height, width, channels)`, with `"channels_first"` `(batch,
    channels, height, width)`; output: the same with `output_size` as height and width.

    Args:
        output_size: how many windows there are along height and width, or one integer for both.
        data_format: `"channels_last"` or `"channels_first"`.

    Raises:
        ValueError: an argument isn't allowed.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.AdaptiveAveragePooling2D((2, 4))(np.ones((1, 5, 6, 3))).shape)
        (1, 2, 4, 3)
    """

    rank, pool = 2, staticmethod(ops.adaptive_average_pool)


class AdaptiveAveragePooling3D(AdaptivePooling):
    """The means of windows over volumes, which are as many as wanted and as equal in size as whole elements allow.

    Windows may overlap by an element. Input: `(batch, depth, height, width, channels)`, with `"channels_first"` the
    channels second; output: the same with `output_size` as sizes.

    Args:
        output_size: how many windows there are along depth, height and width, or one integer for all.
        data_format: `"channels_last"` or `"channels_first"`.

    Raises:
        ValueError: an argument isn't allowed.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.AdaptiveAveragePooling3D(2)(np.ones((1, 4, 5, 6, 3))).shape)
        (1, 2, 2, 2, 3)
    """

    rank, pool = 3, staticmethod(ops.adaptive_average_pool)


class AdaptiveMaxPooling1D(AdaptivePooling):
    """The maxima of windows over time, which are as many as wanted and as equal in size as whole elements allow.

    Windows may overlap by an element. Input: `(batch, time, channels)`, with `"channels_first"` `(batch, channels,
    time)`; output: the same with a time of `output_size`.

    Args:
        output_size: how many windows there are.
        data_format: `"channels_last"` or `"channels_first"`.

    Raises:
        ValueError: an argument isn't allowed.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.AdaptiveMaxPooling1D(2)(np.ones((1, 5, 3))).shape)
        (1, 2, 3)
    """

    rank, pool = 1, staticmethod(ops.adaptive_max_pool)


class AdaptiveMaxPooling2D(AdaptivePooling):
    """The maxima of windows over images, which are as many as wanted and as equal in size as whole elements allow.

    Windows may overlap by an element. Input: `(batch, height, width, channels)`, with `"channels_first"` `(batch,
    channels, height, width)`; output: the same with `output_size` as height and width.

    Args:
        output_size: how many windows there are along height and width, or one integer for both.
        data_format: `"channels_last"` or `"channels_first"`.

    Raises:
        ValueError: an argument isn't allowed.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.AdaptiveMaxPooling2D((2, 4))(np.ones((1, 5, 6, 3))).shape)
        (1, 2, 4, 3)
    """

    rank, pool = 2, staticmethod(ops.adaptive_max_pool)


class AdaptiveMaxPooling3D(AdaptivePooling):
    """The maxima of windows over volumes, which are as many as wanted and as equal in size as whole elements allow.

    Windows may overlap by an element. Input: `(batch, depth, height, width, channels)`, with `"channels_first"` the
    channels second; output: the same with `output_size` as sizes.

    Args:
        output_size: how many windows there are along depth, height and width, or one integer for all.
        data_format: `"channels_last"` or `"channels_first"`.

    Raises:
        ValueError: an argument isn't allowed.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.AdaptiveMaxPooling3D(2)(np.ones((1, 4, 5, 6, 3))).shape)
        (1, 2, 2, 2, 3)
    """

    rank, pool = 3, staticmethod(ops.adaptive_max_pool)
