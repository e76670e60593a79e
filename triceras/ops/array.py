"""Changing the shape, order and parts of tensors."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from triceras import ops
from triceras.ops.op import composite, primitive
from triceras.ops.rules import (
    Rule,
    all_axes,
    as_shape,
    broadcast_shapes,
    elementwise,
    first_then_int,
    index,
    normalize_axes,
    normalize_axis,
    one_axis,
    one_of,
    promote,
    same,
    size_of,
    static,
)

# --- shape ------------------------------------------------------------------------------------------------------------


def _newshape(bound: dict[str, Any]) -> None:
    given, old = bound["newshape"], bound["x"].shape
    new = list(given) if isinstance(given, (tuple, list)) or hasattr(given, "__iter__") else [given]
    new = [int(d) if isinstance(d, np.integer) else -1 if d is None else d for d in new]
    free = [i for i, d in enumerate(new) if isinstance(d, int) and d == -1]
    if len(free) == 1 and builtins.all(isinstance(d, int) for d in new) and None not in tuple(old):
        total, rest = math.prod(old), math.prod(d for d in new if d != -1)
        if rest and total % rest == 0:
            new[free[0]] = total // rest
    bound["newshape"] = tuple(new)


def _reshape(x: Any, newshape: tuple) -> Any:
    sizes = static(newshape)
    known = math.prod(d for d in sizes if d not in (None, -1))
    total, fixed = size_of(x.shape), None not in sizes and -1 not in sizes
    wrong = total is not None and (known != total if fixed else bool(known) and total % known)
    if wrong or sizes.count(-1) > 1:
        raise ValueError(f"a tensor of shape {x.shape} with {total} elements doesn't fit into newshape={newshape}.")
    return tuple(None if d == -1 else d for d in sizes)


@primitive(Rule(_reshape, same, ("x",), _newshape))
def reshape(x: Any, newshape: Any) -> Any:
    """The same elements in another shape.

    Args:
        x: a tensor.
        newshape: int or tuple; one size may be -1 and is worked out; sizes may be scalar tensors.

    Example:
        >>> ops.shape(ops.reshape(ops.arange(6), (2, -1)))
        (2, 3)
    """


@composite(Rule(lambda x: (size_of(x.shape),), same))
def ravel(x: Any) -> Any:
    """All elements in one dimension."""
    return reshape(x, (-1,))


def _permutation(bound: dict[str, Any]) -> None:
    ndim = len(bound["x"].shape)
    axes = range(ndim)[::-1] if bound["axes"] is None else normalize_axes(tuple(bound["axes"]), ndim)
    if sorted(axes) != list(range(ndim)):
        raise ValueError(f"argument axes must be a permutation of {ndim} axes; got {bound['axes']}.")
    bound["axes"] = tuple(axes)


@primitive(Rule(lambda x, axes: tuple(x.shape[a] for a in axes), same, ("x",), _permutation))
def transpose(x: Any, axes: Any = None) -> Any:
    """The axes in another order.

    Args:
        x: a tensor.
        axes: the old axis for each new one; None reverses them.
    """


@composite(Rule(lambda x, axis1, axis2: tuple(x.shape[a] for a in _swapped(len(x.shape), axis1, axis2)), same))
def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Two axes in each other's place."""
    return transpose(x, _swapped(len(x.shape), axis1, axis2))


def _swapped(ndim: int, axis1: int, axis2: int) -> list[int]:
    a, b = normalize_axis(axis1, ndim, "axis1"), normalize_axis(axis2, ndim, "axis2")
    order = list(range(ndim))
    order[a], order[b] = b, a
    return order


@composite(
    Rule(lambda x, source, destination: tuple(x.shape[a] for a in _moved(len(x.shape), source, destination)), same)
)
def moveaxis(x: Any, source: Any, destination: Any) -> Any:
    """Axes in other places; the others keep their order.

    Args:
        x: a tensor.
        source: int or tuple: where the axes are.
        destination: int or tuple: where they go.
    """
    return transpose(x, _moved(len(x.shape), source, destination))


def _moved(ndim: int, source: Any, destination: Any) -> list[int]:
    sources, targets = normalize_axes(source, ndim), normalize_axes(destination, ndim)
    if len(sources) != len(targets):
        raise ValueError(f"source and destination must name as many axes; got {source} and {destination}.")
    order = [i for i in range(ndim) if i not in sources]
    for target, origin in sorted(zip(targets, sources, strict=True)):
        order.insert(target, origin)
    return order


