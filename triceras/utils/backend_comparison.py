"""`compare_backends`: the same model on every backend: how fast, how much memory, and whether they agree."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import io
import json
import os
import pathlib
import pickle
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from triceras.core import registry, seeds, tree
from triceras.utils.backend_measurement import WITHOUT_MODEL, Job, NoModel, Output, Result, measure

# How far a layer's output may be from the reference, relative to its largest value, before backends count as apart.
TOLERANCES = {"float64": 1e-9, "float32": 1e-4, "float16": 2e-2, "bfloat16": 1e-1}
REFERENCE = Job("numpy", (), training=False, steps=0, precise=True)
ALIKE = 1.05  # times that differ by less count as equal


class Column(NamedTuple):
    """A column of a table: its title, and what a row says there."""

    title: str
    show: Callable[[Any], str]


class Bar(NamedTuple):
    """A bar chart: its title, and a row's number there, or None."""

    title: str
    number: Callable[[Any], float | None]


def seconds(value: float | None) -> str:
    """A time as text."""
    if value is None:
        return ""
    return f"{1e3 * value:.3g} ms" if value < 1 else f"{value:.3g} s"


def megabytes(value: float | None) -> str:
    """A size in bytes as text."""
    return "" if value is None else f"{value / 2**20:,.0f} MB"


@dataclasses.dataclass
class Row:
    """A backend in a comparison.

    Args:
        backend: its name.
        step: what was timed: `"train"` or `"predict"`.
        first_step_seconds: from the first call until its result is there, compiling included.
        settled_seconds: from the first call until steps were as fast as they get.
        step_seconds: a warm step, the median.
        load_seconds: to import the framework.
        peak_bytes: by how much the process grew at most, after the framework was loaded; memory of an accelerator isn't
            in it.
        max_difference: of a prediction from the reference, the largest.
        diverges_at: the first layer whose output is too far from the reference's, the innermost first.
        divergence: how far, relative to the layer's largest value.
        own_process: whether it was measured in a process of its own; else the model needs classes that only this
            process has, memory isn't known and the first step may have found some work done.
        problem: why there is no measurement.
        version: the framework's.
        devices: those that it sees.
    """

    backend: str
    step: str = ""
    first_step_seconds: float | None = None
    settled_seconds: float | None = None
    step_seconds: float | None = None
    load_seconds: float | None = None
    peak_bytes: int | None = None
    max_difference: float | None = None
    diverges_at: str | None = None
    divergence: float | None = None
    own_process: bool = True
    problem: str | None = None
    version: str = ""
    devices: Sequence[str] = ()

    label = property(lambda row: f"{row.backend}, {row.step}" if row.step else row.backend)
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column("backend", lambda row: row.label),
        Column("warm step", lambda row: "none" if row.problem else seconds(row.step_seconds)),
        Column("first step", lambda row: seconds(row.first_step_seconds)),
        Column("settles in", lambda row: seconds(row.settled_seconds)),
        Column("memory", lambda row: megabytes(row.peak_bytes)),
        Column("off by", lambda row: "" if row.max_difference is None else f"{row.max_difference:.1e}"),
        Column("diverges at", lambda row: f"{row.diverges_at} ({row.divergence:.0e})" if row.diverges_at else ""),
    )
    BARS: ClassVar[tuple[Bar, ...]] = (
        Bar("warm step, ms", lambda row: row.step_seconds and 1e3 * row.step_seconds),
        Bar("first step, s", lambda row: row.first_step_seconds),
        Bar("peak memory, MB", lambda row: row.peak_bytes and row.peak_bytes / 2**20),
    )


