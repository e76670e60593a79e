"""Images under small windows: blurred, differentiated, compared."""

from __future__ import annotations

import math
from typing import Any

from triceras import ops
from triceras.core import dtypes
from triceras.ops.image.layout import channels_last, checked, filtered, floats, gaussian, image_rule, narrowed, places
from triceras.ops.op import composite
from triceras.ops.rules import Rule, broadcast_shapes, float_
from triceras.ops.windows import as_tuple


def _blur_arguments(bound: dict[str, Any]) -> None:
    bound["kernel_size"] = as_tuple("kernel_size", bound["kernel_size"], 2)
    sigma = bound["sigma"]
    count = sigma.shape[0] if getattr(sigma, "shape", ()) else len(sigma) if isinstance(sigma, (tuple, list)) else 1
    if count not in (1, 2):
        raise ValueError(f"argument sigma must be a number or two of them; got {sigma!r}.")
    if count == 1 and not isinstance(sigma, (tuple, list)):
        bound["sigma"] = (sigma, sigma)


@composite(image_rule(more=_blur_arguments))
def gaussian_blur(
    images: Any, kernel_size: Any = (3, 3), sigma: Any = (1.0, 1.0), data_format: str | None = None
) -> Any:
    """Images smoothed by a Gaussian window; beyond the edges are zeros.

    Args:
        images, data_format: as for `resize`.
        kernel_size: two ints: how wide the window is (along the width) and how high (along the height).
        sigma: the standard deviations along the width and along the height, as numbers or a tensor.

    Returns:
        A tensor of the same shape and dtype; integers are rounded.

    Raises:
        ValueError: another number of dimensions, or an argument that isn't two positive numbers.

    Example:
        >>> x = ops.image.gaussian_blur(ops.ones((5, 5, 1)))
        >>> round(float(ops.convert_to_numpy(x)[2, 2, 0]), 4)
        1.0
    """
    across, down = (gaussian(kernel_size[i], sigma[i]) for i in range(2))
    blurred = channels_last(lambda x: filtered(x, down, across, "same"), floats(images), data_format)
    return narrowed(blurred, images.dtype)


# --- edges ------------------------------------------------------------------------------------------------------------


def _edge_arguments(bound: dict[str, Any]) -> None:
    dtype = dtypes.standardize_dtype(bound["images"].dtype)
    if dtype.startswith(("uint", "bool")):
        raise ValueError(f"argument images must have a dtype with negative numbers; got {dtype}.")
    axes, _ = places(bound["images"], bound["data_format"])
    if any(bound["images"].shape[a] in (0, 1) for a in axes):
        raise ValueError(f"images must be at least 2 by 2; got shape {tuple(bound['images'].shape)}.")


@composite(image_rule(lambda images, **rest: (*images.shape, 2), _edge_arguments))
def sobel_edges(images: Any, data_format: str | None = None) -> Any:
    """How images change downwards and to the right, by Sobel's windows; beyond the edges images are mirrored.

    Args:
        images: a tensor of shape `(..., height, width, channels)` or `(..., channels, height, width)`, with or without
            a batch, of a signed dtype.
        data_format: "channels_last" or "channels_first"; default `config.image_data_format()`.

    Returns:
        A tensor of shape `(*images.shape, 2)` and the same dtype: the change along the height, and along the width.

    Raises:
        ValueError: another number of dimensions, an unsigned dtype, or images of less than 2 by 2 pixels.

    Example:
        >>> x = ops.image.sobel_edges(ops.reshape(ops.arange(9), (3, 3, 1)))
        >>> ops.convert_to_numpy(x)[1, 1, 0].tolist()
        [24, 8]
    """
    axes, _ = places(images, data_format)
    framed = ops.pad(images, [(1, 1) if a in axes else (0, 0) for a in range(len(images.shape))], mode="reflect")

    def shifted(x: Any, axis: int) -> tuple[Any, Any, Any]:
        before = (slice(None),) * axis
        return tuple(ops.get_item(x, (*before, slice(i, i - 2 or None))) for i in range(3))

    def change(x: Any, along: int, other: int) -> Any:
        first, _, last = shifted(x, along)
        one, two, three = shifted(last - first, other)
        return one + two + two + three

    return ops.stack([change(framed, axes[0], axes[1]), change(framed, axes[1], axes[0])], axis=-1)


# --- similarity -------------------------------------------------------------------------------------------------------


def _similarity_arguments(bound: dict[str, Any]) -> None:
    broadcast_shapes(bound["image1"].shape, bound["image2"].shape)
    as_tuple("filter_size", bound["filter_size"], 1)
    axes, _ = places(bound["image1"], bound["data_format"])
    sizes = [bound["image1"].shape[a] for a in axes]
    if any(n is not None and n < bound["filter_size"] for n in sizes):
        raise ValueError(
            f"argument filter_size={bound['filter_size']}: such a window doesn't fit into images of shape "
            f"{tuple(bound['image1'].shape)}."
        )


@composite(
    Rule(
        lambda image1, image2, **rest: broadcast_shapes(image1.shape, image2.shape)[:-3],
        lambda image1, image2: ((image1, image1), image1),
        ("image1", "image2"),
        checked("image1", "image2", more=_similarity_arguments),
    )
)
def ssim(
    image1: Any,
    image2: Any,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    data_format: str | None = None,
) -> Any:
    """The structural similarity of images (Wang et al. 2004): the mean over places and channels.

    Args:
        image1, image2: tensors of one shape `(..., height, width, channels)` or `(..., channels, height, width)`, with
            or without a batch.
        max_val: how far apart values can be.
        filter_size, filter_sigma: the Gaussian window in which statistics are taken.
        k1, k2: the constants that keep quotients finite.
        data_format: "channels_last" or "channels_first"; default `config.image_data_format()`.

    Returns:
        A number for each image, of the first image's dtype; 1 for equal images.

    Raises:
        ValueError: shapes don't fit, or the window doesn't fit into the images.

    Example:
        >>> x = ops.ones((12, 12, 1))
        >>> float(ops.image.ssim(x, x))
        1.0
    """
    x, y = (ops.moveaxis(floats(image), places(image, data_format)[1], -1) for image in (image1, image2))
    window = gaussian(filter_size, filter_sigma)

    def mean(image: Any) -> Any:
        return filtered(image, window, window, "valid")

    first, second = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    mean_x, mean_y = mean(x), mean(y)
    product, squares = mean_x * mean_y, ops.square(mean_x) + ops.square(mean_y)
    covariance = mean(x * y) - product
    variances = mean(ops.square(x) + ops.square(y)) - squares
    luminance = ops.divide(2.0 * product + first, squares + first)
    structure = ops.divide(2.0 * covariance + second, variances + second)
    return ops.cast(ops.mean(luminance * structure, axis=(-3, -2, -1)), image1.dtype)


@composite(Rule(lambda x1, x2, max_val: (), float_, ("x1", "x2")))
def psnr(x1: Any, x2: Any, max_val: float) -> Any:
    """The peak signal-to-noise ratio of two images, in decibels; `max_val` is the largest possible value."""
    error = ops.mean(ops.square(ops.subtract(x1, x2)))
    return ops.subtract(20 * math.log10(max_val), ops.multiply(ops.log10(error), 10.0))
