"""The backends: one folder each, the only places that import a framework."""

from __future__ import annotations

from typing import NamedTuple


class Info(NamedTuple):
    """What is known of a backend before it is loaded.

    Args:
        name: its name.
        target: `module:class` of its `Backend`.
        framework: the top-level module that it needs.
        requirement: what `pip install` takes.
    """

    name: str
    target: str
    framework: str
    requirement: str


# In the order of preference when nothing chooses.
BUILTIN = {
    info.name: info
    for info in (
        Info("jax", "triceras.backends.jax:JaxBackend", "jax", "triceras[jax]"),
        Info("torch", "triceras.backends.torch:TorchBackend", "torch", "triceras[torch]"),
        Info("tensorflow", "triceras.backends.tensorflow:TensorflowBackend", "tensorflow", "triceras[tensorflow]"),
        Info("numpy", "triceras.backends.numpy:NumpyBackend", "numpy", "triceras"),
    )
}
