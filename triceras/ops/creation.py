"""Into and out of tensors, and tensors made of nothing."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from triceras import ops
from triceras.backends.sparse import no_sparse
from triceras.core import dtypes, registry
from triceras.ops.op import composite, primitive
from triceras.ops.rules import (
    Rule,
    as_shape,
    broadcast_shapes,
    creation,
    elementwise,
    normalize_axis,
    same,
    static,
    summed,
    weak_float,
)

# --- into and out of tensors ------------------------------------------------------------------------------------------


@primitive(elementwise(same))
def cast(x: Any, dtype: Any) -> Any:
    """`x` in another dtype.

    Args:
        x: a tensor.
        dtype: a standard name or a framework's dtype.

    Example:
        >>> ops.dtype(ops.cast([1, 2], "float32"))
        'float32'
    """


@composite(elementwise(same))
def saturate_cast(x: Any, dtype: Any) -> Any:
    """`x` in another dtype; what the dtype can't hold becomes its largest or smallest value."""
    if dtype == "bool":
        return cast(x, dtype)
    name = dtypes.standardize_dtype(x.dtype)
    source, top = 1 if name == "bool" else dtypes.largest(name), dtypes.largest(dtype)
    low = -top if dtypes.is_float(dtype) else -top - 1 if dtype.startswith("int") else 0
    if source <= top and (low < 0 or name.startswith(("uint", "bool"))):
        return cast(x, dtype)
    if dtypes.is_float(name) and not dtypes.is_float(dtype):  # the nearest float that isn't above the integer
        top = float(np.nextafter(np.float32(top), np.float32(0))) if float(np.float32(top)) > top else top
    return cast(ops.clip(x, builtins.max(low, -source - 1), builtins.min(top, source)), dtype)


def convert_to_tensor(x: Any, dtype: Any = None, sparse: bool | None = None, ragged: bool | None = None) -> Any:
    """A tensor of what `x` holds.

    Args:
        x: numbers, nested lists, an array, a Variable or a tensor. A tensor stays on its backend; what has none goes to
            the current one.
        dtype: standard name; by default integers are int32, Python floats `floatx`, and arrays keep theirs.
        sparse: False makes sparse tensors dense; None or True leaves them, and dense ones, too.
        ragged: not supported yet; None or False.

    Example:
        >>> ops.shape(ops.convert_to_tensor([[1, 2]]))
        (1, 2)
    """
    if ragged:
        raise ValueError(f"ops.convert_to_tensor: ragged must be None or False; got {ragged=}.")
    backend = registry.backend_of(x) or registry.current()
    dtype = None if dtype is None else backend.canonical_dtype(dtypes.standardize_dtype(dtype))
    x = backend.convert(x, dtype)
    if sparse and backend.sparse is None:
        raise ValueError(f"ops.convert_to_tensor: {no_sparse(backend)}")
    return backend.sparse.densify(x) if sparse is False and backend.sparse and backend.sparse.is_sparse(x) else x


def convert_to_numpy(x: Any) -> np.ndarray:
    """A NumPy array with the values of a tensor, Variable, number or list."""
    backend = registry.backend_of(x)
    if backend is None:
        return dtypes.array_of(x)
    return backend.to_numpy(backend.convert(x))


def array(x: Any, dtype: Any = None) -> Any:
    """The same as `convert_to_tensor`."""
    return convert_to_tensor(x, dtype=dtype)


def is_tensor(x: Any) -> bool:
    """Whether `x` is a tensor of some backend (symbolic ones too); arrays and Variables only where NumPy is current."""
    backend = registry.backend_of(x) or registry.current()
    return isinstance(x, backend.tensor_types)


