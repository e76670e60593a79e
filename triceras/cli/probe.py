"""Load one backend, compute something small on it and print what came out as one line of JSON: for `doctor`.

    python -m triceras.cli.probe jax

A process of its own for each backend: the time to load is that of a fresh start, no framework disturbs another, and
one that crashes takes only its own row with it.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np

TOLERANCE = 1e-4


def probe(name: str) -> dict:
    """Version, devices, seconds to load, how far a small computation is from NumPy's result, and what compiles it.

    Args:
        name: the backend's name.
    """
    start = time.perf_counter()
    from triceras.core import registry

    backend = registry.get(name)
    seconds = time.perf_counter() - start
    return {
        "version": backend.version(),
        "devices": backend.device_names(),
        "load_seconds": round(seconds, 2),
        "trains": backend.has_gradients,
        "max_difference": largest_difference(name),
        "compiler": backend.compiler_notes(),
    }


def largest_difference(name: str) -> float:
    """How far softmax(x · w) on a backend, eager and through `jit`, is from the same computed by NumPy in float64."""
    from triceras import jit, ops
    from triceras.core.scope import use_backend

    generator = np.random.Generator(np.random.Philox(0))
    x, w = generator.standard_normal((8, 16)), generator.standard_normal((16, 4))
    expected = np.exp(x @ w) / np.exp(x @ w).sum(-1, keepdims=True)

    def compute(x: Any, w: Any) -> Any:
        return ops.softmax(ops.matmul(x, w), axis=-1)

    with use_backend(name):
        found = [run(x.astype("float32"), w.astype("float32")) for run in (compute, jit(compute))]
        return max(float(np.abs(np.asarray(ops.convert_to_numpy(y)) - expected).max()) for y in found)


if __name__ == "__main__":
    print(json.dumps(probe(sys.argv[1])))
