"""`BackupAndRestore`: a training that was interrupted goes on when it is started again."""

from __future__ import annotations

import json
import os
import shutil
from typing import Any

from triceras.core import placement
from triceras.training.callbacks.callback import Callback

_WEIGHTS, _METADATA = "latest.weights.h5", "training_metadata.json"


class BackupAndRestore(Callback):
    """Keep a copy of the model and optimizer while training, and begin from it if there is one.

    Run the same script again after a crash: `fit` goes on with the epoch after the last one kept.

    Args:
        backup_dir: a folder for this training alone.
        save_freq: "epoch", or a number of batches; the epoch that was under way is then begun again.
        double_checkpoint: whether the copy before the last is kept too, for the case that the last can't be read.
        delete_checkpoint: whether the folder is removed when training ends.

    Raises:
        ValueError: no folder, or another `save_freq`.

    Example:
        >>> from triceras.callbacks import BackupAndRestore
        >>> BackupAndRestore("backup").save_freq
        'epoch'
    """

    takes_pending_logs = True

    def __init__(
        self, backup_dir: Any, save_freq: Any = "epoch", double_checkpoint: bool = False, delete_checkpoint: bool = True
    ):
        super().__init__()
        if not backup_dir:
            raise ValueError(f"Empty `backup_dir` argument passed. Received: backup_dir={backup_dir!r}")
        if save_freq != "epoch" and not isinstance(save_freq, int):
            raise ValueError(
                f"Invalid value for argument `save_freq`. Received: save_freq={save_freq!r}. Expected a positive "
                "integer or 'epoch'."
            )
        self.backup_dir = os.fspath(backup_dir)
        self.save_freq, self.double_checkpoint, self.delete_checkpoint = save_freq, double_checkpoint, delete_checkpoint
        self._epoch = self._batches = 0

    def on_train_begin(self, logs: dict | None = None) -> None:
        for folder in (self.backup_dir, self._previous):
            if os.path.exists(os.path.join(folder, _METADATA)):
                try:
                    self._restore(folder)
                    return
                except (OSError, ValueError):
                    if folder == self._previous or not os.path.exists(self._previous):
                        raise

    @property
    def _previous(self) -> str:
        return os.path.join(self.backup_dir, "previous")

    def _restore(self, folder: str) -> None:
        with open(os.path.join(folder, _METADATA), encoding="utf-8") as file:
            epoch = int(json.load(file)["epoch"])
        self.model.load_weights(os.path.join(folder, _WEIGHTS))
        self.model._initial_epoch = epoch

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        if self.save_freq == "epoch":
            return
        self._batches += 1
        if self._batches % self.save_freq == 0:
            done = batch + 1 == (self.params or {}).get("steps")
            self._save(self._epoch + done)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if self.save_freq == "epoch":
            self._save(epoch + 1)

    def _save(self, epoch: int) -> None:
        """Keep the model, to go on with this epoch."""
        os.makedirs(self.backup_dir, exist_ok=True)
        if self.double_checkpoint and placement.is_first() and os.path.exists(os.path.join(self.backup_dir, _METADATA)):
            os.makedirs(self._previous, exist_ok=True)
            for name in (_WEIGHTS, _METADATA):
                shutil.copyfile(os.path.join(self.backup_dir, name), os.path.join(self._previous, name))
        self.model.save_weights(os.path.join(self.backup_dir, _WEIGHTS), overwrite=True)
        if not placement.is_first():
            return
        path = os.path.join(self.backup_dir, _METADATA)
        with open(path + ".new", "w", encoding="utf-8") as file:
            json.dump({"epoch": epoch}, file)
        os.replace(path + ".new", path)

    def on_train_end(self, logs: dict | None = None) -> None:
        if self.delete_checkpoint and placement.is_first() and os.path.exists(self.backup_dir):
            shutil.rmtree(self.backup_dir)
