"""Margin losses, for targets of -1 and 1."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.losses.loss import FunctionLoss, as_pair

REDUCTION = "sum_over_batch_size"


def hinge(y_true: Any, y_pred: Any) -> Any:
    """`mean(max(0, 1 - y_true * y_pred))` over the last axis.

    Args:
        y_true: targets of -1 and 1; if all are 0 or 1, 0 stands for -1. Shape `(…, d)`.
        y_pred: predictions, same shape.

    Returns:
        Tensor of shape `(…)`.

    Example:
        >>> from triceras import losses
        >>> float(losses.hinge([[-1.0, 1.0]], [[0.0, 2.0]])[0])
        0.5
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    return ops.mean(margins(y_true, y_pred), axis=-1)


def squared_hinge(y_true: Any, y_pred: Any) -> Any:
    """`mean(max(0, 1 - y_true * y_pred)²)` over the last axis.

    Args:
        y_true: targets of -1 and 1; if all are 0 or 1, 0 stands for -1. Shape `(…, d)`.
        y_pred: predictions, same shape.

    Returns:
        Tensor of shape `(…)`.

    Example:
        >>> from triceras import losses
        >>> float(losses.squared_hinge([[-1.0, 1.0]], [[1.0, 2.0]])[0])
        2.0
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    return ops.mean(ops.square(margins(y_true, y_pred)), axis=-1)


def categorical_hinge(y_true: Any, y_pred: Any) -> Any:
    """`max(0, 1 + greatest wrong score - right score)`.

    Args:
        y_true: one-hot targets, shape `(…, classes)`.
        y_pred: scores, same shape.

    Returns:
        Tensor of shape `(…)`.

    Example:
        >>> from triceras import losses
        >>> float(losses.categorical_hinge([[0.0, 1.0]], [[1.0, 1.5]])[0])
        0.5
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    right = ops.sum(y_true * y_pred, axis=-1)
    wrong = ops.max((1.0 - y_true) * y_pred, axis=-1)
    return ops.maximum(wrong - right + 1.0, 0.0)


def margins(y_true: Any, y_pred: Any) -> Any:
    """By how much each prediction fails to keep a margin of 1."""
    binary = ops.all(ops.logical_or(ops.equal(y_true, 0), ops.equal(y_true, 1)))
    y_true = ops.where(binary, 2.0 * y_true - 1.0, y_true)
    return ops.maximum(1.0 - y_true * y_pred, 0.0)


class Hinge(FunctionLoss):
    """The hinge loss as a `Loss`; see `hinge`.

    Example:
        >>> from triceras import losses
        >>> float(losses.Hinge()([[-1.0, 1.0]], [[0.0, 2.0]]))
        0.5
    """

    def __init__(self, reduction: str | None = REDUCTION, name: str = "hinge", dtype: Any = None):
        super().__init__(hinge, reduction, name, dtype)


class SquaredHinge(FunctionLoss):
    """The squared hinge loss as a `Loss`; see `squared_hinge`."""

    def __init__(self, reduction: str | None = REDUCTION, name: str = "squared_hinge", dtype: Any = None):
        super().__init__(squared_hinge, reduction, name, dtype)


class CategoricalHinge(FunctionLoss):
    """The categorical hinge loss as a `Loss`; see `categorical_hinge`."""

    def __init__(self, reduction: str | None = REDUCTION, name: str = "categorical_hinge", dtype: Any = None):
        super().__init__(categorical_hinge, reduction, name, dtype)
