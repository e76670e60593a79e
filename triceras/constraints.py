"""Functions that an optimizer applies to weights after each update, to keep them within bounds."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.core import config as settings
from triceras.core import identifiers

__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "serialize",
    "unit_norm",
]


class Constraint:
    """Base of all constraints: a function of a weight that gives the weight as it should be.

    Example:
        >>> from triceras import constraints, ops
        >>> class Small(constraints.Constraint):
        ...     def __call__(self, w):
        ...         return ops.clip(w, -1.0, 1.0)
        >>> float(Small()(ops.array(3.0)))
        1.0
    """

    def __call__(self, w: Any) -> Any:
        """The projected weight tensor."""
        return w

    def get_config(self) -> dict[str, Any]:
        """The arguments it was made with."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Constraint:
        """Make one from its config."""
        return cls(**config)


class MaxNorm(Constraint):
    """Vectors along an axis get at most a certain norm: Srivastava et al., 2014.

    Args:
        max_value: the greatest norm.
        axis: along which the norm is taken; a tuple for convolutions, such as `(0, 1, 2)`.

    Example:
        >>> import numpy as np
        >>> from triceras import constraints, ops
        >>> np.round(ops.convert_to_numpy(constraints.MaxNorm(1.0)(ops.array([3.0, 4.0]))), 3)
        array([0.6, 0.8], dtype=float32)
    """

    def __init__(self, max_value: float = 2, axis: Any = 0):
        self.max_value, self.axis = max_value, axis

    def __call__(self, w: Any) -> Any:
        norms = norm(w, self.axis)
        return w * (ops.clip(norms, 0, self.max_value) / (settings.epsilon() + norms))

    def get_config(self) -> dict[str, Any]:
        return {"max_value": self.max_value, "axis": self.axis}


class NonNeg(Constraint):
    """Negative weights become zero.

    Example:
        >>> from triceras import constraints, ops
        >>> ops.convert_to_numpy(constraints.NonNeg()(ops.array([-1.0, 2.0]))).tolist()
        [0.0, 2.0]
    """

    def __call__(self, w: Any) -> Any:
        return ops.where(ops.greater_equal(w, 0), w, ops.zeros_like(w))


class UnitNorm(Constraint):
    """Vectors along an axis get norm 1.

    Args:
        axis: along which the norm is taken.

    Example:
        >>> import numpy as np
        >>> from triceras import constraints, ops
        >>> np.round(ops.convert_to_numpy(constraints.UnitNorm()(ops.array([3.0, 4.0]))), 3)
        array([0.6, 0.8], dtype=float32)
    """

    def __init__(self, axis: Any = 0):
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        return w / (settings.epsilon() + norm(w, self.axis))

    def get_config(self) -> dict[str, Any]:
        return {"axis": self.axis}


class MinMaxNorm(Constraint):
    """Vectors along an axis get a norm within bounds.

    Args:
        min_value: the least norm.
        max_value: the greatest norm.
        rate: how much of the way there each step goes; 1 enforces the bounds at once.
        axis: along which the norm is taken.

    Example:
        >>> from triceras import constraints, ops
        >>> ops.convert_to_numpy(constraints.MinMaxNorm(10.0, 20.0)(ops.array([[3.0], [4.0]]))).round(3).tolist()
        [[6.0], [8.0]]
    """

    def __init__(self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Any = 0):
        self.min_value, self.max_value, self.rate, self.axis = min_value, max_value, rate, axis

    def __call__(self, w: Any) -> Any:
        norms = norm(w, self.axis)
        desired = self.rate * ops.clip(norms, self.min_value, self.max_value) + (1 - self.rate) * norms
        return w * (desired / (settings.epsilon() + norms))

    def get_config(self) -> dict[str, Any]:
        return {"min_value": self.min_value, "max_value": self.max_value, "rate": self.rate, "axis": self.axis}


def norm(w: Any, axis: Any) -> Any:
    """Euclidean norms along axes, which are kept with length 1."""
    axis = tuple(axis) if isinstance(axis, list) else axis
    return ops.sqrt(ops.sum(ops.square(w), axis=axis, keepdims=True))


max_norm, min_max_norm, non_neg, unit_norm = MaxNorm, MinMaxNorm, NonNeg, UnitNorm

TABLE: dict[str, Any] = {
    "MaxNorm": MaxNorm,
    "MinMaxNorm": MinMaxNorm,
    "NonNeg": NonNeg,
    "UnitNorm": UnitNorm,
    "max_norm": MaxNorm,
    "min_max_norm": MinMaxNorm,
    "non_neg": NonNeg,
    "unit_norm": UnitNorm,
}


def serialize(constraint: Any) -> Any:
    """The config of a constraint, with its class.

    Example:
        >>> from triceras import constraints
        >>> constraints.serialize(constraints.UnitNorm(1))["config"]
        {'axis': 1}
    """
    from triceras.saving import serialization

    return serialization.serialize_keras_object(constraint)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """A constraint from what `serialize` gave.

    Args:
        config: the config.
        custom_objects: names of own classes and functions.
    """
    from triceras.saving.registry import CustomObjectScope

    with CustomObjectScope(custom_objects or {}):
        return get(config)


def get(identifier: Any) -> Any:
    """A constraint from a name, a config, a class, an instance or a function; None stays None.

    Raises:
        ValueError: none of these, or an unknown name; the error lists the nearest.

    Example:
        >>> from triceras import constraints
        >>> constraints.get("unit_norm").axis
        0
    """
    return identifiers.resolve(identifier, "constraint", TABLE)
