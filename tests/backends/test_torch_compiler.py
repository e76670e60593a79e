"""The compiler of torch's graphs: its process, its files, and what makes a program take or leave what it made."""

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest

import triceras
from triceras import ops
from triceras.core import registry

torch = pytest.importorskip("torch")

from triceras.backends.torch.compiler import background, program  # noqa: E402


@pytest.fixture(autouse=True)
def at_once(monkeypatch, tmp_path):
    """torch as the backend; functions are captured and compiled as soon as possible."""
    monkeypatch.setenv("TRICERAS_TORCH_COMPILE", "eager")
    monkeypatch.setitem(program.PACES, "eager", program.AT_ONCE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with triceras.use_backend("torch"):
        yield


def wrapped(fn):
    """`fn` compiled on torch, with its programs to look at."""
    return registry.get("torch").jit(fn)


def only(run):
    """The one program that a function has."""
    (found,) = run.programs.values()
    return found


class Ready:
    """A finished compilation."""

    problem = None

    def __init__(self, run):
        self.run = run

    def is_done(self, wait=False):
        return True

    def stop(self):
        pass


@pytest.mark.parametrize("slow, want", [(0.0, "final"), (0.002, "final")], ids=["faster", "slower"])
def test_the_faster_graph_is_kept(monkeypatch, slow, want):
    made = {}

    def start(captured, values):
        def run(*inputs):
            time.sleep(slow)
            return captured.module.forward(*inputs)

        made["run"], made["captured"] = run, captured.module.forward
        return Ready(run)

    monkeypatch.setattr(background, "start", start)
    v = triceras.Variable(0.0, trainable=False)

    def fn(x):
        v.assign_add(ops.sum(x))
        if not slow and not registry.get("torch").is_traced(x):
            time.sleep(0.001)
        return v * 2.0

    step = wrapped(fn)
    for n in range(30):
        assert float(step(torch.ones(1))) == 2.0 * (n + 1)
    found = only(step)
    assert found.stage.__name__ == want
    if slow:
        assert found.run == made["captured"] and "isn't faster" in found.reason


@pytest.mark.parametrize("run", [lambda *inputs: [inputs[0] * 3.0], lambda *inputs: 1 / 0], ids=["wrong", "broken"])
def test_a_wrong_compiler_is_not_believed(monkeypatch, run):
    monkeypatch.setattr(background, "start", lambda captured, values: Ready(run))
    v = triceras.Variable(0.0, trainable=False)

    def fn(x):
        v.assign_add(ops.sum(x))
        return v * 2.0

    step = wrapped(fn)
    assert [float(step(torch.ones(1))) for _ in range(6)] == [2.0, 4.0, 6.0, 8.0, 10.0, 12.0]
    found = only(step)
    assert found.run == found.captured.module.forward and found.reason.startswith("compiled, its graph ")


def test_a_compiler_that_fails_leaves_the_captured_graph(monkeypatch):
    monkeypatch.setenv("TRICERAS_TORCH_COMPILE", "wait")
    monkeypatch.setattr(sys, "executable", "/bin/false")
    step = wrapped(lambda x: x * 2.0)
    assert [step(torch.ones(1)).tolist() for _ in range(5)] == [[2.0]] * 5
    assert only(step).stage.__name__ == "final" and "ended with status 1" in only(step).reason
    assert not background._builds


def test_a_compiler_that_cannot_start_leaves_the_captured_graph(monkeypatch):
    def start(captured, values):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(background, "start", start)
    step = wrapped(lambda x: x * 2.0)
    assert [step(torch.ones(1)).tolist() for _ in range(5)] == [[2.0]] * 5
    assert only(step).stage.__name__ == "final" and "new thread" in only(step).reason


def test_what_was_compiled_before_is_loaded_at_once(monkeypatch):
    monkeypatch.setitem(program.PACES, "eager", program.Pace(0.0, 1e9))
    monkeypatch.setattr(background, "start", lambda captured, values: Ready(captured.module.forward))
    for known, want in ((False, "on_graph"), (True, "final")):
        monkeypatch.setattr(background, "is_known", lambda captured, values, known=known: known)
        step = wrapped(lambda x: x * 2.0)
        for _ in range(30):
            step(torch.ones(2))
        assert only(step).stage.__name__ == want


def test_files_that_others_could_write_are_not_loaded(monkeypatch, tmp_path):
    folder = background.cache_folder()
    assert tmp_path in folder.parents and folder.stat().st_mode & 0o077 == 0
    folder.chmod(0o777)
    with pytest.raises(PermissionError, match="written by others"):
        background.cache_folder()


def test_old_files_are_deleted(monkeypatch, tmp_path):
    monkeypatch.setattr(background, "KEPT", 3)
    for n, name in enumerate(("0.bin", "1.77.part", "2.bin", "3.bin", "4.bin")):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (n, n))
    background.prune(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["3.bin", "4.bin"]


def test_a_dropped_program_ends_its_compiler(monkeypatch, tmp_path):
    sleeper = tmp_path / "python"
    sleeper.write_text("#!/bin/sh\nsleep 60\n")
    sleeper.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(sleeper))
    step = wrapped(lambda x: x * 2.0)
    for _ in range(4):
        step(torch.ones(2))
    found = only(step)
    build = found.build
    while build.process is None:
        time.sleep(0.01)
    del step, found
    assert build.process.wait(timeout=10) != 0
    build.thread.join(timeout=10)
    assert not background._builds


