"""`History`: what `fit` returns."""

from __future__ import annotations

from typing import Any

from triceras.training.callbacks.callback import Callback


class History(Callback):
    """Keeps the logs of every epoch: `history` maps names to lists, `epoch` lists the epochs' numbers.

    Example:
        >>> from triceras.callbacks import History
        >>> record = History()
        >>> record.on_train_begin()
        >>> record.on_epoch_end(0, {"loss": 0.5})
        >>> record.history
        {'loss': [0.5]}
    """

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
