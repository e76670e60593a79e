"""TensorFlow functions of the ops in `ops/signal.py`."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def _parts(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    return tf.math.real(x), tf.math.imag(x)


def fft(x: Any) -> Any:
    return _parts(tf.signal.fft(tf.complex(*x)))


def fft2(x: Any) -> Any:
    return _parts(tf.signal.fft2d(tf.complex(*x)))


def ifft2(x: Any) -> Any:
    return _parts(tf.signal.ifft2d(tf.complex(*x)))


def rfft(x: tf.Tensor, fft_length: int | None = None) -> Any:
    return _parts(tf.signal.rfft(x, None if fft_length is None else [fft_length]))


def irfft(x: Any, fft_length: int | None = None) -> tf.Tensor:
    return tf.signal.irfft(tf.complex(*x), None if fft_length is None else [fft_length])