@dataclasses.dataclass(repr=False)
class Comparison:
    """What came out of a comparison; printed, it is a table.

    Args:
        rows: one for each backend.
        recommended: the name of a backend, or None where none will do.
        reason: why, in one sentence.
        reference: what predictions were compared with.
    """

    rows: list[Any]
    recommended: str | None
    reason: str
    reference: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        return dataclasses.asdict(self)

    def to_json(self, **kwargs: Any) -> str:
        """Everything as JSON text; `kwargs` as of `json.dumps`."""
        return json.dumps(self.to_dict(), default=str, **kwargs)

    def table(self) -> Any:
        """A `rich.table.Table`."""
        from rich.markup import escape
        from rich.table import Table

        columns = type(self.rows[0]).COLUMNS
        table = Table(*(column.title for column in columns))
        table.columns[0].no_wrap = True
        for row in self.rows:
            style = "bold" if row.backend == self.recommended else "red" if row.problem else None
            table.add_row(*(escape(column.show(row)) for column in columns), style=style)
        return table

    def __rich__(self) -> Any:
        from rich.console import Group
        from rich.text import Text

        lines = [(f"{row.backend}: {row.problem}", "red") for row in self.rows if row.problem] + [(self.reason, "bold")]
        return Group(self.table(), *(Text(*line) for line in lines))

    def __str__(self) -> str:
        from rich.console import Console

        console = Console(file=io.StringIO(), width=120)
        console.print(self)
        return console.file.getvalue().rstrip()

    __repr__ = __str__

    def plot(self, path: Any) -> None:
        """Draw bar charts into a file, PNG by default.

        Args:
            path: the file; its ending says what kind it is.

        Raises:
            ImportError: matplotlib isn't installed.
        """
        try:
            from matplotlib.backends.backend_agg import FigureCanvasAgg
            from matplotlib.figure import Figure
        except ImportError as error:
            raise ImportError('Charts need matplotlib: pip install "triceras[demo]"', name=error.name) from error
        bars = type(self.rows[0]).BARS
        figure = Figure(figsize=(4 * len(bars), 0.6 * len(self.rows) + 1.4), layout="constrained")
        FigureCanvasAgg(figure)
        names = [row.label for row in self.rows]
        colors = ["tab:orange" if row.backend == self.recommended else "tab:blue" for row in self.rows]
        for axes, bar in zip(figure.subplots(1, len(bars), squeeze=False)[0], bars, strict=True):
            numbers = [bar.number(row) for row in self.rows]
            drawn = axes.barh(names, [number or 0 for number in numbers], color=colors)
            axes.bar_label(drawn, ["–" if number is None else f"{number:.3g}" for number in numbers], padding=3)
            axes.set(title=bar.title)
            axes.margins(x=0.2)
            axes.invert_yaxis()
        figure.suptitle(self.reason, fontsize="small")
        figure.savefig(path, dpi=120)


def recommend(rows: Iterable[Any], time_of: Callable[[Any], float | None], what: str) -> tuple[str | None, str]:
    """The backend to take, and why in one sentence: the fastest that does it right; of equals, the sooner ready.

    Args:
        rows: a comparison's.
        time_of: what counts; None where a row is out of the question.
        what: what takes that time, as in "a training step".
    """
    fit = sorted((row for row in rows if time_of(row) is not None), key=time_of)
    if not fit:
        return None, "No backend here does it without a problem, so none is recommended."
    best, *others = sorted(
        [row for row in fit if time_of(row) <= ALIKE * time_of(fit[0])], key=lambda row: row.first_step_seconds or 0.0
    )
    took = f"{best.backend} takes {seconds(time_of(best))} for {what}"
    slower = [row for row in fit if row is not best and row not in others]
    if others:
        names = " and ".join(row.backend for row in others)
        why = f", as {names} does within {ALIKE - 1:.0%}, and is ready sooner"
    elif slower:
        why = f", {time_of(slower[0]) / time_of(best):.2g} times faster than {slower[0].backend}, the next"
    else:
        why = "; no other backend here does that"
    return best.backend, f"{took}{why}."


# --- compare_backends -------------------------------------------------------------------------------------------------


