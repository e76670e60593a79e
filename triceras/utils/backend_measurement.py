"""Measure a model on one backend: what `compare_backends` does, wherever it can in a process of its own.

Only a fresh process tells honestly how long the first step takes and how much memory there must be. It finds the model
and the job as files in a folder and leaves the result there.
"""

from __future__ import annotations

import pathlib
import pickle
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from triceras.core import registry, tree
from triceras.core.scope import use_backend

SAMPLES = 8  # of the batch, on which backends are compared layer by layer
BLOCK = 5  # steps between two looks at the clock: as in `fit`, they needn't wait for each other
SECONDS = 10.0  # for the warm steps of a backend, at most
SETTLING = 90.0  # seconds until steps that still become faster are measured as they are
WITHOUT_MODEL = 3  # exit status: the classes of the model can't be imported in another process


class Job(NamedTuple):
    """What to measure.

    Args:
        backend: a backend's name.
        data: a batch: `(x, y, sample_weight)` of arrays.
        training: whether training steps are measured, where the backend has gradients; else predictions.
        steps: how many warm steps.
        precise: compute the outputs in float64 and measure nothing.
    """

    backend: str
    data: tuple
    training: bool
    steps: int
    precise: bool = False


class Output(NamedTuple):
    """What a layer gave: its path, the dtype there, and the values."""

    name: str
    dtype: str
    value: np.ndarray


class Result(NamedTuple):
    """What came out: the fields of a row by name, the layers' outputs in order, and the model's."""

    fields: dict[str, Any]
    layers: list[Output]
    predictions: list[Output]


def measure(job: Job, make: Callable[[], Any]) -> Result:
    """Measure a backend in this process.

    Args:
        job: what to measure.
        make: gives a fresh copy of the model, on any backend.
    """
    return compute(job, make, {} if job.precise else take_time(job, make))


def take_time(job: Job, make: Callable[[], Any]) -> dict[str, Any]:
    """The fields of a row that tell of time and place; `make` as in `measure`."""
    backend = registry.get(job.backend)
    fields = {"version": backend.version(), "devices": backend.device_names()}
    with use_backend(backend):
        return {**fields, **_time_steps(make().to_backend(backend), job)}


def compute(job: Job, make: Callable[[], Any], fields: dict[str, Any]) -> Result:
    """The outputs, beside fields that are known; `make` as in `measure`."""
    backend = registry.get(job.backend)
    with use_backend(backend):
        model = make().to_backend(backend)
        return Result(fields, *_outputs(_as_float64(model) if job.precise else model, job.data[0]))


# --- time -------------------------------------------------------------------------------------------------------------


def _time_steps(model: Any, job: Job) -> dict[str, Any]:
    """How long the first step takes, all steps until they are as fast as they get, and a step then."""
    from triceras.training.ready import get_ready
    from triceras.utils.data import pack_x_y_sample_weight

    kind = "train" if job.training and model.backend.has_gradients else "predict"
    data = pack_x_y_sample_weight(*job.data) if kind == "train" else job.data[0]
    begun = time.perf_counter()
    get_ready(model, lambda: data, kind)
    steps = getattr(model, f"make_{kind}_function")()

    def run(count: int) -> float:
        start = time.perf_counter()
        for _ in range(count):
            results = steps(model._native()([data]))
        tree.map_structure(lambda x: model.backend.to_numpy(x) if _is_tensor(model.backend, x) else x, results)
        return time.perf_counter() - start

    run(1)
    first = time.perf_counter() - begun
    for _ in range(3):
        run(1)
    while not model.backend.settled(steps.one) and time.perf_counter() - begun < SETTLING:
        run(1)
    settled, times = time.perf_counter() - begun, []
    while sum(times) < SECONDS and len(times) * BLOCK < job.steps:
        times.append(run(BLOCK))
    return {
        "step": kind,
        "first_step_seconds": first,
        "settled_seconds": settled,
        "step_seconds": statistics.median(times) / BLOCK,
    }


