"""Optimizers of a framework, such as optax's and torch.optim's, in the place of ours: on their backend only."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from triceras.core import registry
from triceras.core.scope import use_backend
from triceras.core.variable import Variable
from triceras.optimizers.optimizer import Optimizer


class NoConfig(TypeError):
    """A framework's optimizer was asked for its config: a file can't say how to make it."""


class ForeignOptimizer(Optimizer):
    """Base of what stands for a framework's optimizer.

    Args:
        native: the framework's own.
        backend: the name of its backend.
        title: what messages call it.
    """

    def __init__(self, native: Any, backend: str, title: str):
        with use_backend(backend):
            super().__init__(0.0)
        self.native, self.title = native, title

    @property
    def variables(self) -> list[Variable]:
        return [self._iterations, *self._own]

    def to_backend(self, name: Any) -> Optimizer:
        target = registry.get(name).name
        if target != self._backend:
            raise ValueError(
                f"The optimizer {self.title} works on {self._backend} only; neither it nor its state can go to "
                f"{target}. Compile with an optimizer of `triceras.optimizers`, which can, or keep the model on "
                f"{self._backend} (`model.to_backend({self._backend!r})`)."
            )
        return self

    def build(self, variables: Sequence[Variable]) -> None:
        variables = list(variables)
        for variable in variables:
            self.to_backend(variable.backend.name)
        super().build(variables)

    def get_config(self) -> dict[str, Any]:
        raise NoConfig(
            f"The optimizer {self.title} has no config: a file can't say how to make it. Compile the model with it "
            "again after loading; `model.load_weights(path)` then restores its state."
        )


def adopt(x: Any) -> Optimizer | None:
    """What stands for a framework's optimizer; None if `x` isn't one."""
    if x is None or isinstance(x, (str, dict, Optimizer)):
        return None
    for name, info in registry.known().items():
        if sys.modules.get(info.framework) is not None:
            found = registry.get(name).find("adopt_optimizer")
            adopted = None if found is None else found(x)
            if adopted is not None:
                return adopted
    return None