def _new_axes(bound: dict[str, Any]) -> None:
    axis = bound["axis"]
    axes = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    bound["axis"] = tuple(sorted(normalize_axes(axes, len(bound["x"].shape) + len(axes))))


def _expanded(x: Any, axis: tuple[int, ...]) -> tuple:
    sizes = list(x.shape)
    for a in axis:
        sizes.insert(a, 1)
    return tuple(sizes)


@primitive(Rule(_expanded, same, ("x",), _new_axes))
def expand_dims(x: Any, axis: Any) -> Any:
    """New axes of size 1.

    Args:
        x: a tensor.
        axis: int or tuple: where they are in the result. Backends get a sorted tuple.
    """


def _squeezed_axes(bound: dict[str, Any]) -> None:
    sizes, axis = tuple(bound["x"].shape), bound["axis"]
    axes = tuple(i for i, d in enumerate(sizes) if d == 1) if axis is None else normalize_axes(axis, len(sizes))
    for a in axes:
        if sizes[a] not in (1, None):
            raise ValueError(f"argument axis={axis}: axis {a} of shape {sizes} has size {sizes[a]}; only 1 can go.")
    bound["axis"] = axes


@primitive(Rule(lambda x, axis: tuple(d for i, d in enumerate(x.shape) if i not in axis), same, ("x",), _squeezed_axes))
def squeeze(x: Any, axis: Any = None) -> Any:
    """Without axes of size 1.

    Args:
        x: a tensor.
        axis: int or tuple; None means every axis of size 1. Backends get a tuple.
    """


def _broadcast_to(x: Any, shape: tuple) -> Any:
    wanted = static(shape)
    reached = broadcast_shapes(x.shape, wanted)
    if len(reached) != len(wanted) or builtins.any(d not in (None, r) for d, r in zip(wanted, reached, strict=True)):
        raise ValueError(f"a tensor of shape {x.shape} doesn't broadcast to {wanted}.")
    return wanted


@primitive(Rule(_broadcast_to, same, ("x",), as_shape))
def broadcast_to(x: Any, shape: Any) -> Any:
    """`x` repeated along axes of size 1 and new leading axes, up to a shape."""


# --- joining and splitting --------------------------------------------------------------------------------------------


def _join_axis(bound: dict[str, Any]) -> None:
    if not bound["xs"]:
        raise ValueError("argument xs must hold at least one tensor; got none.")
    bound["axis"] = normalize_axis(bound["axis"], len(bound["xs"][0].shape))


def _concatenated(xs: Any, axis: int) -> Any:
    first = xs[0].shape
    for x in xs:
        others = [(a, b) for i, (a, b) in enumerate(zip(first, x.shape, strict=False)) if i != axis]
        if len(x.shape) != len(first) or builtins.any(a != b and None not in (a, b) for a, b in others):
            raise ValueError(f"shapes may differ in axis {axis} only; got {', '.join(str(y.shape) for y in xs)}.")
    sizes = [x.shape[axis] for x in xs]
    columns = zip(*(x.shape for x in xs), strict=True)
    joined = [next((d for d in column if d is not None), None) for column in columns]
    joined[axis] = None if None in sizes else builtins.sum(sizes)
    return tuple(joined)


@primitive(Rule(_concatenated, promote, ("*xs",), _join_axis))
def concatenate(xs: Any, axis: int = 0) -> Any:
    """Tensors one after the other along an axis.

    Args:
        xs: a list of tensors with shapes that differ in that axis only.
        axis: which.

    Example:
        >>> ops.convert_to_numpy(ops.concatenate([[1], [2, 3]])).tolist()
        [1, 2, 3]
    """


def _stack_axis(bound: dict[str, Any]) -> None:
    if not bound["x"]:
        raise ValueError("argument x must hold at least one tensor; got none.")
    bound["axis"] = normalize_axis(bound["axis"], len(bound["x"][0].shape) + 1)


def _stacked(x: Any, axis: int) -> Any:
    sizes = list(x[0].shape)
    for y in x:
        pairs = zip(sizes, y.shape, strict=False)
        if len(y.shape) != len(sizes) or builtins.any(a != b and None not in (a, b) for a, b in pairs):
            raise ValueError(f"shapes must be the same; got {', '.join(str(y.shape) for y in x)}.")
    sizes.insert(axis, len(x))
    return tuple(sizes)


