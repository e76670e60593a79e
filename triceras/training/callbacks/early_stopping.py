"""`EarlyStopping`: stops training when a value no longer gets better."""

from __future__ import annotations

from typing import Any

from triceras.training.callbacks.monitor import MonitorCallback
from triceras.utils.io_utils import print_msg


class EarlyStopping(MonitorCallback):
    """Stop training when a value of the logs no longer gets better.

    Args:
        monitor: the name in the logs.
        min_delta: by how much a value must be better to count.
        patience: how many epochs without improvement are endured.
        verbose: 1 prints when it acts.
        mode: "min", "max", or "auto", which asks the metric of that name.
        baseline: a value that must be beaten for the patience to begin anew.
        restore_best_weights: whether the model ends with the weights of its best epoch.
        start_from_epoch: how many epochs pass before it watches.

    Example:
        >>> from triceras.callbacks import EarlyStopping
        >>> EarlyStopping(monitor="loss", patience=3).patience
        3
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ):
        super().__init__(monitor, mode, min_delta=min_delta)
        self.patience, self.verbose, self.baseline = patience, verbose, baseline
        self.restore_best_weights, self.start_from_epoch = restore_best_weights, start_from_epoch
        self._forget()

    def _forget(self) -> None:
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best: float | None = None
        self.best_weights: list[Any] | None = None

    def on_train_begin(self, logs: dict | None = None) -> None:
        self._forget()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        value = self.get_monitor_value(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self.best_weights, self.best_epoch = self.model.get_weights(), epoch
        self.wait += 1
        if self._is_improvement(value, self.best):
            self.best, self.best_epoch = float(value), epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self._is_improvement(value, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: dict | None = None) -> None:
        if self.stopped_epoch > 0 and self.verbose > 0:
            print_msg(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.best_weights is not None:
            if self.verbose > 0:
                print_msg(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)

    def _missing(self, available: str) -> str:
        return (
            f"Early stopping conditioned on metric `{self.monitor}` which is not available. "
            f"Available metrics are: {available}"
        )