def shape(x: Any) -> tuple[Any, ...]:
    """The shape: ints; where only the running graph knows a size, a scalar tensor, and None for symbolic tensors."""
    backend = registry.backend_of(x)
    if backend is None:
        return np.shape(x)
    x = x.value if hasattr(x, "assign") and hasattr(x, "backend") else backend.convert(x)
    sizes = backend.shape(x)
    if None in sizes and not hasattr(backend, "dynamic_shape"):
        return sizes
    return sizes if None not in sizes else backend.dynamic_shape(x)


def dtype(x: Any) -> str:
    """The standard name of a tensor's dtype."""
    return dtypes.standardize_dtype(x.dtype) if hasattr(x, "dtype") else str(dtypes.array_of(x).dtype)


def ndim(x: Any) -> int:
    """How many dimensions there are."""
    return len(x.shape) if hasattr(x, "shape") else np.ndim(x)


def size(x: Any) -> Any:
    """How many elements there are: an int, or a scalar tensor where only the running graph knows."""
    sizes = shape(x)
    return None if None in sizes else math.prod(sizes)


@composite(elementwise(same))
def copy(x: Any) -> Any:
    """A copy of `x`."""
    return ops.where(True, x, x)


# --- constants --------------------------------------------------------------------------------------------------------


_new = creation(lambda shape, **rest: static(shape), as_shape)


@composite(_new)
def full(shape: Any, fill_value: Any, dtype: Any = None) -> Any:
    """A tensor filled with one value.

    Args:
        shape: int or tuple of ints.
        fill_value: a number, or what broadcasts to the shape.
        dtype: standard name, default `floatx`.
    """
    return ops.broadcast_to(convert_to_tensor(fill_value, dtype), shape)


@composite(_new)
def zeros(shape: Any, dtype: Any = None) -> Any:
    """A tensor of zeros.

    Args:
        shape: int or tuple of ints.
        dtype: standard name, default `floatx`.

    Example:
        >>> ops.convert_to_numpy(ops.zeros((2,))).tolist()
        [0.0, 0.0]
    """
    return full(shape, 0, dtype)


@composite(_new)
def ones(shape: Any, dtype: Any = None) -> Any:
    """A tensor of ones; arguments as for `zeros`."""
    return full(shape, 1, dtype)


@composite(_new)
def empty(shape: Any, dtype: Any = None) -> Any:
    """A tensor for which no values are promised; arguments as for `zeros`."""
    return zeros(shape, dtype)


@composite(elementwise(same))
def zeros_like(x: Any, dtype: Any = None) -> Any:
    """Zeros in the shape of `x`, and in its dtype unless another is given."""
    return full(shape(x), 0, dtype)


@composite(elementwise(same))
def ones_like(x: Any, dtype: Any = None) -> Any:
    """Ones in the shape of `x`, and in its dtype unless another is given."""
    return full(shape(x), 1, dtype)


@composite(elementwise(same))
def empty_like(x: Any, dtype: Any = None) -> Any:
    """A tensor in the shape of `x` for which no values are promised."""
    return zeros(shape(x), dtype)


@composite(elementwise(same))
def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Any:
    """One value in the shape of `x`, in its dtype unless another is given."""
    return full(shape(x), fill_value, dtype)


def _arange(bound: dict[str, Any]) -> None:
    if bound["stop"] is None:
        bound["start"], bound["stop"] = 0, bound["start"]
    if bound["step"] is None:
        bound["step"] = 1
    if bound["dtype"] is None:
        given = (bound[name] for name in ("start", "stop", "step"))
        kinds = [x.dtype if hasattr(x, "dtype") else type(x) for x in given if x is not None]
        bound["dtype"] = dtypes.result_type(*("int32" if k is bool else k for k in kinds))


def _arange_shape(start: Any, stop: Any, step: Any, dtype: Any) -> Any:
    known = builtins.all(isinstance(x, (int, float, np.number)) for x in (start, stop, step))
    return (builtins.max(0, math.ceil((stop - start) / step)) if known else None,)


