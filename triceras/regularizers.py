"""Penalties on weights that are added to the loss."""

from __future__ import annotations

import math
from typing import Any

from triceras import ops
from triceras.core import identifiers

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "l1",
    "l1_l2",
    "l2",
    "orthogonal_regularizer",
    "serialize",
]


class Regularizer:
    """Base of all regularizers: a function of a weight that gives a scalar penalty.

    Example:
        >>> from triceras import ops, regularizers
        >>> class Spread(regularizers.Regularizer):
        ...     def __call__(self, x):
        ...         return ops.max(x) - ops.min(x)
        >>> float(Spread()(ops.array([1.0, 4.0])))
        3.0
    """

    def __call__(self, x: Any) -> Any:
        """The penalty for a weight tensor."""
        return 0.0

    def get_config(self) -> dict[str, Any]:
        """The arguments it was made with."""
        raise NotImplementedError(f"{self} does not implement get_config()")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Regularizer:
        """Make one from its config."""
        return cls(**config)


class L1L2(Regularizer):
    """`l1 * sum(|x|) + l2 * sum(x²)`.

    Args:
        l1: factor of the absolute values.
        l2: factor of the squares.

    Raises:
        ValueError: a factor isn't a non-negative number.

    Example:
        >>> from triceras import ops, regularizers
        >>> float(regularizers.L1L2(l1=1.0, l2=2.0)(ops.array([1.0, -3.0])))
        24.0
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0):
        self.l1, self.l2 = checked(l1, "l1", 0.0), checked(l2, "l2", 0.0)

    def __call__(self, x: Any) -> Any:
        penalty = ops.multiply(self.l1, ops.sum(ops.absolute(x))) if self.l1 else 0.0
        return penalty + self.l2 * ops.sum(ops.square(x)) if self.l2 else penalty

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1, "l2": self.l2}


class L1(Regularizer):
    """`l1 * sum(|x|)`.

    Args:
        l1: the factor.

    Raises:
        ValueError: it isn't a non-negative number.

    Example:
        >>> from triceras import ops, regularizers
        >>> float(regularizers.L1(0.5)(ops.array([1.0, -3.0])))
        2.0
    """

    def __init__(self, l1: float = 0.01):
        self.l1 = checked(l1, "l1", 0.01)

    def __call__(self, x: Any) -> Any:
        return self.l1 * ops.sum(ops.absolute(x))

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1}


class L2(Regularizer):
    """`l2 * sum(x²)`.

    Args:
        l2: the factor.

    Raises:
        ValueError: it isn't a non-negative number.

    Example:
        >>> from triceras import ops, regularizers
        >>> float(regularizers.L2(0.5)(ops.array([1.0, -3.0])))
        5.0
    """

    def __init__(self, l2: float = 0.01):
        self.l2 = checked(l2, "l2", 0.01)

    def __call__(self, x: Any) -> Any:
        return self.l2 * ops.sum(ops.square(x))

    def get_config(self) -> dict[str, Any]:
        return {"l2": self.l2}


class OrthogonalRegularizer(Regularizer):
    """The mean |cosine| between the rows (or columns) of a matrix, times a factor.

    Args:
        factor: the factor.
        mode: `"rows"` or `"columns"`.

    Raises:
        ValueError: an unknown mode, or a weight that isn't a matrix.

    Example:
        >>> from triceras import ops, regularizers
        >>> float(regularizers.OrthogonalRegularizer(1.0)(ops.eye(3)))
        0.0
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows"):
        if mode not in ("rows", "columns"):
            raise ValueError(
                f'Invalid value for argument `mode`. Expected one of {{"rows", "columns"}}. Received: mode={mode}'
            )
        self.factor, self.mode = checked(factor, "factor", 0.01), mode

    def __call__(self, x: Any) -> Any:
        if len(x.shape) != 2:
            raise ValueError(
                f"Inputs to OrthogonalRegularizer must have rank 2. Received: inputs.shape={tuple(x.shape)}"
            )
        vectors = x if self.mode == "rows" else ops.transpose(x)
        vectors = vectors / ops.sqrt(ops.maximum(ops.sum(ops.square(vectors), axis=1, keepdims=True), 1e-12))
        size = vectors.shape[0]
        cosines = ops.matmul(vectors, ops.transpose(vectors)) * (1.0 - ops.eye(size, dtype=x.dtype))
        return self.factor * 0.5 * ops.sum(ops.absolute(cosines)) / (size * (size - 1) / 2)

    def get_config(self) -> dict[str, Any]:
        return {"factor": self.factor, "mode": self.mode}


def checked(value: Any, name: str, default: float) -> float:
    """A checked factor; None gives the default."""
    value = default if value is None else value
    if isinstance(value, (bool, str)) or not math.isfinite(value) or value < 0:
        raise ValueError(f"Invalid value for argument {name}: expected a non-negative float. Received: {name}={value}")
    return float(value)


l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer

TABLE: dict[str, Any] = {
    "L1": L1,
    "L1L2": L1L2,
    "L2": L2,
    "OrthogonalRegularizer": OrthogonalRegularizer,
    "l1": L1,
    "l1_l2": L1L2,
    "l1l2": L1L2,
    "l2": L2,
    "orthogonal_regularizer": OrthogonalRegularizer,
}


def serialize(regularizer: Any) -> Any:
    """The config of a regularizer, with its class.

    Example:
        >>> from triceras import regularizers
        >>> regularizers.serialize(regularizers.L2(0.5))["config"]
        {'l2': 0.5}
    """
    from triceras.saving import serialization

    return serialization.serialize_keras_object(regularizer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """A regularizer from what `serialize` gave.

    Args:
        config: the config.
        custom_objects: names of own classes and functions.
    """
    from triceras.saving.registry import CustomObjectScope

    with CustomObjectScope(custom_objects or {}):
        return get(config)


def get(identifier: Any) -> Any:
    """A regularizer from a name, a config, a class, an instance or a function; None stays None.

    Raises:
        ValueError: none of these, or an unknown name; the error lists the nearest.

    Example:
        >>> from triceras import regularizers
        >>> regularizers.get("l2").l2
        0.01
    """
    return identifiers.resolve(identifier, "regularizer", TABLE)
