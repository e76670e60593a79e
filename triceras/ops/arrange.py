"""Arranging tensors: in uneven parts, turned, by patterns, chosen from several."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from triceras import ops
from triceras.core import registry, tree
from triceras.ops.array import multiplied, paired
from triceras.ops.op import composite
from triceras.ops.rules import Rule, normalize_axis, one_axis, promote, same

# --- parts ------------------------------------------------------------------------------------------------------------


def _uneven(bound: dict[str, Any]) -> None:
    one_axis(bound)
    given = bound["indices_or_sections"]
    if isinstance(given, (int, np.integer)) and given < 1:
        raise ValueError(f"argument indices_or_sections must be at least 1; got {given}.")


def _uneven_shapes(x: Any, indices_or_sections: Any, axis: int) -> Any:
    size, given = x.shape[axis], indices_or_sections
    if size is None:
        sizes = [None] * (given if isinstance(given, (int, np.integer)) else len(given) + 1)
    else:
        sizes = [len(part) for part in np.array_split(np.empty(size, "bool"), given)]
    return [(*x.shape[:axis], n, *x.shape[axis + 1 :]) for n in sizes]


@composite(Rule(_uneven_shapes, same, ("x",), _uneven))
def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    """A tensor in parts that needn't be equal: the first ones are longer by one where it doesn't come out even.

    Args:
        x: a tensor.
        indices_or_sections: how many parts, or a list of the places to cut at.
        axis: which axis is cut.

    Returns:
        A list of tensors.

    Example:
        >>> [part.shape[0] for part in ops.array_split(ops.arange(7), 3)]
        [3, 2, 2]
    """
    given = indices_or_sections
    if isinstance(given, (int, np.integer)):
        size = x.shape[axis]
        if size is None:
            raise ValueError(f"the size of axis {axis} must be known to cut it into {given} parts; pass the places.")
        given = [size // given * i + min(i, size % given) for i in range(1, given)]
    return ops.split(x, given, axis=axis)


@composite
def hsplit(x: Any, indices_or_sections: Any) -> Any:
    """A tensor in parts along its second axis (the first, if there is just one); see `split`."""
    return ops.split(x, indices_or_sections, axis=0 if ops.ndim(x) == 1 else 1)


@composite
def vsplit(x: Any, indices_or_sections: Any) -> Any:
    """A tensor of at least two dimensions in parts along its first axis; see `split`."""
    return ops.split(_at_least("vsplit", x, 2), indices_or_sections, axis=0)


@composite
def dsplit(x: Any, indices_or_sections: Any) -> Any:
    """A tensor of at least three dimensions in parts along its third axis; see `split`."""
    return ops.split(_at_least("dsplit", x, 3), indices_or_sections, axis=2)


def _at_least(name: str, x: Any, count: int, argument: str = "x") -> Any:
    if ops.ndim(x) < count:
        raise ValueError(f"ops.{name}: argument {argument} must have at least {count} dimensions; got {ops.ndim(x)}.")
    return x


@composite
def dstack(xs: Any) -> Any:
    """Tensors one behind the other along a third axis; those of fewer dimensions get axes of size 1."""
    return ops.concatenate([_with_depth(x) for x in xs], axis=2)


def _with_depth(x: Any) -> Any:
    shape = ops.shape(x)
    if len(shape) > 2:
        return x
    return ops.reshape(x, (*shape, 1) if len(shape) == 2 else (1, *(shape or (1,)), 1))


# --- turns ------------------------------------------------------------------------------------------------------------


@composite
def flipud(x: Any) -> Any:
    """The order along the first axis reversed."""
    return ops.flip(_at_least("flipud", x, 1), axis=0)


@composite
def fliplr(x: Any) -> Any:
    """The order along the second axis reversed."""
    return ops.flip(_at_least("fliplr", x, 2), axis=1)


@composite
def rot90(array: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Any:
    """A tensor turned by right angles in the plane of two axes, from the first towards the second.

    Args:
        array: a tensor of at least two dimensions.
        k: how many right angles; negative ones turn back.
        axes: two different axes.

    Raises:
        ValueError: too few dimensions, or the axes aren't two.

    Example:
        >>> ops.convert_to_numpy(ops.rot90([[1, 2], [3, 4]])).tolist()
        [[2, 4], [1, 3]]
    """
    count = ops.ndim(_at_least("rot90", array, 2, "array"))
    plane = tuple(normalize_axis(int(axis), count, "axes") for axis in axes)
    if len(set(plane)) != 2 or len(plane) != 2:
        raise ValueError(f"ops.rot90: argument axes must name two different axes; got {tuple(axes)}.")
    if k % 4 == 2:
        return ops.flip(array, axis=plane)
    if k % 4 == 3:
        return ops.swapaxes(ops.flip(array, axis=plane[0]), *plane)
    return ops.flip(ops.swapaxes(array, *plane), axis=plane[0]) if k % 4 else array


# --- patterns ---------------------------------------------------------------------------------------------------------


def _rearranged(tensor: Any, pattern: str, axes_lengths: dict[str, int]) -> Any:
    before, after = _sides(pattern, len(tensor.shape))
    sizes = _sizes(pattern, before, tensor.shape, dict(axes_lengths))
    groups = [[sizes.get(name) for name in group] for group in after]
    return tuple(None if None in group else math.prod(group) for group in groups)


@composite(Rule(_rearranged, same, ("tensor",)))
def rearrange(tensor: Any, pattern: str, **axes_lengths: int) -> Any:
    """Reorder, split and merge axes as a pattern says (the notation of Rogozhnikov 2022, "Einops").

    Args:
        tensor: a tensor.
        pattern: `"before -> after"`: the names of the axes, apart by spaces; names in parentheses are one axis, split
            before and merged after; `1` is an axis of size 1, `...` stands for all axes that aren't named.
        **axes_lengths: sizes of names, as far as they don't follow from the shape.

    Raises:
        ValueError: the pattern and the shape don't fit.

    Example:
        >>> tuple(ops.rearrange(ops.ones((2, 6, 3)), "b (h w) c -> b c h w", h=2).shape)
        (2, 3, 2, 3)
    """
    before, after = _sides(pattern, ops.ndim(tensor))
    sizes = _sizes(pattern, before, ops.shape(tensor), dict(axes_lengths))
    names = [name for group in before for name in group]
    wanted = [name for group in after for name in group]
    if sorted(map(str, names)) != sorted(map(str, wanted)):
        raise _misfit(pattern, "both sides must have the same names")
    tensor = ops.reshape(tensor, [sizes[name] for name in names])
    tensor = ops.transpose(tensor, [names.index(name) for name in wanted]) if names != wanted else tensor
    return ops.reshape(tensor, [math.prod(sizes[name] for name in group) for group in after])


def _misfit(pattern: str, why: str) -> ValueError:
    return ValueError(f"argument pattern {pattern!r}: {why}.")


def _sides(pattern: str, rank: int) -> tuple[list[list[Any]], list[list[Any]]]:
    """The groups of names on both sides, `...` resolved into as many axes as it stands for."""
    sides = pattern.split("->")
    if len(sides) != 2:
        raise _misfit(pattern, 'it must be "before -> after"')
    before, after = (_groups(pattern, side) for side in sides)
    hidden = rank - sum(group != ["..."] for group in before)
    if hidden < 0 or (hidden and ["..."] not in before):
        raise _misfit(pattern, f"it names {len(before)} axes; the tensor has {rank}")
    rest = [(".", i) for i in range(hidden)]

    def open_(groups: list[list[Any]]) -> list[list[Any]]:
        found = []
        for group in groups:
            if group == ["..."]:
                found += [[name] for name in rest]
            else:
                found.append([n for name in group for n in (rest if name == "..." else [name])])
        return found

    return open_(before), open_(after)


def _groups(pattern: str, side: str) -> list[list[Any]]:
    tokens = re.findall(r"\.\.\.|[A-Za-z_]\w*|1|\(|\)|\S", side)
    found: list[list[Any]] = []
    names: list[str] = []
    inside = False
    for token in tokens:
        if token in "()":
            if inside == (token == "("):
                raise _misfit(pattern, "its parentheses don't fit")
            inside = token == "("
            found += [[]] if inside else []
            continue
        if not (token in ("1", "...") or token.isidentifier()):
            raise _misfit(pattern, f"it has {token!r}, which is no name")
        found += [] if inside else [[]]
        found[-1] += [] if token == "1" else [token]
        names += [] if token == "1" else [token]
    if inside or len(set(names)) < len(names):
        raise _misfit(pattern, "its parentheses don't fit" if inside else "a side has a name twice")
    return found


def _sizes(pattern: str, groups: list[list[Any]], shape: Sequence[Any], known: dict[Any, Any]) -> dict[Any, Any]:
    """The size of each name: as given, or what is left of its group's axis."""
    for group, size in zip(groups, shape, strict=True):
        open_ = [name for name in group if name not in known]
        if len(open_) > 1:
            raise _misfit(pattern, f"the sizes of {', '.join(map(str, open_))} don't follow; pass all but one")
        product = math.prod(known[name] for name in group if known.get(name) is not None)
        if isinstance(size, int) and (size % product if open_ else size != product):
            raise _misfit(pattern, f"an axis of size {size} isn't ({' '.join(map(str, group))}) with {known}")
        if open_:
            known[open_[0]] = size if size is None or product == 1 else size // product
    return known


