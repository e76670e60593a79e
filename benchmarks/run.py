#!/usr/bin/env python3
"""The benchmarks: prints a table, and writes it to benchmarks/RESULTS.md and benchmarks/results.json.

    python benchmarks/run.py                                    # everything
    python benchmarks/run.py --quick                            # train steps and calls, no cold starts
    python benchmarks/run.py --backends torch --workloads mlp   # a part; written only with --out FOLDER
    python benchmarks/run.py --check                            # do all sides compute the same?

Exit status 1 where something couldn't be measured or computes something else; a missed bar is no failure.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import import_time, machine, report

BACKENDS = ("jax", "torch", "tensorflow")
SIDES = ("ours", "keras")
MODELS = ("mlp", "cnn", "lstm", "transformer")
SPEED = (*MODELS, "predict", "call", "fit", "epoch")
QUICK = ("mlp", "cnn", "predict", "call", "fit")
SINGLE = ("cold", "five", "import", "accelerator")
FIRST_TENSOR = {
    "jax": "import jax.numpy; jax.numpy.zeros(())",
    "torch": "import torch; torch.zeros(())",
    "tensorflow": "import tensorflow; tensorflow.zeros(())",
    "ours": "import triceras; triceras.ops.zeros(())",
    "keras": "import keras; keras.ops.zeros(())",
}
GPU_BACKENDS = ("jax", "torch")
CLOSE = 1e-4  # how far losses may be off, relatively


class Failed(Exception):
    """A process didn't finish: the end of what it printed."""


def child(job, backend, torch_compile=None, **arguments):
    """The records of one process as they come, with what it was about."""
    about = {"backend": backend, "kind": arguments.get("kind", "ours"), "stage": ""}
    command = [sys.executable, "-m", "benchmarks.child", json.dumps({"job": job, "backend": backend, **arguments})]
    with tempfile.TemporaryDirectory(prefix="triceras-bench-") as folder:
        env = machine.environment(folder, backend, gpu=job == "accelerator")
        env |= {"TRICERAS_TORCH_COMPILE": torch_compile} if torch_compile else {}
        log = Path(folder, "log")
        with log.open("w") as errors:
            process = subprocess.Popen(command, env=env, cwd=folder, stdout=subprocess.PIPE, stderr=errors, text=True)
        with process:
            try:
                for line in process.stdout:
                    yield {**about, **json.loads(line)}
            except BaseException:  # Ctrl-C above all
                process.kill()
                raise
        if process.returncode:
            last = log.read_text(errors="replace").strip().splitlines()[-1:]
            raise Failed(f"{job} on {backend} ({arguments}): status {process.returncode}: {' '.join(last)}")


# --- jobs: each is a title and a function that gives records ----------------------------------------------------------


def jobs(options):
    """What is to be done, in order."""
    speed = {"measures": [m for m in SPEED if m in options.workloads], "seconds": options.seconds}
    if speed["measures"]:
        for backend in options.backends:
            for kind in options.sides:
                yield f"speed: {kind} on {backend}", partial(child, "speed", backend, kind=kind, **speed)
    for name, job in (("cold", cold), ("five", five), ("import", imports)):
        if name in options.workloads:
            yield from job(options)
    if "accelerator" in options.workloads:
        for backend in GPU_BACKENDS:
            if backend in options.backends:
                yield f"GPU: {backend}", partial(child, "accelerator", backend, "wait")


def cold(options):
    """First steps, and memory with the transformer."""
    for backend in options.backends:
        for name, fits in (("mlp", 0), ("transformer", 10)):
            yield f"cold start, {name}: {backend}", partial(from_cold, backend, options.sides, name=name, fits=fits)


def from_cold(backend, sides, **arguments):
    """Records of fresh processes, each with the native one of its measure."""
    natives = {record["measure"]: record for record in child("cold", backend, kind="native", **arguments)}
    for kind in sides:
        for record in child("cold", backend, kind=kind, **arguments):
            native = natives[record["measure"]]
            yield {**record, "native": native["value"], "native_cpu": native.get("cpu")}


def five(options):
    """The first five steps on torch: as they come, over eager ones."""
    if "torch" in options.backends and "ours" in options.sides:
        yield "first five steps: torch", partial(first_five, options.rounds)


def first_five(rounds):
    modes, found = {"value": "auto", "native": "0"}, {"value": [], "native": []}
    for _ in range(rounds):
        for key, wish in modes.items():
            found[key] += child("five", "torch", torch_compile=wish, name="mlp")
    about = found["value"][0]
    medians = {key: statistics.median(r["value"] for r in records) for key, records in found.items()}
    cpu = {key: statistics.median(r["cpu"] for r in records) for key, records in found.items()}
    yield {**about, **medians, "cpu": cpu["value"], "native_cpu": cpu["native"]}


def imports(options):
    """Imports alone, and with each framework."""
    if "ours" in options.sides:
        yield "import: triceras and numpy", partial(import_alone, 3 * options.rounds)
        for backend in options.backends:
            yield f"import: with {backend}", partial(import_with, backend, options.rounds, options.sides)


def import_alone(rounds):
    names = {"native": "import numpy", "value": "import triceras"}
    with tempfile.TemporaryDirectory(prefix="triceras-bench-") as folder:
        found = import_time.measure(names, rounds, machine.environment(folder))
    yield {"measure": "import alone", "backend": "", "kind": "ours", "stage": "", **found}


