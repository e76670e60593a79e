"""Compare backends: run a saved model, or a script, on each and say which one to take."""

from __future__ import annotations

import argparse
import dataclasses
import json
import pathlib
import tempfile
import time
from typing import Any, ClassVar

import numpy as np

from triceras.cli import UserError
from triceras.cli.run import partition
from triceras.core import tree
from triceras.core.scope import use_backend
from triceras.utils import backend_comparison as comparing
from triceras.utils.backend_comparison import Bar, Column, Comparison, megabytes, seconds

UNKNOWN_SIZE = 16  # what a dimension that a model leaves open is here
LAST_LINES = 5  # of what a failed script printed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    _add_options(parser)
    parser.add_argument("subject", metavar="MODEL.keras|SCRIPT", help="a saved model, or a Keras script with `fit`")
    parser.add_argument(
        "arguments",
        nargs=argparse.REMAINDER,
        metavar="ARGUMENTS",
        help="what the script gets; our options may stand among them, unless they come after --",
    )


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--backends", metavar="A,B", help="which, with commas between; all that are installed")
    parser.add_argument("--batch", type=_count, default=32, metavar="N", help="samples a batch, for a model (32)")
    parser.add_argument("--steps", type=_count, default=50, metavar="N", help="warm steps to time, for a model (50)")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write everything as JSON; - prints it")
    parser.add_argument("--png", type=pathlib.Path, metavar="FILE", help="draw bar charts")


def _split(options: argparse.Namespace) -> list[str]:
    """The script's own arguments; ours, which may stand behind the script, are set in `options`."""
    ours, _, theirs = partition(options.arguments, "--")
    parser = argparse.ArgumentParser("triceras bench", add_help=False, allow_abbrev=False)
    _add_options(parser)
    return [*parser.parse_known_args(ours, options)[1], *theirs]


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1; got {text}")
    return number


def run(options: argparse.Namespace) -> int:
    from rich.console import Console

    subject, arguments = pathlib.Path(options.subject), _split(options)
    if not subject.exists():
        raise UserError(f"no such file: {subject} (looked in {pathlib.Path.cwd()})")
    for file in filter(None, (options.json, options.png)):
        if not file.absolute().parent.is_dir():
            raise UserError(f"no such folder: {file.absolute().parent}")
    try:
        names = comparing.check_names(options.backends and options.backends.split(","))
    except (ValueError, ImportError) as error:
        raise UserError(str(error)) from error
    is_model = subject.suffix in (".keras", ".h5", ".hdf5")
    if is_model and arguments:
        raise UserError(f"a model takes no arguments: {' '.join(arguments)}")
    found = compare_model(subject, names, options) if is_model else compare_script(subject, names, arguments)
    if str(options.json) == "-":
        print(found.to_json(indent=2))
    else:
        Console(highlight=False).print(found)
    _write(found, options)
    return 0 if found.recommended else 1


def _write(found: Comparison, options: argparse.Namespace) -> None:
    if options.json and str(options.json) != "-":
        options.json.write_text(found.to_json(indent=2), encoding="utf-8")
    if options.png:
        try:
            found.plot(options.png)
        except ImportError as error:
            raise UserError(str(error)) from error


# --- a saved model ----------------------------------------------------------------------------------------------------


def compare_model(path: pathlib.Path, names: list[str], options: argparse.Namespace) -> Comparison:
    """Compare backends on a model in a file, with random data that fit it."""
    from triceras.saving import ModelFileError, load_model

    try:
        with use_backend("numpy"):
            model = load_model(path)
    except ModelFileError as error:
        raise UserError(str(error)) from error
    x = random_inputs(model, options.batch)
    y = random_targets(model, x)
    return comparing.compare_backends(model, x, y, backends=names, batch_size=options.batch, steps=options.steps)


def random_inputs(model: Any, batch_size: int) -> Any:
    """Random inputs in the structure that a model takes: numbers around 0, or indices where they are looked up.

    Args:
        model: a functional or sequential model, or one that knows the shapes it was built with.
        batch_size: how many samples.
    """
    from triceras.core.spec import Spec

    generator = np.random.default_rng(0)
    sizes = [layer.input_dim for layer in model._flatten_layers() if hasattr(layer, "embeddings_initializer")]
    graph = getattr(model, "_graph", None)
    if graph is not None:
        specs = graph.input_tree
    else:
        shapes = (model.get_build_config() or {}).get("input_shape")
        if shapes is None:
            raise UserError("the file doesn't say what its model takes; use triceras.compare_backends with data")
        specs = tree.map_shape_structure(lambda shape: Spec(shape, "int32" if sizes else "float32"), shapes)

    def draw(spec: Any) -> np.ndarray:
        shape = [batch_size, *(UNKNOWN_SIZE if size is None else size for size in spec.shape[1:])]
        if sizes and (not spec.dtype.startswith("float") or _is_looked_up(model, spec)):
            return generator.integers(0, min(sizes), shape).astype("int32")
        if spec.dtype == "bool" or spec.dtype.lstrip("u").startswith("int"):
            return generator.integers(0, 2, shape).astype(spec.dtype)
        return generator.normal(size=shape).astype("float32")

    return tree.map_structure(draw, specs)


