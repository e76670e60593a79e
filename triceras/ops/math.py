"""Element-wise mathematics.

`x`, `x1` and `x2` are tensors, arrays, nested lists or numbers of any shape. Binary ops broadcast. A result has the
promoted dtype; functions whose values are real numbers turn integers into `floatx`.
"""

from __future__ import annotations

import math
from typing import Any

from triceras import ops
from triceras.core import dtypes
from triceras.ops.op import Op, composite, primitive
from triceras.ops.rules import broadcast, elementwise, float_, numeric, promote, same, to_bool, weak_float

# --- arithmetic -------------------------------------------------------------------------------------------------------


@primitive(broadcast(promote))
def add(x1: Any, x2: Any) -> Any:
    """The sum, element-wise.

    Args:
        x1, x2: tensors that broadcast against each other.

    Returns:
        A tensor of their common shape and dtype.

    Example:
        >>> ops.convert_to_numpy(ops.add([1, 2], 3)).tolist()
        [4, 5]
    """


@primitive(broadcast(promote))
def subtract(x1: Any, x2: Any) -> Any:
    """The difference, element-wise."""


@primitive(broadcast(promote))
def multiply(x1: Any, x2: Any) -> Any:
    """The product, element-wise."""


@primitive(broadcast(weak_float))
def divide(x1: Any, x2: Any) -> Any:
    """The quotient, element-wise; integers become `floatx`."""


@composite(broadcast(weak_float))
def true_divide(x1: Any, x2: Any) -> Any:
    """The same as `divide`."""
    return divide(x1, x2)


@composite(broadcast(weak_float))
def divide_no_nan(x1: Any, x2: Any) -> Any:
    """The quotient, element-wise; 0 where `x2` is 0."""
    zero = ops.equal(x2, 0)
    return ops.where(zero, 0, divide(x1, ops.where(zero, 1, x2)))


@primitive(broadcast(numeric))
def floor_divide(x1: Any, x2: Any) -> Any:
    """The quotient rounded down, element-wise; integers stay integers."""


@primitive(broadcast(numeric))
def mod(x1: Any, x2: Any) -> Any:
    """The remainder of `floor_divide`, element-wise; it has the sign of `x2`, as in Python."""


@primitive(broadcast(promote))
def power(x1: Any, x2: Any) -> Any:
    """`x1` to the power `x2`, element-wise."""


@primitive(broadcast(promote))
def maximum(x1: Any, x2: Any) -> Any:
    """The larger one, element-wise; NaN if either is."""


@primitive(broadcast(promote))
def minimum(x1: Any, x2: Any) -> Any:
    """The smaller one, element-wise; NaN if either is."""


@primitive(elementwise(same))
def negative(x: Any) -> Any:
    """`-x`, element-wise."""


def _real_parts(dtype: Any) -> tuple[tuple, Any]:
    return (dtype,), {"complex64": "float32", "complex128": "float64"}.get(dtype, dtype)


@primitive(elementwise(_real_parts))
def absolute(x: Any) -> Any:
    """The absolute value, element-wise; a complex input gives a real result."""


@primitive(elementwise(same))
def sign(x: Any) -> Any:
    """-1, 0 or 1, element-wise."""


@composite(elementwise(numeric))
def square(x: Any) -> Any:
    """`x * x`, element-wise."""
    return multiply(x, x)


@primitive(elementwise(float_))
def sqrt(x: Any) -> Any:
    """The non-negative square root, element-wise; NaN for negative numbers."""


@composite(elementwise(float_))
def rsqrt(x: Any) -> Any:
    """`1 / sqrt(x)`, element-wise."""
    return divide(1.0, sqrt(x))


@composite(elementwise(float_))
def reciprocal(x: Any) -> Any:
    """`1 / x`, element-wise."""
    return divide(1.0, x)


def _clip_dtypes(x: Any, low: Any, high: Any) -> tuple[tuple, Any]:
    dtype = "int32" if x == "bool" else dtypes.result_type(x)
    return (dtype, dtype, dtype), dtype


@composite(broadcast(_clip_dtypes, ("x", "x_min", "x_max")))
def clip(x: Any, x_min: Any, x_max: Any) -> Any:
    """`x` limited to the range from `x_min` to `x_max`, in the dtype of `x`.

    Example:
        >>> ops.convert_to_numpy(ops.clip([-1, 5, 9], 0, 6)).tolist()
        [0, 5, 6]
    """
    return minimum(maximum(x, x_min), x_max)


# --- exponentials and logarithms --------------------------------------------------------------------------------------


@primitive(elementwise(float_))
def exp(x: Any) -> Any:
    """The exponential, element-wise."""


@composite(elementwise(float_))
def exp2(x: Any) -> Any:
    """2 to the power `x`, element-wise."""
    return power(2.0, x)


@primitive(elementwise(float_))
def expm1(x: Any) -> Any:
    """`exp(x) - 1`, accurate near 0, element-wise."""


@primitive(elementwise(float_))
def log(x: Any) -> Any:
    """The natural logarithm, element-wise."""


