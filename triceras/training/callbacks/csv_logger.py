"""`CSVLogger`: writes the logs of every epoch into a file."""

from __future__ import annotations

import csv
import os
from typing import Any

import numpy as np

from triceras.core import placement
from triceras.training.callbacks.callback import Callback


class CSVLogger(Callback):
    """Write one line for every epoch into a CSV file, with the logs in the order of their names.

    Args:
        filename: the file.
        separator: what stands between values.
        append: whether lines are added to a file that exists (its header stays).

    Example:
        >>> from triceras.callbacks import CSVLogger
        >>> CSVLogger("log.csv", separator=";").sep
        ';'
    """

    def __init__(self, filename: Any, separator: str = ",", append: bool = False):
        super().__init__()
        self.filename, self.sep, self.append = os.fspath(filename), separator, append
        self.keys: list[str] | None = None

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.keys = self._keys_of_file() if self.append else None
        if self.keys is None and placement.is_first():
            open(self.filename, "w", encoding="utf-8").close()

    def _keys_of_file(self) -> list[str] | None:
        if not os.path.exists(self.filename):
            return None
        with open(self.filename, newline="", encoding="utf-8") as file:
            header = next(csv.reader(file, delimiter=self.sep), None)
        return header[1:] if header else None

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        logs = logs or {}
        if self.keys is None:
            self.keys = sorted(logs)
            if not any(key.startswith("val_") for key in self.keys):
                self.keys += [f"val_{key}" for key in self.keys]  # validation may come in a later epoch
            self._write(["epoch", *self.keys])
        self._write([epoch, *(_text(logs.get(key, "NA")) for key in self.keys)])

    def _write(self, row: list[Any]) -> None:
        if placement.is_first():
            with open(self.filename, "a", newline="", encoding="utf-8") as file:
                csv.writer(file, delimiter=self.sep, lineterminator="\n").writerow(row)


def _text(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.ndim:
        return f'"[{", ".join(map(str, value))}]"'
    return value.item() if isinstance(value, (np.generic, np.ndarray)) else value
