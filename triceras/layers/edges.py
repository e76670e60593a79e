"""Cropping and zero-padding: what the edges of images, and of their relatives, lose or get."""

from __future__ import annotations

import abc
from typing import Any

from triceras import ops
from triceras.core import config
from triceras.layers.input_spec import InputSpec
from triceras.layers.layer import Layer
from triceras.layers.spatial import edges, spatial_axes, with_defaults

__all__ = ["Cropping1D", "Cropping2D", "Cropping3D", "ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D"]


class Edges(Layer, abc.ABC):
    """Something happens at both ends of `rank` dimensions."""

    rank: int

    def __init__(self, data_format: str | None, **kwargs: Any):
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self.built = True

    def _by_axis(self, pairs: tuple) -> dict[int, tuple[int, int]]:
        """What `edges` gave, by the axes of a batch."""
        axes = spatial_axes(self.data_format, self.rank)
        return dict(zip(axes, (pairs,) if self.rank == 1 else pairs, strict=True))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format}


class Cropping(Edges, abc.ABC):
    """Both ends of `rank` dimensions are cut off."""

    def __init__(self, cropping: Any, data_format: str | None = None, **kwargs: Any):
        super().__init__(data_format, **kwargs)
        self.cropping = edges("cropping", cropping, self.rank)

    def call(self, inputs: Any) -> Any:
        parts = [slice(None)] * len(inputs.shape)
        for axis, (before, after) in self._by_axis(self.cropping).items():
            size = inputs.shape[axis]
            if size is not None and before + after >= size:
                raise ValueError(
                    f"The `cropping` of layer '{self.name}' must leave something of every dimension. Received: "
                    f"inputs.shape={tuple(inputs.shape)}, cropping={self.cropping}"
                )
            parts[axis] = slice(before, -after or None)
        return ops.get_item(inputs, tuple(parts))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "cropping": self.cropping}


class ZeroPadding(Edges, abc.ABC):
    """Zeros are added at both ends of `rank` dimensions."""

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any):
        super().__init__(data_format, **kwargs)
        self.padding = edges("padding", padding, self.rank)

    def call(self, inputs: Any) -> Any:
        widths = self._by_axis(self.padding)
        return ops.pad(inputs, [widths.get(axis, (0, 0)) for axis in range(len(inputs.shape))])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "padding": self.padding}


class Cropping1D(Cropping):
    """Sequences without their first and last steps.

    Input: `(batch, time, features)`; output: the same with a shorter time.

    Args:
        cropping: how many steps go at the beginning and at the end, two integers or one for both.

    Raises:
        ValueError: an argument isn't allowed; when called, nothing would be left.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.Cropping1D((1, 2))(np.ones((2, 5, 3))).shape)
        (2, 2, 3)
    """

    rank = 1

    def __init__(self, cropping: Any = (1, 1), **kwargs: Any):
        super().__init__(cropping, "channels_last", **kwargs)

    def get_config(self) -> dict[str, Any]:
        return {name: value for name, value in super().get_config().items() if name != "data_format"}


class Cropping2D(Cropping):
    """Images without their edges.

    Input: `(batch, height, width, channels)`, with `"channels_first"` `(batch, channels, height, width)`; output: the
    same, smaller.

    Args:
        cropping: `((top, bottom), (left, right))`, or an integer in place of a pair or of it all.
        data_format: `"channels_last"` or `"channels_first"`.

    Raises:
        ValueError: an argument isn't allowed; when called, nothing would be left.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.Cropping2D((1, (0, 2)))(np.ones((2, 5, 6, 3))).shape)
        (2, 3, 4, 3)
    """

    rank = 2
    __init__ = with_defaults(Cropping.__init__, cropping=((0, 0), (0, 0)))


class Cropping3D(Cropping):
    """Volumes without their faces.

    Input: `(batch, depth, height, width, channels)`, with `"channels_first"` the channels second; output: the same,
    smaller.

    Args:
        cropping: a pair (before, after) for each dimension, or an integer in place of a pair or of it all.
        data_format: `"channels_last"` or `"channels_first"`.

    Raises:
        ValueError: an argument isn't allowed; when called, nothing would be left.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.Cropping3D()(np.ones((2, 5, 6, 7, 3))).shape)
        (2, 3, 4, 5, 3)
    """

    rank = 3
    __init__ = with_defaults(Cropping.__init__, cropping=((1, 1), (1, 1), (1, 1)))


class ZeroPadding1D(ZeroPadding):
    """Sequences with zeros before and after.

    Input: `(batch, time, channels)`, with `"channels_first"` `(batch, channels, time)`; output: the same with a longer
    time.

    Args:
        padding: how many zeros at the beginning and at the end, two integers or one for both.
        data_format: `"channels_last"` or `"channels_first"`.

    Raises:
        ValueError: an argument isn't allowed.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> out = triceras.layers.ZeroPadding1D((1, 2))(np.ones((1, 2, 1)))
        >>> triceras.ops.convert_to_numpy(out).ravel().tolist()
        [0.0, 1.0, 1.0, 0.0, 0.0]
    """

    rank = 1


class ZeroPadding2D(ZeroPadding):
    """Images with zeros around them.

    Input: `(batch, height, width, channels)`, with `"channels_first"` `(batch, channels, height, width)`; output: the
    same, larger.

    Args:
        padding: `((top, bottom), (left, right))`, or an integer in place of a pair or of it all.
        data_format: `"channels_last"` or `"channels_first"`.

    Raises:
        ValueError: an argument isn't allowed.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.ZeroPadding2D((1, (0, 2)))(np.ones((2, 5, 6, 3))).shape)
        (2, 7, 8, 3)
    """

    rank = 2
    __init__ = with_defaults(ZeroPadding.__init__, padding=(1, 1))


class ZeroPadding3D(ZeroPadding):
    """Volumes with zeros around them.

    Input: `(batch, depth, height, width, channels)`, with `"channels_first"` the channels second; output: the same,
    larger.

    Args:
        padding: a pair (before, after) for each dimension, or an integer in place of a pair or of it all.
        data_format: `"channels_last"` or `"channels_first"`.

    Raises:
        ValueError: an argument isn't allowed.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.ZeroPadding3D(2)(np.ones((2, 1, 2, 3, 3))).shape)
        (2, 5, 6, 7, 3)
    """

    rank = 3
    __init__ = with_defaults(ZeroPadding.__init__, padding=((1, 1), (1, 1), (1, 1)))
