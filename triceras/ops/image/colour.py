"""Images in other colours."""

from __future__ import annotations

from typing import Any

import numpy as np

from triceras import ops
from triceras.core import dtypes
from triceras.ops.image.layout import channels, channels_last, floats, image_rule, places, with_sizes
from triceras.ops.op import composite

LUMA = (0.2989, 0.5870, 0.1140)  # the weights of red, green and blue in brightness (ITU-R BT.601)


def _one_channel(images: Any, data_format: str) -> tuple:
    return with_sizes(images.shape, {places(images, data_format)[1]: 1})


@composite(image_rule(_one_channel, channels("images", (1, 3), "grey or RGB")))
def rgb_to_grayscale(images: Any, data_format: str | None = None) -> Any:
    """How bright each pixel of RGB images is.

    Args:
        images: a tensor of shape `(..., height, width, 3)` or `(..., 3, height, width)`, with or without a batch, of
            any dtype; images of one channel stay as they are.
        data_format: "channels_last" or "channels_first"; default `config.image_data_format()`.

    Returns:
        A tensor with one channel, of the images' dtype.

    Raises:
        ValueError: another number of dimensions or channels.

    Example:
        >>> ops.shape(ops.image.rgb_to_grayscale(ops.ones((4, 5, 3))))
        (4, 5, 1)
    """
    axis = places(images, data_format)[1]
    if images.shape[axis] == 1:
        return images
    weights = np.float32(LUMA).reshape([-1 if a == axis else 1 for a in range(len(images.shape))])
    x = floats(images)
    return ops.cast(ops.sum(ops.multiply(x, ops.cast(weights, x.dtype)), axis=axis, keepdims=True), images.dtype)


def _floating(bound: dict[str, Any]) -> None:
    channels("images", (3,), "RGB or HSV")(bound)
    dtype = dtypes.standardize_dtype(bound["images"].dtype)
    if not dtypes.is_float(dtype):
        raise ValueError(f"argument images must have a floating dtype, with values from 0 to 1; got {dtype}.")


_colours = image_rule(more=_floating)


@composite(_colours)
def rgb_to_hsv(images: Any, data_format: str | None = None) -> Any:
    """Hue, saturation and value of RGB images.

    Args:
        images: a floating tensor of shape `(..., height, width, 3)` or `(..., 3, height, width)`, with or without a
            batch, with values from 0 to 1.
        data_format: "channels_last" or "channels_first"; default `config.image_data_format()`.

    Returns:
        A tensor of the same shape and dtype, with values from 0 to 1; grey has hue 0, black saturation 0.

    Raises:
        ValueError: another number of dimensions or channels, or integers.

    Example:
        >>> green = ops.reshape([0.0, 1.0, 0.0], (1, 1, 3))
        >>> [round(float(x), 2) for x in ops.convert_to_numpy(ops.image.rgb_to_hsv(green)).ravel()]
        [0.33, 1.0, 1.0]
    """
    return ops.cast(channels_last(_rgb_to_hsv, floats(images), data_format), images.dtype)


def _rgb_to_hsv(images: Any) -> Any:
    red, green, blue = (ops.get_item(images, (..., i)) for i in range(3))
    value = ops.max(images, axis=-1)
    spread = value - ops.min(images, axis=-1)
    some = ops.greater(spread, 0)
    unit = ops.divide(1.0 / 6.0, ops.where(some, spread, ops.ones_like(spread)))
    hue = ops.where(
        ops.equal(red, value),
        (green - blue) * unit,
        ops.where(ops.equal(green, value), (blue - red) * unit + 2.0 / 6.0, (red - green) * unit + 4.0 / 6.0),
    )
    hue = ops.where(some, ops.where(ops.less(hue, 0), hue + 1.0, hue), ops.zeros_like(hue))
    lit = ops.greater(value, 0)
    saturation = ops.where(lit, ops.divide(spread, ops.where(lit, value, ops.ones_like(value))), ops.zeros_like(value))
    return ops.stack([hue, saturation, value], axis=-1)


@composite(_colours)
def hsv_to_rgb(images: Any, data_format: str | None = None) -> Any:
    """Red, green and blue of images given by hue, saturation and value: undoes `rgb_to_hsv`.

    Takes the same arguments and raises the same errors; a hue beyond 0 and 1 goes round the circle.

    Example:
        >>> red = ops.reshape([0.0, 1.0, 0.5], (1, 1, 3))
        >>> ops.convert_to_numpy(ops.image.hsv_to_rgb(red)).ravel().tolist()
        [0.5, 0.0, 0.0]
    """
    return ops.cast(channels_last(_hsv_to_rgb, floats(images), data_format), images.dtype)


def _hsv_to_rgb(images: Any) -> Any:
    hue, saturation, value = (ops.get_item(images, (..., i)) for i in range(3))
    angle = (hue - ops.floor(hue)) * 6.0
    parts = [  # how much of each colour a hue holds
        ops.clip(ops.absolute(angle - 3.0) - 1.0, 0.0, 1.0),
        ops.clip(2.0 - ops.absolute(angle - 2.0), 0.0, 1.0),
        ops.clip(2.0 - ops.absolute(angle - 4.0), 0.0, 1.0),
    ]
    return ops.stack([value * (1.0 - saturation + saturation * part) for part in parts], axis=-1)
