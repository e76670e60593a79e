"""Random bits."""

from __future__ import annotations

import jax


def random_bits(key: jax.Array, shape: tuple) -> jax.Array:
    """The portable generator: JAX's Threefry is the reference that the other backends meet bit for bit."""
    words = jax.random.wrap_key_data(key.astype("uint32"), impl="threefry2x32")
    return jax.random.bits(words, shape, "uint32")
