"""Inductor in a process of its own: it gets a graph as text, leaves a file in the cache, and is killed with us.

One compiler runs at a time. A thread waits for it and loads what it made.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import pathlib
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from typing import Any

import torch

from triceras.backends.torch.compiler.capture import Captured, concrete
from triceras.backends.torch.compiler.child import NO_COMPILER

FORMAT = "3"  # of the files in the cache
KEPT = 200  # files in the cache
_builds: set[Build] = set()  # those under way


class _State:
    """What this process knows of compilers."""

    one_at_a_time = threading.Lock()
    hopeless: str | None = None  # why no graph of CPU tensors can be compiled here


class Build:
    """A compilation under way.

    Args:
        job: what to compile: the graph's `code`, shape, stride, dtype and device of its `inputs`, the `batch` size.
    """

    def __init__(self, job: dict[str, Any]):
        self.job, self.owner = job, os.getpid()
        self.run: Callable | None = None  # what came out
        self.problem: str | None = None  # or why nothing did
        self.stopped = False
        self.process: subprocess.Popen | None = None
        self.thread = threading.Thread(target=self._work, daemon=True, name="triceras compiler")
        _builds.add(self)
        self.thread.start()

    def is_done(self, wait: bool = False) -> bool:
        """Whether there is a result, or a reason why there is none."""
        if wait:
            self.thread.join()
        return self.run is not None or self.problem is not None

    def stop(self) -> None:
        """Give it up, unless this is a fork of the process that began it."""
        if self.owner == os.getpid():
            self.stopped = True
            kill(self.process)

    def _work(self) -> None:
        try:
            with _State.one_at_a_time:
                if self.stopped or _State.hopeless:
                    raise RuntimeError(_State.hopeless or "given up")
                self.run = self._load(self._file())
        except Exception as error:
            self.problem = f"{type(error).__name__}: {error}"
        finally:
            _builds.discard(self)

    def _file(self) -> pathlib.Path:
        """The compiled graph's file, made if there is none yet."""
        path = _place(self.job)
        if path.exists():
            os.utime(path)
        else:
            with tempfile.TemporaryDirectory(prefix="triceras-") as folder:
                pathlib.Path(folder, "job.json").write_text(_text(self.job), encoding="utf-8")
                self._run_child(pathlib.Path(folder))
                prune(path.parent)
                part = path.with_suffix(f".{os.getpid()}.part")
                shutil.copyfile(pathlib.Path(folder, "compiled"), part)
                os.replace(part, path)
        return path

    def _run_child(self, folder: pathlib.Path) -> None:
        if getattr(sys, "frozen", False):
            raise RuntimeError("a frozen program has no Python to start a compiler with")
        package = str(pathlib.Path(__file__).parents[4])
        paths = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
        threads = {name: str(torch.get_num_threads()) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
        env = {**os.environ, **threads, "PYTHONPATH": paths, "TORCHINDUCTOR_COMPILE_THREADS": "1"}
        command = [sys.executable, "-P", "-m", "triceras.backends.torch.compiler.child", str(folder), str(os.getpid())]
        quiet = subprocess.DEVNULL
        with open(folder / "log", "wb") as log:
            self.process = subprocess.Popen(
                command, env=env, stdin=quiet, stdout=log, stderr=log, start_new_session=True
            )
        if hasattr(os, "setpriority"):
            os.setpriority(os.PRIO_PROCESS, self.process.pid, 10)  # training goes first
        if self.stopped:
            kill(self.process)
        status = self.process.wait()
        if status:
            last = (folder / "log").read_text(errors="replace").strip().splitlines()[-1:]
            problem = f"the compiler ended with status {status}: {' '.join(last)}"
            if status == NO_COMPILER:
                _State.hopeless = problem
            raise RuntimeError(problem)

    def _load(self, path: pathlib.Path) -> Callable:
        os.environ.setdefault("TORCH_WARM_POOL", "0")  # nothing is compiled in this process: it needs no helpers
        from torch._inductor import CompiledArtifact

        try:
            return CompiledArtifact.load(path=str(path), format="binary")
        except Exception:
            path.unlink(missing_ok=True)
            raise


def start(captured: Captured, values: Sequence[torch.Tensor]) -> Build:
    """Begin to compile a graph, or to load it if that was done before.

    Args:
        captured: the graph.
        values: the first tensors that it is going to take; the rest is contiguous.
    """
    return Build(_job(captured, values))


def is_known(captured: Captured, values: Sequence[torch.Tensor]) -> bool:
    """Whether the graph was compiled before."""
    try:
        return _place(_job(captured, values)).exists()
    except Exception:  # then the build says why
        return False


def _job(captured: Captured, values: Sequence[torch.Tensor]) -> dict[str, Any]:
    holders = [node for node in captured.module.graph.nodes if node.op == "placeholder"]
    metas = [node.meta["val"] for node in holders[len(values) :]]
    batch = captured.batch and captured.batch.size
    inputs = [_described(x, batch is None) for x in (*values, *metas)]
    machine = _machine({device for *_, device in inputs})
    return {"code": captured.module.code, "inputs": inputs, "machine": machine, "batch": batch}


def _place(job: dict[str, Any]) -> pathlib.Path:
    """Where the compiled graph is or will be, whatever the batch size that it is tuned for."""
    tuned_for_any = {**job, "batch": job["batch"] is not None}
    return cache_folder() / f"{hashlib.sha256(_text(tuned_for_any).encode()).hexdigest()}.bin"


def _text(job: dict[str, Any]) -> str:
    return json.dumps(job, sort_keys=True)


def _described(x: torch.Tensor, fixed: bool) -> list[Any]:
    """Shape (None: the batch size, unless it is fixed), strides, dtype and device."""
    shape = [concrete(size) if fixed or isinstance(size, int) else None for size in x.shape]
    return [shape, list(x.stride()), str(x.dtype).removeprefix("torch."), str(x.device)]


def _machine(devices: set[str]) -> list[str]:
    """What a compiled graph depends on beside the graph."""
    names = sorted(torch.cuda.get_device_name(device) for device in devices if device.startswith("cuda"))
    processor = [platform.machine(), torch.backends.cpu.get_cpu_capability(), str(torch.get_num_threads())]
    return [FORMAT, platform.python_version(), torch.__version__, *processor, *names]


def cache_folder() -> pathlib.Path:
    """The user's own folder of compiled graphs, nobody else's: loading a file from it runs what is in the file.

    Raises:
        PermissionError: it belongs to somebody else, or others may write to it.
    """
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    folder = pathlib.Path(base) / "triceras" / "torch"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    status = folder.stat()
    if hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & 0o022):
        raise PermissionError(f"{folder} can be written by others: its files aren't loaded")
    return folder


def prune(folder: pathlib.Path) -> None:
    """Delete the files that weren't used for the longest time."""
    files = sorted(folder.glob("*.*"), key=lambda path: path.stat().st_mtime)
    for path in files[: max(0, len(files) + 1 - KEPT)]:
        path.unlink(missing_ok=True)


def kill(process: subprocess.Popen | None) -> None:
    """End a compiler and what it started."""
    if process is None or process.poll() is not None:
        return
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (AttributeError, ProcessLookupError, PermissionError):
        process.kill()


@atexit.register
def stop_all() -> None:
    """End all compilers, and wait a moment for the threads that clean up behind them."""
    builds = [build for build in list(_builds) if build.owner == os.getpid()]
    for build in builds:
        build.stop()
    for build in builds:
        build.thread.join(1.0)


def _forked() -> None:
    """A fork has none of its parent's threads: who held the lock will never give it back."""
    _State.one_at_a_time = threading.Lock()
    _builds.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
