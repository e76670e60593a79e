"""Losses between distributions: crossentropies, focal losses, divergences."""

from __future__ import annotations

import warnings
from typing import Any

from triceras import ops
from triceras.core import config, dtypes, masks, registry
from triceras.losses.loss import FunctionLoss, as_pair

REDUCTION = "sum_over_batch_size"


def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Any:
    """The crossentropy of independent yes-or-no predictions, averaged over an axis.

    Args:
        y_true: targets of 0 and 1.
        y_pred: probabilities, or logits; same shape.
        from_logits: whether `y_pred` is logits.
        label_smoothing: in [0, 1]; targets are moved this far towards 0.5.
        axis: axis to average over.

    Returns:
        Tensor without that axis.

    Example:
        >>> from triceras import losses
        >>> round(float(losses.binary_crossentropy([[0.0, 1.0]], [[0.5, 0.5]])[0]), 4)
        0.6931
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    values = ops.binary_crossentropy(smooth(y_true, label_smoothing, 2), y_pred, from_logits=from_logits)
    return ops.mean(values, axis=axis)


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Binary crossentropy in which what is predicted well counts less: Lin et al., 2017.

    Args:
        y_true: targets of 0 and 1.
        y_pred: probabilities, or logits; same shape.
        apply_class_balancing: whether class 1 weighs `alpha` and class 0 `1 - alpha`.
        alpha: that weight.
        gamma: exponent of the focal factor; 0 gives the plain crossentropy.
        from_logits: whether `y_pred` is logits.
        label_smoothing: in [0, 1]; targets are moved this far towards 0.5.
        axis: axis to average over.

    Returns:
        Tensor without that axis.

    Example:
        >>> from triceras import losses
        >>> round(float(losses.binary_focal_crossentropy([[0.0, 1.0]], [[0.5, 0.5]])[0]), 4)
        0.1733
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    y_true = smooth(y_true, label_smoothing, 2)
    if from_logits:
        y_pred = ops.sigmoid(y_pred)
    missed = 1.0 - (y_true * y_pred + (1.0 - y_true) * (1.0 - y_pred))
    values = ops.power(missed, gamma) * ops.binary_crossentropy(y_true, y_pred)
    if apply_class_balancing:
        values = values * (y_true * alpha + (1.0 - y_true) * (1.0 - alpha))
    return ops.mean(values, axis=axis)


def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Any:
    """The crossentropy between distributions over classes.

    Args:
        y_true: one-hot targets or probabilities.
        y_pred: probabilities (scaled to a sum of 1), or logits; same shape.
        from_logits: whether `y_pred` is logits.
        label_smoothing: in [0, 1]; targets are moved this far towards the uniform distribution.
        axis: axis of the classes.

    Returns:
        Tensor without that axis.

    Example:
        >>> from triceras import losses
        >>> round(float(losses.categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]])[0]), 4)
        0.6931
    """
    y_true, y_pred = _classes(y_true, y_pred, axis)
    return ops.categorical_crossentropy(
        smooth(y_true, label_smoothing, y_true.shape[axis]), y_pred, from_logits=from_logits, axis=axis
    )


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: Any = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Categorical crossentropy in which what is predicted well counts less: Lin et al., 2017.

    Args:
        y_true: one-hot targets or probabilities.
        y_pred: probabilities (scaled to a sum of 1), or logits; same shape.
        alpha: weight of all classes, or a list with one for each.
        gamma: exponent of the focal factor.
        from_logits: whether `y_pred` is logits.
        label_smoothing: in [0, 1]; targets are moved this far towards the uniform distribution.
        axis: axis of the classes.

    Returns:
        Tensor without that axis.

    Example:
        >>> from triceras import losses
        >>> round(float(losses.categorical_focal_crossentropy([[0.0, 1.0]], [[0.5, 0.5]])[0]), 4)
        0.0433
    """
    y_true, y_pred = _classes(y_true, y_pred, axis)
    y_true = smooth(y_true, label_smoothing, y_true.shape[axis])
    if from_logits:
        y_pred = ops.softmax(y_pred, axis=axis)
    p = ops.clip(y_pred / ops.sum(y_pred, axis=axis, keepdims=True), config.epsilon(), 1.0 - config.epsilon())
    weights = ops.multiply(ops.power(1.0 - p, gamma), ops.cast(alpha, dtypes.standardize_dtype(p.dtype)))
    return ops.sum(-weights * y_true * ops.log(p), axis=axis)


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Any:
    """The crossentropy of predictions over classes, for integer targets.

    Args:
        y_true: class numbers, of the shape of `y_pred` without its class axis; a last axis of length 1 is dropped.
        y_pred: probabilities (scaled to a sum of 1), or logits.
        from_logits: whether `y_pred` is logits.
        ignore_class: a class number whose samples have loss 0 and are masked: a `Loss` takes the mean over the others.
        axis: axis of the classes.

    Returns:
        Tensor of the shape of `y_true`.

    Example:
        >>> from triceras import losses
        >>> round(float(losses.sparse_categorical_crossentropy([1], [[0.5, 0.5]])[0]), 4)
        0.6931
    """
    backend = registry.backend_of(y_pred, y_true) or registry.current()
    y_pred, y_true = backend.convert(y_pred), backend.convert(y_true)
    if ignore_class is None:
        return ops.sparse_categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)
    kept = ops.not_equal(y_true, ignore_class)
    y_true = ops.where(kept, y_true, ops.zeros_like(y_true))
    values = ops.sparse_categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)
    kept = ops.reshape(kept, ops.shape(values))
    values = ops.where(kept, values, ops.zeros_like(values))
    masks.set(values, kept)
    return values