@primitive(creation(_arange_shape, _arange))
def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Any:
    """Evenly spaced numbers from `start` up to and without `stop`.

    Args:
        start: the first number; with `stop` None it is the end, and numbers start at 0.
        stop: the end.
        step: the distance, default 1.
        dtype: standard name; by default int32 for integers and `floatx` for floats.

    Example:
        >>> ops.convert_to_numpy(ops.arange(3)).tolist()
        [0, 1, 2]
    """


def _linspace_shape(start: Any, stop: Any, num: int, axis: int, retstep: bool = False, **rest: Any) -> Any:
    sizes = list(broadcast_shapes(start.shape, stop.shape))
    sizes.insert(axis % (len(sizes) + 1), num)
    return [tuple(sizes), broadcast_shapes(start.shape, stop.shape)] if retstep else tuple(sizes)


@composite(Rule(_linspace_shape, weak_float, ("start", "stop")))
def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None, axis: int = 0
) -> Any:
    """Evenly spaced numbers over an interval.

    Args:
        start, stop: the ends; tensors give one row of numbers for each element.
        num: how many.
        endpoint: whether `stop` is the last one.
        retstep: whether to return the distance too.
        dtype: standard name, default `floatx`.
        axis: where the new axis goes.
    """
    step = ops.divide(ops.subtract(stop, start), float(num - 1 if endpoint else num) or math.nan)
    count = ops.reshape(arange(num, dtype=start.dtype), (num,) + (1,) * len(step.shape))
    values = ops.add(start, ops.multiply(count, step) if num > 1 else ops.multiply(count, 0.0))
    if endpoint and num > 1:  # the last one exactly
        values = ops.where(ops.equal(count, num - 1), stop, values)
    values = cast(ops.moveaxis(values, 0, axis), dtype)
    return (values, step) if retstep else values


@composite(Rule(_linspace_shape, weak_float, ("start", "stop")))
def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10, dtype: Any = None, axis: int = 0
) -> Any:
    """Numbers whose logarithms are evenly spaced: `base` to the powers of `linspace`.

    Args:
        start, stop: the first and last exponent.
        base: the base.
        num, endpoint, dtype, axis: as for `linspace`.
    """
    exponents = linspace(start, stop, num=num, endpoint=endpoint, axis=axis)
    return cast(ops.power(cast(base, exponents.dtype), exponents), dtype)


@composite(Rule(_linspace_shape, weak_float, ("start", "stop")))
def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Any:
    """Numbers from `start` to `stop`, each the one before times the same factor.

    Args:
        start, stop: the ends, of the same sign.
        num, endpoint, dtype, axis: as for `linspace`.
    """
    first = ops.expand_dims(start, axis) if ops.ndim(start) else start
    exponents = linspace(0.0, ops.log(ops.divide(stop, start)), num=num, endpoint=endpoint, axis=axis)
    values = ops.multiply(first, ops.exp(exponents))
    if endpoint and num > 1:  # the last one exactly
        place = ops.equal(arange(num), num - 1)
        place = ops.reshape(place, [num if i == axis % ops.ndim(values) else 1 for i in range(ops.ndim(values))])
        values = ops.where(place, ops.expand_dims(stop, axis) if ops.ndim(stop) else stop, values)
    return cast(values, dtype)


@composite(creation(lambda N, M, k, dtype: (N, N if M is None else M)))
def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Any:  # noqa: N803 - Keras's names
    """A matrix with ones on the `k`-th diagonal and zeros elsewhere.

    Args:
        N: how many rows.
        M: how many columns, default `N`.
        k: 0 is the main diagonal, positive ones lie above.
        dtype: standard name, default `floatx`.
    """
    rows, columns = ops.expand_dims(arange(N), -1), arange(N if M is None else M)
    return cast(ops.equal(ops.add(rows, k), columns), dtype)


@composite(creation(lambda n, dtype: (n, n)))
def identity(n: int, dtype: Any = None) -> Any:
    """The unit matrix of size `n`."""
    return eye(n, dtype=dtype)


