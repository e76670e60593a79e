"""Element-wise mathematics."""

import jax
import jax.numpy as jnp
from jax import lax

add, subtract, multiply, divide = jnp.add, jnp.subtract, jnp.multiply, jnp.divide
floor_divide, mod, power = jnp.floor_divide, jnp.mod, jnp.power
maximum, minimum = jnp.maximum, jnp.minimum
negative, absolute, sign, square, sqrt = jnp.negative, jnp.absolute, jnp.sign, jnp.square, jnp.sqrt
rsqrt, reciprocal = lax.rsqrt, jnp.reciprocal

exp, exp2, expm1 = jnp.exp, jnp.exp2, jnp.expm1
log, log1p, log2, log10 = jnp.log, jnp.log1p, jnp.log2, jnp.log10
logaddexp, logaddexp2 = jnp.logaddexp, jnp.logaddexp2

sin, cos, tan = jnp.sin, jnp.cos, jnp.tan
arcsin, arccos, arctan, arctan2 = jnp.arcsin, jnp.arccos, jnp.arctan, jnp.arctan2
sinh, cosh, tanh = jnp.sinh, jnp.cosh, jnp.tanh
arcsinh, arccosh, arctanh = jnp.arcsinh, jnp.arccosh, jnp.arctanh
hypot, deg2rad, rad2deg = jnp.hypot, jnp.deg2rad, jnp.rad2deg
erf, erfc, erfinv = lax.erf, lax.erfc, lax.erf_inv

floor, ceil, trunc = jnp.floor, jnp.ceil, jnp.trunc
isnan, isinf, isfinite, nan_to_num = jnp.isnan, jnp.isinf, jnp.isfinite, jnp.nan_to_num

conjugate, real, imag = jnp.conjugate, jnp.real, jnp.imag

bitwise_and, bitwise_or, bitwise_xor, bitwise_not = jnp.bitwise_and, jnp.bitwise_or, jnp.bitwise_xor, jnp.bitwise_not
left_shift, right_shift = jnp.left_shift, jnp.right_shift

cbrt, sinc, heaviside, fmax, fmin, fmod = jnp.cbrt, jnp.sinc, jnp.heaviside, jnp.fmax, jnp.fmin, jnp.fmod
signbit, ldexp, nextafter, gcd, lcm, i0 = jnp.signbit, jnp.ldexp, jnp.nextafter, jnp.gcd, jnp.lcm, jnp.i0


def view_as_complex(x: jax.Array) -> jax.Array:
    return lax.complex(x[..., 0], x[..., 1])


def clip(x: jax.Array, x_min: jax.Array, x_max: jax.Array) -> jax.Array:
    return jnp.minimum(jnp.maximum(x, x_min), x_max)


def round(x: jax.Array, decimals: int = 0) -> jax.Array:
    if jnp.issubdtype(x.dtype, jnp.integer):
        return x if decimals >= 0 else jnp.round(x.astype(float), decimals).astype(x.dtype)
    return jnp.round(x, decimals)
