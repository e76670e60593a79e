"""`MonitorCallback`: watches one value of the logs and knows when it got better."""

from __future__ import annotations

import math
import warnings
from typing import Any

from triceras.training.callbacks.callback import Callback

_SIGNS = {"min": -1.0, "max": 1.0}


class MonitorCallback(Callback):
    """Base of the callbacks that watch a metric.

    Args:
        monitor: the name in the logs.
        mode: "min", "max", or "auto", which asks the metric of that name.
        initial_value_threshold: the first value must be better than this.
        min_delta: by how much a value must be better.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        mode: str = "auto",
        initial_value_threshold: float | None = None,
        min_delta: float = 0.0,
    ):
        super().__init__()
        if mode not in ("auto", *_SIGNS):
            warnings.warn(f"{type(self).__name__} mode '{mode}' is unknown, fallback to auto mode.", stacklevel=3)
            mode = "auto"
        self.monitor, self.mode, self.min_delta = monitor, mode, abs(min_delta)
        self.best = initial_value_threshold
        self._sign = _SIGNS.get(mode)

    def get_monitor_value(self, logs: dict | None) -> Any:
        """The watched value, or None (with a warning) where the logs lack it."""
        value = (logs or {}).get(self.monitor)
        if value is None:
            warnings.warn(self._missing(", ".join(logs or {})), stacklevel=3)
        return value

    def _missing(self, available: str) -> str:
        return (
            f"{type(self).__name__} conditioned on metric `{self.monitor}` which is not available. "
            f"Available metrics are: {available}"
        )

    def _is_improvement(self, value: Any, reference: Any) -> bool:
        """Whether a value is better than another; anything that is a number is better than none."""
        if self._sign is None:
            self._sign = self._find_sign()
        value = float(value)
        if math.isnan(value):
            return False
        return reference is None or (value - float(reference)) * self._sign > self.min_delta

    def _find_sign(self) -> float:
        name = self.monitor.removeprefix("val_")
        if name == "loss" or name.endswith("_loss"):
            return _SIGNS["min"]
        for metric in _leaf_metrics(getattr(self.model, "metrics", ())):
            direction = getattr(metric, "_direction", None)
            if direction and (name == metric.name or name.endswith(f"_{metric.name}")):
                return _SIGNS["max" if direction == "up" else "min"]
        raise ValueError(
            f"{type(self).__name__} callback received monitor={self.monitor}, but can't automatically determine "
            "whether that metric should be maximized or minimized. Pass `mode='max'` in order to monitor based on the "
            "highest metric value, or pass `mode='min'` in order to use the lowest value."
        )


def _leaf_metrics(metrics: Any) -> list[Any]:
    found: list[Any] = []
    for metric in metrics:
        inner = getattr(metric, "metrics", None)
        found += _leaf_metrics(inner) if inner else [metric]
    return found