def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float) -> Any:
    """`(1 - p**q) / q` with the probability `p` of the right class; robust to wrong labels: Zhang & Sabuncu, 2018.

    Args:
        y_true: class numbers, of the shape of `y_pred` without its last axis, or with a last axis of length 1.
        y_pred: probabilities, shape `(…, classes)`.
        q: in (0, 1): near 0 it acts like the crossentropy, near 1 like the absolute error.

    Returns:
        Tensor of shape `(…)`.

    Example:
        >>> from triceras import losses
        >>> float(losses.categorical_generalized_cross_entropy([1], [[0.75, 0.25]], 0.5)[0])
        1.0
    """
    backend = registry.backend_of(y_pred, y_true) or registry.current()
    y_pred, y_true = backend.convert(y_pred), backend.convert(y_true, "int32")
    if len(y_true.shape) == len(y_pred.shape):
        y_true = ops.squeeze(y_true, -1)
    hot = ops.one_hot(y_true, y_pred.shape[-1], dtype=dtypes.standardize_dtype(y_pred.dtype))
    return (1.0 - ops.power(ops.sum(hot * y_pred, axis=-1), q)) / q


def kl_divergence(y_true: Any, y_pred: Any) -> Any:
    """`sum(y_true * log(y_true / y_pred))` over the last axis: Kullback & Leibler, 1951.

    Args:
        y_true: probabilities, shape `(…, d)`; cut to `[config.epsilon(), 1]`, as the others are.
        y_pred: probabilities, same shape.

    Returns:
        Tensor of shape `(…)`.

    Example:
        >>> from triceras import losses
        >>> float(losses.kl_divergence([[0.5, 0.5]], [[0.5, 0.5]])[0])
        0.0
    """
    y_true, y_pred = (ops.clip(y, config.epsilon(), 1) for y in as_pair(y_true, y_pred))
    return ops.sum(y_true * ops.log(y_true / y_pred), axis=-1)