@composite(Rule(_stacked, promote, ("*x",), _stack_axis))
def stack(x: Any, axis: int = 0) -> Any:
    """Tensors of the same shape along a new axis.

    Args:
        x: a list of tensors.
        axis: where the new axis is in the result.
    """
    return concatenate([expand_dims(y, axis) for y in x], axis=axis)


@composite
def hstack(xs: Any) -> Any:
    """Tensors one after the other along the second axis (the first, if there is just one)."""
    xs = [reshape(x, (1,)) if ops.ndim(x) == 0 else x for x in xs]
    return concatenate(xs, axis=0 if ops.ndim(xs[0]) == 1 else 1)


@composite
def vstack(xs: Any) -> Any:
    """Tensors one below the other; those of fewer than two dimensions count as rows."""
    return concatenate([reshape(x, (1, -1)) if ops.ndim(x) < 2 else x for x in xs], axis=0)


@composite
def append(x1: Any, x2: Any, axis: int | None = None) -> Any:
    """`x2` after `x1` along an axis; None flattens both."""
    return concatenate([ravel(x1), ravel(x2)] if axis is None else [x1, x2], axis=axis or 0)


def _sections(bound: dict[str, Any]) -> None:
    one_axis(bound)
    given = bound["indices_or_sections"]
    size = bound["x"].shape[bound["axis"]]
    if isinstance(given, (int, np.integer)):
        if size is not None and size % given:
            raise ValueError(f"axis {bound['axis']} of size {size} doesn't split into {given} equal parts.")
    else:
        bound["indices_or_sections"] = tuple(int(i) for i in given)


