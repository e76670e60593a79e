"""Element-wise mathematics that is needed more rarely: special functions, whole numbers, bits and complex parts.

The conventions are those of `ops/math.py`.
"""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.core import dtypes
from triceras.core.dtypes import is_inexact, standardize_dtype
from triceras.ops.op import composite, primitive
from triceras.ops.rules import Rule, broadcast, elementwise, float_, numeric, promote, real, same, to_bool

_COMPLEX = {"float64": "complex128"}
_BITS = {"float16": "int16", "bfloat16": "int16", "float32": "int32", "float64": "int64"}

# --- floating-point numbers -------------------------------------------------------------------------------------------


@composite(elementwise(float_))
def fabs(x: Any) -> Any:
    """The absolute value as a floating-point number, element-wise."""
    return ops.absolute(x)


@composite(elementwise(float_))
def cbrt(x: Any) -> Any:
    """The cube root, element-wise; negative for negative numbers.

    Example:
        >>> ops.convert_to_numpy(ops.round(ops.cbrt([-8.0, 27.0]))).tolist()
        [-2.0, 3.0]
    """
    return ops.multiply(ops.sign(x), ops.power(ops.absolute(x), 1 / 3))


@composite(elementwise(float_))
def sinc(x: Any) -> Any:
    """`sin(pi x) / (pi x)`, element-wise; 1 at 0."""
    zero = ops.equal(x, 0)
    angle = ops.multiply(ops.where(zero, 1, x), 3.141592653589793)
    return ops.where(zero, 1, ops.divide(ops.sin(angle), angle))


# Abramowitz and Stegun 1964, 9.8.1 and 9.8.2: within 2e-7.
_I0_NEAR = (0.0045813, 0.0360768, 0.2659732, 1.2067492, 3.0899424, 3.5156229, 1.0)
_I0_FAR = (
    0.00392377, -0.01647633, 0.02635537, -0.02057706, 0.00916281, -0.00157565, 0.00225319, 0.01328592, 0.39894228,
)  # fmt: skip


@composite(elementwise(float_))
def i0(x: Any) -> Any:
    """The modified Bessel function of the first kind and order 0, element-wise."""
    size = ops.absolute(x)
    near = _polynomial(_I0_NEAR, ops.square(ops.divide(ops.minimum(size, 3.75), 3.75)))
    large = ops.maximum(size, 3.75)
    far = ops.multiply(_polynomial(_I0_FAR, ops.divide(3.75, large)), ops.divide(ops.exp(large), ops.sqrt(large)))
    return ops.where(ops.less(size, 3.75), near, far)


def _polynomial(coefficients: tuple[float, ...], x: Any) -> Any:
    value = coefficients[0]
    for c in coefficients[1:]:
        value = ops.add(ops.multiply(value, x), c)
    return value


@composite(broadcast(float_))
def heaviside(x1: Any, x2: Any) -> Any:
    """0 where `x1` is negative, 1 where it is positive, `x2` where it is 0."""
    steps = ops.where(ops.equal(x1, 0), x2, ops.cast(ops.less(0, x1), x1.dtype))
    return ops.where(ops.isnan(x1), x1, steps)


@composite(broadcast(promote))
def fmax(x1: Any, x2: Any) -> Any:
    """The larger one, element-wise; the number where one is NaN."""
    return ops.where(ops.isnan(x1), x2, ops.where(ops.isnan(x2), x1, ops.maximum(x1, x2)))


@composite(broadcast(promote))
def fmin(x1: Any, x2: Any) -> Any:
    """The smaller one, element-wise; the number where one is NaN."""
    return ops.where(ops.isnan(x1), x2, ops.where(ops.isnan(x2), x1, ops.minimum(x1, x2)))


@composite(broadcast(numeric))
def fmod(x1: Any, x2: Any) -> Any:
    """The remainder of the quotient rounded toward 0, element-wise; it has the sign of `x1`.

    Example:
        >>> ops.convert_to_numpy(ops.fmod([-5, 5], 3)).tolist()
        [-2, 2]
    """
    rest = ops.mod(x1, x2)
    other_side = ops.logical_and(ops.not_equal(rest, 0), ops.not_equal(ops.less(x1, 0), ops.less(x2, 0)))
    return ops.where(other_side, ops.subtract(rest, x2), rest)


