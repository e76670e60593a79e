"""The ops behind `triceras.random`: random bits from a key, and what is drawn from them.

A key is two words, the state of a `SeedGenerator`. The same key gives the same numbers; in the portable mode
(`config.set_rng("portable")`) on every backend.
"""

from __future__ import annotations

import math
from typing import Any

from triceras import ops
from triceras.ops.op import composite, primitive
from triceras.ops.rules import Rule, as_shape, static

_drawn = Rule(lambda key, shape, **rest: static(shape), lambda key: ((key,), None), ("key",), as_shape)
_bits = Rule(lambda key, shape: static(shape), lambda key: ((key,), "uint32"), ("key",), as_shape)


@primitive(_bits)
def random_bits(key: Any, shape: Any) -> Any:
    """Uniform 32-bit words.

    Threefry-2x32 with 20 rounds (Salmon et al. 2011); element `i` is the exclusive or of the two words that the key
    gives for the counter (`i >> 32`, `i mod 2**32`): what `jax.random.bits` gives.

    Args:
        key: two words.
        shape: the result's.

    Returns:
        uint32; on a backend without unsigned arithmetic int64 between 0 and 2**32 - 1.
    """


@composite(_drawn)
def random_uniform(key: Any, shape: Any, dtype: Any = None) -> Any:
    """Uniform floats, 0 <= u < 1, with 23 random bits (fewer where the dtype has fewer).

    Backends may draw with their own generator where `config.rng()` is "native".

    Args:
        key: two words.
        shape: the result's.
        dtype: a floating dtype, default `floatx`.
    """
    return uniform_of(random_bits(key, shape), dtype)


def uniform_of(bits: Any, dtype: Any) -> Any:
    """What `random_uniform` makes of random 32-bit words."""
    digits = {"float16": 10, "bfloat16": 7}.get(dtype, 23)
    bits = ops.right_shift(bits, 32 - digits)
    return ops.cast(ops.multiply(ops.cast(bits, "float64" if dtype == "float64" else "float32"), 2.0**-digits), dtype)


@composite(_drawn)
def random_normal(key: Any, shape: Any, dtype: Any = None) -> Any:
    """Standard normal floats; arguments and generators as for `random_uniform`."""
    return normal_of(random_bits(key, shape), dtype)


def normal_of(bits: Any, dtype: Any) -> Any:
    """What `random_normal` makes of random 32-bit words."""
    bits = ops.cast(ops.right_shift(bits, 9), "float64" if dtype == "float64" else "float32")
    centered = ops.multiply(ops.add(bits, 0.5), 2.0**-22)  # 0 < u < 2, symmetric about 1, so that erfinv stays finite
    return ops.cast(ops.multiply(ops.erfinv(ops.subtract(centered, 1.0)), math.sqrt(2.0)), dtype)
