"""Losses on how much two regions overlap, for segmentation."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.core import config
from triceras.losses.loss import FunctionLoss, as_pair

REDUCTION = "sum_over_batch_size"


def dice(y_true: Any, y_pred: Any, axis: Any = None) -> Any:
    """One minus the Dice coefficient, `1 - 2 |A ∩ B| / (|A| + |B|)`.

    Args:
        y_true: targets in [0, 1].
        y_pred: predictions in [0, 1], same shape.
        axis: axes of a region; all by default.

    Returns:
        Tensor without these axes.

    Example:
        >>> from triceras import losses
        >>> round(float(losses.dice([1.0, 1.0], [1.0, 0.0])), 4)
        0.3333
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    both = ops.sum(y_true * y_pred, axis=axis)
    sizes = ops.sum(y_true, axis=axis) + ops.sum(y_pred, axis=axis)
    return 1.0 - ops.divide(2.0 * both, sizes + config.epsilon())


def tversky(y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Any = None) -> Any:
    """One minus the Tversky index, in which false positives and false negatives weigh differently: Salehi et al., 2017.

    Args:
        y_true: targets in [0, 1].
        y_pred: predictions in [0, 1], same shape.
        alpha: weight of false negatives.
        beta: weight of false positives.
        axis: axes of a region; all by default.

    Returns:
        Tensor without these axes.

    Example:
        >>> from triceras import losses
        >>> round(float(losses.tversky([1.0, 1.0], [1.0, 0.0], alpha=1.0)), 4)
        0.5
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    both = ops.sum(y_true * y_pred, axis=axis)
    extra = ops.sum((1.0 - y_true) * y_pred, axis=axis)
    missed = ops.sum(y_true * (1.0 - y_pred), axis=axis)
    return 1.0 - both / (both + alpha * missed + beta * extra + config.epsilon())


class Dice(FunctionLoss):
    """The Dice loss as a `Loss`; see `dice`.

    Example:
        >>> from triceras import losses
        >>> round(float(losses.Dice()([1.0, 1.0], [1.0, 0.0])), 4)
        0.3333
    """

    def __init__(self, reduction: str | None = REDUCTION, name: str = "dice", axis: Any = None, dtype: Any = None):
        super().__init__(dice, reduction, name, dtype, axis=axis)


class Tversky(FunctionLoss):
    """The Tversky loss as a `Loss`; see `tversky`."""

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = REDUCTION,
        name: str = "tversky",
        axis: Any = None,
        dtype: Any = None,
    ):
        super().__init__(tversky, reduction, name, dtype, alpha=alpha, beta=beta, axis=axis)