def _ldexp(x1: Any, x2: Any) -> tuple[tuple, Any]:
    if x2 is not int and (is_inexact(x2) or x2 in ("bool", float)):
        raise TypeError(f"argument x2 must be integers; got dtype {standardize_dtype(x2)}.")
    return (float_(x1)[1], x2), float_(x1)[1]


@composite(broadcast(_ldexp))
def ldexp(x1: Any, x2: Any) -> Any:
    """`x1 * 2**x2`, element-wise.

    Args:
        x1: a tensor.
        x2: integers.

    Raises:
        TypeError: `x2` isn't of an integer dtype.
    """
    return ops.multiply(x1, ops.power(ops.cast(2.0, x1.dtype), ops.cast(x2, x1.dtype)))


# --- tests ------------------------------------------------------------------------------------------------------------


@composite(elementwise(to_bool))
def isposinf(x: Any) -> Any:
    """Whether an element is positive infinity."""
    return ops.logical_and(ops.isinf(x), ops.less(0, x))


@composite(elementwise(to_bool))
def isneginf(x: Any) -> Any:
    """Whether an element is negative infinity."""
    return ops.logical_and(ops.isinf(x), ops.less(x, 0))


@composite(elementwise(to_bool))
def signbit(x: Any) -> Any:
    """Whether the sign of an element is set: of -0.0 too."""
    dtype = standardize_dtype(x.dtype)
    return ops.less(view(x, _BITS[dtype]) if dtype in _BITS else x, 0)


# --- whole numbers ----------------------------------------------------------------------------------------------------


def _whole(*given: Any) -> tuple[tuple, Any]:
    cast, common = promote(*given)
    if is_inexact(common) or common == "bool":
        raise TypeError(f"arguments must be integers; got dtypes {', '.join(standardize_dtype(d) for d in given)}.")
    return cast, common


@composite(broadcast(_whole))
def gcd(x1: Any, x2: Any) -> Any:
    """The greatest common divisor of integers, element-wise (Euclid's algorithm).

    Raises:
        TypeError: the arguments aren't of integer dtypes.

    Example:
        >>> ops.convert_to_numpy(ops.gcd([12, 0], [18, 5])).tolist()
        [6, 5]
    """
    shape = ops.shape(ops.add(x1, x2))
    start = tuple(ops.broadcast_to(ops.absolute(x), shape) for x in (x1, x2))

    def step(a: Any, b: Any) -> tuple[Any, Any]:
        done = ops.equal(b, 0)
        return ops.where(done, a, b), ops.where(done, 0, ops.mod(a, ops.where(done, 1, b)))

    return ops.while_loop(lambda a, b: ops.any(ops.not_equal(b, 0)), step, start)[0]


@composite(broadcast(_whole))
def lcm(x1: Any, x2: Any) -> Any:
    """The least common multiple of integers, element-wise; 0 where either is 0.

    Raises:
        TypeError: the arguments aren't of integer dtypes.
    """
    common = gcd(x1, x2)
    none = ops.equal(common, 0)
    parts = ops.floor_divide(x1, ops.where(none, 1, common))
    return ops.where(none, 0, ops.absolute(ops.multiply(parts, x2)))


# --- bits -------------------------------------------------------------------------------------------------------------


def _bytes(x: Any, dtype: Any) -> tuple[int, int]:
    """The sizes of an element before and after."""
    before, after = (dtypes.to_numpy_dtype(standardize_dtype(d)).itemsize for d in (x.dtype, dtype or x.dtype))
    return before, after


def _viewable(bound: dict[str, Any]) -> None:
    shape, dtype = tuple(bound["x"].shape), bound["dtype"]
    before, after = _bytes(bound["x"], dtype)
    if before != after and not shape:
        raise ValueError(f"a scalar of {before} bytes can't be read as {dtype}, which has {after}.")
    if shape and shape[-1] is not None and shape[-1] * before % after:
        raise ValueError(f"the last axis of {shape[-1]} elements of {before} bytes can't be read as {dtype}.")


