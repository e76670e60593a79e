"""Images seen through another geometry: pixels between pixels, affine, perspective and elastic transforms."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

from triceras import ops
from triceras.core import dtypes
from triceras.ops.image.layout import batched, channels_last, filtered, floats, gaussian, image_rule, narrowed, wide
from triceras.ops.op import composite
from triceras.ops.rules import Rule, one_of

# --- between pixels ---------------------------------------------------------------------------------------------------


def _nearest(index: Any, size: Any) -> Any:
    return ops.clip(index, 0, size - 1)


def _wrap(index: Any, size: Any) -> Any:
    return ops.mod(index, size)


def _mirror(index: Any, size: Any) -> Any:
    """Reflected at the centre of the outermost pixel."""
    period = ops.maximum(2 * size - 2, 1)
    place = ops.mod(index, period)
    return ops.minimum(place, period - place)


def _reflect(index: Any, size: Any) -> Any:
    """Reflected at the edge of the outermost pixel."""
    place = ops.mod(index, 2 * size)
    return ops.minimum(place, 2 * size - 1 - place)


FILL_MODES = {"constant": _nearest, "nearest": _nearest, "wrap": _wrap, "mirror": _mirror, "reflect": _reflect}
INTERPOLATIONS = ("nearest", "bilinear")  # by their order


def _sampled(
    pixels: Any, sizes: Any, coordinates: Any, order: int, fill_mode: str, fill_value: float, start: Any
) -> Any:
    """What lies at coordinates in grids of pixels.

    Args:
        pixels: a floating tensor of shape `(number of pixels, ...)`.
        sizes: the sizes of a grid.
        coordinates: a floating tensor for each axis of it, all of one shape.
        order: 0 takes the nearest pixel (halves go away from 0), 1 interpolates linearly.
        fill_mode: what lies beyond the edges.
        fill_value: the number there, for "constant".
        start: where the grid begins among the pixels, broadcasting to the coordinates.

    Returns:
        A tensor of the coordinates' shape and the pixels' further axes.
    """
    choices = [_neighbours(c, size, order, fill_mode) for c, size in zip(coordinates, sizes, strict=True)]
    strides = [math.prod(sizes[i + 1 :]) for i in range(len(sizes))]
    form = (*ops.shape(coordinates[0]), *(1,) * (len(pixels.shape) - 1))
    total = None
    for corner in itertools.product(*choices):
        place, weight, inside = start, None, None
        for (index, part, valid), stride in zip(corner, strides, strict=True):
            place = place + index * stride
            weight = part if weight is None or part is None else weight * part
            inside = valid if inside is None else ops.logical_and(inside, valid)
        found = ops.take(pixels, place, axis=0)
        if inside is not None:
            found = ops.where(ops.reshape(inside, form), found, fill_value)
        if weight is not None:
            found = found * ops.reshape(ops.cast(weight, pixels.dtype), form)
        total = found if total is None else total + found
    return total


def _neighbours(coordinate: Any, size: Any, order: int, fill_mode: str) -> list[tuple[Any, Any, Any]]:
    """The pixels near a coordinate in one axis: index, weight (None for 1), whether it is inside (None for yes)."""
    if order == 0:
        nearest = ops.where(ops.less(coordinate, 0), ops.ceil(coordinate - 0.5), ops.floor(coordinate + 0.5))
        found = [(nearest, None)]
    else:
        low = ops.floor(coordinate)
        share = coordinate - low
        found = [(low, 1.0 - share), (low + 1.0, share)]
    constant = fill_mode == "constant"
    bounded = [(ops.cast(ops.clip(place, -(2.0**30), 2.0**30), "int32"), weight) for place, weight in found]
    return [
        (
            FILL_MODES[fill_mode](index, size),
            weight,
            ops.logical_and(ops.greater_equal(index, 0), ops.less(index, size)) if constant else None,
        )
        for index, weight in bounded
    ]


def _map_arguments(bound: dict[str, Any]) -> None:
    sizes = tuple(bound["coordinates"].shape)
    _fill(bound, "inputs")
    one_of("fill_mode", bound["fill_mode"], tuple(FILL_MODES))
    one_of("order", bound["order"], (0, 1))
    if len(sizes) < 2 or sizes[0] not in (None, len(bound["inputs"].shape)):
        raise ValueError(
            f"argument coordinates must have shape ({len(bound['inputs'].shape)}, ...), a row for each axis of inputs, "
            f"and at least 2 dimensions; got shape {sizes}."
        )


def _map_dtypes(inputs: Any, coordinates: Any) -> tuple[tuple, Any]:
    return (inputs, wide(coordinates)), inputs


@composite(
    Rule(
        lambda coordinates, **rest: tuple(coordinates.shape)[1:], _map_dtypes, ("inputs", "coordinates"), _map_arguments
    )
)
def map_coordinates(
    inputs: Any, coordinates: Any, order: int, fill_mode: str = "constant", fill_value: float = 0
) -> Any:
    """What a tensor holds at places between its elements.

    Args:
        inputs: a tensor of any rank and dtype.
        coordinates: a tensor of shape `(rank of inputs, ...)`: for each axis where to look, in elements.
        order: 0 takes the nearest element (halves go away from 0), 1 interpolates linearly.
        fill_mode: what lies beyond the edges: "constant" (`fill_value`), "nearest" (the outermost element), "wrap" (the
            other side), "mirror" (`c b | a b c`) or "reflect" (`b a | a b c`).
        fill_value: the number for "constant".

    Returns:
        A tensor of shape `coordinates.shape[1:]` and the inputs' dtype; integers are rounded and kept in range.

    Example:
        >>> ops.convert_to_numpy(ops.image.map_coordinates([0.0, 2.0, 4.0], [[0.5, 1.0, 9.0]], order=1)).tolist()
        [1.0, 2.0, 0.0]
    """
    sizes = ops.shape(inputs)
    rows = ops.unstack(coordinates, num=len(sizes))
    found = _sampled(ops.reshape(floats(inputs), (-1,)), sizes, rows, order, fill_mode, fill_value, 0)
    return narrowed(found, inputs.dtype)


# --- transforms -------------------------------------------------------------------------------------------------------


def _fill(bound: dict[str, Any], name: str) -> None:
    """`fill_value` as images of their dtype can hold it."""
    kind = int if dtypes.is_int(bound[name].dtype) else float
    bound["fill_value"] = kind(bound["fill_value"])


def _warp_rule(**transforms: tuple[int, ...]) -> Rule:
    """The rule of images and of tensors that say where pixels come from, each of a shape or with one for each image."""

    def check(bound: dict[str, Any]) -> None:
        _warp_arguments(bound)
        for name, shape in transforms.items():
            _shaped(name, bound[name], bound["images"], shape)

    def dtypes(images: Any, *rest: Any) -> tuple[tuple, Any]:
        return (images, *("float32",) * len(rest)), images

    return image_rule(more=check, dtypes=dtypes, tensors=("images", *transforms))


def _warp_arguments(bound: dict[str, Any]) -> None:
    _fill(bound, "images")
    one_of("interpolation", bound["interpolation"], INTERPOLATIONS)
    if "fill_mode" in bound:
        one_of("fill_mode", bound["fill_mode"], tuple(FILL_MODES))


def _shaped(name: str, given: Any, images: Any, tail: tuple[int, ...]) -> None:
    """Refuse transforms that aren't one for all images or one for each.

    Raises:
        ValueError: they aren't; says what shapes are accepted.
    """
    sizes, batch = tuple(given.shape), images.shape[0] if len(images.shape) == 4 else 1
    lead, own = sizes[: -len(tail)], sizes[-len(tail) :]
    fits = len(own) == len(tail) and all(a in (None, b) for a, b in zip(own, tail, strict=True))
    if not fits or len(lead) > 1 or (lead and None not in (batch, *lead) and lead[0] not in (1, batch)):
        each = f"({'batch' if batch is None else batch}, {', '.join(map(str, tail))})"
        raise ValueError(f"argument {name} must have shape {tail} or {each}; got shape {sizes}.")


@composite(_warp_rule(transform=(8,)))
def affine_transform(
    images: Any,
    transform: Any,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Any:
    """Images turned, sheared, scaled and moved.

    Args:
        images, data_format: as for `resize`.
        transform: a tensor of shape `(8,)`, or one for each image: `[a0, a1, a2, b0, b1, b2, c0, c1]`. The pixel of the
            result at column x and row y comes from column `(a0 x + a1 y + a2) / k` and row `(b0 x + b1 y + b2) / k`
            of the image, with `k = c0 x + c1 y + 1`.
        interpolation: "nearest" or "bilinear".
        fill_mode: what lies beyond the edges; see `map_coordinates`.
        fill_value: the number for "constant".

    Returns:
        A tensor of the same shape and dtype; integers are rounded and kept in range.

    Example:
        >>> x = ops.reshape([1.0, 2.0, 3.0], (1, 3, 1))
        >>> moved = ops.image.affine_transform(x, [1.0, 0, 1, 0, 1, 0, 0, 0])
        >>> ops.convert_to_numpy(moved).ravel().tolist()
        [2.0, 3.0, 0.0]
    """
    return _projected(images, transform, interpolation, fill_mode, fill_value, data_format)


def _projected(
    images: Any, transform: Any, interpolation: str, fill_mode: str, fill_value: float, data_format: str
) -> Any:
    """Images through projections, of which there is one or one for each."""

    def warped(batch: Any) -> Any:
        y, x = _grid(batch)
        a = [ops.reshape(part, (-1, 1, 1)) for part in ops.unstack(transform, num=8, axis=-1)]
        depth = a[6] * x + a[7] * y + 1.0
        columns = (a[0] * x + a[1] * y + a[2]) / depth
        rows = (a[3] * x + a[4] * y + a[5]) / depth
        return _looked_up(batch, rows, columns, interpolation, fill_mode, fill_value)

    return _as_batches(warped, images, data_format)


def _grid(images: Any) -> tuple[Any, Any]:
    """The rows, as a column, and the columns of images."""
    _, height, width, _ = ops.shape(images)
    return ops.reshape(ops.arange(height, dtype="float32"), (-1, 1)), ops.arange(width, dtype="float32")


def _as_batches(function: Callable, images: Any, data_format: str) -> Any:
    """What a function of floats of shape `(batch, height, width, channels)` gives, for images of any kind."""
    return narrowed(channels_last(lambda x: batched(function, x), floats(images), data_format), images.dtype)


def _looked_up(images: Any, rows: Any, columns: Any, interpolation: str, fill_mode: str, fill_value: float) -> Any:
    """The pixels of each image at rows and columns of shape `(batch or 1, height, width)`."""
    batch, height, width, depth = ops.shape(images)
    start = ops.reshape(ops.arange(batch) * (height * width), (-1, 1, 1))
    shape = (batch, *ops.shape(rows)[1:])
    coordinates = [ops.broadcast_to(c, shape) for c in (rows, columns)]
    order = INTERPOLATIONS.index(interpolation)
    pixels = ops.reshape(images, (-1, depth))
    return _sampled(pixels, (height, width), coordinates, order, fill_mode, fill_value, start)


@composite(_warp_rule(start_points=(4, 2), end_points=(4, 2)))
def perspective_transform(
    images: Any,
    start_points: Any,
    end_points: Any,
    interpolation: str = "bilinear",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Any:
    """Images seen from elsewhere: four points go to four others, lines stay lines.

    Args:
        images, data_format: as for `resize`.
        start_points: a tensor of shape `(4, 2)`, or one for each image: columns and rows of four points.
        end_points: a tensor of the same kind: where these points are in the result.
        interpolation: "nearest" or "bilinear".
        fill_value: what lies beyond the edges.

    Returns:
        A tensor of the same shape and dtype; integers are rounded and kept in range.

    Example:
        >>> x = ops.reshape(ops.arange(9, dtype="float32"), (3, 3, 1))
        >>> points = [[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 2.0]]
        >>> y = ops.image.perspective_transform(x, points, points)
        >>> ops.convert_to_numpy(ops.round(y)).ravel().tolist()
        [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    """
    transform = _projection(end_points, start_points)
    return _projected(images, transform, interpolation, "constant", fill_value, data_format)


def _projection(sources: Any, targets: Any) -> Any:
    """The eight numbers of the projections that take four points to four others."""
    x, y = ops.unstack(sources, num=2, axis=-1)
    u, v = ops.unstack(targets, num=2, axis=-1)
    one, none = ops.ones_like(x), ops.zeros_like(x)
    first = ops.stack([x, y, one, none, none, none, -x * u, -y * u], axis=-1)
    second = ops.stack([none, none, none, x, y, one, -x * v, -y * v], axis=-1)
    matrix = ops.concatenate([first, second], axis=-2)
    return ops.squeeze(ops.solve(matrix, ops.expand_dims(ops.concatenate([u, v], axis=-1), -1)), -1)


def _elastic_arguments(bound: dict[str, Any]) -> None:
    _warp_arguments(bound)
    if bound["sigma"] <= 0:
        raise ValueError(f"argument sigma must be positive; got {bound['sigma']!r}.")


@composite(image_rule(more=_elastic_arguments))
def elastic_transform(
    images: Any,
    alpha: float = 20.0,
    sigma: float = 5.0,
    interpolation: str = "bilinear",
    fill_mode: str = "reflect",
    fill_value: float = 0.0,
    seed: Any = None,
    data_format: str | None = None,
) -> Any:
    """Images on rubber: each pixel comes from a random place near its own, smoothly (Simard et al. 2003).

    Args:
        images, data_format: as for `resize`.
        alpha: how far pixels move: the standard deviation of the moves is about `0.28 * alpha`.
        sigma: the standard deviation of the Gaussian window by which moves are smoothed.
        interpolation: "nearest" or "bilinear".
        fill_mode: what lies beyond the edges; see `map_coordinates`.
        fill_value: the number for "constant".
        seed: int, `SeedGenerator` or None.

    Returns:
        A tensor of the same shape and dtype; integers are rounded and kept in range.

    Example:
        >>> ops.shape(ops.image.elastic_transform(ops.ones((8, 8, 3)), seed=1))
        (8, 8, 3)
    """
    from triceras import random

    window = gaussian(int(6 * sigma) | 1, sigma)

    def warped(batch: Any) -> Any:
        count, height, width, _ = ops.shape(batch)
        moves = random.normal((count, height, width, 2), stddev=alpha * sigma, dtype="float32", seed=seed)
        moves = filtered(moves, window, window, "same")
        rows, columns = (c + move for c, move in zip(_grid(batch), ops.unstack(moves, num=2, axis=-1), strict=True))
        return _looked_up(batch, rows, columns, interpolation, fill_mode, fill_value)

    return _as_batches(warped, images, data_format)
