"""Fourier transforms."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax


def _parts(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    return x.real, x.imag


def fft(x: Any) -> Any:
    return _parts(jnp.fft.fft(lax.complex(*x)))


def fft2(x: Any) -> Any:
    return _parts(jnp.fft.fft2(lax.complex(*x)))


def ifft2(x: Any) -> Any:
    return _parts(jnp.fft.ifft2(lax.complex(*x)))


def rfft(x: jax.Array, fft_length: int | None = None) -> Any:
    return _parts(jnp.fft.rfft(x, fft_length))


def irfft(x: Any, fft_length: int | None = None) -> jax.Array:
    return jnp.fft.irfft(lax.complex(*x), fft_length)
