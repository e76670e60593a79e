"""True and false positives and negatives at thresholds, and what is computed of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from triceras import ops
from triceras.core import config, registry
from triceras.losses.loss import align_weights, match_ranks
from triceras.metrics.metric import Metric

KINDS = ("true_positives", "false_positives", "true_negatives", "false_negatives")


def confusion(
    y_true: Any,
    y_pred: Any,
    thresholds: Sequence[float],
    sample_weight: Any = None,
    label_weights: Any = None,
    by_label: bool = False,
) -> dict[str, Any]:
    """Weighted counts of hits and misses at each threshold.

    Args:
        y_true: targets; what isn't 0 is positive.
        y_pred: scores; those above a threshold count as positive.
        thresholds: the thresholds.
        sample_weight: weights of the leading axes.
        label_weights: weights of the last axis.
        by_label: whether to count for each index of the last axis.

    Returns:
        For each of `KINDS` a tensor of `config.floatx()`, shape `(thresholds,)` or `(thresholds, labels)`.
    """
    dtype = config.floatx()
    backend = registry.backend_of(y_pred, y_true) or registry.current()
    y_true, y_pred = match_ranks(ops.cast(backend.convert(y_true), "bool"), backend.convert(y_pred, dtype))
    weights = ops.ones_like(y_pred)
    if sample_weight is not None:
        given, _ = match_ranks(backend.convert(sample_weight, dtype), y_pred)
        weights = weights * align_weights(given, y_pred)
    if label_weights is not None:
        weights = weights * ops.convert_to_tensor(label_weights, dtype)
    shape = (1, -1, y_pred.shape[-1]) if by_label else (1, -1)
    y_true, y_pred, weights = (ops.reshape(x, shape) for x in (y_true, y_pred, weights))

    limits = ops.reshape(ops.convert_to_tensor(list(thresholds), dtype), (-1,) + (1,) * (len(shape) - 1))
    above = ops.cast(ops.greater(y_pred, limits), dtype)
    positive = ops.cast(y_true, dtype) * weights
    negative = weights - positive
    hits, alarms = ops.sum(above * positive, axis=1), ops.sum(above * negative, axis=1)
    counts = (hits, alarms, ops.sum(negative, axis=1) - alarms, ops.sum(positive, axis=1) - hits)
    return dict(zip(KINDS, counts, strict=True))


def only_top_k(y_pred: Any, k: int) -> Any:
    """Scores of which all but the `k` largest of the last axis became very small."""
    _, places = ops.top_k(y_pred, k)
    chosen = ops.sum(ops.one_hot(places, y_pred.shape[-1], dtype=y_pred.dtype), axis=-2)
    return ops.where(ops.greater(chosen, 0), y_pred, ops.full_like(y_pred, VERY_SMALL))


VERY_SMALL = -1e10


def checked_thresholds(thresholds: Any, default: float) -> list[float]:
    """A list of thresholds from a number, a list or None.

    Raises:
        ValueError: one lies outside [0, 1].
    """
    if thresholds is None:
        return [default]
    found = list(thresholds) if isinstance(thresholds, (list, tuple)) else [thresholds]
    wrong = [t for t in found if t is None or not 0 <= t <= 1]
    if wrong:
        raise ValueError(f"Threshold values must be in [0, 1]. Received: {wrong}")
    return found


class _Confusion(Metric):
    """Base of metrics that keep some of the four counts at thresholds.

    They are kept in `config.floatx()` whatever the metric's dtype: half precision can't count far.
    """

    kinds: tuple[str, ...]

    def _keep(self, shape: tuple[int, ...]) -> None:
        for kind in self.kinds:
            setattr(self, kind, self.add_variable(shape, "zeros", config.floatx(), name=kind))

    def _count(self, counts: dict[str, Any]) -> None:
        for kind in self.kinds:
            getattr(self, kind).assign_add(counts[kind])


class _Count(Metric):
    """Base of the metrics that give one of the four counts."""

    kind: str

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None):
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds = thresholds
        self.thresholds = checked_thresholds(thresholds, 0.5)
        self.accumulator = self.add_variable((len(self.thresholds),), "zeros", config.floatx(), name="accumulator")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch.

        Args:
            y_true: targets; what isn't 0 is positive.
            y_pred: scores in [0, 1].
            sample_weight: weights of the leading axes.
        """
        counts = confusion(y_true, y_pred, self.thresholds, sample_weight)
        self.accumulator.assign_add(counts[self.kind])

    def result(self) -> Any:
        return single(self.accumulator.value, self.thresholds)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "thresholds": self.init_thresholds}


