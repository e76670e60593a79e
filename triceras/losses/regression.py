"""Losses between numbers: squared, absolute, relative and robust errors; directions of vectors."""

from __future__ import annotations

import math
from typing import Any

from triceras import ops
from triceras.core import config
from triceras.losses.loss import FunctionLoss, as_pair

REDUCTION = "sum_over_batch_size"


def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """`mean((y_true - y_pred)²)` over the last axis.

    Args:
        y_true: targets, shape `(…, d)`.
        y_pred: predictions, same shape.

    Returns:
        Tensor of shape `(…)`.

    Example:
        >>> from triceras import losses
        >>> float(losses.mean_squared_error([[0.0, 1.0]], [[2.0, 1.0]])[0])
        2.0
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    return ops.mean(ops.square(y_true - y_pred), axis=-1)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """`mean(|y_true - y_pred|)` over the last axis.

    Args:
        y_true: targets, shape `(…, d)`.
        y_pred: predictions, same shape.

    Returns:
        Tensor of shape `(…)`.

    Example:
        >>> from triceras import losses
        >>> float(losses.mean_absolute_error([[0.0, 1.0]], [[2.0, 1.0]])[0])
        1.0
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    return ops.mean(ops.absolute(y_true - y_pred), axis=-1)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Any:
    """`100 * mean(|y_true - y_pred| / |y_true|)` over the last axis; tiny targets count as `config.epsilon()`.

    Args:
        y_true: targets, shape `(…, d)`.
        y_pred: predictions, same shape.

    Returns:
        Tensor of shape `(…)`.

    Example:
        >>> from triceras import losses
        >>> float(losses.mean_absolute_percentage_error([[2.0, 4.0]], [[1.0, 4.0]])[0])
        25.0
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    relative = ops.absolute((y_true - y_pred) / ops.maximum(ops.absolute(y_true), config.epsilon()))
    return 100.0 * ops.mean(relative, axis=-1)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Any:
    """`mean((log(1 + y_true) - log(1 + y_pred))²)` over the last axis; negative numbers count as `config.epsilon()`.

    Args:
        y_true: targets, shape `(…, d)`.
        y_pred: predictions, same shape.

    Returns:
        Tensor of shape `(…)`.

    Example:
        >>> from triceras import losses
        >>> float(losses.mean_squared_logarithmic_error([[1.0, 3.0]], [[1.0, 3.0]])[0])
        0.0
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    first, second = (ops.log(ops.maximum(y, config.epsilon()) + 1.0) for y in (y_true, y_pred))
    return ops.mean(ops.square(first - second), axis=-1)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Any:
    """Squared for small errors, absolute for large ones: Huber, 1964.

    Args:
        y_true: targets, shape `(…, d)`.
        y_pred: predictions, same shape.
        delta: error at which one becomes the other.

    Returns:
        Tensor of shape `(…)`.

    Example:
        >>> from triceras import losses
        >>> float(losses.huber([[0.0, 0.0]], [[1.0, 3.0]])[0])
        1.5
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    error = ops.absolute(y_true - y_pred)
    return ops.mean(ops.where(error <= delta, 0.5 * ops.square(error), delta * error - 0.5 * delta * delta), axis=-1)


def log_cosh(y_true: Any, y_pred: Any) -> Any:
    """`mean(log(cosh(y_pred - y_true)))` over the last axis: like Huber's, but smooth.

    Args:
        y_true: targets, shape `(…, d)`.
        y_pred: predictions, same shape.

    Returns:
        Tensor of shape `(…)`.

    Example:
        >>> from triceras import losses
        >>> float(losses.log_cosh([[0.0, 0.0]], [[0.0, 0.0]])[0])
        0.0
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    error = y_pred - y_true
    return ops.mean(error + ops.softplus(-2.0 * error) - math.log(2.0), axis=-1)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Minus the cosine of the angle between vectors: -1 for equal directions, 0 for a right angle.

    Args:
        y_true: targets.
        y_pred: predictions, same shape.
        axis: axis that the vectors lie along.

    Returns:
        Tensor without that axis.

    Example:
        >>> from triceras import losses
        >>> float(losses.cosine_similarity([[3.0, 0.0]], [[1.0, 0.0]])[0])
        -1.0
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    return -ops.sum(unit(y_true, axis) * unit(y_pred, axis), axis=axis)


def unit(x: Any, axis: int) -> Any:
    """Vectors with norm 1; those near zero stay near zero."""
    return x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis=axis, keepdims=True), 1e-12))


class MeanSquaredError(FunctionLoss):
    """The mean squared error as a `Loss`; see `mean_squared_error`.

    Example:
        >>> from triceras import losses
        >>> float(losses.MeanSquaredError()([[0.0, 1.0]], [[2.0, 1.0]]))
        2.0
    """

    def __init__(self, reduction: str | None = REDUCTION, name: str = "mean_squared_error", dtype: Any = None):
        super().__init__(mean_squared_error, reduction, name, dtype)


class MeanAbsoluteError(FunctionLoss):
    """The mean absolute error as a `Loss`; see `mean_absolute_error`."""

    def __init__(self, reduction: str | None = REDUCTION, name: str = "mean_absolute_error", dtype: Any = None):
        super().__init__(mean_absolute_error, reduction, name, dtype)


class MeanAbsolutePercentageError(FunctionLoss):
    """The mean absolute percentage error as a `Loss`; see `mean_absolute_percentage_error`."""

    def __init__(
        self, reduction: str | None = REDUCTION, name: str = "mean_absolute_percentage_error", dtype: Any = None
    ):
        super().__init__(mean_absolute_percentage_error, reduction, name, dtype)


class MeanSquaredLogarithmicError(FunctionLoss):
    """The mean squared logarithmic error as a `Loss`; see `mean_squared_logarithmic_error`."""

    def __init__(
        self, reduction: str | None = REDUCTION, name: str = "mean_squared_logarithmic_error", dtype: Any = None
    ):
        super().__init__(mean_squared_logarithmic_error, reduction, name, dtype)


class Huber(FunctionLoss):
    """Huber's loss as a `Loss`; see `huber`."""

    def __init__(
        self, delta: float = 1.0, reduction: str | None = REDUCTION, name: str = "huber_loss", dtype: Any = None
    ):
        super().__init__(huber, reduction, name, dtype, delta=delta)


class LogCosh(FunctionLoss):
    """The log-cosh loss as a `Loss`; see `log_cosh`."""

    def __init__(self, reduction: str | None = REDUCTION, name: str = "log_cosh", dtype: Any = None):
        super().__init__(log_cosh, reduction, name, dtype)


class CosineSimilarity(FunctionLoss):
    """Minus the cosine similarity as a `Loss`; see `cosine_similarity`."""

    def __init__(
        self, axis: int = -1, reduction: str | None = REDUCTION, name: str = "cosine_similarity", dtype: Any = None
    ):
        super().__init__(cosine_similarity, reduction, name, dtype, axis=axis)
