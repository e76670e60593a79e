"""Random numbers from a key: Threefry-2x32, the same on every backend, or TensorFlow's own stateless generator."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from triceras.backends.tensorflow.tensor import shape_tensor
from triceras.core import config
from triceras.ops.random import normal_of, uniform_of

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = 0x1BD11BDA


FEW = 50_000  # from here on compiling (0.3 s, once for each size) pays: a million words take 2 ms, uncompiled 56 to 132


def random_bits(key: tf.Tensor, shape: Any) -> tf.Tensor:
    shape = shape_tensor(shape)
    key, count = tf.cast(key, tf.uint32), tf.reduce_prod(tf.cast(shape, tf.int64))
    known = tf.get_static_value(count)
    words = _words if known is not None and known < FEW else _compiled_words
    return tf.reshape(words(key, count), shape)


def random_uniform(key: tf.Tensor, shape: Any, dtype: str) -> tf.Tensor:
    return uniform_of(_cheap_bits(key, shape), dtype)


def random_normal(key: tf.Tensor, shape: Any, dtype: str) -> tf.Tensor:
    return normal_of(_cheap_bits(key, shape), dtype)


def _cheap_bits(key: tf.Tensor, shape: Any) -> tf.Tensor:
    """Random words by TensorFlow's generator, unless they are to be portable. It gives the same words compiled by XLA
    and not; what it makes of them when it is asked for floats differs."""
    if config.rng() == "portable":
        return random_bits(key, shape)
    seed = tf.bitcast(tf.cast(key, tf.uint32), tf.int32)
    return tf.random.stateless_uniform(shape_tensor(shape), seed, None, None, tf.uint32, alg="philox")


def _words(key: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """Salmon et al. 2011: five groups of four rounds on the counters 0, 1, 2…; the two words xored."""
    xor, keys = tf.bitwise.bitwise_xor, [key[0], key[1]]
    keys.append(xor(xor(keys[0], keys[1]), tf.constant(PARITY, tf.uint32)))
    counter = tf.range(count)
    high, low = (tf.cast(x, tf.uint32) for x in (tf.bitwise.right_shift(counter, tf.constant(32, tf.int64)), counter))
    x0, x1 = high + keys[0], low + keys[1]
    for i in range(5):
        for r in ROTATIONS[i % 2]:
            x0 = x0 + x1
            x1 = xor(_rotated(x1, r), x0)
        x0, x1 = x0 + keys[(i + 1) % 3], x1 + (keys[(i + 2) % 3] + tf.constant(i + 1, tf.uint32))
    return xor(x0, x1)


_compiled_words = tf.function(_words, autograph=False, jit_compile=True)


def _rotated(x: tf.Tensor, places: int) -> tf.Tensor:
    left, right = tf.constant(places, tf.uint32), tf.constant(32 - places, tf.uint32)
    return tf.bitwise.bitwise_or(tf.bitwise.left_shift(x, left), tf.bitwise.right_shift(x, right))
