"""NumPy functions of the ops in `ops/nn.py`: convolutions and pools over views of windows."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from triceras.backends.numpy.linalg import widened
from triceras.core.dtypes import is_float, largest
from triceras.ops.windows import same_padding, transposed


def _channels_last(x, data_format):
    return x if data_format == "channels_last" else np.moveaxis(x, 1, -1)


def _as_given(x, data_format):
    return x if data_format == "channels_last" else np.ascontiguousarray(np.moveaxis(x, -1, 1))


def _padded(x, window, strides, dilation, padding, value=0):
    if padding == "valid":
        return x
    sizes = zip(x.shape[1:-1], window, strides, dilation, strict=True)
    widths = [(0, 0), *(same_padding(*size) for size in sizes), (0, 0)]
    return np.pad(x, widths, constant_values=np.asarray(value, x.dtype))


def _windows(x, window, strides, dilation):
    """Views of shape (batch, *places, channels, *window)."""
    axes = tuple(range(1, x.ndim - 1))
    reach = [(k - 1) * d + 1 for k, d in zip(window, dilation, strict=True)]
    view = sliding_window_view(x, reach, axis=axes)
    places = tuple(slice(None, None, s) for s in strides)
    return view[(slice(None), *places, slice(None), *(slice(None, None, d) for d in dilation))]


@widened
def conv(inputs, kernel, strides, padding, data_format, dilation_rate):
    *window, per_group, filters = kernel.shape
    x = _padded(_channels_last(inputs, data_format), window, strides, dilation_rate, padding)
    view = _windows(x, window, strides, dilation_rate)
    rank, channels = len(window), x.shape[-1]
    groups = channels // per_group
    kernel = np.moveaxis(kernel, -2, 0)  # channels, *window, filters
    results = []
    for g in range(groups):
        part = view[(slice(None),) * (rank + 1) + (slice(g * per_group, (g + 1) * per_group),)]
        share = kernel[..., g * filters // groups : (g + 1) * filters // groups]
        results.append(np.tensordot(part, share, axes=(range(rank + 1, 2 * rank + 2), range(rank + 1))))
    return _as_given(results[0] if groups == 1 else np.concatenate(results, axis=-1), data_format)


@widened
def conv_transpose(inputs, kernel, strides, padding, output_padding, data_format, dilation_rate):
    x, window = _channels_last(inputs, data_format), kernel.shape[:-2]
    rank = len(window)
    ones = (1,) * rank
    reach = [(k - 1) * d + 1 for k, d in zip(window, dilation_rate, strict=True)]
    sizes = [(n - 1) * s + 1 for n, s in zip(x.shape[1:-1], strides, strict=True)]
    spread = np.zeros((x.shape[0], *(n + 2 * (r - 1) for n, r in zip(sizes, reach, strict=True)), x.shape[-1]), x.dtype)
    places = [slice(r - 1, r - 1 + n, s) for r, n, s in zip(reach, sizes, strides, strict=True)]
    spread[(slice(None), *places)] = x
    mirrored = np.swapaxes(np.flip(kernel, axis=tuple(range(rank))), -1, -2)
    full = conv(spread, mirrored, ones, "valid", "channels_last", dilation_rate)
    places = zip(x.shape[1:-1], window, strides, (padding,) * rank, output_padding, dilation_rate, strict=True)
    for axis, arguments in enumerate(places, 1):
        size, before = transposed(*arguments)
        missing = max(0, before + size - full.shape[axis])
        full = np.pad(full, [(0, missing if i == axis else 0) for i in range(full.ndim)])
        full = np.take(full, range(before, before + size), axis=axis)
    return _as_given(full, data_format)


def max_pool(inputs, pool_size, strides, padding, data_format):
    ones = (1,) * len(pool_size)
    lowest = -np.inf if is_float(inputs.dtype) else -largest(inputs.dtype) - 1 if inputs.dtype.kind == "i" else 0
    x = _padded(_channels_last(inputs, data_format), pool_size, strides, ones, padding, lowest)
    view = _windows(x, pool_size, strides, ones)
    return _as_given(np.max(view, axis=tuple(range(-len(pool_size), 0))), data_format)


@widened
def average_pool(inputs, pool_size, strides, padding, data_format):
    ones, axes = (1,) * len(pool_size), tuple(range(-len(pool_size), 0))
    x = _channels_last(inputs, data_format)
    inside = np.ones((1, *x.shape[1:-1], 1), x.dtype)
    padded = (_padded(v, pool_size, strides, ones, padding) for v in (x, inside))
    total, count = (np.sum(_windows(v, pool_size, strides, ones), axis=axes) for v in padded)
    return _as_given(total / count, data_format)