def single(values: Any, thresholds: Sequence[float]) -> Any:
    """The one value of one threshold, or the values of several."""
    return values[0] if len(thresholds) == 1 else values


class TruePositives(_Count):
    """How many positives were found.

    Args:
        thresholds: number or list; scores above it count as positive. 0.5 by default.
        name, dtype: see `Metric`.

    Example:
        >>> from triceras import metrics
        >>> float(metrics.TruePositives()([0, 1, 1], [0.9, 0.9, 0.1]))
        1.0
    """

    _direction, kind = "up", "true_positives"


class FalsePositives(_Count):
    """How many negatives were taken for positives. Arguments as `TruePositives`."""

    _direction, kind = "down", "false_positives"


class TrueNegatives(_Count):
    """How many negatives were found. Arguments as `TruePositives`."""

    _direction, kind = "up", "true_negatives"


class FalseNegatives(_Count):
    """How many positives were missed. Arguments as `TruePositives`."""

    _direction, kind = "down", "false_negatives"


class _Share(_Confusion):
    """Base of precision and recall: true positives among something."""

    _direction = "up"

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds, self.top_k, self.class_id = thresholds, top_k, class_id
        self.thresholds = checked_thresholds(thresholds, 0.5 if top_k is None else VERY_SMALL / 10)
        self._keep((len(self.thresholds),))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch.

        Args:
            y_true: targets; what isn't 0 is positive.
            y_pred: scores in [0, 1].
            sample_weight: weights of the leading axes.
        """
        if self.top_k is not None:
            y_pred = only_top_k(ops.convert_to_tensor(y_pred, config.floatx()), self.top_k)
        if self.class_id is not None:
            y_true, y_pred = (ops.convert_to_tensor(y)[..., self.class_id] for y in (y_true, y_pred))
        self._count(confusion(y_true, y_pred, self.thresholds, sample_weight))

    def result(self) -> Any:
        hits, others = (getattr(self, kind).value for kind in self.kinds)
        return single(ops.divide_no_nan(hits, hits + others), self.thresholds)

    def get_config(self) -> dict[str, Any]:
        settings = {"thresholds": self.init_thresholds, "top_k": self.top_k, "class_id": self.class_id}
        return {**super().get_config(), **settings}


class Precision(_Share):
    """What share of those taken for positive is positive.

    Args:
        thresholds: number or list; scores above it count as positive. 0.5 by default; 0 with `top_k`.
        top_k: only the `top_k` largest scores of a sample can count as positive.
        class_id: only this index of the last axis counts.
        name, dtype: see `Metric`.

    Raises:
        ValueError: a threshold lies outside [0, 1].

    Example:
        >>> from triceras import metrics
        >>> float(metrics.Precision()([0, 1, 1], [0.9, 0.9, 0.1]))
        0.5
    """

    kinds = ("true_positives", "false_positives")


class Recall(_Share):
    """What share of the positives is found. Arguments as `Precision`.

    Example:
        >>> from triceras import metrics
        >>> float(metrics.Recall()([0, 1, 1, 1, 1], [0.9, 0.9, 0.1, 0.2, 0.3]))
        0.25
    """

    kinds = ("true_positives", "false_negatives")


class _AtValue(_Confusion):
    """Base of the metrics that give one rate at the best threshold at which another reaches a value."""

    _direction = "up"
    kinds = KINDS
    argument: str

    def __init__(self, value: float, num_thresholds: int, class_id: int | None, name: str | None, dtype: Any):
        super().__init__(name=name, dtype=dtype)
        if not 0 <= value <= 1:
            raise ValueError(f"Argument `{self.argument}` must be in the range [0, 1]. Received: {value}")
        if num_thresholds <= 0:
            raise ValueError(f"Argument `num_thresholds` must be an integer > 0. Received: {num_thresholds}")
        self.value, self.num_thresholds, self.class_id = value, num_thresholds, class_id
        inner = [i / (num_thresholds - 1) for i in range(1, num_thresholds - 1)]
        self.thresholds = [0.5] if num_thresholds == 1 else [0.0, *inner, 1.0]
        self._keep((len(self.thresholds),))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch.

        Args:
            y_true: targets; what isn't 0 is positive.
            y_pred: scores in [0, 1].
            sample_weight: weights of the leading axes.
        """
        if self.class_id is not None:
            y_true, y_pred = (ops.convert_to_tensor(y)[..., self.class_id] for y in (y_true, y_pred))
        self._count(confusion(y_true, y_pred, self.thresholds, sample_weight))

    def _rates(self) -> tuple[Any, Any]:
        """The rate that must reach the value and the one that is wanted, at all thresholds."""
        raise NotImplementedError

    def result(self) -> Any:
        required, wanted = self._rates()
        reached = ops.greater_equal(required, self.value)
        return ops.max(ops.where(reached, wanted, ops.zeros_like(wanted)))

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "num_thresholds": self.num_thresholds, "class_id": self.class_id}
        return {**config, self.argument: self.value}

    def _among(self, part: str, *whole: str) -> Any:
        return ops.divide_no_nan(getattr(self, part), sum(getattr(self, kind) for kind in whole))

    def _sensitivity(self) -> Any:
        return self._among("true_positives", "true_positives", "false_negatives")

    def _specificity(self) -> Any:
        return self._among("true_negatives", "true_negatives", "false_positives")

    def _precision(self) -> Any:
        return self._among("true_positives", "true_positives", "false_positives")


