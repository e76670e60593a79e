"""Samples of ops on images. The references go pixel by pixel."""

from __future__ import annotations

# fmt: off
import colorsys
import itertools
import math

import numpy as np

from triceras.testing.case import call, case, draw

# --- references -------------------------------------------------------------------------------------------------------


def formed(function):
    """A reference for one image with its channels last, for images of any layout."""
    def reference(images, *args, data_format="channels_last", **kwargs):
        batch = images if images.ndim == 4 else images[None]
        first = data_format == "channels_first"
        found = [function(np.moveaxis(x, 0, -1) if first else x, i, *args, **kwargs) for i, x in enumerate(batch)]
        found = np.stack([np.moveaxis(x, 2, 0) if first else x for x in found])
        return found if images.ndim == 4 else found[0]
    return reference


def rounded(x, dtype):
    if dtype.kind not in "iu":
        return x.astype(dtype) if dtype.kind == "b" else x
    return np.clip(np.rint(x), np.iinfo(dtype).min, np.iinfo(dtype).max).astype(dtype)


def kernel(method, x):
    x = abs(x)
    if "linear" in method:
        return max(0.0, 1 - x)
    if "cubic" in method:
        near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
        return near if x < 1 else far if x < 2 else 0.0
    radius = int(method[-1])
    return float(np.sinc(x) * np.sinc(x / radius)) if x < radius else 0.0


def line(old, new, method, antialias, scale, shift=0.0):
    matrix = np.zeros((new, old))
    for i in range(new):
        place = (i + 0.5 - shift) / scale - 0.5
        if method == "nearest":
            matrix[i, math.floor(place + 0.5)] = 1
        elif method == "area":
            low, high = i * old / new, (i + 1) * old / new
            matrix[i] = [max(0.0, min(high, j + 1) - max(low, j)) for j in range(old)]
        elif -0.5 <= place <= old - 0.5:
            spread = max(1.0, 1 / scale) if antialias else 1.0
            matrix[i] = [kernel(method, (place - j) / spread) for j in range(old)]
    return matrix / np.maximum(matrix.sum(1, keepdims=True), 1e-9)