def poisson(y_true: Any, y_pred: Any) -> Any:
    """`mean(y_pred - y_true * log(y_pred))` over the last axis: for counts.

    Args:
        y_true: targets, shape `(…, d)`.
        y_pred: predicted means, same shape.

    Returns:
        Tensor of shape `(…)`.

    Example:
        >>> from triceras import losses
        >>> round(float(losses.poisson([[3.0, 5.0]], [[1.0, 1.0]])[0]), 4)
        1.0
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    return ops.mean(y_pred - y_true * ops.log(y_pred + config.epsilon()), axis=-1)


def smooth(y_true: Any, amount: float, classes: int) -> Any:
    """Targets moved by an amount towards the uniform distribution."""
    return y_true if not amount else y_true * (1.0 - amount) + amount / classes


def _classes(y_true: Any, y_pred: Any, axis: int) -> tuple[Any, Any]:
    y_true, y_pred = as_pair(y_true, y_pred)
    if y_pred.shape[axis] == 1:
        warnings.warn(
            "A categorical crossentropy over one class is always 0: expected y_pred.shape to be (batch_size, "
            f"num_classes) with num_classes > 1. Received: y_pred.shape={tuple(y_pred.shape)}. Consider "
            "'binary_crossentropy'.",
            SyntaxWarning,
            stacklevel=3,
        )
    return y_true, y_pred


class BinaryCrossentropy(FunctionLoss):
    """The binary crossentropy as a `Loss`; see `binary_crossentropy`.

    Example:
        >>> from triceras import losses
        >>> round(float(losses.BinaryCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
        0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = REDUCTION,
        name: str = "binary_crossentropy",
        dtype: Any = None,
    ):
        settings = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(binary_crossentropy, reduction, name, dtype, **settings)


class BinaryFocalCrossentropy(FunctionLoss):
    """The binary focal crossentropy as a `Loss`; see `binary_focal_crossentropy`."""

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = REDUCTION,
        name: str = "binary_focal_crossentropy",
        dtype: Any = None,
    ):
        settings = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        settings |= {"apply_class_balancing": apply_class_balancing, "alpha": alpha, "gamma": gamma}
        super().__init__(binary_focal_crossentropy, reduction, name, dtype, **settings)


class CategoricalCrossentropy(FunctionLoss):
    """The categorical crossentropy as a `Loss`; see `categorical_crossentropy`.

    Example:
        >>> from triceras import losses
        >>> round(float(losses.CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
        0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = REDUCTION,
        name: str = "categorical_crossentropy",
        dtype: Any = None,
    ):
        settings = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(categorical_crossentropy, reduction, name, dtype, **settings)


class CategoricalFocalCrossentropy(FunctionLoss):
    """The categorical focal crossentropy as a `Loss`; see `categorical_focal_crossentropy`."""

    def __init__(
        self,
        alpha: Any = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = REDUCTION,
        name: str = "categorical_focal_crossentropy",
        dtype: Any = None,
    ):
        settings = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(categorical_focal_crossentropy, reduction, name, dtype, **settings, alpha=alpha, gamma=gamma)


class _ClassNumbers(FunctionLoss):
    """A loss whose integer targets stay integers: not every class number exists in a floating dtype."""

    def convert_target(self, backend: Any, x: Any) -> Any:
        return backend.convert(x)


class SparseCategoricalCrossentropy(_ClassNumbers):
    """The crossentropy for integer targets as a `Loss`; see `sparse_categorical_crossentropy`.

    Example:
        >>> from triceras import losses
        >>> round(float(losses.SparseCategoricalCrossentropy()([1], [[0.5, 0.5]])), 4)
        0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = REDUCTION,
        axis: int = -1,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ):
        settings = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        super().__init__(sparse_categorical_crossentropy, reduction, name, dtype, **settings)


class CategoricalGeneralizedCrossEntropy(_ClassNumbers):
    """The generalized crossentropy as a `Loss`; see `categorical_generalized_cross_entropy`."""

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = REDUCTION,
        name: str = "categorical_generalized_cross_entropy",
        dtype: Any = None,
    ):
        if not 0 < q < 1:
            raise ValueError(f"q must be in the interval (0, 1). Received: q={q}")
        super().__init__(categorical_generalized_cross_entropy, reduction, name, dtype, q=q)


class KLDivergence(FunctionLoss):
    """The Kullback-Leibler divergence as a `Loss`; see `kl_divergence`."""

    def __init__(self, reduction: str | None = REDUCTION, name: str = "kl_divergence", dtype: Any = None):
        super().__init__(kl_divergence, reduction, name, dtype)


class Poisson(FunctionLoss):
    """The Poisson loss as a `Loss`; see `poisson`."""

    def __init__(self, reduction: str | None = REDUCTION, name: str = "poisson", dtype: Any = None):
        super().__init__(poisson, reduction, name, dtype)
