"""The machine that a benchmark ran on, and how processes are set up for it."""

import datetime
import importlib.metadata
import math
import os
import platform
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("numpy", "jax", "torch", "tensorflow", "keras", "optax")

CORES = os.cpu_count() or 1

# One thread each, both sides alike: the frameworks' pools fight over a small machine's cores.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
}


def environment(folder, backend="", gpu=False):
    """A process's environment: nothing that an earlier run left in a cache, nothing of the user's settings.

    Args:
        folder: where its caches go.
        backend: the value of KERAS_BACKEND.
        gpu: whether it may see a GPU; then it has all threads, too.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TRICERAS_", "KERAS_", "JAX_"))}
    caches = {"KERAS_HOME": folder, "XDG_CACHE_HOME": folder, "TORCHINDUCTOR_CACHE_DIR": f"{folder}/inductor"}
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore", "JAX_ENABLE_COMPILATION_CACHE": "false"}
    where = {} if gpu else {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu", **ONE_THREAD}
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    chosen = {"KERAS_BACKEND": backend} if backend else {}
    return {**kept, **caches, **quiet, **where, **chosen, "PYTHONPATH": path}


def describe():
    """What the numbers depend on: a dict of texts."""
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": f"{_of('/proc/cpuinfo', 'model name') or platform.processor()}, {CORES} cores",
        "memory": f"{int((_of('/proc/meminfo', 'MemTotal') or '0 kB').split()[0]) / 2**20:.0f} GiB",
        "system": platform.platform(terse=True),
        "Python": platform.python_version(),
        "versions": ", ".join(f"{name} {version}" for name in PACKAGES if (version := _version(name))),
    }


def load():
    """The load of the last minute, where the system tells; above `CORES` others take ours."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else math.nan


def _version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _of(path, key):
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), None)
