"""However a program ends or is interrupted while torch's compiler runs, no process is left and the model works."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip("torch")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX processes")]

# Trains until a compiler runs, then does what ENDING says, in a callback of `fit`.
PROGRAM = """
import os, signal, sys, threading, time
import numpy as np, torch, triceras
from triceras import layers
from triceras.backends.torch.compiler import background

signal.signal(signal.SIGINT, signal.default_int_handler)  # programs started in the background begin by ignoring it
model = triceras.Sequential([layers.Dense(4, activation="relu"), layers.Dense(1)])
model.compile("sgd", "mse", jit_compile=True)
x, y = np.ones((23, 3), "float32"), np.ones((23, 1), "float32")

def compilers():
    return [build.process.pid for build in list(background._builds) if build.process is not None]

class WhileCompiling(triceras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch == 2:
            while not compilers():
                time.sleep(0.01)
            print(*compilers(), flush=True)
            self.ending()

    def ending(self):
ENDING

def fit(*callbacks):
    model.fit(x, y, batch_size=4, epochs=1, verbose=0, callbacks=list(callbacks))

def still_trains():
    before, steps = model.evaluate(x, y, verbose=0), int(model.optimizer.iterations.numpy())
    for _ in range(5):
        fit()
    assert model.evaluate(x, y, verbose=0) < before and int(model.optimizer.iterations.numpy()) == steps + 30
    assert all(type(v.native) is torch.nn.Parameter for v in model.trainable_variables)

"""


def run(tmp_path, code, mode="auto"):
    """Run a program in folders of its own; gives what became of it, and what it printed."""
    paths = {"TMPDIR": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    env = {**os.environ, **paths, "KERAS_BACKEND": "torch", "TRICERAS_TORCH_COMPILE": mode}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=200)
    return done, done.stdout.splitlines()


def ended(tmp_path, ending, then, real=False):
    """Run `PROGRAM`; gives what became of it, its compilers' process ids, and what else it printed."""
    sleeper = tmp_path / "python"
    sleeper.write_text("#!/bin/sh\nexec sleep 100\n")
    sleeper.chmod(0o700)
    compiler = "" if real else f"import sys; sys.executable = {str(sleeper)!r}\n"
    done, lines = run(tmp_path, compiler + PROGRAM.replace("ENDING", f"        {ending}") + then)
    return done, [int(pid) for pid in lines[0].split()], lines[1:]


def is_running(pid):
    """Whether a process is there and no zombie."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def all_gone(pids, folder, seconds=0.0):
    """Whether the processes have ended, and their folders are deleted."""
    end = time.monotonic() + seconds
    while any(map(is_running, pids)) or list(folder.glob("triceras-*")):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize("ending", ["os.kill(os.getpid(), signal.SIGINT); time.sleep(5)", "raise KeyboardInterrupt"])
def test_an_interrupted_fit_can_be_gone_on_with(tmp_path, ending):
    then = "try:\n    fit(WhileCompiling())\nexcept KeyboardInterrupt:\n    print('interrupted')\nstill_trains()"
    done, pids, lines = ended(tmp_path, ending, then)
    assert (done.returncode, done.stderr, lines) == (0, "", ["interrupted"])
    assert len(pids) == 1 and all_gone(pids, tmp_path)


def test_an_exception_in_a_callback_is_the_programs_end(tmp_path):
    done, pids, _ = ended(tmp_path, "raise ValueError('mine')", "fit(WhileCompiling())")
    assert done.returncode == 1 and done.stderr.endswith("ValueError: mine\n") and all_gone(pids, tmp_path)


def test_an_exception_in_a_callback_leaves_the_model_whole(tmp_path):
    then = "try:\n    fit(WhileCompiling())\nexcept ValueError:\n    still_trains()"
    done, pids, _ = ended(tmp_path, "raise ValueError('mine')", then)
    assert (done.returncode, done.stderr) == (0, "") and all_gone(pids, tmp_path)


@pytest.mark.parametrize("ending, status", [("sys.exit(3)", 3), ("sys.exit()", 0)])
def test_the_programs_end_is_the_compilers(tmp_path, ending, status):
    done, pids, _ = ended(tmp_path, ending, "fit(WhileCompiling())")
    assert (done.returncode, done.stderr) == (status, "") and all_gone(pids, tmp_path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_killed_program_takes_its_compiler_along(tmp_path, number):
    done, pids, _ = ended(tmp_path, f"os.kill(os.getpid(), {int(number)})", "fit(WhileCompiling())", real=True)
    assert done.returncode == -number and all_gone(pids, tmp_path, seconds=60)


FORK = """
fit(WhileCompiling())
child = os.fork()
if child == 0:
    model.compile("sgd", "mse", jit_compile=True)  # its own compiler isn't kept waiting by its parent's
    still_trains()
    while not compilers():
        fit()
    sys.exit(7)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
(pid,) = compilers()
os.kill(pid, 0)
still_trains()
print(status)
"""


def test_a_fork_has_compilers_of_its_own(tmp_path):
    done, pids, lines = ended(tmp_path, "pass", FORK)
    assert (done.returncode, done.stderr, lines) == (0, "", ["7"]) and all_gone(pids, tmp_path)


WITHOUT = """
import json, torch, triceras
from triceras.core import registry

def step(x):
    return triceras.ops.mean(x * 2.0)

found = []
for fn in (step, lambda x: step(x) + 1.0):
    run = registry.get("torch").jit(fn)
    values = {float(run(torch.ones(3, 2))) for _ in range(5)}
    (program,) = run.programs.values()
    found.append([sorted(values), program.stage.__name__, program.reason])
print(json.dumps([found, dict(registry.get("torch").compiler_notes())]))
"""


def test_without_a_cpp_compiler_the_captured_graph_runs_and_nothing_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CXX", str(tmp_path / "no-compiler"))
    done, lines = run(tmp_path, WITHOUT, mode="wait")
    assert (done.returncode, done.stderr) == (0, "")
    (first, second), notes = json.loads(lines[-1])
    for (values, stage, reason), want in ((first, 2.0), (second, 3.0)):
        assert (values, stage) == ([want], "final") and "there is no C++ compiler" in reason
    assert notes["C++ compiler"] == "none" and "there is no C++ compiler" in notes["compiling"]
