"""Where each replica runs the step by itself, on its part of a batch: what the replicas must agree on.

JAX needs none of this: there one program sees the whole batch. On an engine with `per_replica`, gradients are averaged
where an optimizer takes them, statistics of batches where they are computed, metrics after each step, and every replica
draws its own random numbers.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from triceras.core import placement


def engine_of(backend: Any) -> Any:
    """The backend's engine, if its replicas run by themselves under the distribution in force; else None."""
    if placement.in_force(backend) is None:
        return None
    engine = backend.engine()
    return engine if engine.per_replica else None


def bound_to(backend: Any) -> Any:
    """The distribution that steps are of no use without: replicas in processes, each with a step of its own."""
    engine = engine_of(backend)
    return None if engine is None or engine.in_graph else placement.in_force(backend)


def averaged(tensors: list[Any], backend: Any) -> list[Any]:
    """The mean of each tensor over the replicas, through which gradients flow; the tensors where there is one."""
    engine = engine_of(backend)
    return tensors if engine is None else engine.mean(tensors)


def moments(mean: Any, variance: Any, backend: Any) -> tuple[Any, Any]:
    """Mean and variance of the whole batch from those of each replica's part of it, all of one size."""
    if engine_of(backend) is None:
        return mean, variance
    (whole,) = averaged([mean], backend)
    (spread,) = averaged([variance + (mean - whole) * (mean - whole)], backend)
    return whole, spread


def own_key(key: Any, backend: Any) -> Any:
    """A key for random numbers that no other replica has, of one that all have."""
    engine = engine_of(backend)
    return key if engine is None else engine.own_key(key)


def shared(step: Callable[[Any], Any], jit: Callable, model: Any, name: str) -> Callable[[Any], Any]:
    """A model's step, compiled, on a batch of all replicas: logs and predictions are of the whole of it.

    Args:
        step: the step on a replica's part.
        jit: compiles a function.
        model: the model; held weakly.
        name: `"train_step"`, `"test_step"` or `"predict_step"`.
    """
    engine, distribution = engine_of(model.backend), placement.in_force(model.backend)
    if engine is None:
        return jit(step)
    step, around = (step, jit) if engine.in_graph else (jit(step), lambda run: run)
    reference, unused = weakref.ref(model), []
    engine.begin(model)

    def run(batch: Any) -> Any:
        engine.agree(name, batch)
        data = engine.batch(batch, distribution)
        if name == "predict_step":
            return engine.whole(step(data))
        logs = engine.stepped(step, reference().metrics_variables, data)
        if engine.in_graph:
            return _recomputed_in_graph(logs, reference())
        if not unused:
            unused.append(_unused(reference()))
        return _recomputed(logs, reference(), unused[0])

    return around(run)


def _unused(model: Any) -> set[str]:
    """The metrics that a step left at zero: what it calls by their names it has computed itself."""
    return {m.name for m in model.metrics if not any(np.any(v.numpy()) for v in m.variables)}


def _recomputed(logs: Any, model: Any, unused: set[str]) -> Any:
    """A step's logs, with the results of the metrics as they are now."""
    if not isinstance(logs, dict):
        return logs
    found = model.get_metrics_result()
    return {key: value if key in unused else found.get(key, value) for key, value in logs.items()}


def _recomputed_in_graph(logs: Any, model: Any) -> Any:
    """The same where only the running graph knows which metrics a step has left at zero."""
    from triceras import ops

    if not isinstance(logs, dict):
        return logs
    found = dict(logs)
    for metric in model.metrics:
        if not metric.variables:
            continue
        used = ops.any(ops.stack([ops.any(ops.not_equal(v, 0)) for v in metric.variables]))
        value = metric.result()
        for name, result in (value if isinstance(value, dict) else {metric.name: value}).items():
            if name in logs:
                found[name] = ops.where(used, result, logs[name])
    return found


def agree(backend: Any, what: str) -> None:
    """Wait until all replicas have come to the same point.

    Raises:
        RuntimeError: another one has come to another, or is gone.
    """
    if (engine := engine_of(backend)) is not None:
        engine.agree(what)
