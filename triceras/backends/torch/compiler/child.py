"""The compiler's process: `python -m triceras.backends.torch.compiler.child FOLDER PARENT`.

It reads `FOLDER/job.json` and leaves `FOLDER/compiled`.
"""

from __future__ import annotations

import json
import os
import pathlib
import signal
import sys
import threading
import time
from typing import Any


def watch(parent: int) -> None:
    """End this process, and what it started, when its parent is gone."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os.killpg(0, signal.SIGKILL)


def main(folder: pathlib.Path, parent: int) -> None:
    threading.Thread(target=watch, args=(parent,), daemon=True).start()
    os.nice(10)  # training goes first
    import torch
    from torch._inductor import config, standalone_compile

    from triceras.backends.torch import random  # noqa: F401 - its operators are in the graphs

    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    graph, fakes = rebuilt(job, torch)
    with torch.no_grad(), config.patch(fallback_random=True):
        artifact = standalone_compile(graph, fakes, dynamic_shapes="from_example_inputs")
    artifact.save(path=str(folder / "part"), format="binary")
    os.replace(folder / "part", folder / "compiled")


def rebuilt(job: dict[str, Any], torch: Any) -> tuple[Any, list[Any]]:
    """The graph of a text, and inputs as it takes them."""
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.fx.experimental.proxy_tensor import make_fx

    names = {"torch": torch, "device": torch.device, "inf": float("inf"), "nan": float("nan")}
    exec(job["code"], names)  # our parent's text, in a folder that only we can write to
    with FakeTensorMode(), torch.no_grad():
        fakes = [
            torch.empty_strided(shape, stride, dtype=getattr(torch, dtype), device=device)
            for shape, stride, dtype, device in job["inputs"]
        ]
        return make_fx(lambda *given: names["forward"](None, *given))(*fakes), fakes


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), int(sys.argv[2]))
