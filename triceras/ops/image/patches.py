"""Images in pieces."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from triceras import ops
from triceras.core.config import standardize_data_format
from triceras.ops.image.layout import checked, places, with_sizes
from triceras.ops.op import composite
from triceras.ops.rules import Rule, one_of, same
from triceras.ops.windows import PADDINGS, as_tuple, same_padding, windowed

# --- patches ----------------------------------------------------------------------------------------------------------


# The axes of the windows' numbers and of the pixels in each, one after the other; the two kinds by themselves.
_AXES = {2: ("h i w j", "h w", "i j"), 3: ("d k h i w j", "d h w", "k i j")}


def _patch_arguments(bound: dict[str, Any]) -> None:
    rank = 3 if isinstance(bound["size"], (tuple, list)) and len(bound["size"]) == 3 else 2
    checked("images", spatial=rank)(bound)
    bound["size"] = as_tuple("size", bound["size"], rank)
    bound["strides"] = as_tuple("strides", bound["strides"], rank) if bound["strides"] else bound["size"]
    bound["dilation_rate"] = as_tuple("dilation_rate", bound["dilation_rate"], rank)
    bound["padding"] = str(bound["padding"]).lower()
    one_of("padding", bound["padding"], PADDINGS)
    _patch_shape(**bound)  # refuses a window that doesn't fit


def _patch_shape(images: Any, size: Any, strides: Any, dilation_rate: Any, padding: str, data_format: str) -> tuple:
    axes, channel = places(images, data_format, len(size))
    windows = zip(axes, size, strides, dilation_rate, strict=True)
    sizes = {a: windowed(images.shape[a], k, s, padding, d) for a, k, s, d in windows}
    count = images.shape[channel]
    sizes[channel] = None if count is None else count * math.prod(size)
    return with_sizes(images.shape, sizes)


@composite(Rule(_patch_shape, same, ("images",), _patch_arguments))
def extract_patches(
    images: Any,
    size: Any,
    strides: Any = None,
    dilation_rate: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """The patches that a window sees as it moves over images.

    Args:
        images: a tensor of shape `(..., height, width, channels)` or `(..., channels, height, width)`, with or without
            a batch, of any dtype. With a `size` of three ints, volumes as in `extract_patches_3d`.
        size: int, or `(height, width)` of the patches.
        strides: int or two of them: how far the window moves; default `size`.
        dilation_rate: int or two of them: how far apart a patch's pixels are.
        padding: "valid", or "same": zeros at the ends, so that there are `ceil(size / stride)` patches.
        data_format: "channels_last" or "channels_first"; default `config.image_data_format()`.

    Returns:
        A tensor of patches by rows and columns; a patch lies in the axis of the channels, row by row, channels last.

    Example:
        >>> ops.shape(ops.image.extract_patches(ops.ones((2, 6, 6, 3)), 2))
        (2, 3, 3, 12)
    """
    axes, _ = places(images, data_format, len(size))
    windows = list(zip(axes, size, strides, dilation_rate, strict=True))
    if any(images.shape[a] is None for a in axes):
        raise ValueError(f"the sizes of images must be known; got shape {tuple(images.shape)}.")
    if padding == "same":
        extra = {a: same_padding(images.shape[a], k, s, d) for a, k, s, d in windows}
        images = ops.pad(images, [extra.get(a, (0, 0)) for a in range(len(images.shape))])
    for axis, window, stride, dilation in reversed(windows):
        images = _windows(images, axis, window, stride, dilation)
    both, apart, inside = _AXES[len(size)]
    if data_format == "channels_last":
        return ops.rearrange(images, f"... {both} c -> ... {apart} ({inside} c)")
    return ops.rearrange(images, f"... c {both} -> ... ({inside} c) {apart}")


@composite
def extract_patches_3d(
    volumes: Any,
    size: Any,
    strides: Any = None,
    dilation_rate: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """The patches that a window sees as it moves through volumes: `extract_patches` with a size of three ints.

    Args:
        volumes: a tensor of shape `(..., depth, height, width, channels)` or `(..., channels, depth, height, width)`.
        size: int, or `(depth, height, width)` of the patches.
        strides, dilation_rate: int or three of them.
        padding, data_format: as for `extract_patches`.

    Example:
        >>> ops.shape(ops.image.extract_patches_3d(ops.ones((4, 6, 6, 1)), 2))
        (2, 3, 3, 8)
    """
    return extract_patches(volumes, as_tuple("size", size, 3), strides, dilation_rate, padding, data_format)


def _windows(x: Any, axis: int, window: int, stride: int, dilation: int) -> Any:
    """An axis as two: the windows, and the pixels in each."""
    count = windowed(x.shape[axis], window, stride, "valid", dilation)
    if stride == window and dilation == 1:  # side by side: no pixel is copied
        x = ops.get_item(x, ((slice(None),) * axis + (slice(0, count * window),)))
        sizes = list(ops.shape(x))
        return ops.reshape(x, [*sizes[:axis], count, window, *sizes[axis + 1 :]])
    indices = np.arange(count)[:, None] * stride + np.arange(window) * dilation
    return ops.take(x, indices.astype("int32"), axis=axis)


# --- space and depth --------------------------------------------------------------------------------------------------


# By the data format: pixels as blocks, and each block in the channels.
_PIXELS = {"channels_last": "b (h i) (w j) c", "channels_first": "b c (h i) (w j)"}
_TO_CHANNELS = {"channels_last": "b h w (i j c)", "channels_first": "b (c i j) h w"}


def _block_rule(before: dict[str, str], after: dict[str, str]) -> Rule:
    """The rule of moving blocks from one pattern to the other; it refuses sizes that aren't multiples."""

    def prepare(bound: dict[str, Any]) -> None:
        sizes, block = tuple(bound["x"].shape), bound["block_size"]
        bound["data_format"] = standardize_data_format(bound["data_format"])
        if len(sizes) != 4:
            raise ValueError(f"argument x must have 4 dimensions (a batch of images); got shape {sizes}.")
        if not isinstance(block, int) or block < 2:
            raise ValueError(f"argument block_size must be an int of at least 2; got {block!r}.")
        axes, channel = places(bound["x"], bound["data_format"])
        for axis, part in [(channel, block * block)] if before is _TO_CHANNELS else [(a, block) for a in axes]:
            if sizes[axis] is not None and sizes[axis] % part:
                raise ValueError(f"axis {axis} of x, of shape {sizes}, must be a multiple of {part}.")

    def shape(x: Any, block_size: int, data_format: str) -> tuple:
        pattern = f"{before[data_format]} -> {after[data_format]}"
        return ops.rearrange.rule.shape(x, pattern, {"i": block_size, "j": block_size})

    return Rule(shape, same, ("x",), prepare)


