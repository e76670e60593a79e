"""Logs: what a step reports. They stay on the device until somebody needs the numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


class PendingLogs:
    """A step's metrics, still on the device; `fetch` brings them once.

    Args:
        values: name → native scalar, or a dict of them.
        to_numpy: makes an array of a native tensor.
    """

    __slots__ = ("_values", "_to_numpy", "_fetched")

    def __init__(self, values: Any, to_numpy: Callable[[Any], Any]):
        self._values, self._to_numpy, self._fetched = values, to_numpy, None

    def fetch(self) -> dict[str, Any]:
        """The logs as Python floats, sorted by name; waits for the device."""
        if self._fetched is None:
            self._fetched = plain(self._values, self._to_numpy)
            self._values = None
        return self._fetched


def fetch(logs: Any) -> dict[str, Any]:
    """The numbers of pending logs; other logs as they are."""
    return logs.fetch() if isinstance(logs, PendingLogs) else logs


def plain(logs: Any, to_numpy: Callable[[Any], Any]) -> dict[str, Any]:
    """Logs as a flat dict of Python floats, sorted by name; what isn't a single number stays an array.

    Args:
        logs: a dict of tensors and numbers, where a metric may give a dict of its own; or a single loss.
        to_numpy: makes an array of a tensor.
    """
    if not isinstance(logs, dict):
        logs = {"loss": logs}
    found: dict[str, Any] = {}
    for name, value in sorted(logs.items()):
        found.update(plain(value, to_numpy) if isinstance(value, dict) else {name: _number(value, to_numpy)})
    return found


def _number(value: Any, to_numpy: Callable[[Any], Any]) -> Any:
    if value is None or isinstance(value, (str, float)):
        return value
    if isinstance(value, int):
        return float(value)
    array = value if isinstance(value, (np.ndarray, np.generic)) else np.asarray(to_numpy(value))
    return float(array.reshape(())) if array.size == 1 else array
