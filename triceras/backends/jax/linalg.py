"""Products and decompositions of matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from triceras.backends.jax.tensor import compiled

inv, det, cholesky = jnp.linalg.inv, jnp.linalg.det, jnp.linalg.cholesky


def matmul(x1: jax.Array, x2: jax.Array) -> jax.Array:
    return jnp.matmul(x1, x2, preferred_element_type=_kept_in(x1, x2))


@compiled
def affine(x: jax.Array, kernel: jax.Array, bias: jax.Array) -> jax.Array:
    return matmul(x, kernel) + bias


def einsum(subscripts: str, *operands: jax.Array, **kwargs: Any) -> jax.Array:
    return jnp.einsum(subscripts, *operands, preferred_element_type=_kept_in(*operands))


def _kept_in(*operands: jax.Array) -> Any:
    """Products of int8 are kept in int32."""
    return jnp.int32 if len(operands) == 2 and all(x.dtype == jnp.int8 for x in operands) else None


def _as_columns(solver: Callable) -> Callable:
    """A solver of `a @ x = b` for matrices `b` and one batch shape, as one for vectors and broadcast batches too."""

    def solve(a: jax.Array, b: jax.Array, **options: Any) -> jax.Array:
        vector = b.ndim == a.ndim - 1
        b = b[..., None] if vector else b
        batch = jnp.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        a, b = (jnp.broadcast_to(x, (*batch, *x.shape[-2:])) for x in (a, b))
        x = solver(a, b, **options)
        return x[..., 0] if vector else x

    return solve


solve = _as_columns(jnp.linalg.solve)
solve_triangular = _as_columns(lambda a, b, lower=False: lax.linalg.triangular_solve(a, b, left_side=True, lower=lower))


def qr(x: jax.Array, mode: str = "reduced") -> tuple[jax.Array, ...]:
    return tuple(jnp.linalg.qr(x, mode=mode))


def svd(x: jax.Array, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    found = jnp.linalg.svd(x, full_matrices=full_matrices, compute_uv=compute_uv)
    return tuple(found) if compute_uv else found


def eigh(x: jax.Array) -> tuple[jax.Array, ...]:
    return tuple(jnp.linalg.eigh(x))


def slogdet(x: jax.Array) -> tuple[jax.Array, ...]:
    return tuple(jnp.linalg.slogdet(x))


def eig(x: jax.Array) -> tuple[jax.Array, ...]:
    return tuple(jnp.linalg.eig(x))


lu_factor = jax.scipy.linalg.lu_factor
