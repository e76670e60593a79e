"""Loss functions and classes, by Keras's names."""

from __future__ import annotations

from typing import Any

from triceras.core import identifiers
from triceras.losses.embedding import CTC, Circle, circle, ctc
from triceras.losses.hinge import CategoricalHinge, Hinge, SquaredHinge, categorical_hinge, hinge, squared_hinge
from triceras.losses.loss import Loss
from triceras.losses.overlap import Dice, Tversky, dice, tversky
from triceras.losses.probabilistic import (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    KLDivergence,
    Poisson,
    SparseCategoricalCrossentropy,
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_generalized_cross_entropy,
    kl_divergence,
    poisson,
    sparse_categorical_crossentropy,
)
from triceras.losses.regression import (
    CosineSimilarity,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    cosine_similarity,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)

__all__ = [
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CTC",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "Circle",
    "CosineSimilarity",
    "Dice",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "Tversky",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "circle",
    "cosine_similarity",
    "ctc",
    "deserialize",
    "dice",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "tversky",
]

ALIASES: dict[str, Any] = {
    "bce": binary_crossentropy,
    "BCE": binary_crossentropy,
    "kld": kl_divergence,
    "KLD": kl_divergence,
    "mae": mean_absolute_error,
    "MAE": mean_absolute_error,
    "mape": mean_absolute_percentage_error,
    "MAPE": mean_absolute_percentage_error,
    "mse": mean_squared_error,
    "MSE": mean_squared_error,
    "msle": mean_squared_logarithmic_error,
    "MSLE": mean_squared_logarithmic_error,
}
TABLE: dict[str, Any] = {
    **{name: globals()[name] for name in __all__ if name in globals() and name != "Loss"},
    **ALIASES,
}


def serialize(loss: Any) -> Any:
    """The config of a loss, with its class.

    Example:
        >>> from triceras import losses
        >>> losses.serialize(losses.mean_squared_error)["config"]
        'mean_squared_error'
    """
    from triceras.saving import serialization

    return serialization.serialize_keras_object(loss)


def deserialize(name: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """A loss from what `serialize` gave.

    Args:
        name: the name or config.
        custom_objects: names of own classes and functions.
    """
    from triceras.saving.registry import CustomObjectScope

    with CustomObjectScope(custom_objects or {}):
        return get(name)


def get(identifier: Any) -> Any:
    """A loss from a name, a config, a class, an instance or a function `(y_true, y_pred)`; None stays None.

    Raises:
        ValueError: none of these, or an unknown name; the error lists the nearest.

    Example:
        >>> from triceras import losses
        >>> losses.get("mse").__name__
        'mean_squared_error'
    """
    return identifiers.resolve(identifier, "loss", TABLE)
