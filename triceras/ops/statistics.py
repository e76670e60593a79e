"""Counting, finding and relating the elements of tensors."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.core import dtypes, registry
from triceras.ops.op import composite
from triceras.ops.rules import Rule, compare, float_, index, normalize_axis, one_axis, one_of, reduced, same, size_of


def _vector(bound: dict[str, Any], name: str = "x") -> None:
    shape = tuple(bound[name].shape)
    if len(shape) != 1:
        raise ValueError(f"argument {name} must have one dimension; got shape {shape}.")


# --- which elements there are -----------------------------------------------------------------------------------------


@composite
def unique(
    x: Any,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    """The different elements of a tensor, or its different slices.

    Args:
        x: a tensor.
        sorted: whether they must be in ascending order (they always are).
        return_index: whether to return where each is found first.
        return_inverse: whether to return for each element which of them it is.
        return_counts: whether to return how often each is there.
        axis: compare slices along this axis; None compares the elements of the flattened tensor.
        size: how many to return: fewer are left out, missing ones filled. Compiled code needs it.
        fill_value: what fills; default 0.

    Returns:
        The elements; or a tuple of them and what else was asked for, in the order of the arguments. Indices and counts
        are int32. NaNs differ from each other.

    Example:
        >>> ops.convert_to_numpy(ops.unique([3, 1, 3])).tolist()
        [1, 3]
    """
    x = ops.convert_to_tensor(x)
    rows = ops.ravel(x) if axis is None else ops.moveaxis(x, axis, 0)
    order, first = _sorted_rows(rows)
    count = ops.shape(order)[0]
    number = ops.subtract(ops.cumsum(ops.cast(first, "int32")), 1)  # which of the different ones each is
    if size is None and registry.current().is_traced(x):
        raise ValueError("ops.unique: in compiled code the number of elements must be known; pass argument size.")
    total = ops.sum(ops.cast(first, "int32"))
    size = int(ops.convert_to_numpy(total)) if size is None else size
    starts = ops.full((size + 1,), count, dtype="int32")
    place = ops.where(ops.less(number, size), number, size)
    firsts = ops.expand_dims(ops.where(first, place, size), -1)
    starts = ops.scatter_update(starts, firsts, ops.arange(count, dtype="int32"), reduction="min")
    starts = ops.slice(starts, (0,), (size,))
    there = ops.reshape(ops.less(ops.arange(size), total), (size,) + (1,) * (ops.ndim(rows) - 1))
    where_found = ops.take(order, ops.minimum(starts, count - 1), axis=0)
    fill = ops.cast(0 if fill_value is None else fill_value, dtypes.standardize_dtype(x.dtype))
    values = ops.where(there, ops.take(rows, where_found, axis=0), fill)
    found = [values if axis is None else ops.moveaxis(values, 0, axis)]
    if return_index:
        found.append(where_found)
    if return_inverse:
        inverse = ops.scatter(ops.expand_dims(order, -1), number, (count,))
        found.append(ops.reshape(inverse, ops.shape(x)) if axis is None else inverse)
    if return_counts:
        counts = ops.segment_sum(ops.ones((count,), "int32"), place, num_segments=size + 1)
        found.append(ops.slice(counts, (0,), (size,)))
    return found[0] if len(found) == 1 else tuple(found)


def _sorted_rows(rows: Any) -> tuple[Any, Any]:
    """The order that sorts rows, equal ones as they come, and whether each of the sorted ones differs from the one
    before."""
    flat = ops.reshape(rows, (ops.shape(rows)[0], -1)) if ops.ndim(rows) > 1 else ops.expand_dims(rows, -1)
    order = ops.arange(ops.shape(rows)[0], dtype="int32")
    for column in reversed(range(flat.shape[1])):
        keys = ops.take(ops.get_item(flat, (slice(None), column)), order, axis=0)
        order = ops.take(order, ops.argsort(keys, axis=0), axis=0)
    ordered = ops.take(flat, order, axis=0)
    change = ops.not_equal(ops.get_item(ordered, slice(1, None)), ops.get_item(ordered, slice(None, -1)))
    first = ops.ones_like(ops.get_item(order, slice(0, 1)), dtype="bool")
    return order, ops.concatenate([first, ops.any(change, axis=1)], axis=0)


@composite(Rule(lambda x1, **rest: x1.shape, compare, ("x1", "x2")))
def isin(x1: Any, x2: Any, assume_unique: bool = False, invert: bool = False) -> Any:
    """Whether each element of `x1` is one of the elements of `x2`.

    Args:
        x1, x2: tensors.
        assume_unique: whether no element is there twice, a hint.
        invert: whether to ask for those that aren't.

    Returns:
        A bool tensor of the shape of `x1`.
    """
    found = ops.zeros_like(x1, dtype="bool") if 0 in x2.shape else _found_in(x1, ops.ravel(x2))
    return ops.logical_not(found) if invert else found


def _found_in(x: Any, known: Any) -> Any:
    inexact = dtypes.is_inexact(known.dtype)
    ordered = ops.sort(ops.where(ops.isnan(known), float("inf"), known) if inexact else known, axis=0)
    place = ops.minimum(ops.searchsorted(ordered, x), ops.shape(ordered)[0] - 1)
    found = ops.equal(ops.take(ordered, place, axis=0), x)
    if not inexact:
        return found
    infinite = ops.any(ops.equal(known, float("inf")))  # and not just a NaN, which had to have a place in the order
    return ops.logical_and(found, ops.logical_or(infinite, ops.not_equal(x, float("inf"))))


@composite(Rule(lambda x, bins: x.shape, lambda x, bins: (compare(x, bins)[0], "int32"), ("x", "bins")))
def digitize(x: Any, bins: Any) -> Any:
    """In which bin each element lies: how many of the ascending edges `bins` aren't above it. int32.

    Args:
        x: a tensor.
        bins: a 1-D tensor in ascending order.

    Example:
        >>> ops.convert_to_numpy(ops.digitize([0.5, 1.0, 9.0], [1.0, 2.0])).tolist()
        [0, 1, 2]
    """
    return ops.searchsorted(bins, x, side="right")


def _partition(bound: dict[str, Any]) -> None:
    one_axis(bound)
    if bound["axis"] is not None:
        normalize_axis(int(bound["kth"]), bound["x"].shape[bound["axis"]] or int(abs(bound["kth"])) + 1, "kth")


@composite(Rule(lambda x, kth, axis: (size_of(x.shape),) if axis is None else x.shape, index, ("x",), _partition))
def argpartition(x: Any, kth: int, axis: int = -1) -> Any:
    """Indices that put the `kth` smallest element into its place along an axis, smaller ones before, larger ones after.

    Args:
        x: a tensor.
        kth: the place.
        axis: along which axis.

    Returns:
        A tensor of the shape of `x`, int32. Here the others are in order too.
    """
    return ops.argsort(x, axis=axis)


# --- how they are distributed and related -----------------------------------------------------------------------------


def _bins(bound: dict[str, Any]) -> None:
    if not isinstance(bound["bins"], int) or isinstance(bound["bins"], bool):
        raise TypeError(f"argument bins must be an int; got {bound['bins']!r}.")
    if bound["bins"] < 1:
        raise ValueError(f"argument bins must be at least 1; got {bound['bins']}.")
    _vector(bound)
    if bound["range"] is not None and (len(bound["range"]) != 2 or bound["range"][0] > bound["range"][1]):
        raise ValueError(f"argument range must be (lower, upper); got {bound['range']}.")


@composite(Rule(lambda x, bins, range: [(bins,), (bins + 1,)], float_, ("x",), _bins))
def histogram(x: Any, bins: int = 10, range: Any = None) -> Any:
    """How many elements lie in each of equally wide bins.

    Args:
        x: a tensor of one dimension.
        bins: how many bins.
        range: the lower and the upper end, elements outside aren't counted; None takes the extremes of `x`.

    Returns:
        The counts, of shape `(bins,)`, and the edges, of shape `(bins + 1,)`, both floating-point. The last bin
        includes its upper edge.

    Example:
        >>> ops.convert_to_numpy(ops.histogram([1.0, 2.0, 2.0, 5.0], bins=2)[0]).tolist()
        [3.0, 1.0]
    """
    dtype = dtypes.standardize_dtype(x.dtype)
    low, high = (ops.cast(e, dtype) for e in range or (ops.min(x), ops.max(x)))
    flat = ops.equal(low, high)
    low, high = ops.where(flat, ops.subtract(low, 0.5), low), ops.where(flat, ops.add(high, 0.5), high)
    edges = ops.cast(ops.linspace(low, high, bins + 1), dtype)
    place = ops.subtract(ops.searchsorted(edges, x, side="right"), 1)
    place = ops.where(ops.equal(x, high), bins - 1, place)  # the last bin has both its edges
    return ops.segment_sum(ops.ones_like(x), place, num_segments=bins), edges


def _variables(bound: dict[str, Any]) -> None:
    shape = tuple(bound["x"].shape)
    if len(shape) not in (1, 2):
        raise ValueError(f"argument x must have one or two dimensions; got shape {shape}.")


@composite(Rule(lambda x: (x.shape[0],) * 2 if len(x.shape) == 2 else (), float_, ("x",), _variables))
def corrcoef(x: Any) -> Any:
    """Pearson's correlation coefficients of variables.

    Args:
        x: a tensor of shape `(variables, observations)`, or `(observations,)` for one variable.

    Returns:
        A tensor of shape `(variables, variables)`; a scalar for one variable.
    """
    rows = ops.reshape(x, (1, -1)) if len(x.shape) == 1 else x
    centered = ops.subtract(rows, ops.mean(rows, axis=-1, keepdims=True))
    products = ops.matmul(centered, ops.transpose(centered))
    sizes = ops.sqrt(ops.diagonal(products))
    found = ops.divide(products, ops.multiply(ops.expand_dims(sizes, 0), ops.expand_dims(sizes, 1)))
    return ops.reshape(found, ()) if len(x.shape) == 1 else ops.clip(found, -1.0, 1.0)


def _modes(bound: dict[str, Any]) -> None:
    one_of("mode", bound["mode"], ("valid", "same", "full"))
    _vector(bound, "x1")
    _vector(bound, "x2")


def _correlation_shape(x1: Any, x2: Any, mode: str) -> Any:
    a, b = x1.shape[0], x2.shape[0]
    if a is None or b is None:
        return (None,)
    return ({"valid": max(a, b) - min(a, b) + 1, "same": max(a, b), "full": a + b - 1}[mode],)


@composite(Rule(_correlation_shape, float_, ("x1", "x2"), _modes))
def correlate(x1: Any, x2: Any, mode: str = "valid") -> Any:
    """The cross-correlation of two signals: sums of products as one is moved along the other.

    Args:
        x1, x2: tensors of one dimension.
        mode: "valid" takes only full overlaps, "same" gives the length of the longer one, "full" takes every overlap.

    Example:
        >>> ops.convert_to_numpy(ops.correlate([1.0, 2.0, 3.0], [0.0, 1.0])).tolist()
        [2.0, 3.0]
    """
    a, b = ops.shape(x1)[0], ops.shape(x2)[0]
    padded = ops.pad(x1, ((b - 1, b - 1),))
    signal, kernel = ops.reshape(padded, (1, -1, 1)), ops.reshape(x2, (-1, 1, 1))
    full = ops.reshape(ops.conv(signal, kernel, padding="valid", data_format="channels_last"), (-1,))
    short, long = min(a, b), max(a, b)
    start = {"full": 0, "same": (short - 1) // 2, "valid": short - 1}[mode]
    if mode == "same" and a < b:  # the middle is that of the longer signal, seen from the other end
        start = short - 1 - start
    return ops.slice(full, (start,), ({"full": a + b - 1, "same": long, "valid": long - short + 1}[mode],))


@composite(Rule(lambda y, x, dx, axis: reduced(y.shape, axis, False), float_, ("y", "x?")))
def trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Any:
    """The integral along an axis by the trapezoidal rule.

    Args:
        y: values.
        x: where they are taken, of the shape of `y` or of one dimension; None means `dx` apart.
        dx: the distance.
        axis: along which axis.
    """
    y = ops.moveaxis(y, axis, -1)
    after, before = ops.get_item(y, (Ellipsis, slice(1, None))), ops.get_item(y, (Ellipsis, slice(None, -1)))
    if x is None:
        return ops.multiply(ops.sum(ops.add(after, before), axis=-1), dx / 2)
    step = ops.diff(ops.moveaxis(x, axis, -1) if len(x.shape) > 1 else x, axis=-1)
    return ops.divide(ops.sum(ops.multiply(step, ops.add(after, before)), axis=-1), 2.0)


@composite(Rule(lambda x, N, increasing: (x.shape[0], x.shape[0] if N is None else N), same, ("x",), _vector))
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:  # noqa: N803 - Keras's name
    """The Vandermonde matrix: the powers of each element in a row.

    Args:
        x: a tensor of one dimension.
        N: how many powers, default as many as elements.
        increasing: whether powers grow from left to right; else they fall.
    """
    powers = ops.arange(ops.shape(x)[0] if N is None else N, dtype="int32")
    powers = ops.cast(powers if increasing else ops.flip(powers, axis=0), dtypes.standardize_dtype(x.dtype))
    return ops.power(ops.expand_dims(x, -1), powers)
