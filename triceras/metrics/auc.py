"""`AUC`: the area under a curve of two rates, as the threshold goes from high to low."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from triceras import ops
from triceras.core import config
from triceras.metrics.confusion import KINDS, _Confusion, confusion

HEIGHTS: dict[str, Callable] = {
    "interpolation": lambda a, b: (a + b) / 2,
    "minoring": ops.minimum,
    "majoring": ops.maximum,
}


class AUC(_Confusion):
    """The area under the ROC curve or the precision-recall curve, by sums at fixed thresholds.

    Args:
        num_thresholds: how many thresholds, evenly spaced over [0, 1].
        curve: `"ROC"`, `"PR"` or `"PRGAIN"` (Flach & Kull, 2015).
        summation_method: how high the curve is between two thresholds: `"interpolation"` (for PR: Davis & Goadrich,
            2006), `"minoring"` or `"majoring"`.
        name, dtype: see `Metric`.
        thresholds: a list of thresholds within [0, 1], in place of evenly spaced ones.
        multi_label: whether each index of the last axis has a curve of its own; the areas are averaged.
        num_labels: how many labels there are then; found at the first batch by default.
        label_weights: weights of the labels.
        from_logits: whether predictions are logits.

    Raises:
        ValueError: an unknown curve or method, or fewer than two thresholds.

    Example:
        >>> from triceras import metrics
        >>> round(float(metrics.AUC(num_thresholds=3)([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9])), 4)
        0.75
    """

    _direction = "up"
    kinds = KINDS

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Any = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
    ):
        if curve not in CURVES:
            raise ValueError(f'Invalid AUC curve value: "{curve}". Expected values are {list(CURVES)}')
        if summation_method not in HEIGHTS:
            raise ValueError(
                f'Invalid AUC summation method value: "{summation_method}". Expected values are {list(HEIGHTS)}'
            )
        if thresholds is None and num_thresholds <= 1:
            raise ValueError(f"Argument `num_thresholds` must be an integer > 1. Received: {num_thresholds}")
        super().__init__(name=name, dtype=dtype)
        self._init_thresholds = None if thresholds is None else sorted(map(float, thresholds))
        inner = self._init_thresholds or [i / (num_thresholds - 1) for i in range(1, num_thresholds - 1)]
        self.num_thresholds = len(inner) + 2
        self._thresholds = [-config.epsilon(), *inner, 1.0 + config.epsilon()]
        self.curve, self.summation_method = curve, summation_method
        self.multi_label, self.num_labels, self.from_logits = multi_label, num_labels, from_logits
        self.label_weights = None if label_weights is None else [float(w) for w in label_weights]
        if num_labels and not multi_label:
            raise ValueError("`num_labels` is needed only when `multi_label` is True.")
        if not multi_label or num_labels:
            self._build(num_labels)

    @property
    def thresholds(self) -> list[float]:
        """The thresholds, the outermost a little outside of [0, 1]."""
        return list(self._thresholds)

    def _build(self, labels: int | None) -> None:
        self._keep((self.num_thresholds, labels) if self.multi_label else (self.num_thresholds,))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch.

        Args:
            y_true: targets; what isn't 0 is positive.
            y_pred: scores in [0, 1], or logits.
            sample_weight: weights of the leading axes.

        Raises:
            ValueError: predictions without a label axis although each label has a curve.
        """
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred, config.floatx())
        if self.multi_label:
            if len(y_pred.shape) != 2:
                raise ValueError(
                    f"`y_pred` must have rank 2 when `multi_label=True`. Found rank {len(y_pred.shape)}. Full shape "
                    f"received for `y_pred`: {tuple(y_pred.shape)}"
                )
            if not self._variables:
                self._build(y_pred.shape[-1])
        if self.from_logits:
            y_pred = ops.sigmoid(y_pred)
        weights = None if self.multi_label else self.label_weights
        self._count(confusion(y_true, y_pred, self._thresholds, sample_weight, weights, self.multi_label))

    def result(self) -> Any:
        if not self._variables:
            return ops.zeros((), config.floatx())
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self.interpolate_pr_auc()
        x, y = CURVES[self.curve](*(getattr(self, kind).value for kind in KINDS))
        return self._averaged((x[:-1] - x[1:]) * HEIGHTS[self.summation_method](y[:-1], y[1:]))

    def interpolate_pr_auc(self) -> Any:
        """The area under the precision-recall curve, with true positives linear in all positives between thresholds."""
        hits, taken = self.true_positives.value, self.true_positives + self.false_positives
        wider, narrower = taken[:-1], taken[1:]
        slope = ops.divide_no_nan(hits[:-1] - hits[1:], ops.maximum(wider - narrower, 0))
        start = hits[1:] - slope * narrower
        both = ops.logical_and(wider > 0, narrower > 0)
        ratio = ops.where(both, ops.divide_no_nan(wider, narrower), ops.ones_like(wider))
        areas = slope * (hits[:-1] - hits[1:] + start * ops.log(ratio))
        positives = self.true_positives + self.false_negatives
        return self._averaged(ops.divide_no_nan(areas, ops.maximum(positives[1:], 0)))

    def _averaged(self, areas: Any) -> Any:
        total = ops.sum(areas, axis=0)
        if not self.multi_label:
            return total
        if self.label_weights is None:
            return ops.mean(total)
        weights = ops.convert_to_tensor(self.label_weights, config.floatx())
        return ops.divide_no_nan(ops.sum(total * weights), ops.sum(weights))

    def get_config(self) -> dict[str, Any]:
        config = {
            **super().get_config(),
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": self.label_weights,
            "from_logits": self.from_logits,
        }
        return config if self._init_thresholds is None else {**config, "thresholds": self._init_thresholds}


def roc(hits: Any, alarms: Any, rejected: Any, missed: Any) -> tuple[Any, Any]:
    """False positive rate and recall."""
    return ops.divide_no_nan(alarms, alarms + rejected), ops.divide_no_nan(hits, hits + missed)


def precision_recall(hits: Any, alarms: Any, rejected: Any, missed: Any) -> tuple[Any, Any]:
    """Recall and precision."""
    return ops.divide_no_nan(hits, hits + missed), ops.divide_no_nan(hits, hits + alarms)


def precision_recall_gain(hits: Any, alarms: Any, rejected: Any, missed: Any) -> tuple[Any, Any]:
    """Recall gain, from 0 up, and precision gain."""
    odds = ops.divide_no_nan(hits + missed, alarms + rejected)
    recall = ops.where(hits > 0, 1 - odds * ops.divide_no_nan(missed, hits), ops.zeros_like(hits))
    return ops.maximum(recall, 0), 1 - odds * ops.divide_no_nan(alarms, hits)


CURVES: dict[str, Callable] = {"PR": precision_recall, "ROC": roc, "PRGAIN": precision_recall_gain}