def _is_tensor(backend: Any, x: Any) -> bool:
    return isinstance(x, backend.tensor_types)


# --- memory -----------------------------------------------------------------------------------------------------------


def peak_bytes() -> int:
    """The most memory that this process has had so far; 0 where the system doesn't tell."""
    status = _status()
    if "VmHWM" in status:
        return status["VmHWM"]  # getrusage tells too much: it begins with what the parent had
    try:
        import resource
    except ImportError:
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def start_of_peak() -> int:
    """Let the peak begin anew, where the system can; the memory from which on it grows."""
    try:
        pathlib.Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return peak_bytes()
    return _status().get("VmRSS", peak_bytes())


def _status() -> dict[str, int]:
    try:
        lines = pathlib.Path("/proc/self/status").read_text()
    except OSError:
        return {}
    return {name: int(kilobytes) * 1024 for name, kilobytes in re.findall(r"(Vm\w+):\s+(\d+) kB", lines)}


# --- outputs ----------------------------------------------------------------------------------------------------------


def _outputs(model: Any, x: Any) -> tuple[list[Output], list[Output]]:
    """What each layer gives for the first samples, the innermost first, and what the model gives."""
    found: list[Output] = []
    for layer in model._flatten_layers():
        if layer is not model:
            layer.__dict__["call"] = _recording(layer, found)
    samples = tree.map_structure(lambda leaf: None if leaf is None else leaf[:SAMPLES], x)
    predictions = model.backend.without_gradients(model)(samples, training=False)
    return found, list(_arrays(model.backend, model.name, predictions))


def _recording(layer: Any, found: list[Output]) -> Callable:
    """The `call` of a layer, which also notes what it gives; the layer is a copy that nobody else uses."""
    call, times = layer.call, 0

    def run(*args: Any, **kwargs: Any) -> Any:
        nonlocal times
        outputs = call(*args, **kwargs)
        times += 1
        found.extend(_arrays(layer.backend, layer.path if times == 1 else f"{layer.path} (call {times})", outputs))
        return outputs

    return run


def _arrays(backend: Any, name: str, outputs: Any) -> Iterator[Output]:
    """The tensors among some outputs that have values: inside a traced loop they have none."""
    for x in tree.flatten(outputs):
        if _is_tensor(backend, x) and not backend.is_traced(x):
            yield Output(name, backend.dtype(x), np.asarray(backend.to_numpy(x)))


def _as_float64(model: Any) -> Any:
    """A model whose layers and weights are of float64, in place."""
    from triceras.core import dtypes

    for layer in model._flatten_layers():
        layer.dtype_policy = "float64"
    for variable in model.variables:
        if dtypes.is_float(variable.dtype):
            value, variable.dtype = variable.numpy(), "float64"
            variable.native = variable.backend.new_value(value.astype("float64"), "float64", variable.trainable)
    return model


# --- the process ------------------------------------------------------------------------------------------------------


class NoModel(Exception):
    """The model can't be made in this process."""


def main(folder: pathlib.Path) -> int:
    """Do the job in a folder; returns the exit status."""
    job = pickle.loads((folder / "job").read_bytes())

    def make() -> Any:
        try:
            return pickle.loads((folder / "model").read_bytes())
        except Exception as error:
            raise NoModel(f"{type(error).__name__}: {error}") from error

    begun = time.perf_counter()
    registry.get(job.backend)
    loading, before = time.perf_counter() - begun, start_of_peak()
    try:
        fields = {} if job.precise else take_time(job, make)
        result = compute(job, make, {**fields, "load_seconds": loading, "peak_bytes": peak_bytes() - before})
    except NoModel as error:
        print(error, file=sys.stderr)
        return WITHOUT_MODEL
    (folder / "result").write_bytes(pickle.dumps(result))
    return 0
