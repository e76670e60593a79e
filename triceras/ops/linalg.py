"""Products and decompositions of matrices. Leading axes are a batch unless said otherwise."""

from __future__ import annotations

import string
from typing import Any

from triceras import ops
from triceras.core import dtypes
from triceras.ops.control import jvp  # noqa: F401 - Keras has it here too
from triceras.ops.op import composite, primitive
from triceras.ops.rules import (
    Rule,
    broadcast_shapes,
    float_,
    matmul_,
    normalize_axes,
    normalize_axis,
    one_of,
    promote,
    real,
    reduced,
    size_of,
)

# --- products ---------------------------------------------------------------------------------------------------------


def _matmul(x1: Any, x2: Any) -> Any:
    a, b = tuple(x1.shape), tuple(x2.shape)
    if not a or not b:
        raise ValueError(f"both arguments need at least one dimension; got shapes {a} and {b}.")
    inner = a[-1], b[-2] if len(b) > 1 else b[0]
    if None not in inner and inner[0] != inner[1]:
        raise ValueError(f"the last axis of x1 and the second last of x2 must have one size; got shapes {a} and {b}.")
    batch = broadcast_shapes(a[:-2], b[:-2])
    return (*batch, *a[-2:-1], *(b[-1:] if len(b) > 1 else ()))


@primitive(Rule(_matmul, matmul_, ("x1", "x2")))
def matmul(x1: Any, x2: Any) -> Any:
    """The matrix product.

    Args:
        x1: a tensor of shape `(..., m, n)`, or a vector `(n,)`.
        x2: a tensor of shape `(..., n, k)`, or a vector `(n,)`.

    Returns:
        A tensor of shape `(..., m, k)`; an axis that a vector lacks is missing. Products of int8 are kept in int32.

    Example:
        >>> ops.convert_to_numpy(ops.matmul([[1, 2]], [[3], [4]])).tolist()
        [[11]]
    """


@composite(
    Rule(lambda x, kernel, bias: broadcast_shapes(_matmul(x, kernel), bias.shape), matmul_, ("x", "kernel", "bias"))
)
def affine(x: Any, kernel: Any, bias: Any) -> Any:
    """`x @ kernel + bias` for a matrix and a vector: what `Dense` computes, one function on most frameworks."""
    return ops.add(ops.matmul(x, kernel), bias)


def _einsum(subscripts: str, operands: Any, **rest: Any) -> Any:
    inputs, output = parse_einsum(subscripts, [len(x.shape) for x in operands])
    sizes: dict[str, int | None] = {}
    for names, x in zip(inputs, operands, strict=True):
        for name, size in zip(names, x.shape, strict=True):
            old = sizes.get(name)
            if old in (None, 1):
                sizes[name] = size if size is not None or old is None else old
            elif size not in (None, 1, old):
                raise ValueError(f"axis {name!r} of subscripts={subscripts!r} has sizes {old} and {size}.")
    return tuple(sizes[name] for name in output)


def parse_einsum(subscripts: str, ranks: list[int]) -> tuple[list[str], str]:
    """The subscripts of each operand and of the result, with letters in place of an ellipsis.

    Raises:
        ValueError: they don't fit the operands.
    """
    text = subscripts.replace(" ", "")
    left, arrow, right = text.partition("->")
    inputs = left.split(",")
    if len(inputs) != len(ranks):
        raise ValueError(f"subscripts={subscripts!r} name {len(inputs)} operands; got {len(ranks)}.")
    free = [c for c in string.ascii_letters if c not in text]
    most = 0
    for i, (names, rank) in enumerate(zip(inputs, ranks, strict=True)):
        missing = rank - len(names.replace("...", ""))
        if missing < 0 or (missing and "..." not in names):
            raise ValueError(f"subscripts={subscripts!r}: operand {i} has {rank} dimensions, {names!r} names others.")
        if "..." in names:
            most = max(most, missing)
            inputs[i] = names.replace("...", "".join(free[:missing][::-1]))
    dots = "".join(free[:most][::-1])
    if arrow:
        return inputs, right.replace("...", dots)
    letters = left.replace("...", "").replace(",", "")
    return inputs, dots + "".join(sorted(c for c in set(letters) if letters.count(c) == 1))


@primitive(Rule(_einsum, matmul_, ("*operands",)))
def einsum(subscripts: str, *operands: Any, **kwargs: Any) -> Any:
    """Sums of products, in Einstein's notation.

    Args:
        subscripts: such as "bij,bjk->bik"; a letter that is missing on the right is summed over.
        *operands: the tensors.
        **kwargs: kept for compatibility.
    """


