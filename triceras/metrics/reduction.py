"""Sums and means over batches, and means of what a function gives for each sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from triceras import ops
from triceras.core import masks, registry
from triceras.losses.loss import align_weights, both_masks, match_ranks
from triceras.metrics.metric import Metric


def per_sample(values: Any, weights: Any, reduce: Callable, dtype: str) -> tuple[Any, Any]:
    """Values and weights, reduced to one for each sample.

    Args:
        values: tensor; its first axis counts samples.
        weights: None, or weights for the leading axes of the values.
        reduce: `ops.mean` or `ops.sum`, for the other axes.
        dtype: of the results.

    Returns:
        Weighted values and weights (None if there were none), both of shape `(samples,)` or `()`.
    """
    backend = registry.backend_of(values, weights) or registry.current()
    values = backend.convert(values, dtype)
    if weights is not None:
        weights, values = match_ranks(backend.convert(weights, dtype), values)
        extra = tuple(range(len(weights.shape), len(values.shape)))
        values = reduce(values, axis=extra) if extra else values
        weights = align_weights(weights, values) * ops.ones_like(values)
        values, weights = values * weights, _flat(weights, reduce)
    return _flat(values, reduce), weights


def _flat(x: Any, reduce: Callable) -> Any:
    return reduce(x, axis=tuple(range(1, len(x.shape)))) if len(x.shape) > 1 else x


class Sum(Metric):
    """The weighted sum of all values.

    Args:
        name: its name.
        dtype: see `Metric`.

    Example:
        >>> from triceras import metrics
        >>> float(metrics.Sum()([1.0, 3.0]))
        4.0
    """

    def __init__(self, name: str = "sum", dtype: Any = None):
        super().__init__(dtype=dtype, name=name)
        self.total = self.add_variable((), "zeros", name="total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add values.

        Args:
            values: tensor.
            sample_weight: weights of the leading axes.
        """
        values, _ = per_sample(values, sample_weight, ops.sum, self.dtype)
        self.total.assign_add(ops.sum(values))

    def reset_state(self) -> None:
        self.total.assign(0.0)

    def result(self) -> Any:
        return ops.cast(self.total, self.dtype)


class Mean(Metric):
    """The weighted mean of all values.

    Args:
        name: its name.
        dtype: see `Metric`.

    Example:
        >>> from triceras import metrics
        >>> float(metrics.Mean()([1.0, 3.0], sample_weight=[1.0, 0.0]))
        1.0
    """

    def __init__(self, name: str = "mean", dtype: Any = None):
        super().__init__(dtype=dtype, name=name)
        self.total = self.add_variable((), "zeros", name="total")
        self.count = self.add_variable((), "zeros", name="count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Take in values; each sample counts once, or by its weight.

        Args:
            values: tensor.
            sample_weight: weights of the leading axes.
        """
        values, weights = per_sample(values, sample_weight, ops.mean, self.dtype)
        self.total.assign_add(ops.sum(values))
        self.count.assign_add(ops.sum(ops.ones_like(values) if weights is None else weights))

    def reset_state(self) -> None:
        self.total.assign(0.0)
        self.count.assign(0.0)

    def result(self) -> Any:
        return ops.divide_no_nan(self.total, self.count)


class MeanMetricWrapper(Mean):
    """The weighted mean of what a function gives. Subclasses name a function and its settings.

    Args:
        fn: `(y_true, y_pred, **settings)`, which gives one value per sample.
        name: the function's by default.
        dtype: see `Metric`.
        **kwargs: the settings; they are in the config.

    Example:
        >>> from triceras import metrics, ops
        >>> def gap(y_true, y_pred):
        ...     return ops.absolute(y_true - y_pred)
        >>> float(metrics.MeanMetricWrapper(gap)(ops.array([1.0, 2.0]), ops.array([1.0, 4.0])))
        1.0
    """

    def __init__(self, fn: Callable, name: str | None = None, dtype: Any = None, **kwargs: Any):
        super().__init__(name=name, dtype=dtype)
        self._fn, self._settings = fn, kwargs

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch.

        Args:
            y_true: targets.
            y_pred: predictions. What their mask, or that of the function's values, leaves out doesn't count.
            sample_weight: weights of the leading axes.
        """
        mask = masks.get(y_pred)
        backend = registry.backend_of(y_pred, y_true) or registry.current()
        values = self._fn(backend.convert(y_true), backend.convert(y_pred), **self._settings)
        if mask is not None or sample_weight is not None:  # the values' own mask only goes with weights, as in Keras
            mask = both_masks(mask, masks.get(values))
        values = backend.convert(values, self.dtype)
        super().update_state(values, masked(sample_weight, mask, values, self.dtype))

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), **self._settings}
        if type(self) is not MeanMetricWrapper:
            return config
        from triceras.saving import serialization

        return {**config, "fn": serialization.serialize_keras_object(self._fn)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> MeanMetricWrapper:
        if "fn" in config:
            from triceras.saving import serialization

            config = {**config, "fn": serialization.deserialize_keras_object(config["fn"])}
        return cls(**config)


def masked(weights: Any, mask: Any, values: Any, dtype: str) -> Any:
    """Weights that are zero where a mask is False; None if there are neither."""
    if mask is None:
        return weights
    mask, values = match_ranks(ops.cast(mask, dtype), values)
    if weights is None:
        return mask
    mask = align_weights(mask, values) * ops.ones_like(values)
    weights, _ = match_ranks(ops.cast(weights, dtype), mask)
    return align_weights(weights, mask) * mask