def compare_backends(
    model: Any,
    x: Any,
    y: Any = None,
    *,
    backends: Sequence[str] | None = None,
    batch_size: int = 32,
    steps: int = 50,
    progress: bool = True,
) -> Comparison:
    """Run a model on several backends and say how fast each is, how much memory it takes and whether they agree.

    Each backend gets a copy with the weights and the optimizer's state as they are, in a process of its own, where the
    training step (for a model compiled with a loss, on a backend with gradients) or else the prediction of one batch is
    timed. Then the layers' outputs are compared, one after the other, with those of NumPy in float64. The model, the
    seeds and the current backend stay as they are. A model of classes that no other process can import, such as those
    of a notebook, is copied and measured in this process.

    Args:
        model: a model that has its weights.
        x: inputs, as `fit` takes them; the first batch is used.
        y: targets.
        backends: names; all that are installed by default.
        batch_size: samples a batch, where `x` are arrays.
        steps: how many warm steps to time; fewer where they take long.
        progress: whether a line on the terminal says what is going on.

    Returns:
        A `Comparison`, which prints as a table: `.rows`, `.recommended`, `.reason`, `.to_json()`, `.plot(path)`.

    Raises:
        ValueError: a backend that nobody knows, or a model without weights.
        ImportError: a backend whose framework isn't installed.

    Example:
        >>> import numpy as np
        >>> import triceras
        >>> model = triceras.Sequential([triceras.Input((4,)), triceras.layers.Dense(2)])
        >>> found = triceras.compare_backends(model, np.ones((8, 4)), backends=["numpy"], steps=5, progress=False)
        >>> found.recommended, found.rows[0].max_difference < 1e-5
        ('numpy', True)
    """
    names = check_names(backends)
    if not model.built:
        raise ValueError(f"Model '{model.name}' has no weights yet. Call it on a batch first: `model(x[:1])`.")
    data = _first_batch(x, y, batch_size)
    training = model._compiled is not None and model._compiled.loss is not None and data[1] is not None
    with _Runner(model) as runner:
        results = {}
        for name in watch(names, progress):
            results[name] = runner.run(Job(name, data, training, steps))
        precise = runner.run(REFERENCE._replace(data=data))
    return _compared(results, precise, "train" if training else "predict")


def check_names(names: Sequence[str] | None) -> list[str]:
    """Names of backends that are all installed: those given, or every one.

    Raises:
        ValueError: one that nobody knows.
        ImportError: one whose framework isn't installed.
    """
    chosen = list(registry.installed() if names is None else names)
    for name in chosen:
        registry.find(name)
    if not chosen:
        raise ValueError("Argument `backends` is empty: name at least one.")
    return list(dict.fromkeys(chosen))


def watch(names: Sequence[str], progress: bool) -> Iterator[str]:
    """The names, one after the other, with a line on the terminal that says which one it is."""
    if not progress:
        yield from names
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TimeElapsedColumn

    columns = SpinnerColumn(), "{task.description}", TimeElapsedColumn()
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        for number, name in enumerate(names, 1):
            task = bar.add_task(f"{name} ({number} of {len(names)})")
            yield name
            bar.remove_task(task)


def _first_batch(x: Any, y: Any, batch_size: int) -> tuple:
    """The first batch as `(x, y, sample_weight)` of NumPy arrays."""
    from triceras.training.data import Epochs, make_source
    from triceras.training.data.arrays import are_arrays, to_array
    from triceras.utils.data import unpack_x_y_sample_weight

    batch = Epochs(make_source(x, y, batch_size=batch_size if are_arrays(x) else None)).peek()
    return tree.map_structure(lambda leaf: None if leaf is None else to_array(leaf), unpack_x_y_sample_weight(batch))


class _Runner:
    """Does jobs for a model, each in a process of its own if its classes can be imported there."""

    def __init__(self, model: Any):
        self.model = model
        self.folder = tempfile.TemporaryDirectory(prefix="triceras-")
        self.file = pathlib.Path(self.folder.name, "model")

    def __enter__(self) -> _Runner:
        # Pickled on NumPy, so that a process needs no other framework than the one it measures.
        with contextlib.suppress(pickle.PicklingError, AttributeError, TypeError):
            self.file.write_bytes(pickle.dumps(copy.deepcopy(self.model).to_backend("numpy")))
        return self

    def __exit__(self, *exc: object) -> None:
        self.folder.cleanup()

    def run(self, job: Job) -> Result:
        """What came out, wherever it was done; problems are in the field `problem`."""
        try:
            return self._elsewhere(job)
        except NoModel:
            self.file.unlink(missing_ok=True)
            return self._here(job)

    def _elsewhere(self, job: Job) -> Result:
        if not self.file.exists():
            raise NoModel
        folder = self.file.parent
        (folder / "job").write_bytes(pickle.dumps(job))
        (folder / "result").unlink(missing_ok=True)
        code = "import sys, pathlib; from triceras.utils import backend_measurement as measurement; "
        code += "sys.exit(measurement.main(pathlib.Path(sys.argv[1])))"
        done = run_python(["-c", code, str(folder)], job.backend)
        if done.returncode == WITHOUT_MODEL:
            raise NoModel
        if done.returncode:
            last = done.stdout.strip().splitlines()[-1:] or [f"ended with status {done.returncode}"]
            return Result({"problem": last[0]}, [], [])
        return pickle.loads((folder / "result").read_bytes())

    def _here(self, job: Job) -> Result:
        with _seeds_kept():
            try:
                result = measure(job, lambda: copy.deepcopy(self.model))
            except Exception as error:
                result = Result({"problem": f"{type(error).__name__}: {error}".splitlines()[0]}, [], [])
        return result._replace(fields={**result.fields, "own_process": False})