def _tensordot_axes(x1: Any, x2: Any, axes: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    if isinstance(axes, int):
        first, second = range(len(x1.shape) - axes, len(x1.shape)), range(axes)
    else:
        first, second = ([a] if isinstance(a, int) else a for a in axes)
    return normalize_axes(tuple(first), len(x1.shape)), normalize_axes(tuple(second), len(x2.shape))


def _tensordot(x1: Any, x2: Any, axes: Any) -> Any:
    first, second = _tensordot_axes(x1, x2, axes)
    for a, b in zip(first, second, strict=True):
        if None not in (x1.shape[a], x2.shape[b]) and x1.shape[a] != x2.shape[b]:
            raise ValueError(f"axis {a} of x1 and {b} of x2 must have one size; got shapes {x1.shape}, {x2.shape}.")
    rest = [d for i, d in enumerate(x1.shape) if i not in first]
    return (*rest, *(d for i, d in enumerate(x2.shape) if i not in second))


@composite(Rule(_tensordot, matmul_, ("x1", "x2")))
def tensordot(x1: Any, x2: Any, axes: Any = 2) -> Any:
    """The sums of products over pairs of axes.

    Args:
        x1, x2: tensors.
        axes: how many of the last axes of `x1` and first of `x2` are summed over; or a pair of lists of axes.
    """
    first, second = _tensordot_axes(x1, x2, axes)
    left = list(string.ascii_lowercase[: len(x1.shape)])
    right = list(string.ascii_uppercase[: len(x2.shape)])
    for a, b in zip(first, second, strict=True):
        right[b] = left[a]
    kept = [c for i, c in enumerate(left) if i not in first] + [c for i, c in enumerate(right) if i not in second]
    return einsum(f"{''.join(left)},{''.join(right)}->{''.join(kept)}", x1, x2)


def _summed(x1: Any, x2: Any, axis: int) -> Any:
    """The axes that `tensordot` sums over: the last one of `x1` and one of `x2`, none where either is a scalar."""
    if not len(x1.shape) or not len(x2.shape):
        return (), ()
    return (-1,), (max(axis, -len(x2.shape)),)


@composite(Rule(lambda x1, x2: _tensordot(x1, x2, _summed(x1, x2, -2)), promote, ("x1", "x2")))
def dot(x1: Any, x2: Any) -> Any:
    """The products of the last axis of `x1` with the second last (or only) one of `x2`, summed; NumPy's `dot`."""
    return ops.cast(tensordot(x1, x2, _summed(x1, x2, -2)), ops.dtype(x1))


@composite(Rule(lambda x1, x2: _tensordot(x1, x2, _summed(x1, x2, -1)), promote, ("x1", "x2")))
def inner(x1: Any, x2: Any) -> Any:
    """The products of the last axes of both, summed."""
    return ops.cast(tensordot(x1, x2, _summed(x1, x2, -1)), ops.dtype(x1))


@composite(Rule(lambda x1, x2: (size_of(x1.shape), size_of(x2.shape)), promote, ("x1", "x2")))
def outer(x1: Any, x2: Any) -> Any:
    """The product of each element of `x1` with each of `x2`, both flattened."""
    return ops.multiply(ops.reshape(x1, (-1, 1)), ops.reshape(x2, (1, -1)))


@composite(Rule(lambda x1, x2: (), promote, ("x1", "x2")))
def vdot(x1: Any, x2: Any) -> Any:
    """The scalar product of both, flattened; `x1` conjugated."""
    return ops.cast(ops.sum(ops.multiply(ops.conjugate(ops.ravel(x1)), ops.ravel(x2))), x1.dtype)


def _cross_axes(bound: dict[str, Any]) -> None:
    if bound["axis"] is not None:
        bound["axisa"] = bound["axisb"] = bound["axisc"] = bound["axis"]
    for name, x in (("axisa", bound["x1"]), ("axisb", bound["x2"])):
        bound[name] = normalize_axis(bound[name], len(x.shape), name)
        if x.shape[bound[name]] not in (2, 3, None):
            raise ValueError(f"vectors must have 2 or 3 elements; got shape {tuple(x.shape)}, {name}={bound[name]}.")


def _cross(x1: Any, x2: Any, axisa: int, axisb: int, axisc: int, axis: Any) -> Any:
    rests = [[d for i, d in enumerate(x.shape) if i != a] for x, a in ((x1, axisa), (x2, axisb))]
    sizes = list(broadcast_shapes(*rests))
    if (x1.shape[axisa], x2.shape[axisb]) != (2, 2):
        sizes.insert(axisc % (len(sizes) + 1), 3)
    return tuple(sizes)


@composite(Rule(_cross, promote, ("x1", "x2"), _cross_axes))
def cross(x1: Any, x2: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    """The vector product in three dimensions; of two vectors in the plane its third component.

    Args:
        x1, x2: tensors with an axis of 2 or 3 elements.
        axisa, axisb: that axis in each.
        axisc: where it is in the result.
        axis: one axis for all three.
    """
    a, b = ops.unstack(x1, axis=axisa), ops.unstack(x2, axis=axisb)
    third = ops.subtract(ops.multiply(a[0], b[1]), ops.multiply(a[1], b[0]))
    if len(a) == len(b) == 2:
        return third
    a, b = ([*v, ops.zeros_like(v[0])] if len(v) == 2 else v for v in (a, b))
    first = ops.subtract(ops.multiply(a[1], b[2]), ops.multiply(a[2], b[1]))
    second = ops.subtract(ops.multiply(a[2], b[0]), ops.multiply(a[0], b[2]))
    return ops.stack([first, second, third], axis=axisc)


# --- sizes ------------------------------------------------------------------------------------------------------------


def _norm_axes(bound: dict[str, Any]) -> None:
    ndim = len(bound["x"].shape)
    bound["axis"] = normalize_axes(bound["axis"], ndim)
    if len(bound["axis"]) > 2 and bound["ord"] is not None:
        raise ValueError(f"argument axis must name one or two axes where ord is given; got {bound['axis']}.")


@composite(Rule(lambda x, ord, axis, keepdims: reduced(x.shape, axis, keepdims), real, ("x",), _norm_axes))
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """The norm of vectors (one axis) or matrices (two axes).

    Args:
        x: a tensor.
        ord: for vectors a number, `inf` or `-inf` (default 2); for matrices "fro" (default), "nuc", 1, -1, 2, -2, `inf`
            or `-inf`.
        axis: int or tuple of two ints; None means all, then without `ord` the root of the sum of all squares.
        keepdims: whether the axes stay, of size 1.
    """
    if ord is None or (len(axis) == 1 and ord == 2) or (len(axis) == 2 and ord == "fro"):
        return ops.sqrt(ops.sum(ops.square(ops.absolute(x)), axis=axis, keepdims=keepdims))
    if len(axis) == 1:
        return _vector_norm(ops.absolute(x), ord, axis[0], keepdims)
    return _matrix_norm(x, ord, axis, keepdims)


def _vector_norm(size: Any, ord: Any, axis: int, keepdims: bool) -> Any:
    if isinstance(ord, str):
        raise ValueError(f"argument ord must be a number for vectors; got {ord!r}.")
    if ord == 0:
        size, ord = ops.cast(ops.not_equal(size, 0), size.dtype), 1
    simple = {1: ops.sum, float("inf"): ops.max, -float("inf"): ops.min}
    if ord in simple:
        return simple[ord](size, axis=axis, keepdims=keepdims)
    return ops.power(ops.sum(ops.power(size, ord), axis=axis, keepdims=keepdims), 1.0 / ord)


def _matrix_norm(x: Any, ord: Any, axis: tuple[int, int], keepdims: bool) -> Any:
    rows, columns = axis
    if ord in (1, -1, float("inf"), -float("inf")):
        inner, outer = (rows, columns) if ord in (1, -1) else (columns, rows)
        extreme = ops.max if ord in (1, float("inf")) else ops.min
        result = extreme(ops.sum(ops.absolute(x), axis=inner, keepdims=True), axis=outer, keepdims=True)
        return result if keepdims else ops.squeeze(result, axis=axis)
    if ord not in (2, -2, "nuc"):
        raise ValueError(f"argument ord must be 'fro', 'nuc', 1, -1, 2, -2, inf or -inf for matrices; got {ord!r}.")
    values = ops.svd(ops.moveaxis(x, axis, (-2, -1)), compute_uv=False)
    result = {2: ops.max, -2: ops.min, "nuc": ops.sum}[ord](values, axis=-1)
    for i in sorted(axis) if keepdims else ():
        result = ops.expand_dims(result, i)
    return result


# --- decompositions and equations -------------------------------------------------------------------------------------


def _square(bound: dict[str, Any]) -> None:
    name = "x" if "x" in bound else "a"
    sizes = tuple(bound[name].shape)
    if len(sizes) < 2 or (None not in sizes[-2:] and sizes[-1] != sizes[-2]):
        raise ValueError(f"argument {name} must hold square matrices, shape (..., n, n); got shape {sizes}.")


def _matrices(bound: dict[str, Any]) -> None:
    if len(bound["x"].shape) < 2:
        raise ValueError(f"argument x must hold matrices, shape (..., m, n); got shape {tuple(bound['x'].shape)}.")


_same_matrix = Rule(lambda x, **rest: x.shape, float_, ("x",), _square)


@primitive(_same_matrix)
def cholesky(x: Any, upper: bool = False) -> Any:
    """The triangular root of symmetric positive definite matrices.

    Args:
        x: a tensor of shape `(..., n, n)`.
        upper: whether to return the upper triangle `U` with `x = Uᵀ U` instead of the lower `L` with `x = L Lᵀ`.
    """


@primitive(Rule(lambda x: x.shape[:-2], float_, ("x",), _square))
def det(x: Any) -> Any:
    """The determinants of square matrices."""


@composite(_same_matrix)
def inv(x: Any) -> Any:
    """The inverses of square matrices."""
    return solve(x, _unit(x))


def _unit(x: Any) -> Any:
    """As many unit matrices as there are square ones in `x`, of their size and dtype."""
    return ops.broadcast_to(ops.eye(ops.shape(x)[-1], dtype=ops.dtype(x)), ops.shape(x))


def _solve(a: Any, b: Any, **rest: Any) -> Any:
    columns = len(b.shape) == len(a.shape) - 1
    rows = b.shape[-1] if columns else b.shape[-2]
    if None not in (rows, a.shape[-1]) and rows != a.shape[-1]:
        raise ValueError(f"b must have as many rows as a; got shapes {a.shape} and {b.shape}.")
    return b.shape


@primitive(Rule(_solve, float_, ("a", "b"), _square))
def solve(a: Any, b: Any) -> Any:
    """The solution of `a @ x = b`.

    Args:
        a: a tensor of shape `(..., n, n)`.
        b: a tensor of shape `(..., n)` or `(..., n, k)`.
    """


@primitive(Rule(_solve, float_, ("a", "b"), _square))
def solve_triangular(a: Any, b: Any, lower: bool = False) -> Any:
    """The solution of `a @ x = b` for a triangular `a`; arguments as for `solve`.

    Only one triangle of `a` is read: `lower` says whether it is the lower one.
    """


def _qr_mode(bound: dict[str, Any]) -> None:
    _matrices(bound)
    one_of("mode", bound["mode"], ("reduced", "complete"))


def _least(*sizes: Any) -> int | None:
    return None if None in sizes else min(sizes)


def _qr(x: Any, mode: str) -> Any:
    *batch, m, n = x.shape
    k = m if mode == "complete" else _least(m, n)
    return [(*batch, m, k), (*batch, k, n)]


@primitive(Rule(_qr, float_, ("x",), _qr_mode))
def qr(x: Any, mode: str = "reduced") -> Any:
    """Matrices as products of orthogonal and upper triangular ones.

    Args:
        x: a tensor of shape `(..., m, n)`.
        mode: "reduced" gives shapes `(..., m, k)` and `(..., k, n)` with `k = min(m, n)`, "complete" `k = m`.

    Returns:
        Two tensors, `q` and `r`.
    """


def _svd(x: Any, full_matrices: bool, compute_uv: bool) -> Any:
    *batch, m, n = x.shape
    k = _least(m, n)
    if not compute_uv:
        return (*batch, k)
    left, right = (m, n) if full_matrices else (k, k)
    return [(*batch, m, left), (*batch, k), (*batch, right, n)]


@primitive(Rule(_svd, float_, ("x",), _matrices))
def svd(x: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """The singular value decomposition `x = u @ diag(s) @ vh`.

    Args:
        x: a tensor of shape `(..., m, n)`.
        full_matrices: whether `u` and `vh` are square.
        compute_uv: whether to return them.

    Returns:
        `u, s, vh`, or only `s`; singular values in descending order.
    """


@primitive(Rule(lambda x: [x.shape[:-1], x.shape], float_, ("x",), _square))
def eigh(x: Any) -> Any:
    """The eigenvalues, ascending, and eigenvectors (columns) of symmetric matrices."""


@composite(Rule(lambda a, b, rcond: (a.shape[-1], *b.shape[1:]), float_, ("a", "b")))
def lstsq(a: Any, b: Any, rcond: float | None = None) -> Any:
    """The `x` of least norm that makes `|a @ x - b|` least.

    Args:
        a: a matrix of shape `(m, n)`.
        b: a tensor of shape `(m,)` or `(m, k)`.
        rcond: singular values below this part of the largest count as 0; default max(m, n) times the dtype's epsilon.
    """
    u, s, vh = svd(a, full_matrices=False)
    if rcond is None:
        rcond = max(a.shape) * dtypes.machine_epsilon(a.dtype)
    keep = ops.greater(s, ops.multiply(rcond, ops.max(s, initial=0)))
    scale = ops.where(keep, ops.divide(1.0, ops.where(keep, s, 1.0)), 0.0)
    columns = b if len(b.shape) == 2 else ops.expand_dims(b, -1)
    projected = ops.multiply(ops.expand_dims(scale, -1), matmul(ops.conjugate(ops.transpose(u)), columns))
    x = matmul(ops.conjugate(ops.transpose(vh)), projected)
    return x if len(b.shape) == 2 else ops.squeeze(x, axis=-1)


@composite(Rule(lambda x: [x.shape[:-2], x.shape[:-2]], float_, ("x",), _square))
def slogdet(x: Any) -> Any:
    """The sign and the logarithm of the absolute value of determinants, also of those too large or small for floats.

    Args:
        x: a tensor of shape `(..., n, n)`.

    Returns:
        Two tensors of shape `(...)`, `sign` and `log|det|`.
    """
    q, r = qr(x)
    diagonal = ops.diagonal(r, axis1=-2, axis2=-1)
    sign = ops.multiply(ops.sign(det(q)), ops.prod(ops.sign(diagonal), axis=-1))
    return sign, ops.sum(ops.log(ops.absolute(diagonal)), axis=-1)


@composite(Rule(lambda x: x.shape[:-2], float_, ("x",), _square))
def logdet(x: Any) -> Any:
    """The logarithm of the absolute value of determinants; see `slogdet`."""
    return slogdet(x)[1]


@composite(_same_matrix)
def cholesky_inverse(x: Any, upper: bool = False) -> Any:
    """The inverses of matrices of which the triangular roots are given.

    Args:
        x: what `cholesky` gives, of shape `(..., n, n)`.
        upper: whether these are upper triangles.
    """
    root = solve_triangular(x, _unit(x), lower=not upper)
    turned = ops.swapaxes(root, -1, -2)
    return matmul(root, turned) if upper else matmul(turned, root)


def _complex(dtype: Any) -> tuple[tuple, Any]:
    cast, common = float_(dtype)
    return cast, {"float64": "complex128", "complex128": "complex128"}.get(common, "complex64")


@primitive(Rule(lambda x: [x.shape[:-1], x.shape], _complex, ("x",), _square))
def eig(x: Any) -> Any:
    """The eigenvalues, in any order, and eigenvectors (columns) of square matrices; both complex."""


@composite(Rule(lambda x: [x.shape, x.shape[:-1]], lambda d: (float_(d)[0], [float_(d)[1], "int32"]), ("x",), _square))
def lu_factor(x: Any) -> Any:
    """Square matrices as products of lower and upper triangular ones, with rows swapped (Gauss's elimination).

    Args:
        x: a tensor of shape `(..., n, n)`.

    Returns:
        Both triangles in one tensor of shape `(..., n, n)`, the ones on the diagonal of the lower left out; and int32
        pivots of shape `(..., n)`: in step `i`, row `i` was swapped with row `pivots[i]`.
    """
    size = ops.shape(x)[-1]
    numbers = ops.arange(size, dtype="int32")

    def step(i: Any, state: Any) -> Any:
        matrix, pivots = state
        column = ops.take(matrix, i, axis=-1)
        below = ops.where(ops.less(numbers, i), -1.0, ops.absolute(column))
        pivot = ops.expand_dims(ops.argmax(below, axis=-1), -1)
        order = ops.where(ops.equal(numbers, i), pivot, ops.where(ops.equal(numbers, pivot), i, numbers))
        matrix = ops.take_along_axis(matrix, ops.expand_dims(order, -1), axis=-2)
        row, column = ops.take(matrix, i, axis=-2), ops.take(matrix, i, axis=-1)
        factor = ops.divide_no_nan(column, ops.expand_dims(ops.take(row, i, axis=-1), -1))
        factor = ops.where(ops.less(i, numbers), factor, 0.0)
        kept = ops.where(ops.less(i, numbers), row, 0.0)
        matrix = ops.subtract(matrix, ops.multiply(ops.expand_dims(factor, -1), ops.expand_dims(kept, -2)))
        here = ops.logical_and(ops.equal(numbers, i), ops.expand_dims(ops.less(i, numbers), -1))
        matrix = ops.where(here, ops.expand_dims(factor, -1), matrix)
        return matrix, ops.where(ops.equal(numbers, i), pivot, pivots)

    pivots = ops.broadcast_to(numbers, ops.shape(x)[:-1])
    return ops.fori_loop(0, size, step, (x, pivots))


def _tolerance(values: Any, x: Any, factor: float) -> Any:
    """What counts as 0 among singular values, where nobody said."""
    sizes = ops.shape(x)[-2:]
    known = all(isinstance(size, int) for size in sizes)
    longest = max(sizes) if known else ops.cast(ops.maximum(*sizes), dtypes.standardize_dtype(x.dtype))
    share = ops.multiply(longest, factor * dtypes.machine_epsilon(x.dtype))
    return ops.multiply(ops.max(values, axis=-1, keepdims=True), share)


@composite(Rule(lambda x, tol: x.shape[:-2], lambda d: (float_(d)[0], "int32"), ("x",), _matrices))
def matrix_rank(x: Any, tol: Any = None) -> Any:
    """The ranks of matrices: how many singular values aren't 0. int32.

    Args:
        x: a tensor of shape `(..., m, n)`.
        tol: singular values up to this count as 0; default the largest times max(m, n) times the dtype's epsilon.
    """
    values = svd(x, compute_uv=False)
    least = _tolerance(values, x, 1.0) if tol is None else tol
    return ops.sum(ops.cast(ops.less(least, values), "int32"), axis=-1)


@composite(Rule(lambda x, rcond: (*x.shape[:-2], x.shape[-1], x.shape[-2]), float_, ("x",), _matrices))
def pinv(x: Any, rcond: Any = None) -> Any:
    """The pseudo-inverses of matrices (Moore and Penrose).

    Args:
        x: a tensor of shape `(..., m, n)`.
        rcond: singular values up to this part of the largest count as 0; default 10 max(m, n) times the dtype's
            epsilon.

    Returns:
        A tensor of shape `(..., n, m)`.
    """
    u, values, vh = svd(x, full_matrices=False)
    largest = ops.max(values, axis=-1, keepdims=True)
    least = _tolerance(values, x, 10.0) if rcond is None else ops.multiply(largest, rcond)
    inverse = ops.where(ops.less(least, values), ops.divide_no_nan(1.0, values), 0.0)
    scaled = ops.multiply(ops.swapaxes(vh, -1, -2), ops.expand_dims(inverse, -2))
    return matmul(scaled, ops.swapaxes(u, -1, -2))


def _rows(bound: dict[str, Any]) -> None:
    shapes = [tuple(bound[name].shape) for name in ("x", "y")]
    if min(map(len, shapes)) < 2 or (None not in (a := [s[-1] for s in shapes]) and a[0] != a[1]):
        raise ValueError(f"arguments x and y must hold rows of one size, (..., m, d) and (..., n, d); got {shapes}.")


def _distances(x: Any, y: Any) -> Any:
    return (*broadcast_shapes(x.shape[:-2], y.shape[:-2]), x.shape[-2], y.shape[-2])


@composite(Rule(_distances, float_, ("x", "y"), _rows))
def cdist(x: Any, y: Any) -> Any:
    """The Euclidean distances of all rows of `x` from all rows of `y`.

    Args:
        x: a tensor of shape `(..., m, d)`.
        y: a tensor of shape `(..., n, d)`.

    Returns:
        A tensor of shape `(..., m, n)`; the gradient where a distance is 0 is 0.

    Example:
        >>> ops.convert_to_numpy(ops.cdist([[0.0, 0.0]], [[3.0, 4.0]])).tolist()
        [[5.0]]
    """
    apart = ops.subtract(ops.expand_dims(x, -2), ops.expand_dims(y, -3))
    squares = ops.sum(ops.square(apart), axis=-1)
    same = ops.equal(squares, 0)
    return ops.where(same, 0, ops.sqrt(ops.where(same, 1, squares)))
