"""What layers' constructors share: initializers, regularizers and constraints by name, and checked numbers."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from triceras import constraints, initializers, regularizers
from triceras.layers.layer import Layer

_MODULES: dict[str, ModuleType] = {
    "initializer": initializers,
    "regularizer": regularizers,
    "constraint": constraints,
}


def _module(name: str) -> ModuleType:
    return _MODULES[name.rpartition("_")[2]]


def keep_settings(layer: Layer, **settings: Any) -> None:
    """Keep `kernel_initializer=…`, `bias_regularizer=…`, `kernel_constraint=…` as attributes of these names.

    Raises:
        ValueError: one can't be interpreted.
    """
    for name, value in settings.items():
        setattr(layer, name, _module(name).get(value))


def settings_config(layer: Layer, *names: str) -> dict[str, Any]:
    """The config entries of attributes that `keep_settings` made."""
    return {name: _module(name).serialize(getattr(layer, name)) for name in names}


def make_weight(layer: Layer, name: str, shape: Any, /, **options: Any) -> Any:
    """Make a weight with the settings that a layer keeps for its name: `kernel` with `kernel_initializer` and so on."""
    settings = {kind: getattr(layer, f"{name}_{kind}", None) for kind in _MODULES}
    return layer.add_weight(shape, **{"name": name, **settings, **options})


def positive_integer(name: str, value: Any) -> int:
    """The value, checked.

    Raises:
        ValueError: it is no positive integer.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise ValueError(
            f"Received an invalid value for `{name}`, expected a positive integer. Received: {name}={value}"
        )
    return value


def whole_number(name: str, value: Any) -> int:
    """The value, checked as `positive_integer` does.

    Raises:
        TypeError: it is no integer.
        ValueError: it is smaller than 1.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"Expected an integer value for `{name}`, got {type(value)}. Received: {name}={value}")
    return positive_integer(name, value)
