"""One process's measurements: `python -m benchmarks.child '{"job": "speed", …}'`; results are lines of JSON.

Each job is a function below; the keys beside `job` are its arguments. `run.py` chooses the environment.
"""

import json
import os
import sys

import numpy as np

from benchmarks import timing, workloads

# How a training step can run, by TRICERAS_TORCH_COMPILE. Left to itself Triceras takes the faster of the first two.
STAGES = {"compiled": "wait", "captured": "eager", "eager": "0"}
WARM = 5  # calls before the clock runs: graphs are captured and compiled in them


def train(side, name):
    batch = side.ready(*workloads.data(name))
    return lambda: side.train(batch)


def predict(side, name):
    x, _ = workloads.data(name, 10_000)
    return lambda: side.predict(x)


def call(side, name):
    x, _ = side.ready(*workloads.data(name, 1))
    return lambda: side.call(x)


def fit(side, name):
    x, y = workloads.data(name)
    return lambda: side.fit(x, y)


def epoch(side, name):
    x, y = workloads.data(name, 100 * workloads.SHAPES[name][0])
    return lambda: side.fit(x, y)


MEASURES = {name: (train, name) for name in workloads.SHAPES}
MEASURES |= {task.__name__: (task, "mlp") for task in (predict, call, fit, epoch)}


def speed(kind, backend, measures, seconds):
    """One side against the native one, in turns."""
    compiles = kind == "ours" and backend == "torch"
    for measure in measures:
        task, name = MEASURES[measure]
        stages = STAGES if compiles and task is not call else {"": "0"}
        runs = {"native": task(workloads.side("native", backend)(name), name)}
        for stage, wish in stages.items():
            os.environ["TRICERAS_TORCH_COMPILE"] = wish
            runs[stage] = warm(task(workloads.side(kind, backend)(name), name))
        warm(runs["native"])
        found = timing.interleaved(runs, seconds)
        native = found.pop("native")
        for stage, times in found.items():
            yield {
                "measure": measure,
                "stage": stage,
                "native": native.wall,
                "native_cpu": native.cpu,
                "value": times.wall,
                "cpu": times.cpu,
                "calls": times.calls,
            }


def warm(run):
    for _ in range(WARM):
        timing.wait(run())
    return run


def cold(kind, backend, name, fits):
    """From the line that makes the model to the end of its first step; then the peak of memory over more steps.

    What was imported and loaded before isn't counted in either: the framework, the package and the data.
    """
    make = workloads.side(kind, backend)
    x, y = workloads.data(name, 20 * workloads.SHAPES[name][0])
    timing.forget_peak()
    base = timing.memory("VmRSS")
    begun = timing.now()
    side = make(name)
    side.fit(*workloads.data(name))
    yield {"measure": f"first step {name}", **timing.since(begun)}
    if fits:
        for _ in range(fits):
            side.fit(x, y)
        yield {"measure": "memory", "value": timing.memory("VmHWM") - base, "base": base}


def five(backend, name):
    """The first five steps of a new process, the model's making included."""
    make = workloads.side("ours", backend)
    x, y = workloads.data(name, 5 * workloads.SHAPES[name][0])
    begun = timing.now()
    make(name).fit(x, y)
    yield {"measure": "first five", **timing.since(begun)}


def check(kind, backend, name):
    """How far, relatively, five losses from equal weights are from those by hand; without dropout."""
    weights, batch = workloads.random_weights(name), workloads.data(name)
    sides = [workloads.side(k, backend)(name, weights, rate=0.0) for k in (kind, "native")]
    got, want = ([side.loss(*batch) for _ in range(5)] for side in sides)
    yield {"measure": name, "value": float(np.abs(np.divide(got, want) - 1).max()), "losses": got, "native": want}


def accelerator(backend, **options):
    """A large transformer on a GPU; nothing where there is none."""
    from benchmarks import gpu

    yield from gpu.measure(backend, **options)


JOBS = {"speed": speed, "cold": cold, "five": five, "check": check, "accelerator": accelerator}


def main():
    arguments = json.loads(sys.argv[1])
    results = sys.stdout
    sys.stdout = sys.stderr  # what a framework prints is no result
    for record in JOBS[arguments.pop("job")](**arguments):
        print(json.dumps(record), file=results, flush=True)


if __name__ == "__main__":
    main()