@composite(creation(lambda N, M, k, dtype: (N, N if M is None else M)))
def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Any:  # noqa: N803 - Keras's names
    """A matrix with ones on and below the `k`-th diagonal; arguments as for `eye`."""
    return cast(_triangle(N, N if M is None else M, k), dtype)


def _triangle(rows: Any, columns: Any, k: int) -> Any:
    """Where an element of a matrix is on or below the `k`-th diagonal."""
    return ops.less_equal(arange(columns), ops.add(ops.expand_dims(arange(rows), -1), k))


@composite(elementwise(same))
def tril(x: Any, k: int = 0) -> Any:
    """The lower triangle of the last two axes: zeros above the `k`-th diagonal."""
    return ops.where(_triangle(*shape(x)[-2:], k), x, zeros_like(x))


@composite(elementwise(same))
def triu(x: Any, k: int = 0) -> Any:
    """The upper triangle of the last two axes: zeros below the `k`-th diagonal."""
    return ops.where(_triangle(*shape(x)[-2:], k - 1), zeros_like(x), x)


def _diag_shape(x: Any, k: int) -> Any:
    if len(x.shape) == 1:
        n = None if x.shape[0] is None else x.shape[0] + abs(k)
        return (n, n)
    return _diagonal_shape(x, k, 0, 1)


@composite(Rule(_diag_shape, same))
def diag(x: Any, k: int = 0) -> Any:
    """A matrix with a vector on its `k`-th diagonal; or the `k`-th diagonal of a matrix."""
    if len(x.shape) == 2:
        return diagonal(x, k)
    padded = ops.pad(x, ((builtins.max(k, 0), builtins.max(-k, 0)),)) if k else x
    n = shape(padded)[0]
    rows, columns = ops.expand_dims(arange(n), -1), ops.expand_dims(arange(n), 0)
    return ops.where(ops.equal(ops.add(rows, k), columns), padded, zeros_like(padded))


@composite
def diagflat(x: Any, k: int = 0) -> Any:
    """A matrix with the flattened `x` on its `k`-th diagonal."""
    return diag(ops.ravel(x), k)


def _diagonal_shape(x: Any, offset: int, axis1: int, axis2: int) -> Any:
    ndim = len(x.shape)
    axes = normalize_axis(axis1, ndim, "axis1"), normalize_axis(axis2, ndim, "axis2")
    rows, columns = (x.shape[a] for a in axes)
    rest = [d for i, d in enumerate(x.shape) if i not in axes]
    if rows is None or columns is None:
        return (*rest, None)
    return (*rest, builtins.max(0, builtins.min(rows + builtins.min(offset, 0), columns - builtins.max(offset, 0))))


@composite(Rule(_diagonal_shape, same))
def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The diagonal of two axes, as the last axis of the result.

    Args:
        x: a tensor of at least two dimensions.
        offset: 0 is the main diagonal, positive ones lie above.
        axis1, axis2: rows and columns.
    """
    x = ops.moveaxis(x, (axis1, axis2), (-2, -1))
    rows, columns = shape(x)[-2:]
    top, left = builtins.max(-offset, 0), builtins.max(offset, 0)
    sizes = rows - top, columns - left
    known = type(rows) is type(columns) is int
    count = builtins.max(0, builtins.min(sizes)) if known else ops.maximum(0, ops.minimum(*sizes))
    places = ops.add(ops.multiply(arange(count), columns + 1), top * columns + left)
    return ops.take(ops.reshape(x, (*shape(x)[:-2], rows * columns)), places, axis=-1)


@composite(Rule(lambda x, offset, axis1, axis2: _diagonal_shape(x, offset, axis1, axis2)[:-1], summed))
def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The sum of a diagonal; arguments as for `diagonal`."""
    return ops.sum(diagonal(x, offset, axis1, axis2), axis=-1)
