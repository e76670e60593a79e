"""Up-sampling: sequences, images and volumes in a larger size, without weights."""

from __future__ import annotations

import abc
from typing import Any

from triceras import ops
from triceras.core import config
from triceras.core.spec import Spec
from triceras.layers.input_spec import InputSpec
from triceras.layers.layer import Layer
from triceras.layers.settings import whole_number
from triceras.layers.spatial import integers, one_of, spatial_axes, with_defaults
from triceras.ops import windows

__all__ = ["UpSampling1D", "UpSampling2D", "UpSampling3D"]

INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5", "area")


class UpSampling(Layer, abc.ABC):
    """Each of `rank` dimensions gets a multiple of its size; elements are repeated."""

    rank: int

    def __init__(self, size: Any, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.size = integers("size", size, self.rank)
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self.built = True

    def call(self, inputs: Any) -> Any:
        sizes = (self.size,) if self.rank == 1 else self.size
        for axis, times in zip(spatial_axes(self.data_format, self.rank), sizes, strict=True):
            inputs = inputs if times == 1 else ops.repeat(inputs, times, axis=axis)
        return inputs

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size, "data_format": self.data_format}


class UpSampling1D(UpSampling):
    """Every step of a sequence several times.

    Input: `(batch, time, features)`; output: `(batch, time * size, features)`.

    Args:
        size: how often each step comes.

    Raises:
        TypeError: `size` is no integer.
        ValueError: it is smaller than 1.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> out = triceras.layers.UpSampling1D(2)(np.array([[[1.0], [2.0]]]))
        >>> triceras.ops.convert_to_numpy(out).ravel().tolist()
        [1.0, 1.0, 2.0, 2.0]
    """

    rank = 1

    def __init__(self, size: int = 2, **kwargs: Any):
        super().__init__(whole_number("size", size), "channels_last", **kwargs)
        (self.size,) = self.size

    def get_config(self) -> dict[str, Any]:
        return {name: value for name, value in super().get_config().items() if name != "data_format"}


class UpSampling2D(UpSampling):
    """Images in a multiple of their size.

    Input: `(batch, height, width, channels)`, with `"channels_first"` `(batch, channels, height, width)`; output: the
    same with `size` times the height and width.

    Args:
        size: factors of height and width, or one integer.
        data_format: `"channels_last"` or `"channels_first"`.
        interpolation: `"nearest"` repeats elements; `"bilinear"`, `"bicubic"`, `"lanczos3"`, `"lanczos5"` and `"area"`
            as in `ops.image.resize`, which needs to know the images' size.

    Raises:
        ValueError: an argument isn't allowed.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> out = triceras.layers.UpSampling2D((1, 2), interpolation="bilinear")(np.array([[[[0.0], [4.0]]]]))
        >>> triceras.ops.convert_to_numpy(out).ravel().tolist()
        [0.0, 1.0, 3.0, 4.0]
    """

    rank = 2

    def __init__(
        self, size: Any = (2, 2), data_format: str | None = None, interpolation: str = "nearest", **kwargs: Any
    ):
        super().__init__(size, data_format, **kwargs)
        self.interpolation = one_of("interpolation", interpolation, INTERPOLATIONS)

    def call(self, inputs: Any) -> Any:
        if self.interpolation == "nearest":
            return super().call(inputs)
        sizes = windows.spatial(inputs.shape, self.data_format)
        new = tuple(n * times for n, times in zip(sizes, self.size, strict=True))
        return ops.image.resize(inputs, new, self.interpolation, data_format=self.data_format)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        sizes = zip(windows.spatial(input_shape, self.data_format), self.size, strict=True)
        new = [None if n is None else n * times for n, times in sizes]
        axis = windows.channel_axis(self.data_format, self.rank + 2)
        return windows.images(input_shape[0], new, input_shape[axis], self.data_format)

    def compute_output_spec(self, inputs: Any) -> Spec:
        return Spec(self.compute_output_shape(inputs.shape), inputs.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "interpolation": self.interpolation}


class UpSampling3D(UpSampling):
    """Volumes in a multiple of their size; elements are repeated.

    Input: `(batch, depth, height, width, channels)`, with `"channels_first"` the channels second; output: the same with
    `size` times the sizes.

    Args:
        size: factors of depth, height and width, or one integer.
        data_format: `"channels_last"` or `"channels_first"`.

    Raises:
        ValueError: an argument isn't allowed.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> tuple(triceras.layers.UpSampling3D((1, 2, 3))(np.ones((1, 2, 2, 2, 3))).shape)
        (1, 2, 4, 6, 3)
    """

    rank = 3
    __init__ = with_defaults(UpSampling.__init__, size=(2, 2, 2))
