"""F-scores, and how much predicted regions overlap true ones (IoU)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from triceras import ops
from triceras.core import config, registry
from triceras.losses.loss import align_weights, match_ranks
from triceras.metrics.metric import Metric
from triceras.metrics.regression import check_two_axes


class FBetaScore(Metric):
    """The weighted harmonic mean of precision and recall.

    Args:
        average: how classes are brought together: `"micro"` (all counts together), `"macro"` (mean), `"weighted"` (by
            how often each occurs), or None (one score for each).
        beta: how many times more recall counts than precision.
        threshold: scores above it count as positive; None: the largest score of a sample.
        name, dtype: see `Metric`.

    Raises:
        ValueError: an unknown average, or `beta` isn't positive.

    Example:
        >>> from triceras import metrics
        >>> score = metrics.FBetaScore(average="macro", beta=2.0, threshold=0.5)
        >>> round(float(score([[1, 1], [1, 0]], [[0.9, 0.9], [0.1, 0.1]])), 4)
        0.7778
    """

    _direction = "up"

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str = "fbeta_score",
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype)
        if average not in (None, "micro", "macro", "weighted"):
            raise ValueError(
                "Invalid `average` argument value. Expected one of: {None, 'micro', 'macro', 'weighted'}. "
                f"Received: average={average}"
            )
        if not isinstance(beta, float) or beta <= 0:
            raise ValueError(f"Invalid `beta` argument value. It should be a float > 0. Received: beta={beta}")
        if threshold is not None and not 0 < threshold <= 1:
            raise ValueError(f"Invalid `threshold` argument value. Expected 0 < threshold <= 1, got {threshold}.")
        self.average, self.beta, self.threshold = average, beta, threshold
        self._built = False

    def _build(self, outputs: int) -> None:
        shape = () if self.average == "micro" else (outputs,)
        self.true_positives, self.false_positives, self.false_negatives, self.intermediate_weights = (
            self.add_variable(shape, "zeros", name=name)
            for name in ("true_positives", "false_positives", "false_negatives", "intermediate_weights")
        )
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch.

        Args:
            y_true: targets of 0 and 1, shape `(batch, classes)`.
            y_pred: scores, same shape.
            sample_weight: weights of the samples.

        Raises:
            ValueError: other ranks.
        """
        backend = registry.backend_of(y_pred, y_true) or registry.current()
        y_true, y_pred = backend.convert(y_true, self.dtype), backend.convert(y_pred, self.dtype)
        check_two_axes(type(self).__name__, y_true, y_pred)
        if not self._built:
            self._build(y_true.shape[-1])
        if self.threshold is None:
            largest = ops.max(y_pred, axis=-1, keepdims=True)
            above = ops.logical_and(y_pred >= largest, ops.absolute(y_pred) > 1e-9)
        else:
            above = y_pred > self.threshold
        y_pred = ops.cast(above, self.dtype)
        weights = ops.ones_like(y_true)
        if sample_weight is not None:
            weights = weights * align_weights(backend.convert(sample_weight, self.dtype), y_true)
        axis = None if self.average == "micro" else 0
        self.true_positives.assign_add(ops.sum(weights * y_pred * y_true, axis=axis))
        self.false_positives.assign_add(ops.sum(weights * y_pred * (1 - y_true), axis=axis))
        self.false_negatives.assign_add(ops.sum(weights * (1 - y_pred) * y_true, axis=axis))
        self.intermediate_weights.assign_add(ops.sum(weights * y_true, axis=axis))

    def result(self) -> Any:
        if not self._built:
            return ops.zeros((), self.dtype)
        tiny, square = config.epsilon(), self.beta**2
        precision = self.true_positives / (self.true_positives + self.false_positives + tiny)
        recall = self.true_positives / (self.true_positives + self.false_negatives + tiny)
        score = (1 + square) * precision * recall / (square * precision + recall + tiny)
        if self.average == "weighted":
            return ops.sum(score * self.intermediate_weights / (ops.sum(self.intermediate_weights) + tiny))
        return ops.mean(score) if self.average == "macro" else score

    def get_config(self) -> dict[str, Any]:
        settings = {"average": self.average, "beta": self.beta, "threshold": self.threshold}
        return {**super().get_config(), **settings}


