"""A Variable's native value under a strategy: a copy on every device of this process.

All copies are "read locally, first one counts": then an update needs no exchange, so that it may stand in a branch or a
loop. That they stay equal is up to the replicas, which agree on gradients and on what metrics gather.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.ops.resource_variable_ops import ResourceVariable  # no strategy intercepts it

SUPPORTED = (tf.distribute.MirroredStrategy, tf.distribute.MultiWorkerMirroredStrategy)


def over_processes(strategy: Any) -> bool:
    """Whether a strategy has several processes."""
    return strategy.num_replicas_in_sync > len(strategy.extended.worker_devices)


def check(strategy: Any) -> None:
    """Refuse a strategy that isn't supported.

    Raises:
        NotImplementedError: it isn't.
    """
    if not isinstance(strategy, SUPPORTED):
        names = ", ".join(kind.__name__ for kind in SUPPORTED)
        raise NotImplementedError(
            f"Models train under the strategies {names}. Received: {type(strategy).__name__}. Take one of them, or "
            "make the model outside of the strategy's scope."
        )
    if over_processes(strategy) and len(strategy.extended.worker_devices) > 1:
        raise NotImplementedError(
            f"Each process works on one device, but here it has {len(strategy.extended.worker_devices)}. Start one "
            "process for each device (`triceras launch --processes N`), and let it see that device alone: "
            "`tf.config.set_visible_devices`, or CUDA_VISIBLE_DEVICES."
        )


def spread(value: tf.Tensor, trainable: bool, strategy: Any) -> Any:
    """A `tf.Variable` with a copy on each of this process's devices.

    Args:
        value: the value.
        trainable: whether tapes watch it.
        strategy: the strategy.
    """
    check(strategy)
    with tf.init_scope():
        if over_processes(strategy):
            made = ResourceVariable(value, trainable=trainable)  # this process's own: see `Engine.begin`
        else:
            with strategy.scope():
                made = tf.Variable(
                    value,
                    trainable=False,  # which TensorFlow wants where variables are read so
                    synchronization=tf.VariableSynchronization.ON_READ,
                    aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
                )
            for copy in (made, *made.values):
                copy._trainable = trainable
    made._spread_by = strategy
    return made


def strategy_of(native: Any) -> Any:
    """The strategy that a Variable's native value is spread by, or None."""
    return getattr(native, "_spread_by", None)


def of_first(array: np.ndarray, strategy: Any) -> np.ndarray:
    """The array that the first process has; as bytes, since TensorFlow sends few dtypes."""
    raw = array.tobytes()
    with strategy.scope():
        sent = tf.Variable(np.frombuffer(raw + b"\0" * (-len(raw) % 4), np.int32), trainable=False)
    return np.frombuffer(sent.numpy().tobytes()[: len(raw)], array.dtype).reshape(array.shape)
