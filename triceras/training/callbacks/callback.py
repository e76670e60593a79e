"""`Callback`: what can hook into `fit`, `evaluate` and `predict`."""

from __future__ import annotations

import weakref
from typing import Any


class Callback:
    """Base of callbacks: override the hooks you need.

    Batch hooks cost something: a callback that has `on_train_batch_end` makes every step wait for its logs.

    `self.model` is the model (None before `fit` and when the model is gone: callbacks don't keep it alive);
    `self.params` is a dict with `verbose`, `epochs` and `steps`.

    Example:
        >>> from triceras.callbacks import Callback
        >>> class Names(Callback):
        ...     def on_epoch_end(self, epoch, logs=None):
        ...         print(epoch, sorted(logs))
        >>> Names().on_epoch_end(0, {"loss": 1.0})
        0 ['loss']
    """

    params: dict[str, Any] | None = None
    takes_pending_logs = False  # whether batch hooks get `PendingLogs`, whose values are fetched on request
    _model_reference: Any = None

    def __init__(self) -> None:
        self.params = None

    @property
    def model(self) -> Any:
        """The model that is trained, or None."""
        return None if self._model_reference is None else self._model_reference()

    def set_params(self, params: dict[str, Any]) -> None:
        """Take the parameters of the run."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Take the model."""
        self._model_reference = None if model is None else weakref.ref(model)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_model_reference"}

    def on_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Older name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Older name of `on_train_batch_end`."""

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Before an epoch of training."""

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """After an epoch of training; `logs` are its metrics, those of validation with the prefix `val_`."""

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Before a training step."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """After a training step; `logs` are the metrics of the epoch so far."""
        self.on_batch_end(batch, logs=logs)

    def on_test_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Before a batch of `evaluate` or of validation."""

    def on_test_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """After a batch of `evaluate` or of validation."""

    def on_predict_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Before a batch of `predict`."""

    def on_predict_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """After a batch of `predict`; `logs["outputs"]` are its outputs."""

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Before training."""

    def on_train_end(self, logs: dict | None = None) -> None:
        """After training; `logs` are those of the last epoch."""

    def on_test_begin(self, logs: dict | None = None) -> None:
        """Before `evaluate` or validation."""

    def on_test_end(self, logs: dict | None = None) -> None:
        """After `evaluate` or validation."""

    def on_predict_begin(self, logs: dict | None = None) -> None:
        """Before `predict`."""

    def on_predict_end(self, logs: dict | None = None) -> None:
        """After `predict`."""