def import_with(backend, rounds, sides):
    codes = {"native": FIRST_TENSOR[backend]} | {kind: FIRST_TENSOR[kind] for kind in sides}
    with tempfile.TemporaryDirectory(prefix="triceras-bench-") as folder:
        found = import_time.measure(codes, rounds, machine.environment(folder, backend))
    native = found.pop("native")
    about = {"measure": "import", "backend": backend, "stage": "", "native": native}
    yield from ({**about, "kind": kind, "value": value} for kind, value in found.items())


# --- the whole --------------------------------------------------------------------------------------------------------


def run(work, console):
    """Do all jobs, showing how far they are; the records, and what went wrong."""
    from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    records, problems = [], []
    columns = [MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}")]
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=len(work))
        for title, job in work:
            progress.update(task, description=title)
            try:
                for record in job():
                    records.append(record)
                    progress.update(task, description=f"{title}: {record['measure']}")
                    if not console.is_terminal:
                        console.print(title, record["measure"], record["stage"], markup=False)
            except (Failed, subprocess.CalledProcessError) as error:
                problems.append(str(error))
            progress.advance(task)
    return records, problems


def check(options, console):
    """Whether all sides compute the same: five losses from equal weights."""
    work = [
        (f"{name}: {kind} on {backend}", partial(child, "check", backend, "eager", kind=kind, name=name))
        for backend in options.backends
        for kind in options.sides
        for name in MODELS
        if name in options.workloads
    ]
    records, problems = run(work, console)
    for r in records:
        good = r["value"] <= CLOSE
        console.print(f"{'same' if good else 'OTHER'}: {r['measure']}, {r['kind']} on {r['backend']}: {r['value']:.1e}")
        problems += [] if good else [f"{r['measure']}, {r['kind']} on {r['backend']}: other losses than by hand"]
    return problems


def finish(options, console, records, problems, loads):
    """Print the table and write the files."""
    loads.append(machine.load())
    clock = options.clock or ("CPU" if max(loads) > machine.CORES else "wall")
    found, about = report.rows(records, clock), machine.describe()
    about["load"] = "{:.1f} before, {:.1f} after".format(*loads)
    remarks = [*gpu_remarks(records, options), *problems]
    console.print(report.table(found, clock))
    for line in [*report.notes(found), *remarks]:
        console.print(line, markup=False)
    if options.out is None:
        console.print("a part of the benchmarks: nothing written (--out FOLDER does)")
        return
    options.out.mkdir(parents=True, exist_ok=True)
    settings = f"At least {options.seconds:g} seconds for each line and side."
    text = report.markdown(found, clock, about, settings, remarks)
    (options.out / "RESULTS.md").write_text(text, encoding="utf-8")
    content = {
        "machine": about,
        "clock": clock,
        "seconds": options.seconds,
        "rows": [row._asdict() for row in found],
        "records": records,
    }
    (options.out / "results.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    console.print(f"written: {options.out / 'RESULTS.md'}, {options.out / 'results.json'}", markup=False)


def gpu_remarks(records, options):
    """A line for each GPU, or one that says there is none."""
    found = [r for r in records if r["measure"] == "large transformer"]
    if not found and "accelerator" in options.workloads:
        return ["GPU: JAX and torch find none here; the bf16 transformer of 110 M parameters was skipped."]
    return [
        f"{r['device']}, {r['backend']}, bf16 transformer of 110 M parameters: ours {1e3 * r['value']:.1f} ms a step, "
        f"by hand and compiled {1e3 * r['native']:.1f} ms: {r['value'] / r['native']:.3f} (bar 1.03)"
        for r in found
    ]


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    every = (*SPEED, *SINGLE)
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=list(BACKENDS))
    parser.add_argument("--workloads", nargs="+", choices=every, default=None, help="of: " + ", ".join(every))
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=list(SIDES), help="what is compared with native")
    parser.add_argument("--seconds", type=float, help="for each workload and side; 4, or 1 with --quick")
    parser.add_argument("--rounds", type=int, help="fresh processes for each import; 3, or 1 with --quick")
    parser.add_argument("--clock", choices=list(report.CLOCKS), help="which decides; CPU where the machine is busy")
    parser.add_argument("--quick", action="store_true", help="the most telling ones, in under three minutes")
    parser.add_argument("--check", action="store_true", help="only compare losses")
    parser.add_argument("--out", type=Path, help="where to write; benchmarks/ where everything is measured")
    options = parser.parse_args(arguments)
    whole = options.workloads is None and not options.quick and len(options.backends) == len(BACKENDS)
    if whole and options.out is None:
        options.out = machine.ROOT / "benchmarks"
    options.workloads = options.workloads or (QUICK if options.quick else every)
    options.seconds = options.seconds or (1.0 if options.quick else 4.0)
    options.rounds = options.rounds or (1 if options.quick else 3)
    return options


def main(arguments=None):
    from rich.console import Console

    options, console = parse(arguments), Console()
    if not console.is_terminal:
        console.width = 140
    if options.check:
        problems = check(options, console)
    else:
        loads = [machine.load()]
        records, problems = run(list(jobs(options)), console)
        finish(options, console, records, problems, loads)
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
