"""The primitives that slide windows over images: convolutions and pools, as sums over the places of the window."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from triceras.core import dtypes
from triceras.ops.windows import same_padding, transposed
from triceras_template.primitives import single


def channels_last(function: Callable) -> Callable:
    """A function of channels-last images as one that takes `data_format`."""

    @functools.wraps(function)
    def run(x: np.ndarray, *args: Any, data_format: str, **options: Any) -> np.ndarray:
        if data_format == "channels_last":
            return function(x, *args, **options)
        return np.moveaxis(function(np.moveaxis(x, 1, -1), *args, **options), -1, 1)

    return run


def padded(x: np.ndarray, window: Any, strides: Any, dilation: Any, padding: str, value: Any = 0) -> np.ndarray:
    if padding == "valid":
        return x
    sizes = zip(x.shape[1:-1], window, strides, dilation, strict=True)
    return np.pad(x, [(0, 0), *(same_padding(*size) for size in sizes), (0, 0)], constant_values=x.dtype.type(value))


def steps(place: Any, counts: Any, strides: Any, dilation: Any) -> tuple:
    """The index of the elements that come under one place of a window as it moves."""
    each = zip(place, counts, strides, dilation, strict=True)
    return slice(None), *(slice(p * d, p * d + (n - 1) * s + 1, s) for p, n, s, d in each)


def patches(x: np.ndarray, window: Any, strides: Any, dilation: Any) -> Iterator[tuple[tuple, np.ndarray]]:
    """Each place of the window, and the elements that come under it."""
    sizes = zip(x.shape[1:-1], window, strides, dilation, strict=True)
    counts = [(n - (k - 1) * d - 1) // s + 1 for n, k, s, d in sizes]
    return ((place, x[steps(place, counts, strides, dilation)]) for place in np.ndindex(*window))


@channels_last
@single
def conv(inputs, kernel, strides, padding, dilation_rate):
    *window, per_group, filters = kernel.shape
    x = padded(inputs, window, strides, dilation_rate, padding)
    groups = x.shape[-1] // per_group
    kernel = kernel.reshape(*window, per_group, groups, filters // groups)
    total = 0
    for place, under in patches(x, window, strides, dilation_rate):
        under = under.reshape(*under.shape[:-1], groups, per_group)
        total = total + np.einsum("...gi,igo->...go", under, kernel[place])
    return total.reshape(*total.shape[:-2], filters)


@channels_last
@single
def conv_transpose(inputs, kernel, strides, padding, output_padding, dilation_rate):
    *window, filters, _ = kernel.shape
    batch, *sizes, _ = inputs.shape
    each = zip(sizes, window, strides, (padding,) * len(window), output_padding, dilation_rate, strict=True)
    wanted = [transposed(*one) for one in each]
    room = [before + size + k * d for (size, before), k, d in zip(wanted, window, dilation_rate, strict=True)]
    total = np.zeros((batch, *room, filters), inputs.dtype)
    for place in np.ndindex(*window):
        total[steps(place, sizes, strides, dilation_rate)] += inputs @ kernel[place].T
    return total[(slice(None), *(slice(before, before + size) for size, before in wanted))]


@channels_last
def max_pool(inputs, pool_size, strides, padding):
    ones = (1,) * len(pool_size)
    lowest = -np.inf if dtypes.is_float(inputs.dtype) else inputs.min(initial=0)
    x = padded(inputs, pool_size, strides, ones, padding, lowest)
    return functools.reduce(np.maximum, (under for _, under in patches(x, pool_size, strides, ones)))


@channels_last
@single
def average_pool(inputs, pool_size, strides, padding):
    ones = (1,) * len(pool_size)
    inside = np.ones((1, *inputs.shape[1:-1], 1), inputs.dtype)  # what lies in the padding doesn't count
    both = (patches(padded(x, pool_size, strides, ones, padding), pool_size, strides, ones) for x in (inputs, inside))
    total, count = (sum(under for _, under in each) for each in both)
    return total / count