def run_python(arguments: Sequence[str], backend: str) -> subprocess.CompletedProcess:
    """Run Python on a backend, with this process's places to import from; `stdout` has all that it printed."""
    package = str(pathlib.Path(__file__).parents[2])
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([package, *filter(None, sys.path)]), "KERAS_BACKEND": backend}
    command = [sys.executable, "-P", *arguments]
    return subprocess.run(command, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


@contextlib.contextmanager
def _seeds_kept() -> Iterator[None]:
    """Whatever is drawn inside, the seeds are afterwards what they were."""
    python, numpy, host = random.getstate(), np.random.get_state(), seeds._host.generator.bit_generator.state
    others = {name: generator.state.numpy().copy() for name, generator in seeds._generators.items()}
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        seeds._host.generator.bit_generator.state = host
        for name in list(seeds._generators):
            if name in others:
                seeds._generators[name].state.assign(others[name])
            else:
                del seeds._generators[name]


# --- who agrees -------------------------------------------------------------------------------------------------------


def _compared(results: dict[str, Result], precise: Result, step: str) -> Comparison:
    """The rows, with what differs from the reference: NumPy in float64, or else the first backend that works."""
    reference, label = precise, "NumPy in float64"
    if not precise.predictions:
        working = [name for name, result in results.items() if result.predictions]
        reference, label = (results[working[0]], working[0]) if working else (precise, "nothing")
    rows = [Row(name, **result.fields, **_difference(reference, result)) for name, result in results.items()]
    kind = step if any(row.step == step for row in rows) else "predict"
    name, reason = recommend(
        rows,
        lambda row: row.step_seconds if row.step == kind and not row.diverges_at else None,
        "a training step" if kind == "train" else "the prediction of a batch",
    )
    return Comparison(rows, name, reason, label)


def _difference(reference: Result, found: Result) -> dict[str, Any]:
    """The fields of a row that tell of agreement."""
    if not found.predictions:
        return {}
    pairs = zip(found.predictions, reference.predictions, strict=True)
    fields = {"max_difference": max(float(np.max(_apart(a.value, b.value), initial=0.0)) for a, b in pairs)}
    at = first_divergence(reference, found)
    return {**fields, "diverges_at": at[0], "divergence": at[1]} if at else fields


def first_divergence(reference: Result, found: Result) -> tuple[str, float] | None:
    """The first layer, or the model, whose output is further from the reference's than its dtype excuses, and how far.

    Args:
        reference: what is right.
        found: a backend's outputs, in the order in which its layers were done.
    """
    known = _by_name([*reference.layers, *reference.predictions])
    for key, output in _by_name([*found.layers, *found.predictions]).items():
        right = known.get(key)
        if right is None or right.value.shape != output.value.shape:
            continue
        scale = float(np.max(np.abs(right.value), initial=0.0, where=np.isfinite(right.value))) or 1.0
        distance = float(np.max(_apart(output.value, right.value), initial=0.0)) / scale
        if not distance <= TOLERANCES.get(output.dtype, 0.0):
            return output.name, distance
    return None


def _by_name(outputs: list[Output]) -> dict[tuple[str, int], Output]:
    """Outputs by name and number: a layer may give several."""
    counts: dict[str, int] = {}
    found = {}
    for output in outputs:
        counts[output.name] = counts.get(output.name, 0) + 1
        found[output.name, counts[output.name]] = output
    return found


def _apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """How far two arrays are apart, number by number; equal infinities and NaNs are not."""
    kind = np.complex128 if np.iscomplexobj(a) else np.float64
    a, b = a.astype(kind), b.astype(kind)
    with np.errstate(invalid="ignore"):
        return np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
