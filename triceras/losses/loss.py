"""`Loss`: turns targets and predictions into one number. A subclass, or a function in a `FunctionLoss`, says how."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from triceras import dtype_policies, ops
from triceras.core import config, dtypes, masks, naming, registry, tree
from triceras.ops.rules import broadcast_shapes


class Loss:
    """Base of all losses.

    A subclass defines `call(y_true, y_pred)`, which gives one value per sample (or per sample and step).

    Args:
        name: its name; the class's in snake case by default.
        reduction: what becomes of these values: `"sum_over_batch_size"` or `"mean"` (their mean), `"sum"`,
            `"mean_with_sample_weight"` (divided by the sum of the weights), `"none"` or None (nothing).
        dtype: that inputs are cast to, or a dtype policy, whose compute dtype counts; `config.floatx()` by default.

    Raises:
        ValueError: an unknown reduction.

    Example:
        >>> from triceras import losses, ops
        >>> class Largest(losses.Loss):
        ...     def call(self, y_true, y_pred):
        ...         return ops.max(ops.absolute(y_true - y_pred), axis=-1)
        >>> float(Largest()(ops.array([[0.0, 1.0], [2.0, 2.0]]), ops.array([[1.0, 1.0], [2.0, 5.0]])))
        2.0
    """

    def __init__(self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: Any = None):
        if reduction not in REDUCTIONS:
            raise ValueError(
                f"Invalid value for argument `reduction`. Expected one of {REDUCTIONS}. Received: reduction={reduction}"
            )
        self.name = name or naming.auto_name(type(self).__name__)
        self.reduction = reduction
        self._dtype = None if dtype is None else compute_dtype(dtype)

    @property
    def dtype(self) -> str:
        """The dtype that it computes in."""
        return self._dtype or config.floatx()

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The loss, reduced.

        Args:
            y_true: targets: a tensor or a structure of them.
            y_pred: predictions. What their mask leaves out doesn't count.
            sample_weight: a weight for each value, or for each sample.
        """
        backend = registry.backend_of(y_pred, y_true) or registry.current()
        mask = None if tree.is_nested(y_pred) else masks.get(y_pred)
        y_pred = tree.map_structure(lambda x: backend.convert(x, self.dtype), y_pred)
        y_true = tree.map_structure(lambda x: self.convert_target(backend, x), y_true)
        values = self.call(y_true, y_pred)
        mask = both_masks(mask, masks.get(values))
        return reduce_weighted(values, sample_weight, mask, self.reduction, self.dtype)

    def convert_target(self, backend: Any, x: Any) -> Any:
        """A target as a tensor."""
        return backend.convert(x, self.dtype)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The values before reduction."""
        raise NotImplementedError(f"{type(self).__name__} must define `call(y_true, y_pred)`.")

    def get_config(self) -> dict[str, Any]:
        """The arguments it was made with."""
        config = {"name": self.name, "reduction": self.reduction}
        return config if self._dtype is None else {**config, "dtype": self._dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        """Make one from its config."""
        return cls(**config)


class FunctionLoss(Loss):
    """A function `(y_true, y_pred, **settings)` as a `Loss`. Subclasses name a function and its settings.

    Args:
        fn: the function.
        reduction, name, dtype: see `Loss`.
        **settings: keyword arguments for the function; they are in the config.
    """

    def __init__(
        self,
        fn: Callable,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **settings: Any,
    ):
        super().__init__(name=name or getattr(fn, "__name__", None), reduction=reduction, dtype=dtype)
        self.fn, self.settings = fn, settings

    def call(self, y_true: Any, y_pred: Any) -> Any:
        if not tree.is_nested(y_true) and not tree.is_nested(y_pred):
            y_true, y_pred = match_ranks(y_true, y_pred)
        try:
            return self.fn(y_true, y_pred, **self.settings)
        except Exception as error:
            if tree.is_nested(y_true) or tree.is_nested(y_pred) or _fit(tuple(y_true.shape), tuple(y_pred.shape)):
                raise
            raise ValueError(
                f"Loss '{self.name}' can't compare targets of shape {tuple(y_true.shape)} with predictions of shape "
                f"{tuple(y_pred.shape)}: {error}"
            ) from error

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), **self.settings}
        if type(self) is not FunctionLoss:
            return config
        from triceras.saving import serialization

        return {**config, "fn": serialization.serialize_keras_object(self.fn)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> FunctionLoss:
        if "fn" in config:
            from triceras.saving import serialization

            config = {**config, "fn": serialization.deserialize_keras_object(config["fn"])}
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({self.fn}, kwargs={self.settings})>"


def _fit(a: tuple, b: tuple) -> bool:
    try:
        broadcast_shapes(a, b)
    except ValueError:
        return False
    return True


# --- shapes and dtypes -----------------------------------------------------------------------------------------------


def compute_dtype(dtype: Any) -> str:
    """The dtype to compute in that a dtype or a dtype policy asks for."""
    if isinstance(dtype, str) and dtype in dtypes.ALL:
        return dtype
    return dtype_policies.get(dtype).compute_dtype


def match_ranks(a: Any, b: Any) -> tuple[Any, Any]:
    """Two tensors whose ranks differ by one, the larger ending in 1, with equal ranks; others as they are.

    A tensor of rank 1 gets the axis; otherwise the other one loses it.
    """
    lower, higher = sorted((a, b), key=lambda x: len(x.shape))
    if len(higher.shape) - len(lower.shape) != 1 or higher.shape[-1] != 1:
        return a, b
    if len(lower.shape) == 1:
        return (ops.expand_dims(a, -1), b) if a is lower else (a, ops.expand_dims(b, -1))
    return (ops.squeeze(a, -1), b) if a is higher else (a, ops.squeeze(b, -1))


def as_pair(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Targets and predictions as tensors of one backend, of the prediction's floating dtype and of matching ranks."""
    backend = registry.backend_of(y_pred, y_true) or registry.current()
    y_pred = backend.convert(y_pred)
    dtype = dtypes.standardize_dtype(y_pred.dtype)
    if not dtypes.is_float(dtype):
        dtype = config.floatx()
        y_pred = backend.convert(y_pred, dtype)
    return match_ranks(backend.convert(y_true, dtype), y_pred)