def _is_looked_up(model: Any, x: Any) -> bool:
    """Whether an input, though of floating dtype, goes into an `Embedding` first."""
    takers = [node.operation for node in model._graph.nodes if any(x is given for given in node.inputs)]
    first = [taker.layers[0] if getattr(taker, "layers", None) else taker for taker in takers]
    return any(hasattr(taker, "embeddings_initializer") for taker in first)


def random_targets(model: Any, x: Any) -> Any:
    """Random targets that a model's losses take; None where it has no loss."""
    if model._compile_loss is None:
        return None
    generator = np.random.default_rng(1)
    outputs = model.predict(x, batch_size=len(tree.flatten(x)[0]), verbose=0)
    leaves, labels = tree.flatten(outputs), tree.flatten(model._compile_loss.loss)
    losses = labels * len(leaves) if len(labels) == 1 else labels
    return tree.pack_sequence_as(outputs, [_target(*pair, generator) for pair in zip(leaves, losses, strict=True)])


def _target(output: np.ndarray, loss: Any, generator: np.random.Generator) -> np.ndarray:
    """A target for one output: of a kind that its loss understands."""
    kind = f"{type(loss).__name__} {getattr(loss, 'name', '')}".lower().replace("_", "")
    classes = output.shape[-1]
    if "sparse" in kind:
        return generator.integers(0, classes, output.shape[:-1]).astype("int32")
    if "categorical" in kind or "kldivergence" in kind:
        return np.eye(classes, dtype="float32")[generator.integers(0, classes, output.shape[:-1])]
    if any(name in kind for name in ("binary", "hinge", "dice", "tversky", "poisson")):
        return generator.integers(0, 2, output.shape).astype("float32")
    return generator.normal(size=output.shape).astype("float32")


# --- a script ---------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class ScriptRow:
    """What a script did on a backend.

    Args:
        backend: its name.
        exit_status: the script's.
        wall_seconds: from the start of Python to its end.
        first_step_seconds: from the start of Python until the first training step was done.
        step_seconds: a training step in the second half of the longest `fit`'s last epoch.
        peak_bytes: the most memory that the process had.
        logs: the last of the last `fit`.
        fits: each `fit`: its steps, epochs, seconds a step, and logs.
        problem: what went wrong, with the script's last lines.
    """

    backend: str
    exit_status: int = 0
    wall_seconds: float | None = None
    first_step_seconds: float | None = None
    step_seconds: float | None = None
    peak_bytes: int | None = None
    logs: dict[str, float] = dataclasses.field(default_factory=dict)
    fits: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    problem: str | None = None

    label = property(lambda row: row.backend)
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column("backend", lambda row: row.backend),
        Column("whole script", lambda row: "failed" if row.problem else seconds(row.wall_seconds)),
        Column("first step after", lambda row: seconds(row.first_step_seconds)),
        Column("late step", lambda row: seconds(row.step_seconds)),
        Column("memory", lambda row: megabytes(row.peak_bytes)),
        Column("last logs", lambda row: ", ".join(f"{name} {value:.4g}" for name, value in row.logs.items())),
    )
    BARS: ClassVar[tuple[Bar, ...]] = (
        Bar("whole script, s", lambda row: None if row.problem else row.wall_seconds),
        Bar("late step, ms", lambda row: row.step_seconds and 1e3 * row.step_seconds),
        Bar("peak memory, MB", lambda row: row.peak_bytes and row.peak_bytes / 2**20),
    )


def compare_script(script: pathlib.Path, names: list[str], arguments: list[str]) -> Comparison:
    """Run a script on each backend, in a process of its own, and compare how that went."""
    rows = [run_script(script, name, arguments) for name in comparing.watch(names, True)]
    what, time_of = "a late training step", lambda row: None if row.problem else row.step_seconds
    if not any(map(time_of, rows)):
        what, time_of = "the whole script", lambda row: None if row.problem else row.wall_seconds
    return Comparison(rows, *comparing.recommend(rows, time_of, what))


def run_script(script: pathlib.Path, backend: str, arguments: list[str]) -> ScriptRow:
    """Run a script on one backend; what it prints is kept back and shown only where it fails."""
    with tempfile.TemporaryDirectory(prefix="triceras-") as folder:
        report = pathlib.Path(folder, "report.json")
        begun = time.time()
        words = ["-m", "triceras.cli.bench_script", str(report), backend, str(script), *arguments]
        done = comparing.run_python(words, backend)
        row = ScriptRow(backend, done.returncode, time.time() - begun)
        if done.returncode:
            last = done.stdout.strip().splitlines()[-LAST_LINES:]
            row.problem = "\n".join([f"ended with status {done.returncode}", *last])
        if report.exists():
            found = json.loads(report.read_text(encoding="utf-8"))
            row.peak_bytes, row.fits = found["peak_bytes"], found["fits"]
            if found["first_step_at"] is not None:
                row.first_step_seconds = found["first_step_at"] - begun
        if row.fits:
            row.step_seconds = max(row.fits, key=lambda fit: fit["steps"])["step_seconds"]
            row.logs = row.fits[-1]["logs"]
        return row
