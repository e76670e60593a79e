"""Measurements become rows, and rows a table for the terminal, `RESULTS.md` and `results.json`.

A record is what `child.py` gives for one side: measure, backend, kind (`"ours"`, `"keras"`), stage, its `value` and the
`native` one of the same run. A row is one measure on one backend: what is compared with its bar.
"""

from typing import Any, NamedTuple

from benchmarks import bars

# Two clocks: the one on the wall, and the processor's time in all threads of a process, which other programs that run
# on the same cores don't lengthen. One decides, the other's ratio stands beside it.
CLOCKS = {"wall": ("value", "native"), "CPU": ("cpu", "native_cpu")}
RESULTING = ("compiled", "captured")  # Triceras keeps the faster


class Row(NamedTuple):
    """One measure on one backend; None: not measured."""

    measure: str
    backend: str
    native: float
    ours: float
    ratio: float  # of these two
    other: float | None  # the ratio by the clock that doesn't decide
    bar: str
    passed: bool | None
    keras: float | None  # real Keras over native, within its own run
    stages: dict[str, float]  # the ratio of each stage, where there are stages

    @property
    def over_keras(self):
        return None if self.keras is None else self.ratio / self.keras


def headings(clock: str) -> list[str]:
    """The names of the columns."""
    return ["", "native", "ours", "ours / native", f"by {_other(clock)}", "bar", "", "Keras / native", "ours / Keras"]


def rows(records: list[dict[str, Any]], clock: str = "wall") -> list[Row]:
    """The rows of all that was measured, in the table's order; `clock` decides, where there are two."""
    grouped: dict[tuple, list] = {}
    for record in records:
        grouped.setdefault((record["measure"], record["backend"]), []).append(record)
    order = {measure: i for i, measure in enumerate(bars.TITLES)}
    known = [key for key in grouped if key[0] in order]
    found = [
        _row(*key, [_clocked(record, clock) for record in grouped[key]])
        for key in sorted(known, key=lambda key: order[key[0]])
    ]
    return [row for row in found if row is not None]


def _row(measure: str, backend: str, records: list[dict[str, Any]]) -> Row | None:
    ours = [r for r in records if r["kind"] == "ours"]
    if not ours:
        return None
    best = min([r for r in ours if r["stage"] in RESULTING] or ours, key=lambda r: r["ratio"])
    limit, seconds = (table.get(measure, {}).get(backend) for table in (bars.RATIOS, bars.SECONDS))
    passed = None
    if limit is not None:
        passed = round(best["ratio"], 2) <= limit
    elif seconds is not None:
        passed = best["time"] <= seconds
    bar = "" if passed is None else f"{limit:g}" if seconds is None else f"{1e3 * seconds:g} ms"
    return Row(
        measure,
        backend,
        best["native"],
        best["time"],
        best["ratio"],
        best["other"],
        bar,
        passed,
        next((r["ratio"] for r in records if r["kind"] == "keras"), None),
        {r["stage"]: r["ratio"] for r in ours if r["stage"]},
    )


def _clocked(record: dict[str, Any], clock: str) -> dict[str, Any]:
    """A record by the clock that decides; memory and imports have one clock only."""
    both = record.get("native_cpu") is not None
    value, native = CLOCKS[clock if both else "wall"]
    other = [record[key] for key in CLOCKS[_other(clock)]] if both else None
    ratios = {"ratio": record[value] / record[native], "other": other and other[0] / other[1]}
    return {**record, "time": record[value], "native": record[native], **ratios}


def _other(clock: str) -> str:
    return next(name for name in CLOCKS if name != clock)


def cells(row: Row) -> list[str]:
    """A row's texts, under `headings`."""
    unit = _megabytes if row.measure == "memory" else _time
    mark = {True: "✓", False: "✗", None: ""}[row.passed]
    ratios = [_number(row.other), row.bar, mark, _number(row.keras), _number(row.over_keras)]
    return [_name(row), unit(row.native), unit(row.ours), _number(row.ratio), *ratios]


def _name(row: Row) -> str:
    return f"{bars.TITLES[row.measure]}{', ' if row.backend else ''}{row.backend}"