@primitive(elementwise(float_))
def log1p(x: Any) -> Any:
    """`log(1 + x)`, accurate near 0, element-wise."""


@composite(elementwise(float_))
def log2(x: Any) -> Any:
    """The logarithm to base 2, element-wise."""
    return divide(log(x), math.log(2.0))


@composite(elementwise(float_))
def log10(x: Any) -> Any:
    """The logarithm to base 10, element-wise."""
    return divide(log(x), math.log(10.0))


@composite(broadcast(float_))
def logaddexp(x1: Any, x2: Any) -> Any:
    """`log(exp(x1) + exp(x2))` without overflow, element-wise."""
    difference = ops.where(ops.equal(x1, x2), 0, subtract(x1, x2))  # inf - inf
    return add(maximum(x1, x2), log1p(exp(negative(absolute(difference)))))


@composite(broadcast(float_))
def logaddexp2(x1: Any, x2: Any) -> Any:
    """`log2(2 ** x1 + 2 ** x2)` without overflow, element-wise."""
    scale = math.log(2.0)
    return divide(logaddexp(multiply(x1, scale), multiply(x2, scale)), scale)


# --- trigonometry -----------------------------------------------------------------------------------------------------


@primitive(elementwise(float_))
def sin(x: Any) -> Any:
    """The sine of angles in radians, element-wise."""


@primitive(elementwise(float_))
def cos(x: Any) -> Any:
    """The cosine of angles in radians, element-wise."""


@composite(elementwise(float_))
def tan(x: Any) -> Any:
    """The tangent of angles in radians, element-wise."""
    return divide(sin(x), cos(x))


@composite(elementwise(float_))
def arcsin(x: Any) -> Any:
    """The angle between -pi/2 and pi/2 whose sine is `x`, element-wise."""
    return arctan2(x, sqrt(multiply(subtract(1.0, x), add(1.0, x))))


@composite(elementwise(float_))
def arccos(x: Any) -> Any:
    """The angle between 0 and pi whose cosine is `x`, element-wise."""
    return arctan2(sqrt(multiply(subtract(1.0, x), add(1.0, x))), x)


@composite(elementwise(float_))
def arctan(x: Any) -> Any:
    """The angle between -pi/2 and pi/2 whose tangent is `x`, element-wise."""
    return arctan2(x, 1.0)


@primitive(broadcast(float_))
def arctan2(x1: Any, x2: Any) -> Any:
    """The angle between -pi and pi of the point with ordinate `x1` and abscissa `x2`, element-wise."""


@composite(elementwise(float_))
def sinh(x: Any) -> Any:
    """The hyperbolic sine, element-wise."""
    return multiply(0.5, subtract(expm1(x), expm1(negative(x))))


@composite(elementwise(float_))
def cosh(x: Any) -> Any:
    """The hyperbolic cosine, element-wise."""
    return multiply(0.5, add(exp(x), exp(negative(x))))


@primitive(elementwise(float_))
def tanh(x: Any) -> Any:
    """The hyperbolic tangent, element-wise."""


@composite(elementwise(float_))
def arcsinh(x: Any) -> Any:
    """The inverse of `sinh`, element-wise."""
    size = absolute(x)
    far = ops.greater(size, dtypes.machine_epsilon(x.dtype) ** -0.5)  # where a square might overflow
    near = ops.where(far, 1.0, size)
    root = sqrt(add(square(near), 1.0))
    small = log1p(add(near, divide(square(near), add(root, 1.0))))
    return multiply(sign(x), ops.where(far, add(log(size), math.log(2.0)), small))


@composite(elementwise(float_))
def arccosh(x: Any) -> Any:
    """The inverse of `cosh` for `x >= 1`, element-wise."""
    y = subtract(x, 1.0)
    return log1p(add(y, multiply(sqrt(y), sqrt(add(y, 2.0)))))


@composite(elementwise(float_))
def arctanh(x: Any) -> Any:
    """The inverse of `tanh` for `-1 < x < 1`, element-wise."""
    return multiply(0.5, subtract(log1p(x), log1p(negative(x))))


@composite(broadcast(float_))
def hypot(x1: Any, x2: Any) -> Any:
    """`sqrt(x1**2 + x2**2)` without overflow, element-wise."""
    large, small = maximum(absolute(x1), absolute(x2)), minimum(absolute(x1), absolute(x2))
    found = multiply(large, sqrt(add(1.0, square(divide_no_nan(small, large)))))
    return ops.where(ops.equal(large, math.inf), large, found)


@composite(elementwise(float_))
def deg2rad(x: Any) -> Any:
    """Degrees as radians, element-wise."""
    return multiply(x, math.pi / 180.0)


@composite(elementwise(float_))
def rad2deg(x: Any) -> Any:
    """Radians as degrees, element-wise."""
    return multiply(x, 180.0 / math.pi)


@primitive(elementwise(float_))
def erf(x: Any) -> Any:
    """The error function, element-wise."""


