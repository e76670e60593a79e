"""Images in other sizes: resampled, cropped, padded."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from triceras import ops
from triceras.ops.image.layout import floats, image_rule, narrowed, places, wide, with_sizes
from triceras.ops.op import composite
from triceras.ops.rules import Rule, normalize_axis, one_of

# --- weights ----------------------------------------------------------------------------------------------------------
# `xp` is `numpy` where sizes and scales are known, else `ops`: the names are the same.


def _lanczos(radius: int) -> Callable:
    def kernel(xp: Any, x: Any) -> Any:
        near = x <= 1e-3
        angle = xp.where(near, xp.ones_like(x), x) * np.pi
        value = radius * xp.sin(angle) * xp.sin(angle / radius) / xp.square(angle)
        return xp.where(near, xp.ones_like(x), xp.where(x > radius, xp.zeros_like(x), value))

    return kernel


def _tent(xp: Any, x: Any) -> Any:
    return xp.maximum(1.0 - x, 0.0)


def _cubic(xp: Any, x: Any) -> Any:
    """The kernel of Keys (1981) with a = -1/2."""
    near = (1.5 * x - 2.5) * x * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return xp.where(x < 1.0, near, xp.where(x < 2.0, far, xp.zeros_like(x)))


KERNELS = {"bilinear": _tent, "bicubic": _cubic, "lanczos3": _lanczos(3), "lanczos5": _lanczos(5)}
METHODS = {**KERNELS, **dict.fromkeys(("linear", "trilinear"), _tent), **dict.fromkeys(("cubic", "tricubic"), _cubic)}


def _weights(xp: Any, kernel: Callable, line: Any, new: int, scale: Any, translation: Any, antialias: bool) -> Any:
    """How much each of the old places `line` counts in each of `new` ones, of shape `(new, old)`.

    A new place `i` lies at `(i + 1/2 - translation) / scale - 1/2` among the old ones. Where it lies outside, all
    weights are 0, else they add up to 1. With `antialias`, a kernel is as much wider as the image gets smaller.
    """
    place = (xp.arange(new, dtype="float32") + 0.5 - translation) / scale - 0.5
    spread = xp.maximum(1.0 / scale, 1.0) if antialias else 1.0
    weights = kernel(xp, xp.absolute(xp.expand_dims(place, 1) - line) / spread)
    total = xp.sum(weights, axis=1, keepdims=True)
    counts = xp.absolute(total) > 1e-4
    weights = xp.where(counts, weights / xp.where(counts, total, xp.ones_like(total)), xp.zeros_like(weights))
    inside = xp.expand_dims((place >= -0.5) & (place <= line[-1] + 0.5), 1)
    return xp.where(inside, weights, xp.zeros_like(weights))


def _areas(old: int, new: int) -> np.ndarray:
    """Weights by how much of each old place a new one covers."""
    edges = np.arange(new + 1) * (old / new)
    line = np.arange(old)
    overlap = np.minimum(edges[1:, None], line + 1) - np.maximum(edges[:-1, None], line)
    return np.maximum(overlap, 0) * (new / old)


INTERPOLATIONS = ("nearest", *KERNELS, "area")
MOST_TAPS = 2  # weights of one new place; with more of them, a matrix product costs less than the sum of their terms


@functools.lru_cache(maxsize=256)
def _taps(old: int, new: int, interpolation: str, antialias: bool) -> tuple[np.ndarray, np.ndarray]:
    """The places and weights that each new place is made of, of shape `(new, taps)`."""
    if interpolation == "nearest":
        return ((2 * np.arange(new) + 1) * old // (2 * new)).astype("int32")[:, None], np.ones((new, 1))
    if interpolation == "area":
        weights = _areas(old, new)
    else:
        weights = _weights(np, KERNELS[interpolation], np.arange(float(old)), new, new / old, 0.0, antialias)
    used = np.abs(weights) > 1e-9
    first, last = used.argmax(1), old - 1 - used[:, ::-1].argmax(1)
    most = int((last - first).max()) + 1
    indices = np.minimum(first, old - most)[:, None] + np.arange(most)
    return indices.astype("int32"), np.take_along_axis(weights, indices, 1)


def _resampled(x: Any, indices: np.ndarray, weights: np.ndarray, axis: int) -> Any:
    """An axis with sums of products with weights in place of its elements."""
    dtype, line = ops.dtype(x), [-1 if a == axis else 1 for a in range(len(x.shape))]
    if weights.shape[1] > MOST_TAPS:
        full = np.zeros((len(weights), x.shape[axis]), dtype)
        np.put_along_axis(full, indices, weights.astype(dtype), 1)
        return _product(x, full, axis)
    terms = [
        ops.multiply(ops.take(x, places, axis=axis), part.astype(dtype).reshape(line))
        for places, part in zip(indices.T, weights.T, strict=True)
    ]
    return functools.reduce(ops.add, terms)


def _product(x: Any, weights: Any, axis: int) -> Any:
    return ops.moveaxis(ops.tensordot(x, weights, axes=((axis,), (1,))), -1, axis)


# --- resize -----------------------------------------------------------------------------------------------------------


def _resize_arguments(bound: dict[str, Any]) -> None:
    one_of("interpolation", bound["interpolation"], INTERPOLATIONS)
    one_of("fill_mode", bound["fill_mode"], ("constant",))
    bound["size"] = _size("size", bound["size"])
    if bound["crop_to_aspect_ratio"] and bound["pad_to_aspect_ratio"]:
        raise ValueError("crop_to_aspect_ratio and pad_to_aspect_ratio can't both be True; got True and True.")
    axes, _ = places(bound["images"], bound["data_format"])
    if any(bound["images"].shape[a] == 0 for a in axes):
        raise ValueError(f"argument images must not be empty in height or width; got shape {bound['images'].shape}.")


def _size(name: str, given: Any) -> tuple[int, int]:
    sizes = tuple(given) if isinstance(given, (tuple, list, np.ndarray)) else ()
    if len(sizes) != 2 or any(int(n) != n or n < 1 for n in sizes):
        raise ValueError(f"argument {name} must be two positive ints (height, width); got {given!r}.")
    return int(sizes[0]), int(sizes[1])


def _resize_shape(images: Any, size: Any, data_format: str, **rest: Any) -> tuple:
    axes, _ = places(images, data_format)
    return with_sizes(images.shape, dict(zip(axes, size, strict=True)))


@composite(image_rule(_resize_shape, _resize_arguments))
def resize(
    images: Any,
    size: Any,
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Any:
    """Images in another size.

    Args:
        images: a tensor of shape `(..., height, width, channels)` or `(..., channels, height, width)`, with or without
            a batch, of any dtype.
        size: `(height, width)` of the result.
        interpolation: "nearest", "bilinear", "bicubic" (Keys 1981, a = -1/2), "lanczos3", "lanczos5" or "area".
        antialias: whether to smooth what gets smaller, so that every pixel counts; nothing to "nearest" and "area".
        crop_to_aspect_ratio: whether to cut the images, around their centre, to the ratio of `size` first.
        pad_to_aspect_ratio: whether to pad the images, on both sides, to the ratio of `size` first.
        fill_mode: "constant".
        fill_value: what to pad with.
        data_format: "channels_last" or "channels_first"; default `config.image_data_format()`.

    Returns:
        A tensor of the images' dtype; integers are rounded and kept in range.

    Example:
        >>> x = ops.reshape([0.0, 4.0], (2, 1, 1))
        >>> ops.convert_to_numpy(ops.image.resize(x, (4, 1))).ravel().tolist()
        [0.0, 1.0, 3.0, 4.0]
    """
    x = images if interpolation == "nearest" else floats(images)
    x = fitted(x, size, crop_to_aspect_ratio, pad_to_aspect_ratio, fill_value, data_format)
    return narrowed(interpolated(x, size, interpolation, antialias, data_format), images.dtype)


def fitted(images: Any, size: tuple, crop: bool, pad: bool, fill_value: float, data_format: str) -> Any:
    """Images cropped or padded to the aspect ratio of a size."""
    if not (crop or pad):
        return images
    axes, _ = places(images, data_format)
    old = tuple(images.shape[a] for a in axes)
    if None in old:
        raise ValueError(f"the aspect ratio of images of shape {tuple(images.shape)} must be known.")
    wanted = [old[1] * size[0] // size[1], old[0] * size[1] // size[0]]  # for each axis: as much as fits the other one
    if crop:
        kept = [max(1, min(n, w)) for n, w in zip(old, wanted, strict=True)]
        starts = [(n - k) // 2 for n, k in zip(old, kept, strict=True)]
        return _cut(images, axes, starts, kept)
    extra = [max(0, w - n) for n, w in zip(old, wanted, strict=True)]
    return _extended(images, axes, [(e // 2, e // 2) for e in extra], fill_value)


def _cut(images: Any, axes: tuple[int, ...], starts: Any, sizes: Any) -> Any:
    """The part of images with these starts and sizes."""
    parts = {a: slice(start, start + size) for a, start, size in zip(axes, starts, sizes, strict=True)}
    return ops.get_item(images, tuple(parts.get(a, slice(None)) for a in range(len(images.shape))))


def _extended(images: Any, axes: tuple[int, ...], widths: Any, value: Any = 0) -> Any:
    """Images with this much of a value before and after."""
    extra = dict(zip(axes, widths, strict=True))
    return ops.pad(images, [extra.get(a, (0, 0)) for a in range(len(images.shape))], constant_values=value)


def interpolated(x: Any, size: tuple, interpolation: str, antialias: bool, data_format: str) -> Any:
    """Images in another size, each axis by itself; floats, unless the interpolation is "nearest"."""
    axes, _ = places(x, data_format)
    for axis, new in zip(axes, size, strict=True):
        old = x.shape[axis]
        if old is None:
            x = _unknown(x, new, interpolation, antialias, axis)
        elif old != new:
            indices, weights = _taps(old, new, interpolation, bool(antialias))
            nearest = interpolation == "nearest"
            x = ops.take(x, indices[:, 0], axis=axis) if nearest else _resampled(x, indices, weights, axis)
    return x


def _unknown(x: Any, new: int, interpolation: str, antialias: bool, axis: int) -> Any:
    """An axis in a new size, whose old one only the running graph knows."""
    old = ops.shape(x)[axis]
    if interpolation == "nearest":
        indices = ops.floor_divide(ops.multiply(ops.arange(new) * 2 + 1, old), 2 * new)
        return ops.take(x, indices, axis=axis)
    one_of("interpolation", interpolation, tuple(KERNELS))
    line = ops.arange(old, dtype="float32")
    weights = _weights(ops, KERNELS[interpolation], line, new, new / (line[-1] + 1.0), 0.0, antialias)
    return _product(x, ops.cast(weights, x.dtype), axis)


# --- scale and translate ----------------------------------------------------------------------------------------------


def _scaled_arguments(bound: dict[str, Any]) -> None:
    one_of("method", bound["method"], tuple(METHODS))
    sizes, dims, wanted = tuple(bound["images"].shape), bound["spatial_dims"], tuple(bound["output_shape"])
    axes = tuple(normalize_axis(int(a), len(sizes), "spatial_dims") for a in dims)
    if len(set(axes)) != len(axes):
        raise ValueError(f"argument spatial_dims must name each axis once; got {dims!r}.")
    if len(wanted) != len(sizes):
        raise ValueError(f"argument output_shape must have {len(sizes)} sizes, as images do; got {wanted}.")
    for name in ("scale", "translation"):
        if tuple(bound[name].shape) not in ((len(axes),), (None,)):
            raise ValueError(
                f"argument {name} must have shape ({len(axes)},), one number for each of spatial_dims={dims!r}; got "
                f"shape {tuple(bound[name].shape)}."
            )
    bound["spatial_dims"], bound["output_shape"] = axes, wanted


def _scaled_shape(images: Any, output_shape: tuple, spatial_dims: tuple, **rest: Any) -> tuple:
    return with_sizes(images.shape, {a: int(output_shape[a]) for a in spatial_dims})


def _scaled_dtypes(images: Any, *rest: Any) -> tuple[tuple, Any]:
    return (images, *(wide(images),) * len(rest)), images


@composite(Rule(_scaled_shape, _scaled_dtypes, ("images", "scale", "translation"), _scaled_arguments))
def scale_and_translate(
    images: Any, output_shape: Any, scale: Any, translation: Any, spatial_dims: Any, method: str, antialias: bool = True
) -> Any:
    """Images scaled and moved by amounts that may be computed, and differentiated.

    Args:
        images: a tensor of any rank.
        output_shape: the result's shape; only its sizes at `spatial_dims` count.
        scale: a tensor with a factor for each of the axes.
        translation: a tensor with a distance for each of the axes, in pixels of the result.
        spatial_dims: the axes.
        method: "linear" (or "bilinear", "trilinear"), "cubic" (or "bicubic", "tricubic"), "lanczos3" or "lanczos5".
        antialias: whether to smooth what gets smaller, so that every pixel counts.

    Returns:
        A tensor of the images' dtype: 0 where a pixel comes from outside. Integers are rounded and kept in range.

    Example:
        >>> x = ops.image.scale_and_translate([1.0, 3.0], (3,), [1.0], [1.0], (0,), "linear")
        >>> ops.convert_to_numpy(x).tolist()
        [0.0, 1.0, 3.0]
    """
    x = floats(images)
    for i, axis in enumerate(spatial_dims):
        line, new = ops.arange(ops.shape(x)[axis], dtype="float32"), int(output_shape[axis])
        weights = _weights(ops, METHODS[method], line, new, scale[i], translation[i], antialias)
        x = _product(x, ops.cast(weights, x.dtype), axis)
    return narrowed(x, images.dtype)


# --- crop and pad -----------------------------------------------------------------------------------------------------

SIDES = (("top", "bottom", "height"), ("left", "right", "width"))


def _two_of_three(kind: str, sign: int) -> Callable[[dict[str, Any]], None]:
    """Of what goes away (`sign` -1) or is added (1) before and after an axis and the size then, the one not given.

    All three stay as they are where the images' size is unknown.
    """

    def resolve(bound: dict[str, Any]) -> None:
        axes, _ = places(bound["images"], bound["data_format"])
        for axis, (first, last, side) in zip(axes, SIDES, strict=True):
            keys = (f"{first}_{kind}", f"{last}_{kind}", f"target_{side}")
            before, after, target = given = [bound[key] for key in keys]
            text = ", ".join(f"{key}={value!r}" for key, value in zip(keys, given, strict=True))
            if given.count(None) != 1 or not all(n is None or isinstance(n, (int, np.integer)) for n in given):
                raise ValueError(f"exactly two of {', '.join(keys)} must be given, as ints; got {text}.")
            old = bound["images"].shape[axis]
            if old is not None:
                total = before + after if target is None else sign * (target - old)
                before = total - after if before is None else before
                given = before, total - before, old + sign * total
            if any(n is not None and n < 0 for n in given):
                raise ValueError(f"{text} don't fit images of {side} {old}: one of the numbers would be negative.")
            bound.update(zip(keys, given, strict=True))

    return resolve


def _targets(images: Any, target_height: Any, target_width: Any, data_format: str, **rest: Any) -> tuple:
    return _resize_shape(images, (target_height, target_width), data_format)


@composite(image_rule(_targets, _two_of_three("cropping", -1)))
def crop_images(
    images: Any,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Any:
    """A part of images. Of each axis's three numbers (before, after, target), two are given.

    Args:
        images, data_format: as for `resize`.
        top_cropping, left_cropping, bottom_cropping, right_cropping: how much to cut off.
        target_height, target_width: the size of what is left.

    Raises:
        ValueError: too few or too many numbers are given, or they don't fit the images.

    Example:
        >>> ops.shape(ops.image.crop_images(ops.ones((5, 6, 3)), 1, 2, 0, 1))
        (4, 3, 3)
    """
    axes, _ = places(images, data_format)
    return _cut(images, axes, (top_cropping, left_cropping), (target_height, target_width))


@composite(image_rule(_targets, _two_of_three("padding", 1)))
def pad_images(
    images: Any,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Any:
    """Images with zeros around them. Of each axis's three numbers (before, after, target), two are given.

    Args:
        images, data_format: as for `resize`.
        top_padding, left_padding, bottom_padding, right_padding: how much to add.
        target_height, target_width: the size of the result.

    Example:
        >>> ops.shape(ops.image.pad_images(ops.ones((5, 6, 3)), 1, 2, target_height=8, target_width=9))
        (8, 9, 3)
    """
    axes, _ = places(images, data_format)
    return _extended(images, axes, ((top_padding, bottom_padding), (left_padding, right_padding)))
