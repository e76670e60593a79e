"""How well predictions follow targets: correlations and the coefficient of determination."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.core import config, registry
from triceras.losses.loss import align_weights, as_pair
from triceras.metrics.metric import Metric
from triceras.metrics.reduction import MeanMetricWrapper


def pearson_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """The linear correlation between targets and predictions: -1 to 1.

    Args:
        y_true: targets.
        y_pred: predictions, same shape.
        axis: axis to correlate along.

    Returns:
        Tensor without that axis; NaN where targets or predictions are all the same.

    Example:
        >>> from triceras import metrics
        >>> round(float(metrics.pearson_correlation([[1.0, 2.0, 3.0]], [[2.0, 4.0, 6.0]])[0]), 4)
        1.0
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    first, second = (_standardized(y, axis) for y in (y_true, y_pred))
    return ops.mean(first * second, axis=axis)


def _standardized(x: Any, axis: int) -> Any:
    x = x - ops.mean(x, axis=axis, keepdims=True)
    return x / ops.sqrt(ops.mean(ops.square(x), axis=axis, keepdims=True))


def concordance_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """How close pairs of target and prediction lie to the diagonal: Lin, 1989. -1 to 1.

    Args:
        y_true: targets.
        y_pred: predictions, same shape.
        axis: axis to correlate along.

    Returns:
        Tensor without that axis.

    Example:
        >>> from triceras import metrics
        >>> round(float(metrics.concordance_correlation([[1.0, 2.0, 3.0]], [[1.0, 2.0, 3.0]])[0]), 4)
        1.0
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    means = [ops.mean(y, axis=axis, keepdims=True) for y in (y_true, y_pred)]
    spreads = [ops.mean(ops.square(y - m), axis=axis) for y, m in zip((y_true, y_pred), means, strict=True)]
    together = ops.mean((y_true - means[0]) * (y_pred - means[1]), axis=axis)
    shift = ops.squeeze(ops.square(means[0] - means[1]), axis)
    return ops.divide_no_nan(2 * together, spreads[0] + spreads[1] + shift)


class PearsonCorrelation(MeanMetricWrapper):
    """The mean of `pearson_correlation`.

    Args:
        name, dtype: see `Metric`.
        axis: axis to correlate along.
    """

    _direction = "up"

    def __init__(self, name: str = "pearson_correlation", dtype: Any = None, axis: int = -1):
        super().__init__(pearson_correlation, name, dtype, axis=axis)


class ConcordanceCorrelation(MeanMetricWrapper):
    """The mean of `concordance_correlation`.

    Args:
        name, dtype: see `Metric`.
        axis: axis to correlate along.
    """

    _direction = "up"

    def __init__(self, name: str = "concordance_correlation", dtype: Any = None, axis: int = -1):
        super().__init__(concordance_correlation, name, dtype, axis=axis)


class R2Score(Metric):
    """The coefficient of determination: what share of the targets' variance the predictions explain.

    Args:
        class_aggregation: how outputs are brought together: `"uniform_average"`, `"variance_weighted_average"` or None.
        num_regressors: number of independent regressors, for the adjusted score; 0: not adjusted.
        name, dtype: see `Metric`.

    Raises:
        ValueError: an unknown aggregation, or a negative number of regressors.

    Example:
        >>> from triceras import metrics
        >>> round(float(metrics.R2Score()([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]])), 4)
        0.5714
    """

    _direction = "up"

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str = "r2_score",
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype)
        if class_aggregation not in ("uniform_average", "variance_weighted_average", None):
            raise ValueError(
                "Invalid value for argument `class_aggregation`. Expected one of ('uniform_average', "
                f"'variance_weighted_average', None). Received: class_aggregation={class_aggregation}"
            )
        if num_regressors < 0:
            raise ValueError(f"Invalid value for argument `num_regressors`: expected >= 0. Received: {num_regressors}")
        self.class_aggregation, self.num_regressors = class_aggregation, num_regressors
        self.num_samples = self._slot((), "num_samples")
        self._built = False

    def _build(self, outputs: int) -> None:
        for name in ("squared_sum", "sum", "residual", "count"):
            setattr(self, {"sum": "total", "residual": "total_mse"}.get(name, name), self._slot((outputs,), name))
        self._built = True

    def _slot(self, shape: tuple[int, ...], name: str) -> Any:
        return self.add_variable(shape, "zeros", config.floatx(), name=name)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch.

        Args:
            y_true: targets, shape `(batch, outputs)`.
            y_pred: predictions, same shape.
            sample_weight: weights of the samples.

        Raises:
            ValueError: other ranks.
        """
        backend = registry.backend_of(y_pred, y_true) or registry.current()
        y_true, y_pred = (backend.convert(y, config.floatx()) for y in (y_true, y_pred))
        check_two_axes("R2Score", y_true, y_pred)
        if not self._built:
            self._build(y_pred.shape[-1])
        weights = ops.ones_like(y_true)
        if sample_weight is not None:
            weights = weights * align_weights(backend.convert(sample_weight, config.floatx()), y_true)
        self.total.assign_add(ops.sum(weights * y_true, axis=0))
        self.squared_sum.assign_add(ops.sum(weights * ops.square(y_true), axis=0))
        self.total_mse.assign_add(ops.sum(weights * ops.square(y_true - y_pred), axis=0))
        self.count.assign_add(ops.sum(weights, axis=0))
        self.num_samples.assign_add(ops.sum(ops.ones_like(y_true)))

    def result(self) -> Any:
        if not self._built:
            return ops.zeros((), config.floatx())
        spread = self.squared_sum - self.total * ops.divide_no_nan(self.total, self.count)
        explained = 1 - self.total_mse / spread
        score = ops.where(ops.isinf(explained), ops.zeros_like(explained), explained)
        if self.class_aggregation == "uniform_average":
            score = ops.mean(score)
        elif self.class_aggregation == "variance_weighted_average":
            score = ops.sum(score * spread) / ops.sum(spread)
        if not self.num_regressors:
            return score
        free = ops.subtract(ops.subtract(self.num_samples, self.num_regressors), 1.0)
        return 1 - (1 - score) * (self.num_samples - 1.0) / free

    def get_config(self) -> dict[str, Any]:
        settings = {"class_aggregation": self.class_aggregation, "num_regressors": self.num_regressors}
        return {**super().get_config(), **settings}


def check_two_axes(name: str, y_true: Any, y_pred: Any) -> None:
    """Refuse tensors that aren't of shape `(batch, outputs)`."""
    if len(y_true.shape) != 2 or len(y_pred.shape) != 2:
        raise ValueError(
            f"{name} expects 2D inputs with shape (batch_size, output_dim). Received input shapes: "
            f"y_pred.shape={tuple(y_pred.shape)} and y_true.shape={tuple(y_true.shape)}."
        )
