"""`Progbar`: the line that `fit`, `evaluate` and `predict` print, also for loops of your own."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from triceras.utils.io_utils import print_msg

_BOLD, _GREEN, _WHITE, _PLAIN = "\x1b[1m", "\x1b[32m", "\x1b[37m", "\x1b[0m"
_BLOCK = "━"


class Progbar:
    """Show how far a loop is, how long it takes, and how its values go.

    Args:
        target: how many steps there will be; None where nobody knows.
        width: characters of the bar.
        verbose: 0 prints nothing, 1 a bar that moves, 2 one line at the end.
        interval: seconds between two prints, at least.
        stateful_metrics: names of values to show as they are; all others are averaged over the steps.
        stateless_metrics: names of values to average, where all others are to be shown as they are.
        unit_name: what a step is called.

    Example:
        >>> from triceras.utils import Progbar
        >>> bar = Progbar(target=3, verbose=0)
        >>> for step in range(1, 4):
        ...     bar.update(step, [("loss", 1 / step)])
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ):
        self.target, self.width, self.verbose, self.interval, self.unit_name = (
            target,
            width,
            verbose,
            interval,
            unit_name,
        )
        self.stateful_metrics = set(stateful_metrics or ())
        self.stateless_metrics = None if stateless_metrics is None else set(stateless_metrics)
        self._values: dict[str, tuple[Any, float]] = {}  # name -> (sum, weight)
        self._seen = 0
        self._line_width = 0
        self._start = time.time()
        self._after_first: float | None = None
        self._printed_at = 0.0
        self._moves = os.name == "posix" or sys.stdout.isatty() or "ipykernel" in sys.modules  # else: a line each

    def add(self, n: int, values: Iterable[tuple[str, Any]] | None = None) -> None:
        """Go on by `n` steps; see `update`."""
        self.update(self._seen + n, values)

    def update(
        self, current: int, values: Iterable[tuple[str, Any]] | None = None, finalize: bool | None = None
    ) -> None:
        """Say how far the loop is.

        Args:
            current: how many steps are done.
            values: pairs (name, value) of the latest steps.
            finalize: whether this is the end; by default when `current` reaches the target.
        """
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        self._take(current, values or (), finalize)
        now = time.time()
        if self.verbose == 1 and (finalize or self.due(now)):
            self._print_bar(current, now, finalize)
            self._printed_at = now
        elif self.verbose == 2 and finalize:
            self._print_line(current, now)
        if current == 1 and self._after_first is None:
            self._after_first = now

    def due(self, now: float | None = None) -> bool:
        """Whether an update would print just now: whoever computes values for it can save the work otherwise."""
        return self.verbose == 1 and (time.time() if now is None else now) - self._printed_at >= self.interval

    def _take(self, current: int, values: Iterable[tuple[str, Any]], finalize: bool) -> None:
        steps = max(current - self._seen, 1)
        for name, value in values:
            if finalize or not self._is_averaged(name):
                self._values[name] = (value, 1)
            else:
                total, weight = self._values.get(name, (0.0, 0))
                self._values[name] = (total + value * steps, weight + steps)
        self._seen = current

    def _is_averaged(self, name: str) -> bool:
        return (
            name in self.stateless_metrics if self.stateless_metrics is not None else name not in self.stateful_metrics
        )

    def _print_bar(self, current: int, now: float, finalize: bool) -> None:
        per_unit = self._time_per_unit(current, now)
        waiting = self.target is not None and not finalize
        duration = _eta(per_unit * (self.target - current)) if waiting else f"{now - self._start:.0f}s"
        shown, plain = self._bar(current)
        tail = f" {self._speed(per_unit)}{self._shown_values()}"
        width = len(plain) + len(duration) + len(tail)
        start = ("\b" * self._line_width + "\r") if self._moves else "\n"
        padding = " " * max(self._line_width - width, 0)
        self._line_width = width
        print_msg(
            f"{start}{shown}{_BOLD}{duration}{_PLAIN}{tail}{padding}" + ("\n" if finalize else ""), line_break=False
        )

    def _bar(self, current: int) -> tuple[str, str]:
        """The counter and the bar, as they are printed and without colours."""
        if self.target is None:
            text = f"{current:7d}/Unknown "
            return text, text
        digits = int(math.log10(max(self.target, 1))) + 1
        counter = f"{current:{digits}d}/{self.target}"
        done = int(self.width * min(current / max(self.target, 1), 1))
        left = self.width - done
        green = f"{_GREEN}{_BLOCK * done}{_PLAIN}" if done else ""
        shown = f"{_BOLD}{counter}{_PLAIN} {green}{_WHITE}{_BLOCK * left}{_PLAIN} "
        return shown, f"{counter} {_BLOCK * self.width} "

    def _print_line(self, current: int, now: float) -> None:
        target = current if self.target is None else self.target
        digits = int(math.log10(max(target, 1))) + 1
        speed = self._speed(self._time_per_unit(current, now))
        print_msg(f"{current:{digits}d}/{target} - {now - self._start:.0f}s - {speed}{self._shown_values()}")

    def _time_per_unit(self, current: int, now: float) -> float:
        """Seconds a step; the first step, which compiles, counts only while it is alone."""
        if self._after_first is not None and current >= 2:
            return (now - self._after_first) / (current - 1)
        return (now - self._start) / current if current else 0.0

    def _speed(self, seconds: float) -> str:
        for factor, unit, least in ((1, "s", 1.0), (1e3, "ms", 1e-3), (1e6, "us", 0.0)):
            if seconds >= least or not seconds:
                return f"{seconds * factor:.0f}{unit}/{self.unit_name}"
        return f"0s/{self.unit_name}"

    def _shown_values(self) -> str:
        return "".join(f" - {name}:{_shown(total, weight)}" for name, (total, weight) in self._values.items())


def _shown(total: Any, weight: float) -> str:
    if total is None or isinstance(total, str):
        return f" {total}"
    mean = float(np.mean(total)) / max(weight, 1)
    return f" {mean:.4f}" if abs(mean) > 1e-3 or math.isnan(mean) else f" {mean:.4e}"


def _eta(seconds: float) -> str:
    seconds = int(seconds)
    if seconds > 3600:
        return f"{seconds // 3600}:{seconds % 3600 // 60:02d}:{seconds % 60:02d}"
    if seconds > 60:
        return f"{seconds // 60}:{seconds % 60:02d}"
    return f"{seconds}s"
