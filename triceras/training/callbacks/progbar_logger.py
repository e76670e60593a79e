"""`ProgbarLogger`: prints how training goes."""

from __future__ import annotations

from typing import Any

from triceras.core import placement
from triceras.training.callbacks.callback import Callback
from triceras.training.logs import fetch
from triceras.utils.io_utils import is_interactive_logging_enabled, print_msg
from triceras.utils.progbar import Progbar


class ProgbarLogger(Callback):
    """Prints a progress bar (verbose 1) or a line (verbose 2) for each epoch, for `evaluate` and for `predict`.

    `fit` adds one unless verbose is 0. It asks for a step's logs only when it is about to print.
    """

    takes_pending_logs = True

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0
        self.progbar: Progbar | None = None
        self.target: int | None = None
        self.verbose = 1
        self.epochs = 1
        self._in_fit = False

    def set_params(self, params: dict[str, Any]) -> None:
        super().set_params(params)
        verbose = params.get("verbose", "auto")
        self.verbose = (1 if is_interactive_logging_enabled() else 2) if verbose == "auto" else int(verbose)
        self.verbose = self.verbose if placement.is_first() else 0
        self.epochs = params.get("epochs", 1)
        self.target = params.get("steps")

    def _start(self) -> None:
        self.seen, self.progbar = 0, Progbar(self.target, verbose=self.verbose, stateless_metrics=[])

    def _step(self, batch: int, logs: Any) -> None:
        self.seen = batch + 1
        if self.progbar is None:
            self._start()
        due = self.verbose == 1 and self.progbar.due()
        if self.verbose == 1:
            self.progbar.update(self.seen, fetch(logs).items() if due and logs else (), finalize=False)

    def _finish(self, logs: Any) -> None:
        if self.progbar is None:
            return
        if self.target is None:
            self.target = self.progbar.target = self.seen
        self.progbar.update(self.seen, (logs or {}).items(), finalize=True)
        self.progbar = None

    def on_train_begin(self, logs: dict | None = None) -> None:
        self._in_fit = True

    def on_train_end(self, logs: dict | None = None) -> None:
        self._in_fit = False

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._start()
        if self.verbose and self.epochs > 1:
            print_msg(f"Epoch {epoch + 1}/{self.epochs}")

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._step(batch, logs)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self._finish(logs)

    def on_test_begin(self, logs: dict | None = None) -> None:
        if not self._in_fit:
            self._start()

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        if not self._in_fit:
            self._step(batch, logs)

    def on_test_end(self, logs: dict | None = None) -> None:
        if not self._in_fit:
            self._finish(logs)

    def on_predict_begin(self, logs: dict | None = None) -> None:
        self._start()

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        self._step(batch, None)

    def on_predict_end(self, logs: dict | None = None) -> None:
        self._finish(None)