PROGRAM = """
import json, os, sys, time
os.environ["KERAS_BACKEND"] = "torch"
import numpy as np, triceras, torch
from triceras import ops
from triceras.core import registry
v = triceras.Variable(np.ones((4,)), dtype="float32", trainable=False)
def fn(x):
    v.assign(v * 0.5 + ops.mean(x, axis=0) + triceras.random.uniform((4,), seed=7))
    return ops.sum(v)
torch_backend = registry.get("torch")
eager, step = torch_backend.jit(fn, jit_compile=False), torch_backend.jit(fn, jit_compile=True)
x = torch.arange(12.0).reshape(3, 4)
batches = [x] * 5 + [x[:2]] * 3 + [x.repeat(3, 1)] * 2
wanted = [float(eager(batch)) for batch in batches]
v.assign(np.ones((4,)))
found = [float(step(batch)) for batch in batches]
(program,) = step.programs.values()
children = os.popen(f"ps --ppid {os.getpid()} -o args=").read()
compiled = program.run is program.build.run and list(program.sizes.items()) == [(3, True), (2, True), (9, True)]
print(json.dumps([wanted, found, program.stage.__name__, program.reason, children.count("python"), compiled]))
"""


@pytest.mark.slow
def test_the_compiler_is_used_and_its_file_serves_the_next_program(tmp_path):
    env = {**os.environ, "TRICERAS_TORCH_COMPILE": "wait", "PYTHONPATH": os.pathsep.join(sys.path)}
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0 and done.stderr == "", done.stderr
        wanted, found, stage, reason, children, compiled = json.loads(done.stdout)
        np.testing.assert_allclose(found, wanted, rtol=1e-5)
        assert (stage, reason, children, compiled) == ("final", "", 0, True)
        (file,) = (tmp_path / "triceras/torch").glob("*.bin")


@pytest.mark.slow
def test_the_end_of_the_program_ends_the_compiler(tmp_path):
    code = PROGRAM.replace("children =", "print(program.build.process.pid); sys.exit(); children =")
    code = code.replace("(program,)", "time.sleep(1); (program,)")
    env = {**os.environ, "TRICERAS_TORCH_COMPILE": "auto", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)


def test_the_diagnosis_says_what_is_there(monkeypatch, tmp_path):
    from triceras.backends.torch.compiler import diagnosis

    (background.cache_folder() / "x.bin").write_bytes(b"12345")
    monkeypatch.delenv("TRICERAS_TORCH_COMPILE")
    found = diagnosis()
    assert (found.mode, found.cache, found.size) == ("auto", tmp_path / "triceras/torch", 5)
    assert (found.problem is None) == (found.compiler is not None)
    notes = dict(registry.get("torch").compiler_notes())
    assert list(notes) == ["compiling", "mode", "C++ compiler", "compiled graphs"]
    assert notes["compiling"] in ("works", found.problem) and "0.0 MB" in notes["compiled graphs"]
    monkeypatch.setenv("TRICERAS_TORCH_COMPILE", "0")
    assert diagnosis().problem == "switched off by TRICERAS_TORCH_COMPILE=0"
    background.cache_folder().chmod(0o777)
    monkeypatch.setenv("TRICERAS_TORCH_COMPILE", "auto")
    assert diagnosis().cache is None and "can be written by others" in diagnosis().problem


def test_without_a_cpp_compiler_one_try_is_enough(monkeypatch, tmp_path):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\nexit {background.NO_COMPILER}\n")
    python.chmod(0o700)
    monkeypatch.setattr(background._State, "hopeless", None)
    monkeypatch.setenv("TRICERAS_TORCH_COMPILE", "wait")
    for program_of_the_child in (str(python), "/nowhere"):
        monkeypatch.setattr(sys, "executable", program_of_the_child)
        step = wrapped(lambda x: x * 2.0)
        assert [step(torch.ones(2)).tolist() for _ in range(5)] == [[2.0, 2.0]] * 5
        assert only(step).stage.__name__ == "final"
        assert f"the compiler ended with status {background.NO_COMPILER}" in only(step).reason


def test_the_trial_is_of_the_usual_batch_size(monkeypatch):
    ran = []

    def start(captured, values):
        def run(*inputs):
            ran.append(len(inputs[-1]))
            return captured.module.forward(*inputs)

        return Ready(run)

    monkeypatch.setattr(background, "start", start)
    step = wrapped(lambda x: ops.sum(x * 2.0))
    for size in (8, 8, 8):
        step(torch.ones(size))
    assert ran == [8] and only(step).stage.__name__ == "trial"
    while only(step).stage.__name__ == "trial":
        assert [float(step(torch.ones(size))) for size in (3, 8)] == [6.0, 16.0]
    assert ran.count(8) >= program.TURNS and 3 not in ran
