"""Reductions, running sums and order. `axis` comes as a tuple of non-negative ints."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

sum, prod, mean, var, std = jnp.sum, jnp.prod, jnp.mean, jnp.var, jnp.std
max, min = jnp.max, jnp.min
logsumexp, quantile, median = jax.nn.logsumexp, jnp.quantile, jnp.median
cumsum, cumprod = jnp.cumsum, jnp.cumprod
sort = jnp.sort


def argmax(x: jax.Array, axis: int | None = None, keepdims: bool = False) -> jax.Array:
    return jnp.argmax(x, axis=axis, keepdims=keepdims).astype("int32")


def argmin(x: jax.Array, axis: int | None = None, keepdims: bool = False) -> jax.Array:
    return jnp.argmin(x, axis=axis, keepdims=keepdims).astype("int32")


def argsort(x: jax.Array, axis: int | None = -1) -> jax.Array:
    return jnp.argsort(x, axis=axis, stable=True).astype("int32")


def count_nonzero(x: jax.Array, axis: tuple[int, ...] | None = None) -> jax.Array:
    return jnp.count_nonzero(x, axis=axis).astype("int32")


def top_k(x: jax.Array, k: int, sorted: bool = True) -> tuple[jax.Array, jax.Array]:
    values, indices = lax.top_k(x, k)
    return values, indices.astype("int32")