# --- choices ----------------------------------------------------------------------------------------------------------


@composite
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """Each element from the first choice whose condition holds.

    Args:
        condlist: a list of bool tensors.
        choicelist: as many tensors; all broadcast against each other.
        default: what stands where no condition holds.

    Raises:
        ValueError: the lists are empty or not equally long.
    """
    if len(condlist) != len(choicelist) or not condlist:
        raise ValueError(
            f"ops.select: condlist and choicelist must be equally long and not empty; got {len(condlist)} and "
            f"{len(choicelist)}."
        )
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        default = ops.where(condition, choice, default)
    return default


@composite
def unravel_index(indices: Any, shape: Any) -> Any:
    """The coordinates of places in a flattened tensor.

    Args:
        indices: integers; negative ones count from the end.
        shape: the tensor's shape, known ints.

    Returns:
        A tuple of one tensor for each axis, in the dtype of `indices`.

    Example:
        >>> [int(ops.convert_to_numpy(i)) for i in ops.unravel_index(5, (2, 3))]
        [1, 2]
    """
    coordinates = []
    rest = ops.where(ops.less(indices, 0), ops.add(indices, math.prod(shape)), indices)
    for size in reversed(shape):
        coordinates.append(ops.mod(rest, size))
        rest = ops.floor_divide(rest, size)
    return tuple(reversed(coordinates))