def resize(x, _, size, interpolation="bilinear", antialias=False, crop_to_aspect_ratio=False,
        pad_to_aspect_ratio=False, fill_value=0.0):
    (h, w, _), (th, tw) = x.shape, size
    if crop_to_aspect_ratio:
        kept = max(1, min(h, w * th // tw)), max(1, min(w, h * tw // th))
        top, left = (h - kept[0]) // 2, (w - kept[1]) // 2
        x = x[top : top + kept[0], left : left + kept[1]]
    if pad_to_aspect_ratio:
        up, side = max(0, w * th // tw - h) // 2, max(0, h * tw // th - w) // 2
        x = np.pad(x, ((up, up), (side, side), (0, 0)), constant_values=fill_value)
    rows, columns = (line(n, size[i], interpolation, antialias, size[i] / n) for i, n in enumerate(x.shape[:2]))
    return rounded(np.einsum("ih,jw,hwc->ijc", rows, columns, x.astype("float64")), x.dtype)


def scale_and_translate(x, output_shape, scale, translation, spatial_dims, method, antialias=True):
    found = x.astype("float64")
    for axis, s, t in zip(spatial_dims, scale, translation, strict=True):
        matrix = line(x.shape[axis], output_shape[axis], method, antialias, s, t)
        found = np.moveaxis(np.tensordot(matrix, found, (1, axis)), 0, axis)
    return rounded(found, x.dtype)


def crop(x, _, top_cropping=None, left_cropping=None, bottom_cropping=None, right_cropping=None, target_height=None,
        target_width=None):
    h, w, _ = x.shape
    top = h - bottom_cropping - target_height if top_cropping is None else top_cropping
    left = w - right_cropping - target_width if left_cropping is None else left_cropping
    bottom = h - bottom_cropping if target_height is None else top + target_height
    right = w - right_cropping if target_width is None else left + target_width
    return x[top:bottom, left:right]


def pad(x, _, top_padding=None, left_padding=None, bottom_padding=None, right_padding=None, target_height=None,
        target_width=None):
    h, w, c = x.shape
    height = h + top_padding + bottom_padding if target_height is None else target_height
    width = w + left_padding + right_padding if target_width is None else target_width
    top = height - h - bottom_padding if top_padding is None else top_padding
    left = width - w - right_padding if left_padding is None else left_padding
    found = np.zeros((height, width, c), x.dtype)
    found[top : top + h, left : left + w] = x
    return found


def grey(x, _):
    return x if x.shape[-1] == 1 else (x @ np.array([[0.2989], [0.587], [0.114]])).astype(x.dtype)


def coloured(function):
    return lambda x, _: np.array([function(*map(float, p)) for p in x.reshape(-1, 3)]).reshape(x.shape)


def sobel(x, _):
    window = np.outer([1, 2, 1], [-1, 0, 1]).astype(x.dtype)
    framed = np.pad(x, ((1, 1), (1, 1), (0, 0)), mode="reflect")
    views = np.lib.stride_tricks.sliding_window_view(framed, (3, 3), (0, 1))
    return np.stack([(views * kind).sum((-2, -1)) for kind in (window.T, window)], -1)


def bell(size, sigma):
    weights = [math.exp(-0.5 * ((i - (size - 1) / 2) / sigma) ** 2) for i in range(size)]
    return np.array(weights) / sum(weights)


def blur(x, _, kernel_size=(3, 3), sigma=(1.0, 1.0)):
    width, height = kernel_size
    window = np.outer(bell(height, sigma[1]), bell(width, sigma[0]))
    sides = [((n - 1) // 2, n // 2) for n in (height, width)]
    views = np.lib.stride_tricks.sliding_window_view(np.pad(x, (*sides, (0, 0))), (height, width), (0, 1))
    return rounded((views * window).sum((-2, -1)), x.dtype)


def ssim(image1, image2, max_val=1.0, filter_size=11, filter_sigma=1.5, k1=0.01, k2=0.03, data_format="channels_last"):
    axes = (-2, -1) if data_format == "channels_first" else (-3, -2)
    x, y = (np.lib.stride_tricks.sliding_window_view(i.astype("float64"), (filter_size,) * 2, axes)
        for i in (image1, image2))
    window = np.outer(*(bell(filter_size, filter_sigma),) * 2)
    def mean(z): return (z * window).sum((-2, -1))
    a, b, c, d = mean(x), mean(y), (k1 * max_val) ** 2, (k2 * max_val) ** 2
    covariance, variances = mean(x * y) - a * b, mean(x * x) - a * a + mean(y * y) - b * b
    found = (2 * a * b + c) * (2 * covariance + d) / ((a * a + b * b + c) * (variances + d))
    return found.mean((-3, -2, -1)).astype(image1.dtype if image1.dtype.kind in "iu" else found.dtype)


def patches(images, size, strides=None, dilation_rate=1, padding="valid", data_format="channels_last"):
    spatial = len(size) if isinstance(size, tuple) else 2 if images.ndim < 5 else 3
    windows = (size, strides or size, dilation_rate)
    size, strides, dilation = ((n,) * spatial if isinstance(n, int) else n for n in windows)
    single, first = images.ndim == spatial + 1, data_format == "channels_first"
    x = images[None] if single else images
    x = np.moveaxis(x, 1, -1) if first else x
    if padding == "same":
        lacks = [max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
            for n, k, s, d in zip(x.shape[1:-1], size, strides, dilation, strict=True)]
        x = np.pad(x, [(0, 0), *((n // 2, n - n // 2) for n in lacks), (0, 0)])
    counts = [(n - (k - 1) * d - 1) // s + 1 for n, k, s, d in zip(x.shape[1:-1], size, strides, dilation, strict=True)]
    found = np.zeros((len(x), *counts, math.prod(size) * x.shape[-1]), x.dtype)
    for place in np.ndindex(*counts):
        window = tuple(slice(i * s, i * s + (k - 1) * d + 1, d)
            for i, k, s, d in zip(place, size, strides, dilation, strict=True))
        found[(slice(None), *place)] = x[(slice(None), *window)].reshape(len(x), -1)
    found = np.moveaxis(found, -1, 1) if first else found
    return found[0] if single else found


MARGIN = 40
BEYOND = {"constant": "constant", "nearest": "edge", "wrap": "wrap", "mirror": "reflect", "reflect": "symmetric"}


def looked_up(x, places, order, fill_mode="constant", fill_value=0):
    """What a padded array holds at places, the last axis of which is the coordinate."""
    more = {"constant_values": fill_value} if fill_mode == "constant" else {}
    rank = places.shape[-1]
    wide = np.pad(x, [(MARGIN, MARGIN)] * rank + [(0, 0)] * (x.ndim - rank), mode=BEYOND[fill_mode], **more)
    found = np.zeros((*places.shape[:-1], *x.shape[rank:]))
    for i in np.ndindex(*places.shape[:-1]):
        place = np.clip(places[i].astype("float64"), -MARGIN + 1, np.array(x.shape[:rank]) + MARGIN - 2) + MARGIN
        if order == 0:
            sign = np.where(places[i] < 0, -1, 1)
            found[i] = wide[tuple(np.where(sign > 0, np.floor(place + 0.5), np.ceil(place - 0.5)).astype(int))]
            continue
        low = np.floor(place).astype(int)
        for corner in itertools.product((0, 1), repeat=rank):
            found[i] += np.prod(np.where(corner, place - low, 1 - place + low)) * wide[tuple(low + corner)]
    return rounded(found, x.dtype)


def map_coordinates(x, coordinates, order, fill_mode="constant", fill_value=0):
    return looked_up(x, np.moveaxis(np.asarray(coordinates), 0, -1), order, fill_mode, fill_value)


def affine(x, i, transform, interpolation="bilinear", fill_mode="constant", fill_value=0):
    a = np.append(transform[i % len(transform)] if transform.ndim == 2 else transform, 1.0).reshape(3, 3)
    rows, columns = np.indices(x.shape[:2])
    u, v, k = np.einsum("ij,j...->i...", a, np.stack([columns, rows, np.ones_like(rows)]))
    order = ("nearest", "bilinear").index(interpolation)
    return looked_up(x, np.stack([v / k, u / k], -1), order, fill_mode, fill_value)


def perspective(x, i, start_points, end_points, interpolation="bilinear", fill_value=0):
    start, end = (p[i % len(p)] if p.ndim == 3 else p for p in (start_points, end_points))
    rows = []
    for (x0, y0), (u, v) in zip(end.tolist(), start.tolist(), strict=True):
        rows += [[x0, y0, 1, 0, 0, 0, -x0 * u, -y0 * u, -u], [0, 0, 0, x0, y0, 1, -x0 * v, -y0 * v, -v]]
    found = np.linalg.svd(np.array(rows))[2][-1]
    return affine(x, 0, found[:8] / found[8], interpolation, "constant", fill_value)


def to_depth(x, block_size, data_format="channels_last"):
    parts = itertools.product(range(block_size), repeat=2)
    if data_format == "channels_first":
        blocks = np.stack([x[:, :, i::block_size, j::block_size] for i, j in parts], 2)
        return blocks.reshape(len(x), -1, *blocks.shape[-2:])
    return np.concatenate([x[:, i::block_size, j::block_size] for i, j in parts], -1)


def to_space(x, block_size, data_format="channels_last"):
    """The tensor that `to_depth` makes into `x`, found by sending numbered elements there and back."""
    axes = {"channels_last": (1, 2, 3), "channels_first": (2, 3, 1)}[data_format]
    sizes = list(x.shape)
    sizes[axes[0]], sizes[axes[1]] = (x.shape[a] * block_size for a in axes[:2])
    sizes[axes[2]] //= block_size**2
    numbers = to_depth(np.arange(x.size).reshape(sizes), block_size, data_format)
    found = np.zeros(x.size, x.dtype)
    found[numbers.ravel()] = x.ravel()
    return found.reshape(sizes)


# --- samples ----------------------------------------------------------------------------------------------------------

FIRST = {"data_format": "channels_first"}
_PICTURE, _BYTES = draw(2, 5, 4, 2), (draw(1, 4, 6, 1, low=0) * 120).astype("uint8")
case("resize", formed(resize), (draw(1, 5, 4, 1), (3, 7)), call(draw(1, 4, 3, 2), (3, 5), "bicubic", antialias=True),
    call(_PICTURE, (3, 9), "lanczos3"), call(draw(2, 5, 6), (2, 4), "lanczos5", True, **FIRST),
    call(_PICTURE, (7, 3), "nearest"), call(_BYTES, (3, 4), "area"), call(_BYTES, (8, 3), "bilinear"),
    call(draw(3, 7, 1), (4, 4), crop_to_aspect_ratio=True), call(_BYTES, (2, 6), "nearest", pad_to_aspect_ratio=True),
    call(draw(1, 3, 7, 1), (4, 5), "bicubic", pad_to_aspect_ratio=True, fill_value=0.5),
    call(draw(4, 4, 1, dtype="float16"), (3, 5)),
    call(draw(1, 1, 3, 5, dtype="int32", low=-999, high=999), (7, 4), **FIRST),
    call(draw(1, 30, 3, 1), (2, 2), antialias=True))
_HOW = (np.float32([0.7, 1.6]), np.float32([0.3, -0.4]))
case("scale_and_translate", scale_and_translate, (draw(5, 4), (4, 6), *_HOW, (0, 1), "linear"),
    (draw(1, 4, 5, 2), (1, 3, 4, 2), *_HOW, (1, 2), "cubic"), (draw(5, 4), (4, 4), *_HOW, (1, 0), "lanczos3", False),
    (draw(5, 4, dtype="uint8"), (4, 6), *_HOW, (0, -1), "bilinear"),
    (draw(6, dtype="float16"), (9,), np.float32([2]), np.float32([1]), (0,), "tricubic"),
    (draw(3, 4), (3, 3), np.float32([0.5]), np.float32([9]), (1,), "lanczos5"), tolerance=1e-4)
case("crop_images", formed(crop), call(_PICTURE, 1, 1, 1, 0),
    call(draw(4, 5, 1), 0, 2, target_height=2, target_width=2),
    call(_BYTES, bottom_cropping=1, right_cropping=2, target_height=2, target_width=3),
    call(draw(2, 4, 5), 1, 0, target_height=3, right_cropping=5, **FIRST),
    call(draw(1, 2, 3, 3, dtype="bool"), 0, 0, 3, 0, **FIRST))
case("pad_images", formed(pad), call(_PICTURE, 1, 1, 1, 0), call(draw(4, 5, 1), 0, 2, target_height=6, target_width=7),
    call(_BYTES, bottom_padding=1, right_padding=2, target_height=6, target_width=9),
    call(draw(2, 4, 5), 1, 0, target_height=7, right_padding=5, **FIRST),
    call(draw(1, 2, 3, 3, dtype="bool"), 0, 0, 3, 0, **FIRST))
_RGB = draw(2, 3, 2, 3, low=0.05, high=0.95)
case("rgb_to_grayscale", formed(grey), _RGB, call(draw(3, 2, 3), **FIRST), draw(2, 2, 1), draw(2, 2, 3, dtype="uint8"),
    draw(1, 2, 2, 3, dtype="float16"), draw(1, 0, 2, 3))
for _name, _function in (("rgb_to_hsv", colorsys.rgb_to_hsv), ("hsv_to_rgb", colorsys.hsv_to_rgb)):
    case(_name, formed(coloured(_function)), _RGB, call(draw(3, 2, 4, low=0.05, high=0.95), **FIRST),
        np.float32([[[0, 0, 0], [1, 1, 1], [0.5, 0.5, 0.5], [1, 0, 0], [0, 1, 0], [0, 0, 1]]]),
        draw(2, 2, 3, dtype="float16", low=0), draw(1, 0, 2, 3))
case("sobel_edges", formed(sobel), _PICTURE, call(draw(1, 2, 4, 3), **FIRST), draw(3, 2, 1),
    draw(1, 3, 3, 2, dtype="int32"), draw(2, 2, 2, dtype="float16"))
case("gaussian_blur", formed(blur), _PICTURE, call(draw(4, 5, 1), (3, 5), (0.7, 2.0)),
    call(draw(2, 4, 5), (4, 3), (1.0, 0.5), **FIRST), call(draw(1, 2, 2, 1), (7, 7), (3, 3)), _BYTES,
    draw(3, 3, 1, dtype="float16"))
_SMALL = {"filter_size": 3, "filter_sigma": 1.0}
case("ssim", ssim, call(draw(2, 4, 5, 2), draw(2, 4, 5, 2), **_SMALL),
    call(draw(2, 4, 4), draw(2, 4, 4), 4.0, k1=0.1, k2=0.2, **_SMALL, **FIRST),
    (draw(1, 12, 11, 1), draw(1, 12, 11, 1)),
    call(_BYTES, _BYTES[:, ::-1], 255, **_SMALL),
    call(draw(4, 4, 1, dtype="float16"), draw(4, 4, 1), **_SMALL), tolerance=1e-4)
case("extract_patches", patches, (_PICTURE, 2), call(_PICTURE, (2, 3), strides=1),
    call(_PICTURE, 3, 2, padding="same"),
    call(_BYTES, (2, 1), strides=(1, 2), dilation_rate=2), call(draw(2, 4, 5), (2, 3), **FIRST),
    call(draw(1, 2, 3, 4, dtype="bool"), 2, 1, padding="same", **FIRST), call(draw(4, 3, 2, 1), (2, 2, 2)))
case("extract_patches_3d", patches, (draw(1, 4, 3, 2, 2), 2), call(draw(1, 4, 3, 4, 1), (2, 3, 1), strides=1),
    call(draw(3, 3, 3, 2), (2, 2, 2), strides=(1, 2, 1), padding="same"), call(draw(1, 2, 3, 4, 2), (2, 2, 2), **FIRST),
    call(draw(1, 4, 4, 4, 1, dtype="int8"), (2, 2, 2), strides=1, dilation_rate=(1, 2, 3)))
_TURN = np.float32([[1.1, 0.2, -0.53, -0.1, 0.93, 0.71, 0, 0], [1, 0, 1.3, 0, 1, -2.2, 0.013, 0.021]])
case("affine_transform", formed(affine), (draw(2, 4, 3, 1), _TURN), call(draw(3, 4, 1), _TURN[1], fill_mode="reflect"),
    call(_PICTURE, _TURN, "nearest", "wrap"), call(_PICTURE, _TURN, fill_mode="mirror"),
    call(draw(2, 2, 4, 5), _TURN, fill_mode="nearest", **FIRST), call(_BYTES, _TURN[:1], fill_value=7),
    call(draw(3, 3, 1, dtype="float16"), _TURN[0]), call(draw(1, 4, 5, 1), _TURN[:1], "nearest", "reflect"),
    call(draw(2, 3, 3, 1), _TURN[0], fill_mode="wrap"))
_FROM = np.float32([[0, 0.2], [4, 0], [0.3, 3], [3.6, 3.5]])
_TO = np.float32([[0.5, 0], [3.7, 0.4], [0, 3.2], [4.2, 3]])
case("perspective_transform", formed(perspective), (draw(1, 4, 3, 1), _FROM, _TO),
    (draw(2, 4, 5, 1), np.stack([_FROM, _TO]), np.stack([_TO, _FROM])), call(_PICTURE, _TO, _FROM, "nearest", 0.5),
    call(draw(2, 4, 5), _TO, _FROM, **FIRST), (_BYTES, _FROM[None], _TO[None]),
    (draw(4, 4, 1, dtype="float16"), _FROM, _TO), tolerance=1e-3)
_PLACES = draw(2, 3, 4, low=-6, high=9)
case("map_coordinates", map_coordinates, (draw(4, 5), _PLACES, 1), call(draw(4, 5), _PLACES, 1, "mirror"),
    *(call(draw(4, 5), _PLACES, order, mode) for order in (0, 1) for mode in ("nearest", "wrap", "reflect")),
    call(draw(4, 5), _PLACES, 0, "constant", 0.5), call(draw(1, 5), _PLACES, 1, "mirror"),
    (draw(5), np.float32([[-0.5, 0.5, 1.5, 4.5, -3]]), 0), (draw(2, 3, 4), draw(3, 5, low=-1, high=3), 1),
    call(_BYTES[0, :, :, 0], _PLACES, 1, "constant", 9), call(draw(4, 5, dtype="float16"), _PLACES, 1, "wrap"),
    gradients=6)
case("elastic_transform", lambda x, **rest: x, call(draw(2, 4, 3, 1), alpha=0.0, seed=1),
    call(draw(2, 4, 5), alpha=0.0, sigma=1, seed=1, **FIRST), call(_BYTES, alpha=0.0, interpolation="nearest"),
    call(draw(3, 3, 1, dtype="float16"), alpha=0.0, fill_mode="wrap"),
    call(_PICTURE, alpha=0.0, fill_mode="constant", fill_value=3.0))
_MOVES = ("space_to_depth", to_depth, (4, 6), 1), ("depth_to_space", to_space, (2, 3), 4)
for _name, _reference, _wide, _deep in _MOVES:
    case(_name, _reference, (draw(2, *_wide, 2 * _deep), 2), call(draw(1, 3 * _deep, *_wide), 2, **FIRST),
        (draw(1, *_wide, _deep, dtype="uint8"), 2), (draw(1, 6, 3, 9, dtype="bool"), 3), (draw(0, *_wide, _deep), 2))