class F1Score(FBetaScore):
    """The harmonic mean of precision and recall: `FBetaScore` with a beta of 1.

    Args:
        average, threshold: see `FBetaScore`.
        name, dtype: see `Metric`.
    """

    def __init__(
        self, average: str | None = None, threshold: float | None = None, name: str = "f1_score", dtype: Any = None
    ):
        super().__init__(average=average, beta=1.0, threshold=threshold, name=name, dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        return {key: value for key, value in super().get_config().items() if key != "beta"}


class IoU(Metric):
    """Intersection over union of some classes, averaged over those that occur.

    Args:
        num_classes: how many classes there are.
        target_class_ids: which of them count.
        name, dtype: see `Metric`; an integer dtype cuts weights to whole numbers.
        ignore_class: targets of this class don't count.
        sparse_y_true: whether targets are class numbers rather than one-hot.
        sparse_y_pred: whether predictions are class numbers rather than scores.
        axis: axis of the classes in what isn't sparse.

    Raises:
        ValueError: a target class that isn't one of the classes.

    Example:
        >>> from triceras import metrics
        >>> round(float(metrics.IoU(num_classes=2, target_class_ids=[0])([0, 0, 1, 1], [0, 1, 0, 1])), 4)
        0.3333
    """

    _direction = "up"

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ):
        super().__init__(name=name, dtype=dtype or "int32")
        if max(target_class_ids) >= num_classes:
            raise ValueError(f"Target class id {max(target_class_ids)} is out of range, which is [0, {num_classes}).")
        self.num_classes, self.target_class_ids, self.ignore_class = num_classes, list(target_class_ids), ignore_class
        self.sparse_y_true, self.sparse_y_pred, self.axis = sparse_y_true, sparse_y_pred, axis
        self.total_cm = self.add_variable((num_classes, num_classes), "zeros", name="total_confusion_matrix")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch.

        Args:
            y_true: targets.
            y_pred: predictions.
            sample_weight: weights of the leading axes.
        """
        backend = registry.backend_of(y_pred, y_true) or registry.current()
        y_true, y_pred = backend.convert(y_true), backend.convert(y_pred)
        y_true = y_true if self.sparse_y_true else ops.argmax(y_true, axis=self.axis)
        y_pred = y_pred if self.sparse_y_pred else ops.argmax(y_pred, axis=self.axis)
        y_true, y_pred = ops.cast(y_true, "int32"), ops.cast(y_pred, "int32")
        weights = ops.cast(ops.ones_like(y_true), self.dtype)
        if sample_weight is not None:
            given, weights = match_ranks(backend.convert(sample_weight, self.dtype), weights)
            weights = weights * align_weights(given, weights)
        if self.ignore_class is not None:
            weights = weights * ops.cast(ops.not_equal(y_true, self.ignore_class), self.dtype)
        flat = (ops.reshape(y, (-1,)) for y in (y_true, y_pred))
        rows, columns = (ops.one_hot(y, self.num_classes, dtype=self.dtype) for y in flat)
        columns = columns * ops.reshape(weights, (-1, 1))
        self.total_cm.assign_add(ops.matmul(ops.transpose(rows), columns))

    def result(self) -> Any:
        matrix = ops.cast(self.total_cm, config.floatx())
        both = ops.diagonal(matrix)
        either = ops.sum(matrix, axis=0) + ops.sum(matrix, axis=1) - both
        chosen = ops.convert_to_tensor([float(i in self.target_class_ids) for i in range(self.num_classes)])
        occurs = chosen * ops.cast(either > 0, config.floatx())
        return ops.divide_no_nan(ops.sum(occurs * ops.divide_no_nan(both, either)), ops.sum(occurs))

    def get_config(self) -> dict[str, Any]:
        names = ("num_classes", "target_class_ids", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")
        return {**super().get_config(), **{name: getattr(self, name) for name in names if name not in self.fixed}}

    fixed: tuple[str, ...] = ()  # settings that a subclass decides


class BinaryIoU(IoU):
    """Intersection over union of the classes below and above a threshold.

    Args:
        target_class_ids: which of 0 (below) and 1 count.
        threshold: scores from it on count as 1.
        name, dtype: see `Metric`.

    Example:
        >>> from triceras import metrics
        >>> round(float(metrics.BinaryIoU(threshold=0.3)([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7])), 4)
        0.3333
    """

    fixed = ("num_classes", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_pred = ops.convert_to_tensor(y_pred)
        super().update_state(y_true, ops.cast(y_pred >= self.threshold, "int32"), sample_weight)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "threshold": self.threshold}


class MeanIoU(IoU):
    """Intersection over union, averaged over all classes that occur. Arguments as `IoU`, without the target classes."""

    fixed = ("target_class_ids",)

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ):
        every = range(num_classes)
        super().__init__(num_classes, every, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)


class OneHotIoU(IoU):
    """`IoU` for one-hot targets. Arguments as `IoU`."""

    fixed = ("sparse_y_true",)

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ):
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)


class OneHotMeanIoU(MeanIoU):
    """`MeanIoU` for one-hot targets. Arguments as `MeanIoU`."""

    fixed = ("target_class_ids", "sparse_y_true")

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ):
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)