@composite(Rule(lambda x1, x2: multiplied(x1.shape, x2.shape), promote, ("x1", "x2")))
def kron(x1: Any, x2: Any) -> Any:
    """The Kronecker product: a copy of `x2` for each element of `x1`, multiplied by it."""
    pairs = paired(ops.shape(x1), ops.shape(x2))
    first = ops.reshape(x1, [n for size, _ in pairs for n in (size, 1)])
    second = ops.reshape(x2, [n for _, size in pairs for n in (1, size)])
    return ops.reshape(ops.multiply(first, second), [a * b for a, b in pairs])


def vectorize(pyfunc: Callable, *, excluded: Any = None, signature: str | None = None) -> Callable:
    """A function of scalars (or of the core dimensions of a signature) made one of tensors that broadcast.

    Args:
        pyfunc: a function of tensors, written with ops.
        excluded: positions or names of arguments that are passed on as they are.
        signature: the core dimensions, such as `"(n),(n)->()"`; None means scalars.

    Returns:
        A function of the same arguments; keyword arguments are passed on as they are.

    Raises:
        ValueError: a call doesn't fit the signature.

    Example:
        >>> ops.convert_to_numpy(ops.vectorize(lambda a, b: a + b)([1, 2], 3)).tolist()
        [4, 5]
    """
    left_out = set(excluded or ())
    core = None if signature is None else [len(part.split(",")) if part else 0 for part in _inputs_of(signature)]

    def run(*args: Any, **kwargs: Any) -> Any:
        places = [i for i in range(len(args)) if i not in left_out]
        tensors = [ops.convert_to_tensor(args[i]) for i in places]
        inner = [0] * len(places) if core is None else core
        if len(inner) != len(places):
            raise ValueError(f"vectorize: the signature {signature!r} has {len(inner)} inputs; got {len(places)}.")

        def call(*tensors: Any) -> Any:
            filled = list(args)
            for place, x in zip(places, tensors, strict=True):
                filled[place] = x
            return pyfunc(*filled, **kwargs)

        return _mapped(call, tensors, inner)

    return run


def _inputs_of(signature: str) -> list[str]:
    return re.findall(r"\(([^)]*)\)", signature.replace(" ", "").split("->")[0])


def _mapped(call: Callable, tensors: list[Any], inner: list[int]) -> Any:
    """`call` over all axes in front of the inner ones, which broadcast and become one for the while."""
    backend = registry.backend_for(tuple(map(type, tensors)), tuple(tensors)) if tensors else registry.current()
    cores = [tuple(x.shape)[len(x.shape) - n :] for x, n in zip(tensors, inner, strict=True)]
    outer = np.broadcast_shapes(*(x.shape[: len(x.shape) - n] for x, n in zip(tensors, inner, strict=True)))
    if not outer:
        return call(*tensors)
    rows = [
        ops.reshape(ops.broadcast_to(x, (*outer, *core)), (math.prod(outer), *core))
        for x, core in zip(tensors, cores, strict=True)
    ]
    found = backend.vmap(call)(*rows)
    return tree.map_structure(lambda y: ops.reshape(y, (*outer, *ops.shape(y)[1:])), found)
