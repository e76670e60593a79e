"""Learning-rate schedules, by Keras's names."""

from __future__ import annotations

from typing import Any

from triceras.optimizers.schedules.schedule import (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    LearningRateSchedule,
    PiecewiseConstantDecay,
    PolynomialDecay,
)

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]


def serialize(learning_rate_schedule: LearningRateSchedule) -> Any:
    """The config of a schedule, with its class.

    Example:
        >>> from triceras.optimizers import schedules
        >>> schedules.serialize(schedules.CosineDecay(0.1, 10))["class_name"]
        'CosineDecay'
    """
    from triceras.saving import serialization

    return serialization.serialize_keras_object(learning_rate_schedule)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """A schedule from what `serialize` gave.

    Args:
        config: the config.
        custom_objects: names of own classes and functions.
    """
    from triceras.saving import serialization

    return serialization.deserialize_keras_object(config, custom_objects=custom_objects)
