"""Comparisons, logic, and the choice between values."""

from __future__ import annotations

import jax
import jax.numpy as jnp

equal, not_equal = jnp.equal, jnp.not_equal
less, less_equal, greater, greater_equal = jnp.less, jnp.less_equal, jnp.greater, jnp.greater_equal
logical_and, logical_or, logical_not, logical_xor = jnp.logical_and, jnp.logical_or, jnp.logical_not, jnp.logical_xor
isclose = jnp.isclose
any, all = jnp.any, jnp.all


def where(condition: jax.Array, x1: jax.Array | None = None, x2: jax.Array | None = None) -> jax.Array:
    return jnp.where(condition, x1, x2)
