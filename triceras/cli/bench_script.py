"""Run a script as `triceras run` does and watch its `fit` calls: what `triceras bench` does for each backend.

python -m triceras.cli.bench_script REPORT.json BACKEND SCRIPT ARGUMENTS…
"""

from __future__ import annotations

import argparse
import json
import pathlib
import sys
import time
from typing import Any

from triceras.cli import UserError
from triceras.cli import run as runner
from triceras.training.callbacks.callback import Callback
from triceras.training.logs import fetch


class Watch(Callback):
    """Times the steps of a `fit`. Logs are fetched after its first step, and in the middle and at the end of an epoch:
    where they aren't, a backend may run behind.

    Args:
        report: what is found goes there.
    """

    takes_pending_logs = True

    def __init__(self, report: dict[str, Any]):
        super().__init__()
        self.report, self.marks = report, []  # pairs: batches done in this epoch, the time
        self.fit: dict[str, Any] = {"steps": 0, "epochs": 0, "step_seconds": None, "logs": {}}
        report["fits"].append(self.fit)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.marks = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        done, before = batch + 1, self.marks[-1][0] if self.marks else 0
        half = (self.params.get("steps") or 0) / 2
        first = self.report["first_step_at"] is None
        if first or before < half <= done or done >= 2 * half:
            fetch(logs)
        self.marks.append((done, time.time()))
        self.fit["steps"] += done - before
        if first:
            self.report["first_step_at"] = time.time()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.fit["epochs"] += 1
        self.fit["logs"] = {name: value for name, value in (logs or {}).items() if isinstance(value, float)}
        if len(self.marks) > 1:
            last, end = self.marks[-1]
            middle, begun = next(mark for mark in self.marks if 2 * mark[0] >= last or mark is self.marks[-2])
            self.fit["step_seconds"] = (end - begun) / (last - middle)


def watch_fits(report: dict[str, Any]) -> None:
    """From now on, every `fit` of this process is watched."""
    from triceras.training.callbacks.callback_list import CallbackList
    from triceras.training.trainer import Trainer

    callbacks_of = Trainer._callbacks

    def with_watch(self: Any, *args: Any, **kwargs: Any) -> CallbackList:
        found = callbacks_of(self, *args, **kwargs)
        if kwargs.get("history"):  # a `fit`
            watch = Watch(report)
            watch.set_params(found.params)
            found.append(watch)
        return found

    Trainer._callbacks = with_watch


def main(report_file: str, backend: str, script: str, *arguments: str) -> int:
    """Run a script on a backend and write the report, also where the script fails."""
    from triceras.utils.backend_measurement import peak_bytes

    report: dict[str, Any] = {"first_step_at": None, "fits": [], "peak_bytes": None}
    watch_fits(report)
    try:
        options = argparse.Namespace(backend=backend, script=script, arguments=["--", *arguments])
        return runner.run(options)
    except UserError as error:
        print(f"triceras: {error}", file=sys.stderr)
        return 2
    finally:
        report["peak_bytes"] = peak_bytes()
        pathlib.Path(report_file).write_text(json.dumps(report), encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
