"""Activation functions, by name. Most are ops; those whose Keras signature differs from the op's are written here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from triceras import ops
from triceras.core import identifiers
from triceras.ops import (
    celu,
    elu,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_tanh,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    mish,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_shrink,
    softmax,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    tanh,
    tanh_shrink,
    threshold,
)

__all__ = [
    "celu",
    "deserialize",
    "elu",
    "exponential",
    "gelu",
    "get",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "serialize",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
]


def relu(x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Any:
    """Rectified linear unit: `x` above the threshold, elsewhere 0 or a line of a small slope.

    Args:
        x: tensor.
        negative_slope: slope of the line below the threshold.
        max_value: what larger results are cut to.
        threshold: where the unit begins to pass its input on.

    Example:
        >>> from triceras import activations, ops
        >>> ops.convert_to_numpy(activations.relu(ops.array([-2.0, 3.0, 9.0]), 0.5, max_value=6.0)).tolist()
        [-1.0, 3.0, 6.0]
    """
    if max_value is None and threshold == 0:
        return ops.relu(x) if negative_slope == 0 else ops.leaky_relu(x, negative_slope)
    passed = ops.where(ops.greater(x, threshold), x, ops.zeros_like(x))
    if max_value is not None:
        passed = ops.clip(passed, 0, max_value)
    if negative_slope == 0:
        return passed
    return ops.subtract(passed, ops.multiply(negative_slope, ops.relu(ops.subtract(threshold, x))))


def gelu(x: Any, approximate: bool = False) -> Any:
    """Gaussian error linear unit, `x * P(X <= x)`: Hendrycks & Gimpel, 2016.

    Args:
        x: tensor.
        approximate: whether to use the faster tanh formula.

    Example:
        >>> from triceras import activations, ops
        >>> round(float(activations.gelu(ops.array(1.0))), 4)
        0.8413
    """
    return ops.gelu(x, approximate=approximate)


def exponential(x: Any) -> Any:
    """`e` to the power of `x`.

    Example:
        >>> from triceras import activations, ops
        >>> float(activations.exponential(ops.array(0.0)))
        1.0
    """
    return ops.exp(x)


def linear(x: Any) -> Any:
    """`x` itself.

    Example:
        >>> from triceras import activations
        >>> activations.linear(3.0)
        3.0
    """
    return x


hard_swish, swish = hard_silu, silu

TABLE: dict[str, Callable] = {
    name: globals()[name] for name in __all__ if name not in ("get", "serialize", "deserialize")
}


def serialize(activation: Any) -> Any:
    """An activation's name; for what has none here, its config with its class.

    Example:
        >>> from triceras import activations
        >>> activations.serialize(activations.relu)
        'relu'
    """
    from triceras.saving import serialization

    name = getattr(activation, "__name__", None)
    if name in TABLE and activation in (TABLE[name], getattr(ops, name, None)):
        return name
    config = serialization.serialize_keras_object(activation)
    if isinstance(config, dict) and config.get("class_name") == "function":
        return config["config"]
    return config


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """An activation from what `serialize` gave.

    Args:
        config: the name or config.
        custom_objects: names of own classes and functions.
    """
    from triceras.saving.registry import CustomObjectScope

    with CustomObjectScope(custom_objects or {}):
        return get(config)


def get(identifier: Any) -> Callable:
    """An activation from a name, a config or a callable; None gives `linear`.

    Raises:
        ValueError: none of these, or an unknown name; the error lists the nearest.

    Example:
        >>> from triceras import activations
        >>> activations.get("swish").__name__
        'silu'
    """
    if identifier is None:
        return linear
    return identifiers.resolve(identifier, "activation function", TABLE)
