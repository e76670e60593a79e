"""How often predictions are right."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.core import config, dtypes, registry
from triceras.losses.loss import match_ranks
from triceras.metrics.reduction import MeanMetricWrapper


def accuracy(y_true: Any, y_pred: Any) -> Any:
    """Whether targets and predictions are equal, element by element: 1 or 0."""
    y_true, y_pred = _tensors(y_true, y_pred)
    return _rate(ops.equal(*match_ranks(y_true, y_pred)))


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Any:
    """Whether a prediction is on its target's side of a threshold: 1 or 0.

    Args:
        y_true: targets of 0 and 1.
        y_pred: predictions, same shape.
        threshold: predictions above it count as 1.

    Returns:
        Tensor of the same shape.

    Example:
        >>> from triceras import metrics
        >>> float(metrics.binary_accuracy([1.0], [0.6])[0])
        1.0
    """
    y_true, y_pred = match_ranks(*_tensors(y_true, y_pred))
    return _rate(ops.equal(ops.cast(ops.greater(y_pred, threshold), y_true.dtype), y_true))


def categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """Whether the largest prediction is at the target's class: 1 or 0.

    Args:
        y_true: one-hot targets, shape `(…, classes)`.
        y_pred: scores, same shape.

    Returns:
        Tensor of shape `(…)`.

    Example:
        >>> from triceras import metrics
        >>> float(metrics.categorical_accuracy([[0.0, 1.0]], [[0.3, 0.7]])[0])
        1.0
    """
    y_true, y_pred = _tensors(y_true, y_pred)
    return _rate(ops.equal(ops.argmax(y_true, axis=-1), ops.argmax(y_pred, axis=-1)))


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """Whether the largest prediction is at the target's class: 1 or 0.

    Args:
        y_true: class numbers, shape `(…)` or `(…, 1)`.
        y_pred: scores, shape `(…, classes)`.

    Returns:
        Tensor of shape `(…)`.

    Example:
        >>> from triceras import metrics
        >>> float(metrics.sparse_categorical_accuracy([1], [[0.3, 0.7]])[0])
        1.0
    """
    y_true, y_pred = _tensors(y_true, y_pred)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    return _rate(ops.equal(y_true, ops.cast(ops.argmax(y_pred, axis=-1), y_true.dtype)))


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """Whether the target's class is among the `k` largest predictions: 1 or 0.

    Args:
        y_true: one-hot targets, shape `(…, classes)`.
        y_pred: scores, same shape.
        k: how many count.

    Returns:
        Tensor of shape `(…)`.

    Example:
        >>> from triceras import metrics
        >>> float(metrics.top_k_categorical_accuracy([[0.0, 1.0, 0.0]], [[0.5, 0.3, 0.2]], k=2)[0])
        1.0
    """
    y_true, y_pred = _tensors(y_true, y_pred)
    return _among_largest(ops.argmax(y_true, axis=-1), y_pred, k)


def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False) -> Any:
    """Whether the target's class is among the `k` largest predictions: 1 or 0.

    Args:
        y_true: class numbers, shape `(…)` or `(…, 1)`.
        y_pred: scores, shape `(…, classes)`; or class numbers, best first.
        k: how many count.
        from_sorted_ids: whether `y_pred` is class numbers.

    Returns:
        Tensor of the shape of `y_true`.

    Example:
        >>> from triceras import metrics
        >>> float(metrics.sparse_top_k_categorical_accuracy([1], [[0.5, 0.3, 0.2]], k=2)[0])
        1.0
    """
    y_true, y_pred = _tensors(y_true, y_pred)
    last = len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1
    classes = ops.squeeze(y_true, -1) if last else y_true
    if from_sorted_ids:
        best = ops.cast(y_pred[..., :k], "int32")
        found = _rate(ops.any(ops.equal(best, ops.expand_dims(ops.cast(classes, "int32"), -1)), axis=-1))
    else:
        found = _among_largest(classes, y_pred, k)
    return ops.expand_dims(found, -1) if last else found


def _among_largest(classes: Any, scores: Any, k: int) -> Any:
    own = ops.take_along_axis(scores, ops.expand_dims(ops.cast(classes, "int32"), -1), axis=-1)
    better = ops.sum(ops.cast(ops.greater(scores, own), "int32"), axis=-1)
    return _rate(ops.logical_and(ops.less(better, k), ops.isfinite(ops.squeeze(own, -1))))


def _tensors(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Both as tensors of one backend; targets of another kind of number as it suits comparison."""
    backend = registry.backend_of(y_pred, y_true) or registry.current()
    y_true, y_pred = backend.convert(y_true), backend.convert(y_pred)
    if dtypes.standardize_dtype(y_true.dtype) == "bool":
        y_true = ops.cast(y_true, "int32")
    return y_true, y_pred


def _rate(hits: Any) -> Any:
    return ops.cast(hits, config.floatx())


class Accuracy(MeanMetricWrapper):
    """How often predictions equal targets.

    Args:
        name, dtype: see `Metric`.

    Example:
        >>> from triceras import metrics
        >>> float(metrics.Accuracy()([1, 2, 3, 4], [1, 2, 3, 0]))
        0.75
    """

    _direction = "up"

    def __init__(self, name: str = "accuracy", dtype: Any = None):
        super().__init__(accuracy, name, dtype)


class BinaryAccuracy(MeanMetricWrapper):
    """How often predictions are on their targets' side of a threshold; see `binary_accuracy`.

    Args:
        name, dtype: see `Metric`.
        threshold: predictions above it count as 1.
    """

    _direction = "up"

    def __init__(self, name: str = "binary_accuracy", dtype: Any = None, threshold: float = 0.5):
        if threshold is not None and not 0 < threshold < 1:
            raise ValueError(f"Invalid value for argument `threshold`: expected 0 < threshold < 1, got {threshold}.")
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)


class CategoricalAccuracy(MeanMetricWrapper):
    """How often the largest prediction is at the target's class; see `categorical_accuracy`.

    Args:
        name, dtype: see `Metric`.
    """

    _direction = "up"

    def __init__(self, name: str = "categorical_accuracy", dtype: Any = None):
        super().__init__(categorical_accuracy, name, dtype)


class SparseCategoricalAccuracy(MeanMetricWrapper):
    """How often the largest prediction is at the target's class; see `sparse_categorical_accuracy`.

    Args:
        name, dtype: see `Metric`.
    """

    _direction = "up"

    def __init__(self, name: str = "sparse_categorical_accuracy", dtype: Any = None):
        super().__init__(sparse_categorical_accuracy, name, dtype)


class TopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the target's class is among the largest predictions; see `top_k_categorical_accuracy`.

    Args:
        k: how many count.
        name, dtype: see `Metric`.
    """

    _direction = "up"

    def __init__(self, k: int = 5, name: str = "top_k_categorical_accuracy", dtype: Any = None):
        super().__init__(top_k_categorical_accuracy, name, dtype, k=k)


class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the target's class is among the largest predictions; see `sparse_top_k_categorical_accuracy`.

    Args:
        k: how many count.
        name, dtype: see `Metric`.
        from_sorted_ids: whether predictions are class numbers, best first.
    """

    _direction = "up"

    def __init__(
        self,
        k: int = 5,
        name: str = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ):
        super().__init__(sparse_top_k_categorical_accuracy, name, dtype, k=k, from_sorted_ids=from_sorted_ids)