def _number(x: float | None) -> str:
    return "" if x is None else f"{x:.2f}"


def _megabytes(x: float) -> str:
    return f"{x:,.0f} MB"


def _time(x: float) -> str:
    return f"{x:.2f} s" if x >= 1 else f"{1e3 * x:.3g} ms"


def notes(found: list[Row]) -> list[str]:
    """Why bars are missed."""
    unknown = "not explained yet."
    missed = [row for row in found if row.passed is False]
    return [f"{_name(row)}: {bars.NOTES.get((row.measure, row.backend), unknown)}" for row in missed]


def table(found: list[Row], clock: str) -> Any:
    """The table for the terminal."""
    from rich.table import Table

    made = Table(pad_edge=False, padding=(0, 1, 0, 0), title="Triceras, code by hand and real Keras: medians, in turns")
    for heading in headings(clock):
        made.add_column(heading, justify="left" if heading == "" else "right")
    for row in found:
        style = {True: "green", False: "red", None: None}[row.passed]
        made.add_row(*cells(row), style=style, end_section=False)
    return made


def markdown(found: list[Row], clock: str, machine: dict[str, str], settings: str, remarks: list[str]) -> str:
    """The text of `RESULTS.md`."""
    stages = [row for row in found if row.stages]
    parts = [
        "# Benchmarks",
        "Written by `make bench`. Ratios below 1 mean: faster, or less memory, than code by hand.",
        "\n".join(f"* {name}: {text}" for name, text in machine.items()),
        HOW.format(clock=clock, settings=settings),
        _markdown_table(headings(clock), [cells(row) for row in found]),
    ]
    if missed := notes(found):
        parts += ["## Bars that are missed", "\n".join(f"* {note}" for note in missed)]
    if stages:
        names = list(stages[0].stages)
        lines = [[_name(row), *(_number(row.stages.get(name)) for name in names)] for row in stages]
        parts += ["## Torch, by stage", STAGES, _markdown_table(["ours / native", *names], lines)]
    parts += ["## Remarks", "\n".join(f"* {remark}" for remark in remarks)] if remarks else []
    return "\n\n".join(parts) + "\n"


def _markdown_table(headings: Any, lines: list[list[str]]) -> str:
    bar = ["---", *["---:"] * (len(headings) - 1)]
    return "\n".join("| " + " | ".join(line) + " |" for line in [headings, bar, *lines])


HOW = """## How it was measured

Each side runs in one process with the code by hand, a call of one and a call of the other in turn, waiting for the
result of each; medians are compared, within that process, by two clocks: the wall's, and the CPU time of all threads
of the process, which other programs on the same cores don't lengthen. {clock} time decides here; the other stands
beside it. (On a busy machine the wall's clock favours what is short enough not to be interrupted: then the CPU's
decides.) Real Keras runs in its own process with the same code by hand, so "ours / Keras" is a ratio of ratios. Cold
starts, memory and imports are measured each in a fresh process, without caches on disk: the first step from the line
that makes the model to the step's end, with the framework imported; memory is the peak of resident memory above what
the process held before the model.

By hand: JAX a jitted `value_and_grad` with optax's Adam and donated state; torch an eager loop over an `nn.Module`;
TensorFlow a `tf.function` with a `GradientTape` and Adam's own kernel. All take Adam (1e-3), softmax cross-entropy from
logits, and accumulate loss and accuracy. `python benchmarks/run.py --check` shows that five steps from equal weights
give the same losses on all sides. MLP 64-128-128-10, batch 32; CNN conv32-pool-conv64-pool-dense on 28×28×1, batch 64;
LSTM(64) over 32 steps of 16 features, batch 32; Transformer of 2 layers, d=128, 4 heads, 64 steps, batch 16, dropout
0.1. One thread: OMP_NUM_THREADS=1, TF_NUM_INTRAOP_THREADS=1, TF_NUM_INTEROP_THREADS=1,
XLA_FLAGS=--xla_cpu_multi_thread_eigen=false, for all sides alike. {settings}

## Results"""

STAGES = """`eager` is not compiled, `captured` runs the captured graph, `compiled` what Inductor made of it. Left to
itself Triceras starts eagerly and keeps the faster of the other two, which is what the table above has."""