@composite(_block_rule(_PIXELS, _TO_CHANNELS))
def space_to_depth(x: Any, block_size: int, data_format: str | None = "channels_last") -> Any:
    """Blocks of pixels moved into the channels.

    Args:
        x: a tensor of shape `(batch, height, width, channels)` or `(batch, channels, height, width)`.
        block_size: height and width of a block, at least 2; both sizes of the images are multiples.
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.

    Returns:
        A tensor of shape `(batch, height / block, width / block, channels * block**2)`, or the same with the channels
        first. With "channels_last" the channels of a pixel stay together, with "channels_first" a channel's pixels.

    Raises:
        ValueError: the sizes don't fit.

    Example:
        >>> ops.shape(ops.space_to_depth(ops.ones((1, 4, 6, 3)), 2))
        (1, 2, 3, 12)
    """
    return ops.rearrange(x, f"{_PIXELS[data_format]} -> {_TO_CHANNELS[data_format]}", i=block_size, j=block_size)


@composite(_block_rule(_TO_CHANNELS, _PIXELS))
def depth_to_space(x: Any, block_size: int, data_format: str | None = "channels_last") -> Any:
    """Channels moved into blocks of pixels: undoes `space_to_depth`, whose arguments and errors it has.

    Returns:
        A tensor of shape `(batch, height * block, width * block, channels / block**2)`, or the same with the channels
        first.

    Example:
        >>> ops.shape(ops.depth_to_space(ops.ones((1, 2, 3, 12)), 2))
        (1, 4, 6, 3)
    """
    return ops.rearrange(x, f"{_TO_CHANNELS[data_format]} -> {_PIXELS[data_format]}", i=block_size, j=block_size)