def align_weights(weights: Any, values: Any) -> Any:
    """Weights in a form that broadcasts to values: their leading axes are those of the values.

    Raises:
        ValueError: they are neither leading axes nor broadcastable.
    """
    have, want = tuple(weights.shape), tuple(values.shape)
    if not want:  # one value for the whole batch counts once for each sample
        return weights
    if len(have) > len(want):
        raise ValueError(f"sample_weight has more axes than what it weighs: expected at most {want}, got {have}.")
    if len(have) < len(want) and all(h in (w, None) or w is None for h, w in zip(have, want, strict=False)):
        return ops.reshape(weights, tuple(-1 if d is None else d for d in have) + (1,) * (len(want) - len(have)))
    if any(h not in (1, w, None) and w is not None for h, w in zip(reversed(have), reversed(want), strict=False)):
        raise ValueError(
            f"sample_weight of shape {have} doesn't fit values of shape {want}: give one weight per sample, "
            f"{want[:1]}, or one per value, {want}."
        )
    return weights


def both_masks(mask: Any, other: Any) -> Any:
    """Where two masks are True; None stands for a mask that is True everywhere."""
    if mask is None or other is None:
        return other if mask is None else mask
    lower, higher = sorted((mask, other), key=lambda x: len(x.shape))
    return ops.logical_and(align_weights(lower, higher), higher)


# --- reduction -------------------------------------------------------------------------------------------------------


def mean_reduction(values: Any, weights: Any) -> Any:
    return ops.mean(values)


def sum_reduction(values: Any, weights: Any) -> Any:
    return ops.sum(values)


def weighted_mean_reduction(values: Any, weights: Any) -> Any:
    if weights is None:
        return ops.mean(values)
    return ops.divide_no_nan(ops.sum(values), ops.sum(weights * ops.ones_like(values)))


def no_reduction(values: Any, weights: Any) -> Any:
    return values


REDUCE: dict[str | None, Callable] = {
    "sum_over_batch_size": mean_reduction,
    "mean": mean_reduction,
    "mean_with_sample_weight": weighted_mean_reduction,
    "sum": sum_reduction,
    "none": no_reduction,
    None: no_reduction,
}
REDUCTIONS = tuple(REDUCE)


def reduce_weighted(
    values: Any,
    sample_weight: Any = None,
    mask: Any = None,
    reduction: str | None = "sum_over_batch_size",
    dtype: Any = None,
) -> Any:
    """Values, weighted and reduced.

    Args:
        values: tensor.
        sample_weight: a weight for each value or each sample, or None.
        mask: True where a value counts; means are taken over these only.
        reduction: see `Loss`.
        dtype: of the weights and the result; the values' by default.
    """
    backend = registry.backend_of(values, mask, sample_weight) or registry.current()
    values = backend.convert(values, dtype)
    dtype = dtypes.standardize_dtype(values.dtype)
    weights = None
    if mask is not None:
        mask = backend.convert(mask, dtype)
        mask, values = match_ranks(mask, values)
        weights = align_weights(mask, values) * ops.ones_like(values)
        if REDUCE[reduction] is mean_reduction:
            weights = ops.divide_no_nan(weights, ops.mean(weights))
    if sample_weight is not None:
        given, values = match_ranks(backend.convert(sample_weight, dtype), values)
        given = align_weights(given, values)
        weights = given if weights is None else given * weights
    if weights is not None:
        values = values * weights
    if tuple(values.shape) == (0,):  # nothing to reduce: an empty batch
        return values
    return REDUCE[reduction](values, weights)
