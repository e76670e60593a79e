"""NumPy functions of the ops in `ops/random.py`."""

import math

import numpy as np

from triceras.core.dtypes import to_numpy_dtype

_MASK = np.uint64(0xFFFFFFFF)
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))


def _threefry(key, high, low):
    """Threefry-2x32, 20 rounds (Salmon et al. 2011), in uint64 masked to 32 bits."""
    k0, k1 = (np.uint64(int(word) & 0xFFFFFFFF) for word in key)
    keys = (k0, k1, k0 ^ k1 ^ np.uint64(0x1BD11BDA))
    x0, x1 = (high + keys[0]) & _MASK, (low + keys[1]) & _MASK
    for i in range(5):
        for r in _ROTATIONS[i % 2]:
            x0 = (x0 + x1) & _MASK
            x1 = (((x1 << np.uint64(r)) | (x1 >> np.uint64(32 - r))) & _MASK) ^ x0
        x0 = (x0 + keys[(i + 1) % 3]) & _MASK
        x1 = (x1 + keys[(i + 2) % 3] + np.uint64(i + 1)) & _MASK
    return x0, x1


def random_bits(key, shape):
    count = np.arange(math.prod(shape), dtype=np.uint64)
    high, low = _threefry(key, count >> np.uint64(32), count & _MASK)
    return (high ^ low).astype(np.uint32).reshape(shape)


def _generator(key):
    return np.random.Generator(np.random.Philox(key=np.array([int(word) for word in key], np.uint64)))


def random_uniform(key, shape, dtype=None):
    wide = np.float64 if dtype == "float64" else np.float32
    values = _generator(key).random(shape, dtype=wide)
    if dtype in ("float16", "bfloat16"):  # rounding must not reach 1
        values = np.floor(values * 128.0) / 128.0
    return np.asarray(values).astype(to_numpy_dtype(dtype))


def random_normal(key, shape, dtype=None):
    wide = np.float64 if dtype == "float64" else np.float32
    return np.asarray(_generator(key).standard_normal(shape, dtype=wide)).astype(to_numpy_dtype(dtype))
