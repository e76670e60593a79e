"""What moves over images: convolutions, pools and sliding blocks."""

from __future__ import annotations

from typing import Any

import numpy as np

from triceras import ops
from triceras.core import config
from triceras.core.dtypes import standardize_dtype
from triceras.ops import windows
from triceras.ops.op import composite, primitive
from triceras.ops.rules import Rule, float_, same
from triceras.ops.windows import as_tuple, channels_of, images, spatial


@primitive(windows.CONV)
def conv(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """Convolution in one to three dimensions.

    Args:
        inputs: a tensor of shape `(batch, ..., channels)`, or `(batch, channels, ...)` with "channels_first".
        kernel: a tensor of shape `(..., channels / groups, filters)`; so it tells the number of groups.
        strides: int or tuple: how far the window moves.
        padding: "valid", or "same": zeros at the ends, so that the sizes are `ceil(size / stride)`.
        data_format: "channels_last" or "channels_first"; default `config.image_data_format()`.
        dilation_rate: int or tuple: how far apart the window's elements are.

    Backends get tuples, a padding in lower case and the data format.
    """


@composite(windows.BIASED_CONV)
def biased_conv(
    inputs: Any,
    kernel: Any,
    bias: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """`conv`, and a number for each filter added to the result.

    Args:
        inputs, kernel: as for `conv`.
        bias: a tensor of shape `(filters,)`.
        strides, padding, data_format, dilation_rate: as for `conv`.
    """
    result = conv(inputs, kernel, strides, padding, data_format, dilation_rate)
    if config.standardize_data_format(data_format) == "channels_first":
        bias = ops.reshape(bias, (-1, *(1,) * (len(result.shape) - 2)))
    return ops.add(result, bias)


@primitive(windows.CONV_TRANSPOSE)
def conv_transpose(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    output_padding: Any = None,
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """Transposed convolution (the gradient of `conv`) in one to three dimensions.

    Args:
        inputs: a tensor of shape `(batch, ..., channels)`, or `(batch, channels, ...)` with "channels_first".
        kernel: a tensor of shape `(..., filters, channels)`.
        strides: int or tuple.
        padding: "valid" or "same".
        output_padding: None, or int or tuple: by how much the result is longer than `(size - 1) * stride + window`
            (less twice half a window under "same").
        data_format: "channels_last" or "channels_first"; default `config.image_data_format()`.
        dilation_rate: int or tuple.

    Backends get tuples (`output_padding` one of ints or None) and find sizes by `windows.transposed`.
    """


@composite(windows.DEPTHWISE)
def depthwise_conv(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """Convolution of each channel by itself.

    Args:
        inputs: as for `conv`.
        kernel: a tensor of shape `(..., channels, multiplier)`.
        strides, padding, data_format, dilation_rate: as for `conv`.

    Returns:
        A tensor with `channels * multiplier` channels.
    """
    *window, channels, multiplier = kernel.shape
    grouped = ops.reshape(kernel, (*window, 1, channels * multiplier))
    return conv(inputs, grouped, strides, padding, data_format, dilation_rate)


@composite(windows.SEPARABLE)
def separable_conv(
    inputs: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """`depthwise_conv`, then a `conv` with a window of 1 that mixes the channels.

    Args:
        inputs: as for `conv`.
        depthwise_kernel: a tensor of shape `(..., channels, multiplier)`.
        pointwise_kernel: a tensor of shape `(1, ..., channels * multiplier, filters)`.
        strides, padding, data_format, dilation_rate: as for `conv`.
    """
    x = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(x, pointwise_kernel, 1, "valid", data_format)


# --- pools ------------------------------------------------------------------------------------------------------------


@primitive(windows.MAX_POOL)
def max_pool(
    inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: str | None = None
) -> Any:
    """The largest element of each window.

    Args:
        inputs: as for `conv`.
        pool_size: int or tuple: the window.
        strides: int or tuple, default `pool_size`.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first"; default `config.image_data_format()`.

    Backends get tuples, a padding in lower case and the data format.
    """


@primitive(windows.AVERAGE_POOL)
def average_pool(
    inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: str | None = None
) -> Any:
    """The mean of each window; under "same" of those elements that lie inside. Arguments as for `max_pool`."""


def _wanted(bound: dict[str, Any]) -> None:
    shape = tuple(bound["inputs"].shape)
    if len(shape) not in (3, 4, 5):
        raise ValueError(f"argument inputs must have 3, 4 or 5 dimensions; got shape {shape}.")
    bound["data_format"] = config.standardize_data_format(bound["data_format"])
    bound["output_size"] = as_tuple("output_size", bound["output_size"], len(shape) - 2)


def _pooled(inputs: Any, output_size: Any, data_format: str) -> Any:
    return images(inputs.shape[0], output_size, channels_of(inputs, data_format), data_format)


def _stretches(size: int, count: int) -> list[tuple[int, int]]:
    """Where the windows begin and end that divide an axis as evenly as whole elements allow."""
    return [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]


def _axes(inputs: Any, output_size: Any, data_format: str) -> Any:
    sizes, first = spatial(inputs.shape, data_format), 1 if data_format == "channels_last" else 2
    if None in sizes:
        raise ValueError(f"the sizes of the pooled axes must be known; got shape {tuple(inputs.shape)}.")
    return zip(range(first, first + len(sizes)), sizes, output_size, strict=True)


@composite(Rule(_pooled, float_, ("inputs",), _wanted))
def adaptive_average_pool(inputs: Any, output_size: Any, data_format: str | None = None) -> Any:
    """The means of windows that are chosen so that a wanted number of them covers each spatial axis.

    Args:
        inputs: a tensor of shape `(batch, *sizes, channels)`, or `(batch, channels, *sizes)` for "channels_first".
        output_size: how many windows along each of the 1 to 3 spatial axes, an int or one for each.
        data_format: "channels_last" or "channels_first"; default as configured.

    Returns:
        A tensor of the same format with `output_size` in place of `sizes`.

    Example:
        >>> x = ops.reshape(ops.arange(5, dtype="float32"), (1, 5, 1))
        >>> ops.convert_to_numpy(ops.adaptive_average_pool(x, 2)).ravel().tolist()
        [1.0, 3.0]
    """
    for axis, size, count in _axes(inputs, output_size, data_format):
        weights = np.zeros((size, count))
        for i, (start, end) in enumerate(_stretches(size, count)):
            weights[start:end, i] = 1 / (end - start)
        pooled = ops.matmul(ops.moveaxis(inputs, axis, -1), ops.cast(weights, standardize_dtype(inputs.dtype)))
        inputs = ops.moveaxis(pooled, -1, axis)
    return inputs


@composite(Rule(_pooled, same, ("inputs",), _wanted))
def adaptive_max_pool(inputs: Any, output_size: Any, data_format: str | None = None) -> Any:
    """The largest elements of the windows that `adaptive_average_pool` has; takes the same arguments."""
    for axis, size, count in _axes(inputs, output_size, data_format):
        ends = np.array(_stretches(size, count), "int32")
        longest = int((ends[:, 1] - ends[:, 0]).max())
        places = np.minimum(ends[:, :1] + np.arange(longest, dtype="int32"), ends[:, 1:] - 1)  # the last one again
        inputs = ops.max(ops.take(inputs, places, axis=axis), axis=axis + 1)
    return inputs


# --- sliding blocks ---------------------------------------------------------------------------------------------------


def _block_sizes(bound: dict[str, Any]) -> None:
    for name in ("kernel_size", "dilation", "stride"):
        bound[name] = as_tuple(name, bound[name], 2)
    pads = bound["padding"] if isinstance(bound["padding"], (tuple, list)) else (bound["padding"],) * 2
    if len(pads) != 2 or any(not isinstance(p, int) or p < 0 for p in pads):
        raise ValueError(f"argument padding must be a non-negative int or 2 of them; got {bound['padding']!r}.")
    bound["padding"] = tuple(pads)


def _unfold_sizes(bound: dict[str, Any]) -> None:
    _block_sizes(bound)
    if len(bound["x"].shape) != 4:
        raise ValueError(f"argument x must have shape (batch, channels, height, width); got {tuple(bound['x'].shape)}.")


def _counts(sizes: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> list[int | None]:
    """How many blocks fit along each axis."""
    places = zip(sizes, kernel_size, dilation, padding, stride, strict=True)
    return [None if n is None else (n + 2 * pad - step * (k - 1) - 1) // jump + 1 for n, k, step, pad, jump in places]


def _unfold_shape(x: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    counts = _counts(x.shape[2:], kernel_size, dilation, padding, stride)
    block = None if x.shape[1] is None else x.shape[1] * kernel_size[0] * kernel_size[1]
    return (x.shape[0], block, None if None in counts else counts[0] * counts[1])


def _places(kernel: int, step: int, count: Any, jump: int) -> Any:
    """For each place in the block and each block, where it is along the axis."""
    inside = np.arange(kernel, dtype="int32")[:, None] * step
    return ops.add(inside, ops.multiply(ops.arange(count, dtype="int32"), jump))


@composite(Rule(_unfold_shape, same, ("x",), _unfold_sizes))
def unfold(x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """The sliding blocks of images, each flattened.

    Args:
        x: a tensor of shape `(batch, channels, height, width)`.
        kernel_size: height and width of a block, an int or two.
        dilation: how far its elements are apart.
        padding: how many zeros are added on both sides.
        stride: how far blocks are apart.

    Returns:
        A tensor of shape `(batch, channels * block height * block width, blocks)`.

    Example:
        >>> tuple(ops.unfold(ops.ones((1, 3, 4, 5)), 2).shape)
        (1, 12, 12)
    """
    counts = _counts(ops.shape(x)[2:], kernel_size, dilation, padding, stride)
    x = ops.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
    for i, axis in ((0, 2), (1, 4)):
        x = ops.take(x, _places(kernel_size[i], dilation[i], counts[i], stride[i]), axis=axis)
    return ops.rearrange(x, "b c k h j w -> b (c k j) (h w)")


def _fold_sizes(bound: dict[str, Any]) -> None:
    _block_sizes(bound)
    bound["output_size"] = as_tuple("output_size", bound["output_size"], 2)
    shape, settings = tuple(bound["x"].shape), [bound[n] for n in ("kernel_size", "dilation", "padding", "stride")]
    counts = _counts(bound["output_size"], *settings)
    block = bound["kernel_size"][0] * bound["kernel_size"][1]
    if len(shape) != 3 or shape[2] not in (None, counts[0] * counts[1]) or (shape[1] is not None and shape[1] % block):
        raise ValueError(
            f"argument x must have shape (batch, channels * {block}, {counts[0] * counts[1]}) for output_size="
            f"{bound['output_size']}; got {shape}."
        )


def _fold_shape(x: Any, output_size: Any, kernel_size: Any, **rest: Any) -> Any:
    return (x.shape[0], None if x.shape[1] is None else x.shape[1] // (kernel_size[0] * kernel_size[1]), *output_size)


@composite(Rule(_fold_shape, same, ("x",), _fold_sizes))
def fold(x: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """Images from sliding blocks; where blocks overlap they are added.

    Args:
        x: a tensor of shape `(batch, channels * block height * block width, blocks)`, as `unfold` gives it.
        output_size: height and width of the images, an int or two.
        kernel_size, dilation, padding, stride: as for `unfold`.

    Returns:
        A tensor of shape `(batch, channels, height, width)`.
    """
    batch, block = ops.shape(x)[:2]
    counts = _counts(output_size, kernel_size, dilation, padding, stride)
    channels = block // (kernel_size[0] * kernel_size[1])
    x = ops.reshape(x, (batch, channels, *kernel_size, *counts))
    dtype = standardize_dtype(x.dtype)
    rows, columns = (
        _adding(kernel_size[i], dilation[i], counts[i], stride[i], output_size[i] + 2 * padding[i], dtype)
        for i in (0, 1)
    )
    x = ops.reshape(ops.transpose(x, (0, 1, 3, 5, 2, 4)), (batch, channels, kernel_size[1] * counts[1], -1))
    x = ops.matmul(ops.swapaxes(ops.matmul(x, rows), -1, -2), columns)
    inside = (slice(pad, pad + size) for pad, size in zip(padding, output_size, strict=True))
    return ops.get_item(x, (Ellipsis, *inside))


def _adding(kernel: int, step: int, count: int, jump: int, size: int, dtype: str) -> Any:
    """A matrix of 0 and 1 that adds each element of each block where it belongs along an axis."""
    places = (np.arange(kernel)[:, None] * step + np.arange(count) * jump).reshape(-1, 1)
    return ops.cast(places == np.arange(size), dtype)