def _split(x: Any, indices_or_sections: Any, axis: int) -> Any:
    size, given = x.shape[axis], indices_or_sections
    if isinstance(given, int):
        parts = [None if size is None else size // given] * given
    else:
        ends = [*given, size]
        parts = [None if end is None else end - start for start, end in zip([0, *given], ends, strict=True)]
    return [(*x.shape[:axis], n, *x.shape[axis + 1 :]) for n in parts]


@composite(Rule(_split, same, ("x",), _sections))
def split(x: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    """A tensor in parts.

    Args:
        x: a tensor.
        indices_or_sections: how many equal parts; or a list of the places to cut at.
        axis: which axis is cut.

    Returns:
        A list of tensors.
    """
    total, given = ops.shape(x)[axis], indices_or_sections
    cuts = [total // given * i for i in range(given)] if isinstance(given, int) else [0, *given]
    parts = zip(cuts, [*cuts[1:], total], strict=True)
    return [_part(x, axis, builtins.slice(start, end)) for start, end in parts]


def _part(x: Any, axis: int, index: Any) -> Any:
    """What an index gives along an axis."""
    return get_item(x, (*(builtins.slice(None),) * axis, index))


def _unstacked(x: Any, num: int | None, axis: int) -> Any:
    count = x.shape[axis] if num is None else num
    if count is None:
        raise ValueError(f"the size of axis {axis} is unknown; pass num.")
    return [(*x.shape[:axis], *x.shape[axis + 1 :])] * count


@composite(Rule(_unstacked, same, ("x",), one_axis))
def unstack(x: Any, num: int | None = None, axis: int = 0) -> Any:
    """The slices of a tensor along an axis.

    Args:
        x: a tensor.
        num: how many there are; needed only where the size is unknown.
        axis: which axis goes.

    Returns:
        A list of tensors.
    """
    return [_part(x, axis, i) for i in range(x.shape[axis] if num is None else num)]


def _repeated(x: Any, repeats: Any, axis: int | None) -> Any:
    if axis is None:
        total = size_of(x.shape)
        return (total * repeats if isinstance(repeats, int) and total is not None else None,)
    size = x.shape[axis]
    if not isinstance(repeats, int):
        listed = isinstance(repeats, (list, tuple)) and len(repeats) > 1
        size = builtins.sum(repeats) if listed else None
    elif size is not None:
        size *= repeats
    return (*x.shape[:axis], size, *x.shape[axis + 1 :])


@composite(Rule(_repeated, same, ("x",), one_axis))
def repeat(x: Any, repeats: Any, axis: int | None = None) -> Any:
    """Each element several times in a row.

    Args:
        x: a tensor.
        repeats: how often; or a list with a number for each element of the axis.
        axis: which axis grows; None flattens first.
    """
    if axis is None:
        x, axis = ravel(x), 0
    counts = [int(r) for r in ops.convert_to_numpy(repeats).ravel()]
    if len(counts) > 1:
        return take(x, np.repeat(np.arange(len(counts)), counts).astype("int32"), axis=axis)
    wide = expand_dims(x, axis + 1)
    sizes = list(ops.shape(wide))
    sizes[axis + 1] = counts[0]
    total = ops.shape(x)[axis] * counts[0]
    return reshape(broadcast_to(wide, sizes), (*ops.shape(x)[:axis], total, *ops.shape(x)[axis + 1 :]))


def _tile_repeats(bound: dict[str, Any]) -> None:
    given = bound["repeats"]
    bound["repeats"] = tuple(given) if isinstance(given, (tuple, list)) or np.ndim(given) else (given,)


def paired(a: Any, b: Any) -> list[tuple]:
    """The sizes of two shapes axis by axis, the last ones together; where a shape has no axis its size is 1."""
    rank = builtins.max(len(a), len(b))
    return list(zip((1,) * (rank - len(a)) + tuple(a), (1,) * (rank - len(b)) + tuple(b), strict=True))


def multiplied(a: Any, b: Any) -> tuple[int | None, ...]:
    """The products of the sizes of two shapes."""
    return tuple(None if None in pair else math.prod(pair) for pair in paired(a, b))


@composite(Rule(lambda x, repeats: multiplied(x.shape, static(repeats)), same, ("x",), _tile_repeats))
def tile(x: Any, repeats: Any) -> Any:
    """The whole tensor several times along each axis.

    Args:
        x: a tensor.
        repeats: int or tuple: how often along each of the last axes.
    """
    pairs = paired(repeats, ops.shape(x))
    ones_between = reshape(x, [d for _, size in pairs for d in (1, size)])
    return reshape(broadcast_to(ones_between, [d for pair in pairs for d in pair]), [r * d for r, d in pairs])


# --- order ------------------------------------------------------------------------------------------------------------


@primitive(Rule(lambda x, axis: x.shape, same, ("x",), all_axes))
def flip(x: Any, axis: Any = None) -> Any:
    """The elements in reverse order along axes; None means all. Backends get a tuple."""


@composite(elementwise(same))
def roll(x: Any, shift: Any, axis: Any = None) -> Any:
    """The elements moved along axes; those that leave at the end come in at the start.

    Args:
        x: a tensor.
        shift: int or tuple: how far.
        axis: int or tuple of as many; None flattens for the while.
    """
    if axis is None:
        return reshape(roll(ravel(x), shift, 0), ops.shape(x))
    axes = normalize_axes(axis, len(x.shape))
    shifts = tuple(shift) if isinstance(shift, (tuple, list)) else (shift,) * len(axes)
    for a, n in zip(axes, shifts, strict=True):
        size = ops.shape(x)[a]
        cut = size - n % size if not isinstance(size, int) or size else 0
        x = concatenate([_part(x, a, part) for part in (builtins.slice(cut, None), builtins.slice(None, cut))], axis=a)
    return x


def _pad_width(bound: dict[str, Any]) -> None:
    ndim, mode = len(bound["x"].shape), bound["mode"]
    one_of("mode", mode, ("constant", "reflect", "symmetric", "edge", "wrap"))
    if bound["constant_values"] is not None and mode != "constant":
        raise ValueError(f"argument constant_values goes with mode='constant' only; got mode={mode!r}.")
    width = np.broadcast_to(np.asarray(bound["pad_width"]), (ndim, 2))
    bound["pad_width"] = tuple((int(a), int(b)) for a, b in width)
    if mode == "constant" and bound["constant_values"] is None:
        bound["constant_values"] = 0


def _padded(x: Any, pad_width: Any, mode: str, constant_values: Any) -> Any:
    return tuple(None if d is None else d + a + b for d, (a, b) in zip(x.shape, pad_width, strict=True))


@primitive(Rule(_padded, same, ("x",), _pad_width))
def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Any:
    """More elements at the ends of axes.

    Args:
        x: a tensor.
        pad_width: for each axis a pair (before, after); one pair or int serves all. Backends get a tuple of pairs.
        mode: "constant", "reflect" (mirrored at the outermost element), "symmetric" (mirrored with it), "edge", "wrap".
        constant_values: the number for "constant", default 0.
    """


# --- parts ------------------------------------------------------------------------------------------------------------


def _item_shape(x: Any, key: Any) -> Any:
    key = key if isinstance(key, tuple) else (key,)
    given = builtins.sum(1 for k in key if k is not None and k is not Ellipsis)
    given += builtins.sum(len(k.shape) - 1 for k in key if hasattr(k, "shape") and str(k.dtype).endswith("bool"))
    if given > len(x.shape):
        raise ValueError(f"{given} indices for a tensor of {len(x.shape)} dimensions.")
    if not builtins.any(k is Ellipsis for k in key):
        key = (*key, Ellipsis)
    sizes, out, arrays, first, apart = list(x.shape), [], [], None, False
    for k in key:
        if k is Ellipsis:
            n = len(x.shape) - given
            out, sizes = out + sizes[:n], sizes[n:]
        elif k is None:
            out.append(1)
        elif isinstance(k, builtins.slice):
            out.append(_sliced(sizes.pop(0), k))
        else:
            size = sizes.pop(0)
            if isinstance(k, (int, np.integer)):
                if size is not None and not -size <= k < size:
                    raise ValueError(f"index {k} is out of range for an axis of size {size}.")
            else:
                first = len(out) if first is None else first
                apart = apart or len(out) != first
                arrays.append(_index_shape(k))
    if not arrays:
        return tuple(out)
    place = 0 if apart else first
    return (*out[:place], *broadcast_shapes(*arrays), *out[place:])


def _index_shape(k: Any) -> Any:
    sizes = k.shape if hasattr(k, "shape") else np.shape(k)
    kind = str(k.dtype) if hasattr(k, "dtype") else str(np.asarray(k).dtype)
    return (None,) if kind.endswith("bool") else tuple(sizes)


def _sliced(size: int | None, part: builtins.slice) -> int | None:
    bounds = (part.start, part.stop, part.step)
    known = builtins.all(b is None or isinstance(b, (int, np.integer)) for b in bounds)
    return len(range(*part.indices(size))) if known and size is not None else None


@primitive(Rule(_item_shape, same))
def get_item(x: Any, key: Any) -> Any:
    """`x[key]`, as in NumPy: ints, slices, None, Ellipsis, and tensors of indices or of bool."""


def _taken(x: Any, indices: Any, axis: int | None) -> Any:
    if axis is None:
        return indices.shape
    return (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])


@primitive(Rule(_taken, first_then_int, ("x", "indices"), one_axis))
def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """Elements, or slices along an axis, by their indices.

    Args:
        x: a tensor.
        indices: integers of any shape; negative ones count from the end.
        axis: which axis; None flattens first.

    Returns:
        `x` with the axis replaced by the indices' shape.
    """


def _taken_along(x: Any, indices: Any, axis: int | None) -> Any:
    if axis is None:
        return indices.shape
    if len(indices.shape) != len(x.shape):
        raise ValueError(f"indices must have as many dimensions as x; got shapes {indices.shape} and {x.shape}.")
    shapes = [[1 if i == axis else d for i, d in enumerate(t.shape)] for t in (x, indices)]
    sizes = list(broadcast_shapes(*shapes))
    sizes[axis] = indices.shape[axis]
    return tuple(sizes)


@primitive(Rule(_taken_along, first_then_int, ("x", "indices"), one_axis))
def take_along_axis(x: Any, indices: Any, axis: int | None = None) -> Any:
    """One element for each index along an axis, the other axes matched up.

    Args:
        x: a tensor.
        indices: integers, with as many dimensions as `x`.
        axis: which axis; None flattens first.
    """


def _slice_shape(inputs: Any, start_indices: Any, shape: Any) -> Any:
    if len(shape) != len(inputs.shape):
        raise ValueError(f"argument shape must have {len(inputs.shape)} sizes; got {shape}.")
    given = isinstance(start_indices, (tuple, list, np.ndarray))
    starts = static(start_indices) if given else (None,) * len(shape)
    rest = [None if None in (n, start) else n - start for n, start in zip(inputs.shape, starts, strict=True)]
    return tuple(r if d == -1 else d for d, r in zip(static(shape), rest, strict=True))


@primitive(Rule(_slice_shape, same, ("inputs",), as_shape))
def slice(inputs: Any, start_indices: Any, shape: Any) -> Any:
    """A block of a tensor.

    Args:
        inputs: a tensor.
        start_indices: where the block starts in each axis: ints, scalar tensors, or one 1-D tensor.
        shape: the block's sizes; -1 means up to the end.
    """


@primitive(Rule(lambda inputs, start_indices, updates: inputs.shape, lambda x, u: ((x, x), x), ("inputs", "updates")))
def slice_update(inputs: Any, start_indices: Any, updates: Any) -> Any:
    """A tensor with a block of it replaced.

    Args:
        inputs: a tensor.
        start_indices: where the block starts in each axis: ints, scalar tensors, or one 1-D tensor.
        updates: the block, with as many dimensions as `inputs`.
    """


REDUCTIONS = (None, "add", "max", "min", "mul")


def _scatter_reduction(bound: dict[str, Any]) -> None:
    one_of("reduction", bound["reduction"], REDUCTIONS)


@primitive(
    Rule(
        lambda inputs, indices, updates, reduction: inputs.shape,
        lambda x, i, u: ((x, "int32" if i != "int64" else i, x), x),
        ("inputs", "indices", "updates"),
        _scatter_reduction,
    )
)
def scatter_update(inputs: Any, indices: Any, updates: Any, reduction: str | None = None) -> Any:
    """A tensor with single elements or slices replaced, or combined with what is there.

    Args:
        inputs: a tensor.
        indices: integers of shape `(..., k)`: places in the first `k` axes.
        updates: the values, of shape `indices.shape[:-1] + inputs.shape[k:]`.
        reduction: None replaces; "add", "max", "min" and "mul" combine, repeated places too.

    Example:
        >>> ops.convert_to_numpy(ops.scatter_update([0, 0, 0], [[1], [2]], [5, 6])).tolist()
        [0, 5, 6]
    """


@composite(
    Rule(
        lambda indices, values, shape: static(shape),
        lambda i, v: (("int32" if i != "int64" else i, v), v),
        ("indices", "values"),
        as_shape,
    )
)
def scatter(indices: Any, values: Any, shape: Any) -> Any:
    """Zeros of a shape with values added at some places.

    Args:
        indices: integers of shape `(..., k)`: places in the first `k` axes.
        values: of shape `indices.shape[:-1] + shape[k:]`; those of repeated places add up.
        shape: the result's.
    """
    return scatter_update(ops.zeros(shape, ops.dtype(values)), indices, values, reduction="add")


# --- search -----------------------------------------------------------------------------------------------------------


def _nonzero_shape(x: Any) -> Any:
    raise ValueError("the size of the result depends on values; use `where` with three arguments, or `argsort`.")


@primitive(Rule(_nonzero_shape, index))
def nonzero(x: Any) -> Any:
    """Where the elements that aren't 0 are: a tuple with one 1-D int32 tensor for each axis. Not in compiled code."""


def _side(bound: dict[str, Any]) -> None:
    one_of("side", bound["side"], ("left", "right"))


@composite(
    Rule(
        lambda sorted_sequence, values, side: values.shape,
        lambda *d: (promote(*d)[0], "int32"),
        ("sorted_sequence", "values"),
        _side,
    )
)
def searchsorted(sorted_sequence: Any, values: Any, side: str = "left") -> Any:
    """Where values would have to go to keep an ascending sequence ascending. int32.

    Args:
        sorted_sequence: a 1-D tensor in ascending order.
        values: a tensor.
        side: "left" goes before equal elements, "right" after them.
    """
    values = expand_dims(values, -1)
    before = _below(sorted_sequence, values) if side == "left" else ops.logical_not(_below(values, sorted_sequence))
    return ops.sum(ops.cast(before, "int32"), axis=-1)


def _below(a: Any, b: Any) -> Any:
    """Whether `a` comes before `b` in ascending order, in which NaN is last."""
    return ops.logical_or(ops.less(a, b), ops.logical_and(ops.equal(a, a), ops.not_equal(b, b)))


@composite
def meshgrid(*x: Any, indexing: str = "xy") -> Any:
    """The grids of coordinates that vectors span.

    Args:
        *x: 1-D tensors (others are flattened).
        indexing: "xy" swaps the first two axes, "ij" doesn't.

    Returns:
        A list with one tensor for each vector.
    """
    one_of("indexing", indexing, ("xy", "ij"))
    vectors = [ravel(v) for v in x]
    order = list(range(len(x)))
    if indexing == "xy" and len(x) > 1:
        order[0], order[1] = 1, 0
    placed = [
        reshape(v, [-1 if i == place else 1 for i in range(len(x))]) for v, place in zip(vectors, order, strict=True)
    ]
    sizes = [ops.shape(vectors[order[i]])[0] for i in range(len(x))]
    return [broadcast_to(v, sizes) for v in placed]
