"""Where each replica runs the step by itself, on its part of a batch: what the replicas must agree on.

JAX needs none of this: there one program sees the whole batch. On an engine with `per_replica`, gradients are averaged
where an optimizer takes them, statistics of batches where they are computed, metrics after each step, and every replica
draws its own random numbers.
"""

from __future__ import annotations

from typing import Any

from triceras.core import placement


def engine_of(backend: Any) -> Any:
    """The backend's engine, if its replicas run by themselves under the distribution in force; else None."""
    if placement.in_force(backend) is None:
        return None
    engine = backend.engine()
    return engine if engine.per_replica else None


def averaged(tensors: list[Any], backend: Any) -> list[Any]:
    """The mean of each tensor over the replicas, through which gradients flow; the tensors where there is one."""
    engine = engine_of(backend)
    return tensors if engine is None else engine.mean(tensors)