class SensitivityAtSpecificity(_AtValue):
    """The best sensitivity (recall) at which the specificity is at least a value.

    Args:
        specificity: that value.
        num_thresholds: how many thresholds to try.
        class_id: only this index of the last axis counts.
        name, dtype: see `Metric`.

    Example:
        >>> from triceras import metrics
        >>> float(metrics.SensitivityAtSpecificity(0.5)([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8]))
        0.5
    """

    argument = "specificity"

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(specificity, num_thresholds, class_id, name, dtype)

    def _rates(self) -> tuple[Any, Any]:
        return self._specificity(), self._sensitivity()


class SpecificityAtSensitivity(_AtValue):
    """The best specificity at which the sensitivity is at least a value. Arguments as `SensitivityAtSpecificity`."""

    argument = "sensitivity"

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)

    def _rates(self) -> tuple[Any, Any]:
        return self._sensitivity(), self._specificity()


class PrecisionAtRecall(_AtValue):
    """The best precision at which the recall is at least a value. Arguments as `SensitivityAtSpecificity`."""

    argument = "recall"

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(recall, num_thresholds, class_id, name, dtype)

    def _rates(self) -> tuple[Any, Any]:
        return self._sensitivity(), self._precision()


class RecallAtPrecision(_AtValue):
    """The best recall at which the precision is at least a value. Arguments as `SensitivityAtSpecificity`."""

    argument = "precision"

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(precision, num_thresholds, class_id, name, dtype)

    def _rates(self) -> tuple[Any, Any]:
        return self._precision(), self._sensitivity()
