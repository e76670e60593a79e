"""Optimizers, by Keras's names."""

from __future__ import annotations

from typing import Any

from triceras.core import identifiers
from triceras.optimizers import foreign, legacy, schedules
from triceras.optimizers.adafactor import Adafactor
from triceras.optimizers.adam import Adam, Adamax, AdamW, Lamb, Nadam
from triceras.optimizers.adaptive import Adadelta, Adagrad, Ftrl, RMSprop
from triceras.optimizers.loss_scale_optimizer import LossScaleOptimizer
from triceras.optimizers.multi import MultiOptimizer, OptimizerMap
from triceras.optimizers.muon import Muon
from triceras.optimizers.optimizer import Optimizer
from triceras.optimizers.schedule_free import ScheduleFreeAdamW
from triceras.optimizers.sgd import SGD, Lion

__all__ = [
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "LossScaleOptimizer",
    "MultiOptimizer",
    "Muon",
    "Nadam",
    "Optimizer",
    "OptimizerMap",
    "RMSprop",
    "SGD",
    "ScheduleFreeAdamW",
    "deserialize",
    "get",
    "legacy",
    "schedules",
    "serialize",
]

_GETTABLE = [name for name in __all__ if name[0].isupper() and name not in ("Optimizer", "OptimizerMap")]
TABLE: dict[str, type] = {key: globals()[name] for name in _GETTABLE for key in (name, name.lower())}


def serialize(optimizer: Optimizer) -> Any:
    """The config of an optimizer, with its class.

    Example:
        >>> from triceras import optimizers
        >>> optimizers.serialize(optimizers.SGD())["class_name"]
        'SGD'
    """
    from triceras.saving import serialization

    return serialization.serialize_keras_object(optimizer)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Optimizer:
    """An optimizer from what `serialize` gave.

    Args:
        config: the config.
        custom_objects: names of own classes and functions.
    """
    from triceras.saving.registry import CustomObjectScope

    with CustomObjectScope(custom_objects or {}):
        return get(config)


def get(identifier: Any) -> Optimizer:
    """An optimizer from a name (in upper or lower case), a config, a class or an instance; None stays None.

    A gradient transformation of optax, and an optimizer of `torch.optim` (its class, a `functools.partial` of it, or an
    instance over a model's parameters), become optimizers that work on JAX, or on torch, and don't move.

    Raises:
        ValueError: none of these, or an unknown name; the error lists the nearest.

    Example:
        >>> from triceras import optimizers
        >>> optimizers.get("adam").name.startswith("adam")
        True
    """
    if isinstance(identifier, str) and identifier not in TABLE and identifier.lower() in TABLE:
        identifier = identifier.lower()
    return foreign.adopt(identifier) or identifiers.resolve(identifier, "optimizer", TABLE, Optimizer)
