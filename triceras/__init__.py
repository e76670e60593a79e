"""Triceras: the Keras 3 API with a backend that is switched live. `import triceras as keras`.

Importing it loads no framework: a backend is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import Any

from triceras.core.scope import use_backend
from triceras.version import __version__, version

# Public names and the modules that hold them, imported when they are first asked for.
_MODULES = (
    "activations",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "distribution",
    "dtype_policies",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "ops",
    "optimizers",
    "quantizers",
    "random",
    "regularizers",
    "saving",
    "testing",
    "transforms",
    "tree",
    "utils",
)
_NAMES = {
    "DTypePolicy": "dtype_policies",
    "FloatDTypePolicy": "dtype_policies",
    "Function": "models.function",
    "Functional": "models",
    "Initializer": "initializers",
    "Input": "layers",
    "InputSpec": "layers",
    "KerasTensor": "core.graph",
    "Layer": "layers",
    "Loss": "losses",
    "Metric": "metrics",
    "Model": "models",
    "Operation": "core.graph",
    "Optimizer": "optimizers",
    "Quantizer": "quantizers",
    "Regularizer": "regularizers",
    "Sequential": "models",
    "StatelessScope": "core.state",
    "Variable": "core.variable",
    "checkpoint": "transforms",
    "compare_backends": "utils.backend_comparison",
    "cond": "transforms",
    "convert": "transforms",
    "custom_gradient": "transforms",
    "device": "transforms",
    "fori_loop": "transforms",
    "grad": "transforms",
    "install_as_keras": "compat",
    "jit": "transforms",
    "name_scope": "core.naming",
    "scan": "transforms",
    "stop_gradient": "transforms",
    "value_and_grad": "transforms",
    "vmap": "transforms",
    "while_loop": "transforms",
}

__all__ = ["__version__", "use_backend", "version", *_MODULES, *_NAMES]


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        value = getattr(importlib.import_module(f"triceras.{_NAMES[name]}"), name)
    elif name in _MODULES:
        value = importlib.import_module(f"triceras.{name}")
    else:
        raise AttributeError(f"module 'triceras' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
