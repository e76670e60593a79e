"""The compiler's process: `python -m triceras.backends.torch.compiler.child FOLDER PARENT`.

It reads `FOLDER/job.json` and leaves `FOLDER/compiled`.
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import signal
import sys
import threading
import time
from typing import Any

NO_COMPILER = 3  # the exit status where there is no C++ compiler


def watch(parent: int, folder: pathlib.Path) -> None:
    """End this process, and what it started, when its parent is gone."""
    while os.getppid() == parent:
        time.sleep(0.5)
    shutil.rmtree(folder, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


def main(folder: pathlib.Path, parent: int) -> None:
    threading.Thread(target=watch, args=(parent, folder), daemon=True).start()
    import torch
    from torch._inductor import config, standalone_compile

    from triceras.backends.torch import random  # noqa: F401 - its operators are in the graphs
    from triceras.backends.torch.compiler.diagnosis import cpp_compiler

    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    if cpp_compiler() is None and any(device == "cpu" for *_, device in job["inputs"]):
        print("there is no C++ compiler")
        sys.exit(NO_COMPILER)
    graph, fakes, mode = rebuilt(job, torch)
    # Sizes and strides needn't be asserted at each call: `Program` sees to them.
    with torch.no_grad(), config.patch(fallback_random=True, size_asserts=False):
        artifact = standalone_compile(graph, fakes, dynamic_shapes="from_example_inputs", fake_mode=mode)
    artifact.save(path=str(folder / "part"), format="binary")
    os.replace(folder / "part", folder / "compiled")


def rebuilt(job: dict[str, Any], torch: Any) -> tuple[Any, list[Any], Any]:
    """The graph of a text, inputs as it takes them, and the mode in which these are fake."""
    import operator

    from torch._dynamo.source import ConstantSource
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.fx.experimental.proxy_tensor import make_fx
    from torch.fx.experimental.symbolic_shapes import DimDynamic, ShapeEnv

    names = {"torch": torch, "device": torch.device, "inf": float("inf"), "nan": float("nan"), "_operator": operator}
    exec(job["code"], names)  # our parent's text, in a folder that only we can write to
    known, source, size = ShapeEnv(), ConstantSource("batch"), job["batch"]
    if size is not None:
        symbol = known.create_symbol(size, source, DimDynamic.DYNAMIC)
        size = known.create_symintnode(symbol, hint=size, source=source)
    mode = FakeTensorMode(shape_env=known)
    with mode, torch.no_grad():
        fakes = []
        for shape, stride, dtype, device in job["inputs"]:
            sizes = [size if d is None else d for d in shape]
            fakes.append(torch.empty_strided(sizes, stride, dtype=getattr(torch, dtype), device=device))
        return make_fx(lambda *given: names["forward"](None, *given))(*fakes), fakes, mode


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), int(sys.argv[2]))
