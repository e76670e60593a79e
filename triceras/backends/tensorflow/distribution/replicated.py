"""A function that every replica runs inside one graph, and what replicas tell each other meanwhile."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from triceras.backends.tensorflow.tensor import fill, split
from triceras.core.scope import local, setting

BUCKET = 2**25  # bytes that travel together
SETTINGS = ("backend", "state", "autocast", "call", "names", "allocation_budget")
SENT = (tf.float32, tf.float64, tf.int32, tf.int64)  # dtypes that processes gather


class _Here(threading.local):
    """What the replica that this thread traces is at; TensorFlow traces each in a thread of its own."""

    divided = False  # whether it has rows of its own


here = _Here()


def replicated(fn: Callable, strategy: Any) -> Callable:
    """A function that runs `fn` on every replica; all are given the whole input, and must find the same.

    Args:
        fn: a function of trees of tensors; traced, in a graph.
        strategy: a strategy that `copies.check` takes.
    """

    def run(*args: Any) -> Any:
        if tf.executing_eagerly() or replica_context() is not None:
            return fn(*args)
        around, made = {name: getattr(local, name) for name in SETTINGS}, []

        def replica() -> list[Any]:
            outputs: list[Any] = []
            with setting(**around):
                made.append(split(fn(*args), outputs, arrays=False))
            return outputs

        with contextlib.nullcontext() if tf.distribute.has_strategy() else strategy.scope():
            found = strategy.run(replica)
        return fill(made[0], iter([strategy.experimental_local_results(x)[0] for x in found]))

    return run


def replica_context() -> Any:
    """TensorFlow's context of the replica that is traced here, or None."""
    return tf.distribute.get_replica_context() if tf.distribute.has_strategy() else None


def number() -> int:
    """Which replica this is; 0 outside of a step."""
    context = replica_context()
    return 0 if context is None else int(tf.get_static_value(context.replica_id_in_sync_group))


def gathered(x: Any) -> Any:
    """The rows of all replicas, in order."""
    if not isinstance(x, tf.Tensor) or not x.shape.rank:
        return x
    wide = x.dtype if x.dtype in SENT else tf.float32 if x.dtype.is_floating else tf.int64
    return tf.cast(replica_context().all_gather(tf.cast(x, wide), axis=0), x.dtype)


def reduced(tensors: list[Any], how: str) -> list[Any]:
    """The `"MEAN"` or `"SUM"` over the replicas of some tensors, few of them together; as they are where one runs."""
    context = replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return list(tensors)
    found: list[Any] = [None] * len(tensors)
    for places in _buckets(tensors):
        some = [tensors[i] for i in places]
        with _alone():
            flat = context.all_reduce(how, tf.concat([tf.reshape(x, [-1]) for x in some], 0))
        parts = tf.split(flat, [_known(x.shape.num_elements(), tf.size, x) for x in some])
        for i, x, part in zip(places, some, parts, strict=True):
            found[i] = tf.reshape(part, _known(x.shape if x.shape.is_fully_defined() else None, tf.shape, x))
    return found


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """While the other replicas come to the same point: they run the same layers, which keep what `add_loss` got."""
    layers = [] if local.call is None else local.call.entry._flatten_layers()
    kept = [(layer._losses.copy(), layer._loss_call) for layer in layers]
    yield
    for layer, (losses, number) in zip(layers, kept, strict=True):
        layer._losses[:], layer._loss_call = losses, number


def _known(static: Any, running: Callable, x: Any) -> Any:
    return running(x) if static is None else static


def _buckets(tensors: list[Any]) -> list[list[int]]:
    """Places of tensors of one dtype that travel together."""
    buckets: list[list[int]] = []
    last: dict[Any, tuple[list[int], int]] = {}  # by dtype: the last bucket, and the bytes in it
    for i, x in enumerate(tensors):
        size = (x.shape.num_elements() or 0) * x.dtype.size
        bucket, filled = last.get(x.dtype, ([], 0))
        if not bucket or filled + size > BUCKET:
            bucket, filled = [], 0
            buckets.append(bucket)
        bucket.append(i)
        last[x.dtype] = bucket, filled + size
    return buckets


def teller(strategy: Any) -> Callable[[int], list[int]]:
    """A function by which processes tell each other a number, and learn those of all."""

    @tf.function(autograph=False)
    def tell(value: tf.Tensor) -> Any:
        found = strategy.run(lambda: replica_context().all_gather(tf.identity(value), axis=0))
        return strategy.experimental_local_results(found)[0]

    return lambda value: tell(tf.constant([value], tf.int64)).numpy().tolist()