@composite(elementwise(float_))
def erfc(x: Any) -> Any:
    """`1 - erf(x)`, element-wise."""
    return subtract(1.0, erf(x))


@primitive(elementwise(float_))
def erfinv(x: Any) -> Any:
    """The inverse of the error function on `-1 < x < 1`, element-wise."""


# --- rounding ---------------------------------------------------------------------------------------------------------


@primitive(elementwise(float_))
def floor(x: Any) -> Any:
    """The largest whole number that isn't larger, element-wise; integers become `floatx`."""


@composite(elementwise(float_))
def ceil(x: Any) -> Any:
    """The smallest whole number that isn't smaller, element-wise; integers become `floatx`."""
    return negative(floor(negative(x)))


@primitive(elementwise(numeric))
def round(x: Any, decimals: int = 0) -> Any:
    """Rounded, halves to even, element-wise; integers stay integers.

    Args:
        x: a tensor.
        decimals: how many digits to keep after the point; negative ones count before it.
    """


@composite(elementwise(same))
def trunc(x: Any) -> Any:
    """The whole number next towards 0, element-wise; integers stay as they are."""
    if not dtypes.is_float(x.dtype):
        return x
    return ops.where(ops.less(x, 0), ceil(x), floor(x))


# --- numbers that aren't ----------------------------------------------------------------------------------------------


@composite(elementwise(to_bool))
def isnan(x: Any) -> Any:
    """Where `x` is not a number."""
    return ops.not_equal(x, x)


@composite(elementwise(to_bool))
def isinf(x: Any) -> Any:
    """Where `x` is infinite, of either sign."""
    if not dtypes.is_inexact(x.dtype):
        return ops.zeros_like(x, dtype="bool")
    return ops.equal(absolute(x), math.inf)


@composite(elementwise(to_bool))
def isfinite(x: Any) -> Any:
    """Where `x` is neither infinite nor NaN."""
    if not dtypes.is_inexact(x.dtype):
        return ops.ones_like(x, dtype="bool")
    return ops.less(absolute(x), math.inf)


@composite(elementwise(same))
def nan_to_num(x: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Any:
    """`x` with numbers in place of NaN and infinities.

    Args:
        x: a tensor.
        nan: what stands for NaN.
        posinf, neginf: what stands for the infinities; by default the largest and smallest finite number of the dtype.
    """
    if not dtypes.is_inexact(x.dtype):
        return x
    largest = dtypes.largest(x.dtype)
    x = ops.where(isnan(x), nan, x)
    x = ops.where(ops.equal(x, math.inf), largest if posinf is None else posinf, x)
    return ops.where(ops.equal(x, -math.inf), -largest if neginf is None else neginf, x)


# --- complex numbers --------------------------------------------------------------------------------------------------


@primitive(elementwise(same))
def conjugate(x: Any) -> Any:
    """The complex conjugate, element-wise; real numbers stay."""


@primitive(elementwise(_real_parts))
def real(x: Any) -> Any:
    """The real part, element-wise; real numbers stay."""


@primitive(elementwise(_real_parts))
def imag(x: Any) -> Any:
    """The imaginary part, element-wise; 0 for real numbers."""


# --- bits -------------------------------------------------------------------------------------------------------------

_bits = broadcast(promote, ("x", "y"))


@primitive(_bits)
def bitwise_and(x: Any, y: Any) -> Any:
    """The bits that are set in both integers, element-wise."""


@primitive(_bits)
def bitwise_or(x: Any, y: Any) -> Any:
    """The bits that are set in either integer, element-wise."""


@primitive(_bits)
def bitwise_xor(x: Any, y: Any) -> Any:
    """The bits that are set in just one of two integers, element-wise."""


@composite(elementwise(same))
def bitwise_not(x: Any) -> Any:
    """Every bit inverted, element-wise; for bool the same as `logical_not`."""
    name = dtypes.standardize_dtype(x.dtype)
    if name == "bool":
        return ops.logical_not(x)
    return subtract(-1 if name.startswith("int") else dtypes.largest(name), x)


@primitive(_bits)
def left_shift(x: Any, y: Any) -> Any:
    """The bits of `x` moved up by `y` places, element-wise."""


@primitive(_bits)
def right_shift(x: Any, y: Any) -> Any:
    """The bits of `x` moved down by `y` places, element-wise; signed integers keep their sign."""


# --- other names ------------------------------------------------------------------------------------------------------


def alias(name: str, op: Op) -> Op:
    """An op that does the same under another name, by which files know it."""

    def same_as(*args: Any, **kwargs: Any) -> Any:
        return op(*args, **kwargs)

    same_as.__name__, same_as.__doc__, same_as.__signature__ = name, f"The same as `{op.name}`.", op.signature
    return composite(same_as)


abs = alias("abs", absolute)
bitwise_invert = alias("bitwise_invert", bitwise_not)
bitwise_left_shift = alias("bitwise_left_shift", left_shift)
bitwise_right_shift = alias("bitwise_right_shift", right_shift)
conj = alias("conj", conjugate)
