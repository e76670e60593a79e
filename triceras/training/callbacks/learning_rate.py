"""Callbacks that change the learning rate: `LearningRateScheduler`, `ReduceLROnPlateau`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from triceras.training.callbacks.callback import Callback
from triceras.training.callbacks.monitor import MonitorCallback
from triceras.utils.io_utils import print_msg


def _learning_rate(model: Any) -> float:
    if not hasattr(model.optimizer, "learning_rate"):
        raise ValueError(f'Optimizer must have a "learning_rate" attribute. Received: optimizer={model.optimizer!r}')
    return float(model.optimizer.learning_rate)


class LearningRateScheduler(Callback):
    """Set the learning rate at the beginning of every epoch.

    Args:
        schedule: a function `(epoch, learning_rate) -> learning_rate`, or of the epoch (from 0 on) alone.
        verbose: 1 prints each learning rate.

    Raises:
        ValueError: in training: `schedule` doesn't give a number, or the optimizer has no learning rate.

    Example:
        >>> from triceras.callbacks import LearningRateScheduler
        >>> halve = LearningRateScheduler(lambda epoch, rate: rate * 0.5 if epoch else rate)
        >>> halve.schedule(1, 0.1)
        0.05
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0):
        super().__init__()
        self.schedule, self.verbose = schedule, verbose
        self._takes_rate = len(inspect.signature(schedule).parameters) > 1

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        before = _learning_rate(self.model)
        rate = self.schedule(epoch, before) if self._takes_rate else self.schedule(epoch)
        if not isinstance(rate, (float, np.floating)) and getattr(rate, "shape", None) != ():
            raise ValueError(f"The output of the `schedule` function should be a float. Got: {rate}")
        self.model.optimizer.learning_rate = float(rate)
        if self.verbose > 0:
            print_msg(f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {float(rate)}.")

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = _learning_rate(self.model)


class ReduceLROnPlateau(MonitorCallback):
    """Reduce the learning rate when a value no longer gets better.

    Args:
        monitor: the name in the logs.
        factor: what the learning rate is multiplied by.
        patience: how many epochs without improvement are endured.
        verbose: 1 prints when it acts.
        mode: "min", "max", or "auto", which asks the metric of that name.
        min_delta: by how much a value must be better to count.
        cooldown: how many epochs pass after a reduction before it watches again.
        min_lr: the smallest learning rate.

    Raises:
        ValueError: a factor of 1 or more.

    Example:
        >>> from triceras.callbacks import ReduceLROnPlateau
        >>> ReduceLROnPlateau(factor=0.2, patience=5).in_cooldown()
        False
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
        **kwargs: Any,
    ):
        if factor >= 1.0:
            raise ValueError(f"ReduceLROnPlateau does not support a factor >= 1.0. Received factor={factor}")
        super().__init__(monitor, mode, min_delta=min_delta)
        self.factor, self.patience, self.verbose, self.cooldown, self.min_lr = (
            factor,
            patience,
            verbose,
            cooldown,
            min_lr,
        )
        self._forget()

    def _forget(self) -> None:
        self.best: float | None = None
        self.wait = self.cooldown_counter = 0

    def on_train_begin(self, logs: dict | None = None) -> None:
        self._forget()

    def in_cooldown(self) -> bool:
        """Whether a reduction is too recent for another."""
        return self.cooldown_counter > 0

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        logs = {} if logs is None else logs
        logs["learning_rate"] = _learning_rate(self.model)
        value = self.get_monitor_value(logs)
        if value is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self._is_improvement(value, self.best):
            self.best, self.wait = float(value), 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        before = _learning_rate(self.model)
        if before <= np.float32(self.min_lr):
            return
        rate = max(before * self.factor, self.min_lr)
        self.model.optimizer.learning_rate = rate
        self.cooldown_counter, self.wait = self.cooldown, 0
        if self.verbose > 0:
            print_msg(f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {rate}.")

    def _missing(self, available: str) -> str:
        return (
            f"Learning rate reduction is conditioned on metric `{self.monitor}` which is not available. "
            f"Available metrics are: {available}"
        )
