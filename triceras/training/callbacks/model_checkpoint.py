"""`ModelCheckpoint`: saves the model while it trains."""

from __future__ import annotations

import os
import warnings
from typing import Any

from triceras.training.callbacks.monitor import MonitorCallback
from triceras.training.logs import fetch
from triceras.utils.io_utils import print_msg


class ModelCheckpoint(MonitorCallback):
    """Save the model, or its weights, after epochs or after so many batches.

    Args:
        filepath: where to; may hold `{epoch}` (from 1 on), `{batch}` and names of the logs, such as
            `"{epoch:02d}-{val_loss:.2f}.keras"`. Ends in `.keras` (or `.h5`); for weights in `.weights.h5`.
        monitor: the name in the logs that `save_best_only` watches.
        verbose: 1 prints when it acts.
        save_best_only: whether only a model better than all before is saved.
        save_weights_only: whether the weights alone are saved.
        mode: "min", "max", or "auto", which asks the metric of that name.
        save_freq: "epoch", or a number of batches.
        initial_value_threshold: the value to beat at first.

    Raises:
        ValueError: another ending, or another `save_freq`.

    Example:
        >>> from triceras.callbacks import ModelCheckpoint
        >>> ModelCheckpoint("best.keras", save_best_only=True).filepath
        'best.keras'
    """

    takes_pending_logs = True

    def __init__(
        self,
        filepath: Any,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: Any = "epoch",
        initial_value_threshold: float | None = None,
    ):
        super().__init__(monitor, mode, initial_value_threshold)
        self.filepath = os.fspath(filepath)
        self.verbose, self.save_best_only, self.save_weights_only = verbose, save_best_only, save_weights_only
        if save_freq != "epoch" and not isinstance(save_freq, int):
            raise ValueError(f"Unrecognized save_freq: {save_freq}. Expected save_freq are 'epoch' or integer values")
        self.save_freq = save_freq
        self._check_ending()
        self._epoch = self._batches = 0
        self._last_batch = -1

    def _check_ending(self) -> None:
        if self.save_weights_only and not self.filepath.endswith(".weights.h5"):
            raise ValueError(
                "When using `save_weights_only=True` in `ModelCheckpoint`, the filepath provided must end in "
                f"`.weights.h5` (Keras weights format). Received: filepath={self.filepath}"
            )
        if not self.save_weights_only and not self.filepath.endswith((".keras", ".h5")):
            raise ValueError(
                f"The filepath provided must end in `.keras` (Keras model format). Received: filepath={self.filepath}"
            )

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._epoch, self._last_batch = epoch, -1

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.save_freq == "epoch":
            return
        self._batches += batch - self._last_batch
        self._last_batch = batch
        if self._batches >= self.save_freq:
            self._batches = 0
            self._save(self._epoch, batch, dict(fetch(logs)))

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if self.save_freq == "epoch":
            self._save(epoch, None, dict(logs or {}))

    def _save(self, epoch: int, batch: int | None, logs: dict) -> None:
        path = self._path(epoch, batch, logs)
        if self.save_best_only and not self._is_best(epoch, path, logs):
            return
        if not self.save_best_only:
            self._say(epoch, f"saving model to {path}")
        folder = os.path.dirname(path)
        if folder:
            os.makedirs(folder, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)
        self._say(epoch, f"finished saving model to {path}")

    def _is_best(self, epoch: int, path: str, logs: dict) -> bool:
        value = logs.get(self.monitor)
        if value is None:
            warnings.warn(
                f"Can save best model only with {self.monitor} available. Available metrics are: {', '.join(logs)}",
                stacklevel=5,
            )
            return False
        value = float(value)
        if not self._is_improvement(value, self.best):
            best = "None" if self.best is None else f"{self.best:0.5f}"
            self._say(epoch, f"{self.monitor} did not improve from {best}")
            return False
        before = "None" if self.best is None else f"{self.best:0.5f}"
        self._say(epoch, f"{self.monitor} improved from {before} to {value:0.5f}, saving model to {path}")
        self.best = value
        return True

    def _path(self, epoch: int, batch: int | None, logs: dict) -> str:
        places = {"epoch": epoch + 1} if batch is None else {"epoch": epoch + 1, "batch": batch + 1}
        try:
            return self.filepath.format(**{**logs, **places})
        except KeyError as error:
            raise KeyError(f'Failed to format this callback filepath: "{self.filepath}". Reason: {error}') from error

    def _say(self, epoch: int, what: str) -> None:
        if self.verbose > 0:
            print_msg(f"\nEpoch {epoch + 1}: {what}")
