"""The names of Keras 2's optimizers, each of which says that it is gone."""

from __future__ import annotations

from typing import Any

__all__ = ["Adagrad", "Adam", "Ftrl", "Optimizer", "RMSprop", "SGD"]


class Optimizer:
    """Raises `ImportError`: there are no optimizers of Keras 2 here."""

    def __init__(self, *args: Any, **kwargs: Any):
        raise ImportError(
            f"`optimizers.legacy.{type(self).__name__}` is an optimizer of Keras 2, which isn't supported. "
            f"Use `optimizers.{type(self).__name__}`."
        )


class Adagrad(Optimizer):
    """Gone; use `optimizers.Adagrad`."""


class Adam(Optimizer):
    """Gone; use `optimizers.Adam`."""


class Ftrl(Optimizer):
    """Gone; use `optimizers.Ftrl`."""


class RMSprop(Optimizer):
    """Gone; use `optimizers.RMSprop`."""


class SGD(Optimizer):
    """Gone; use `optimizers.SGD`."""
