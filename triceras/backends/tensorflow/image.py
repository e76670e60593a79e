"""TensorFlow functions of the ops in `ops/image/`."""

from __future__ import annotations

import tensorflow as tf

from triceras.ops.image import layout, resizing


def resize(
    images: tf.Tensor,
    size: tuple[int, int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str = "channels_last",
) -> tf.Tensor:
    how = (crop_to_aspect_ratio, pad_to_aspect_ratio)
    if interpolation != "bilinear" or antialias or images.dtype is tf.float64:  # which would be computed in 32 bits
        return resizing.resize.body(images, size, interpolation, antialias, *how, fill_mode, fill_value, data_format)
    x = resizing.fitted(layout.floats(images), size, *how, fill_value, data_format)
    found = layout.channels_last(lambda y: tf.image.resize(y, size), x, data_format)
    return layout.narrowed(found, images.dtype)
