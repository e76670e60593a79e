"""What the operations on images share: where the axes are, and how integers are computed with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from triceras import ops
from triceras.core import dtypes
from triceras.core.config import standardize_data_format
from triceras.ops.rules import Rule, same


def checked(*names: str, more: Callable | None = None, spatial: int = 2) -> Callable:
    """A rule's `prepare`: the named arguments have the rank of images, `data_format` is a known one.

    Args:
        *names: the tensors.
        more: further checks, on the arguments by name.
        spatial: how many axes an image has besides the channels.
    """
    kind = "height, width" if spatial == 2 else "depth, height, width"

    def prepare(bound: dict[str, Any]) -> None:
        for name in names:
            sizes = tuple(bound[name].shape)
            if len(sizes) not in (spatial + 1, spatial + 2):
                raise ValueError(
                    f"argument {name} must have {spatial + 1} dimensions ({kind}, channels) or {spatial + 2} (with a "
                    f"batch); got shape {sizes}."
                )
        bound["data_format"] = standardize_data_format(bound["data_format"])
        if more is not None:
            more(bound)

    return prepare


def places(images: Any, data_format: str, spatial: int = 2) -> tuple[tuple[int, ...], int]:
    """The spatial axes of images, and the axis of the channels."""
    ndim = len(images.shape)
    if data_format == "channels_last":
        return tuple(range(ndim - spatial - 1, ndim - 1)), ndim - 1
    return tuple(range(ndim - spatial, ndim)), ndim - spatial - 1


def with_sizes(shape: Any, sizes: dict[int, Any]) -> tuple:
    """A shape with other sizes at some axes."""
    return tuple(sizes.get(axis, size) for axis, size in enumerate(shape))


def image_rule(
    shape: Callable = lambda images, **rest: tuple(images.shape),
    more: Callable | None = None,
    dtypes: Callable = same,
    tensors: tuple[str, ...] = ("images",),
) -> Rule:
    """A rule of `images`, whose dtype the result has; `more` checks further arguments, `tensors` may hold others."""
    return Rule(shape, dtypes, tensors, checked("images", more=more))


def channels(name: str, accepted: tuple[int, ...], meaning: str) -> Callable[[dict[str, Any]], None]:
    """A check that images have one of some numbers of channels."""

    def check(bound: dict[str, Any]) -> None:
        count = bound[name].shape[places(bound[name], bound["data_format"])[1]]
        if count is not None and count not in accepted:
            raise ValueError(
                f"argument {name} must have {' or '.join(map(str, accepted))} channels ({meaning}); got {count} in "
                f"shape {tuple(bound[name].shape)} with data_format={bound['data_format']!r}."
            )

    return check


def channels_last(function: Callable, images: Any, data_format: str) -> Any:
    """What a function of images with their channels in the last axis gives, in the images' own format."""
    axis = places(images, data_format)[1]
    return ops.moveaxis(function(ops.moveaxis(images, axis, -1)), -1, axis)


def wide(dtype: Any) -> str:
    """The dtype that images of a dtype are computed in: at least 32-bit floats."""
    return "float64" if dtypes.standardize_dtype(dtype) == "float64" else "float32"


def floats(x: Any) -> Any:
    """A tensor in the dtype to compute in."""
    return ops.cast(x, wide(x.dtype))


def narrowed(x: Any, dtype: Any) -> Any:
    """Computed numbers in the dtype of the images: integers are rounded and kept in range."""
    dtype = dtypes.standardize_dtype(dtype)
    if dtype == dtypes.standardize_dtype(x.dtype):
        return x
    return ops.saturate_cast(ops.round(x), dtype) if dtypes.is_int(dtype) else ops.cast(x, dtype)


def gaussian(size: int, sigma: Any) -> Any:
    """The weights of a Gaussian window, which add up to 1; `sigma` may be a tensor."""
    place = ops.arange(size, dtype="float32") - (size - 1) / 2
    weights = ops.exp(ops.multiply(ops.square(ops.divide(place, sigma)), -0.5))
    return ops.divide(weights, ops.sum(weights))


def filtered(images: Any, vertical: Any, horizontal: Any, padding: str) -> Any:
    """Each channel of images, with or without a batch and with the channels last, under a separable window."""

    def swept(batch: Any) -> Any:
        for window, form in ((vertical, (-1, 1, 1, 1)), (horizontal, (1, -1, 1, 1))):
            kernel = ops.reshape(ops.cast(window, batch.dtype), form)
            kernel = ops.broadcast_to(kernel, (*kernel.shape[:2], batch.shape[-1], 1))
            batch = ops.depthwise_conv(batch, kernel, padding=padding, data_format="channels_last")
        return batch

    return batched(swept, images)


def batched(function: Callable, images: Any) -> Any:
    """What a function of a batch of images gives, also for a single image."""
    if len(images.shape) == 4:
        return function(images)
    return ops.squeeze(function(ops.expand_dims(images, 0)), 0)
