"""Element-wise mathematics. TensorFlow has no arithmetic for bool, and no sign for unsigned integers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from triceras.backends.tensorflow.tensor import EagerTensor


def _binary(native: Callable, raw: Callable, logical: Callable | None = None) -> Callable:
    """A binary function; with `logical`, one that is a logical one for bool, as in NumPy.

    Eager tensors go to the bare operation: `tf.add` and `tf.divide` take two to three times as long.
    """

    def run(x1: tf.Tensor, x2: tf.Tensor) -> tf.Tensor:
        if logical is not None and x1.dtype is tf.bool:
            return logical(x1, x2)
        return raw(x=x1, y=x2) if type(x1) is type(x2) is EagerTensor else native(x1, x2)

    return run


add = _binary(tf.add, tf.raw_ops.AddV2, tf.logical_or)
multiply = _binary(tf.multiply, tf.raw_ops.Mul, tf.logical_and)
maximum = _binary(tf.maximum, tf.raw_ops.Maximum, tf.logical_or)
minimum = _binary(tf.minimum, tf.raw_ops.Minimum, tf.logical_and)
subtract = _binary(tf.subtract, tf.raw_ops.Sub)
divide = _binary(tf.divide, tf.raw_ops.RealDiv)
divide_no_nan = tf.math.divide_no_nan
floor_divide = tf.math.floordiv
mod = tf.math.floormod


def power(x1: tf.Tensor, x2: tf.Tensor) -> tf.Tensor:
    if x1.dtype.is_unsigned or x1.dtype is tf.bool:
        return tf.cast(tf.pow(tf.cast(x1, tf.int64), tf.cast(x2, tf.int64)), x1.dtype)
    return tf.pow(x1, x2)


def negative(x: tf.Tensor) -> tf.Tensor:
    return tf.zeros_like(x) - x if x.dtype.is_unsigned else tf.negative(x)


def absolute(x: tf.Tensor) -> tf.Tensor:
    return tf.convert_to_tensor(x) if x.dtype.is_unsigned or x.dtype is tf.bool else tf.abs(x)


def sign(x: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.not_equal(x, 0), x.dtype) if x.dtype.is_unsigned else tf.sign(x)


def clip(x: tf.Tensor, x_min: tf.Tensor, x_max: tf.Tensor) -> tf.Tensor:
    return tf.minimum(tf.maximum(x, x_min), x_max)


square, sqrt, rsqrt, reciprocal = tf.square, tf.sqrt, tf.math.rsqrt, tf.math.reciprocal

# --- exponentials, logarithms, trigonometry -------------------------------------------------------------------------

exp, expm1, log, log1p = tf.exp, tf.math.expm1, tf.math.log, tf.math.log1p
sin, cos, tan, tanh, sinh, cosh = tf.sin, tf.cos, tf.tan, tf.tanh, tf.sinh, tf.cosh
arcsin, arccos, arctan, arctan2 = tf.asin, tf.acos, tf.atan, tf.atan2
arcsinh, arccosh, arctanh = tf.asinh, tf.acosh, tf.atanh
erf, erfc = tf.math.erf, tf.math.erfc


def view_as_complex(x: tf.Tensor) -> tf.Tensor:
    return tf.complex(x[..., 0], x[..., 1])


def i0(x: tf.Tensor) -> tf.Tensor:
    wide = x if x.dtype.size > 2 else tf.cast(x, tf.float32)
    return tf.cast(tf.math.bessel_i0(wide), x.dtype)


def erfinv(x: tf.Tensor) -> tf.Tensor:
    if x.dtype.size < 4:
        return tf.cast(tf.math.erfinv(tf.cast(x, tf.float32)), x.dtype)
    return tf.math.erfinv(x)


# --- rounding, numbers that aren't ---------------------------------------------------------------------------------

floor, ceil = tf.floor, tf.math.ceil


def round(x: tf.Tensor, decimals: int = 0) -> tf.Tensor:
    if x.dtype.is_integer:
        if decimals >= 0:
            return tf.convert_to_tensor(x)
        return tf.cast(round(tf.cast(x, tf.float64), decimals), x.dtype)
    if decimals == 0:
        return tf.round(x)
    scale = tf.cast(10.0 ** abs(decimals), x.dtype)
    return tf.round(x * scale) / scale if decimals > 0 else tf.round(x / scale) * scale


def _of_floats(native: Callable, otherwise: bool) -> Callable:
    """A test that has one answer for integers; complex numbers are tested by their absolute value."""

    def test(x: tf.Tensor) -> tf.Tensor:
        if not (x.dtype.is_floating or x.dtype.is_complex):
            return tf.ones_like(x, tf.bool) if otherwise else tf.zeros_like(x, tf.bool)
        return native(tf.abs(x) if x.dtype.is_complex else x)

    return test


isnan = _of_floats(tf.math.is_nan, False)
isinf = _of_floats(tf.math.is_inf, False)
isfinite = _of_floats(tf.math.is_finite, True)

# --- complex numbers, bits ------------------------------------------------------------------------------------------


def conjugate(x: tf.Tensor) -> tf.Tensor:
    return tf.math.conj(x) if x.dtype.is_complex else tf.convert_to_tensor(x)


def real(x: tf.Tensor) -> tf.Tensor:
    return tf.math.real(x) if x.dtype.is_complex else tf.convert_to_tensor(x)


def imag(x: tf.Tensor) -> tf.Tensor:
    return tf.math.imag(x) if x.dtype.is_complex else tf.zeros_like(x)


bitwise_and = _binary(tf.bitwise.bitwise_and, tf.raw_ops.BitwiseAnd, tf.logical_and)
bitwise_or = _binary(tf.bitwise.bitwise_or, tf.raw_ops.BitwiseOr, tf.logical_or)
bitwise_xor = _binary(tf.bitwise.bitwise_xor, tf.raw_ops.BitwiseXor, tf.math.logical_xor)
left_shift, right_shift = tf.bitwise.left_shift, tf.bitwise.right_shift


def bitwise_not(x: tf.Tensor) -> tf.Tensor:
    return tf.logical_not(x) if x.dtype is tf.bool else tf.bitwise.invert(x)


def logaddexp(x1: Any, x2: Any) -> tf.Tensor:
    first = x1 >= x2  # not `tf.maximum`, whose gradient at equal numbers isn't the mean of both sides
    high, low = tf.where(first, x1, x2), tf.where(first, x2, x1)
    both_infinite = tf.logical_and(tf.equal(low, high), tf.math.is_inf(high))
    return high + tf.math.softplus(tf.where(both_infinite, tf.zeros((), high.dtype), low - high))
