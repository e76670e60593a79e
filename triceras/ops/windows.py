"""Sizes of convolutions and pools: one place for the arithmetic that rules and backends share."""

from __future__ import annotations

from typing import Any

from triceras.core.config import standardize_data_format
from triceras.ops.rules import Rule, float_, one_of, same

PADDINGS = ("valid", "same")


def as_tuple(name: str, value: Any, rank: int) -> tuple[int, ...]:
    """One positive int for each spatial axis.

    Raises:
        ValueError: another number of them, or one that isn't positive.
    """
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * rank
    if len(values) != rank or any(not isinstance(v, int) or v < 1 for v in values):
        raise ValueError(f"argument {name} must be a positive int or {rank} of them; got {value!r}.")
    return values


def same_padding(size: int, window: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """How much goes before and after an axis under padding "same"."""
    total = max((-(-size // stride) - 1) * stride + (window - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def windowed(size: int | None, window: int | None, stride: int, padding: str, dilation: int = 1) -> int | None:
    """The size of an axis after a convolution or pool.

    Raises:
        ValueError: the window doesn't fit in.
    """
    if size is None or window is None:
        return None
    if padding == "same":
        return -(-size // stride)
    reach = (window - 1) * dilation + 1
    if size < reach:
        raise ValueError(f"a window of {window} (dilation {dilation}) doesn't fit into an axis of size {size}.")
    return (size - reach) // stride + 1


def transposed(
    size: int | None, window: int | None, stride: int, padding: str, output_padding: int | None, dilation: int = 1
) -> tuple[int | None, int]:
    """The size of an axis after a transposed convolution, and how much of the full result is cut off before it.

    The full result, in which every input element adds a whole window, has `(size - 1) * stride + reach` elements.
    What is cut or missing at the end follows from the two numbers.
    """
    if window is None:
        return None, 0
    reach = (window - 1) * dilation + 1
    if output_padding is None:
        crop = max(reach - stride, 0) if padding == "same" else 0
        extra = stride if padding == "same" else max(reach, stride)
        return None if size is None else (size - 1) * stride + extra, crop // 2
    pad = reach // 2 if padding == "same" else 0
    cut = max(2 * pad - output_padding, 0) // 2
    return None if size is None else (size - 1) * stride + reach - 2 * pad + output_padding, cut


def spatial(shape: Any, data_format: str) -> tuple:
    """The sizes of the spatial axes of images."""
    return tuple(shape)[1:-1] if data_format == "channels_last" else tuple(shape)[2:]


def images(batch: Any, sizes: Any, channels: Any, data_format: str) -> tuple:
    """The shape of images of these sizes."""
    return (batch, *sizes, channels) if data_format == "channels_last" else (batch, channels, *sizes)


def channel_axis(data_format: str, ndim: int) -> int:
    """Which axis of images holds the channels."""
    return ndim - 1 if data_format == "channels_last" else 1


def _ranked(bound: dict[str, Any]) -> int:
    ndim = len(bound["inputs"].shape)
    if ndim not in (3, 4, 5):
        raise ValueError(
            f"argument inputs must have 3, 4 or 5 dimensions (batch, channels and 1 to 3 spatial ones); got shape "
            f"{tuple(bound['inputs'].shape)}."
        )
    bound["data_format"] = standardize_data_format(bound["data_format"])
    bound["padding"] = str(bound["padding"]).lower()
    one_of("padding", bound["padding"], PADDINGS)
    return ndim - 2


def _conv_arguments(bound: dict[str, Any]) -> None:
    rank = _ranked(bound)
    kernel = next(name for name in ("kernel", "depthwise_kernel") if name in bound)
    if len(bound[kernel].shape) != rank + 2:
        raise ValueError(f"argument {kernel} must have {rank + 2} dimensions; got shape {tuple(bound[kernel].shape)}.")
    bound["strides"] = as_tuple("strides", bound["strides"], rank)
    bound["dilation_rate"] = as_tuple("dilation_rate", bound["dilation_rate"], rank)


def _transpose_arguments(bound: dict[str, Any]) -> None:
    _conv_arguments(bound)
    rank, extra = len(bound["strides"]), bound["output_padding"]
    if extra is None or isinstance(extra, int):
        extra = (extra,) * rank
    if len(extra) != rank:
        raise ValueError(f"argument output_padding must be an int or {rank} of them; got {bound['output_padding']!r}.")
    bound["output_padding"] = tuple(extra)


def _pool_arguments(bound: dict[str, Any]) -> None:
    rank = _ranked(bound)
    bound["pool_size"] = as_tuple("pool_size", bound["pool_size"], rank)
    strides = bound["pool_size"] if bound["strides"] is None else bound["strides"]
    bound["strides"] = as_tuple("strides", strides, rank)


def channels_of(inputs: Any, data_format: str) -> int | None:
    """How many channels images have."""
    return inputs.shape[channel_axis(data_format, len(inputs.shape))]


def _moved_over(
    inputs: Any, window: Any, strides: Any, padding: str, data_format: str, dilation_rate: Any, channels: Any
) -> tuple:
    """The shape of images after a window moved over them, with this many channels."""
    places = zip(spatial(inputs.shape, data_format), window, strides, dilation_rate, strict=True)
    return images(inputs.shape[0], [windowed(n, k, s, padding, d) for n, k, s, d in places], channels, data_format)


def _conv(inputs: Any, kernel: Any, strides: Any, padding: str, data_format: str, dilation_rate: Any) -> Any:
    channels, per_group, filters = channels_of(inputs, data_format), kernel.shape[-2], kernel.shape[-1]
    if channels is not None and (channels % per_group or filters % (channels // per_group)):
        raise ValueError(
            f"inputs with {channels} channels don't fit a kernel of shape {tuple(kernel.shape)}: the channels must be "
            f"a multiple of {per_group}, and {filters} filters a multiple of the number of groups."
        )
    return _moved_over(inputs, kernel.shape[:-2], strides, padding, data_format, dilation_rate, filters)


def _depthwise(inputs: Any, kernel: Any, strides: Any, padding: str, data_format: str, dilation_rate: Any) -> Any:
    if channels_of(inputs, data_format) not in (None, kernel.shape[-2]):
        raise ValueError(
            f"inputs of shape {tuple(inputs.shape)} need a kernel (..., channels, multiplier); "
            f"got shape {tuple(kernel.shape)}."
        )
    *window, channels, multiplier = kernel.shape
    return _moved_over(inputs, window, strides, padding, data_format, dilation_rate, channels * multiplier)


def _separable(inputs: Any, depthwise_kernel: Any, pointwise_kernel: Any, **rest: Any) -> Any:
    shape = list(_depthwise(inputs, depthwise_kernel, **rest))
    shape[channel_axis(rest["data_format"], len(shape))] = pointwise_kernel.shape[-1]
    return tuple(shape)


def _conv_transpose(
    inputs: Any, kernel: Any, strides: Any, padding: str, output_padding: Any, data_format: str, dilation_rate: Any
) -> Any:
    if channels_of(inputs, data_format) not in (None, kernel.shape[-1]):
        raise ValueError(
            f"inputs of shape {tuple(inputs.shape)} need a kernel (..., filters, channels); "
            f"got shape {tuple(kernel.shape)}."
        )
    sizes = spatial(inputs.shape, data_format)
    places = zip(sizes, kernel.shape[:-2], strides, output_padding, dilation_rate, strict=True)
    new = [transposed(n, k, s, padding, extra, d)[0] for n, k, s, extra, d in places]
    return images(inputs.shape[0], new, kernel.shape[-2], data_format)


def _pool(inputs: Any, pool_size: Any, strides: Any, padding: str, data_format: str) -> Any:
    dense, channels = (1,) * len(pool_size), channels_of(inputs, data_format)
    return _moved_over(inputs, pool_size, strides, padding, data_format, dense, channels)


CONV = Rule(_conv, float_, ("inputs", "kernel"), _conv_arguments)
BIASED_CONV = Rule(lambda bias, **rest: _conv(**rest), float_, ("inputs", "kernel", "bias"), _conv_arguments)
DEPTHWISE = Rule(_depthwise, float_, ("inputs", "kernel"), _conv_arguments)
SEPARABLE = Rule(_separable, float_, ("inputs", "depthwise_kernel", "pointwise_kernel"), _conv_arguments)
CONV_TRANSPOSE = Rule(_conv_transpose, float_, ("inputs", "kernel"), _transpose_arguments)
MAX_POOL = Rule(_pool, same, ("inputs",), _pool_arguments)
AVERAGE_POOL = Rule(_pool, float_, ("inputs",), _pool_arguments)