def _view_shape(x: Any, dtype: Any) -> Any:
    before, after = _bytes(x, dtype)
    if before == after or x.shape[-1] is None:
        return x.shape
    return (*x.shape[:-1], x.shape[-1] * before // after)


@primitive(Rule(_view_shape, same, ("x",), _viewable))
def view(x: Any, dtype: Any = None) -> Any:
    """The same bits read as another dtype; where its size differs, the last axis grows or shrinks.

    Args:
        x: a tensor.
        dtype: the new dtype; None leaves the tensor as it is.

    Raises:
        ValueError: the last axis can't be divided so.

    Example:
        >>> ops.convert_to_numpy(ops.view(ops.array([1.0], "float32"), "int32")).tolist()
        [1065353216]
    """


@composite(broadcast(float_))
def nextafter(x1: Any, x2: Any) -> Any:
    """The next floating-point number after `x1` towards `x2`, element-wise."""
    bits = _BITS[standardize_dtype(x1.dtype)]
    shape = ops.shape(ops.add(x1, x2))
    x1, x2 = ops.broadcast_to(x1, shape), ops.broadcast_to(x2, shape)
    away = ops.equal(ops.less(0, x1), ops.less(x1, x2))  # from 0: as an integer, the number grows
    one = ops.cast(1, bits)
    moved = view(ops.add(view(x1, bits), ops.where(away, one, ops.negative(one))), standardize_dtype(x1.dtype))
    least = view(ops.broadcast_to(one, shape), standardize_dtype(x1.dtype))
    moved = ops.where(ops.equal(x1, 0), ops.where(ops.less(0, x2), least, ops.negative(least)), moved)
    moved = ops.where(ops.equal(x1, x2), x2, moved)
    return ops.where(ops.logical_or(ops.isnan(x1), ops.isnan(x2)), ops.add(x1, x2), moved)


# --- complex numbers --------------------------------------------------------------------------------------------------


@composite(elementwise(real))
def angle(x: Any) -> Any:
    """The angle of complex numbers in radians, element-wise: 0 for positive, pi for negative real ones."""
    return ops.arctan2(ops.imag(x), ops.real(x))


@composite(elementwise(to_bool))
def isreal(x: Any) -> Any:
    """Where the imaginary part is 0."""
    return ops.equal(ops.imag(x), 0)


def _pair(dtype: Any) -> tuple[tuple, Any]:
    dtype = "float64" if dtype == "float64" else "float32"
    return (dtype,), _COMPLEX.get(dtype, "complex64")


def _two_parts(bound: dict[str, Any]) -> None:
    shape = tuple(bound["x"].shape)
    if not shape or shape[-1] not in (2, None):
        raise ValueError(f"the last axis of argument x must be of size 2 (real, imaginary); got shape {shape}.")


@composite(Rule(lambda x: x.shape[:-1], _pair, ("x",), _two_parts))
def view_as_complex(x: Any) -> Any:
    """Complex numbers from a last axis of (real, imaginary) parts.

    Args:
        x: a tensor of shape `(..., 2)`; what isn't float64 becomes float32.

    Returns:
        A complex tensor of shape `(...)`.
    """
    dtype = _COMPLEX.get(standardize_dtype(x.dtype), "complex64")
    parts = (ops.cast(ops.get_item(x, (Ellipsis, i)), dtype) for i in (0, 1))
    return ops.add(next(parts), ops.multiply(next(parts), 1j))


@composite(Rule(lambda x: (*x.shape, 2), real))
def view_as_real(x: Any) -> Any:
    """The real and imaginary parts, in a new last axis of size 2.

    Args:
        x: a complex tensor of shape `(...)`.

    Returns:
        A real tensor of shape `(..., 2)`.
    """
    return ops.stack([ops.real(x), ops.imag(x)], axis=-1)


def _polar(*given: Any) -> tuple[tuple, Any]:
    dtype = "float64" if float_(*given)[1] == "float64" else "float32"
    return (dtype, dtype), _COMPLEX.get(dtype, "complex64")


@composite(broadcast(_polar, ("abs_", "angle")))
def polar(abs_: Any, angle: Any) -> Any:
    """Complex numbers from absolute values and angles in radians.

    Args:
        abs_: absolute values.
        angle: angles, in radians.

    Example:
        >>> import math
        >>> ops.convert_to_numpy(ops.round(ops.real(ops.polar(2.0, math.pi)))).tolist()
        -2.0
    """
    return view_as_complex(ops.stack([ops.multiply(abs_, ops.cos(angle)), ops.multiply(abs_, ops.sin(angle))], axis=-1))
