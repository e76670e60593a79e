"""Two processes on one machine train as one device does; `triceras launch` starts and ends them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import triceras as keras
from tests.distribution import models

pytestmark = pytest.mark.slow
WORKER = Path(__file__).with_name("worker.py")
ROOT = Path(__file__).parents[2]


def environment():
    flags = os.environ.get("XLA_FLAGS", "").replace("device_count=8", "device_count=2")
    paths = [str(ROOT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    return {**os.environ, "XLA_FLAGS": flags, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def launch(*words, processes=2):
    command = [sys.executable, "-m", "triceras", "launch", "--processes", str(processes), *map(str, words)]
    return subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def script(folder, text):
    path = folder / "script.py"
    path.write_text(text)
    return path


def test_two_processes_of_jax_train_as_one_device(tmp_path):
    pytest.importorskip("jax")
    job = launch("--backend", "jax", WORKER, "convnet", tmp_path)
    out, err = job.communicate(timeout=240)
    assert job.returncode == 0, out + err
    assert "[0] devices: 4 of jax" in out and "[1] devices: 4 of jax" in out
    assert "[0] 10/10 - " in out and "[1] 10/10 - " not in out  # the first process alone tells how it goes
    with keras.use_backend("jax"):
        model, history = models.trained("convnet")
        x, y = models.data(model)
        model.fit(x, y, batch_size=models.BATCH, verbose=0)
        expected, predictions = model.get_weights(), model.predict(x, verbose=0)
        saved = keras.models.load_model(tmp_path / "model.keras")
        np.testing.assert_allclose(saved.predict(x, verbose=0), predictions, rtol=1e-4, atol=1e-5)
    for rank in (0, 1):
        found = np.load(tmp_path / f"{rank}.npz")
        np.testing.assert_allclose(found["loss"], history["loss"], rtol=1e-5)
        np.testing.assert_allclose(found["predictions"], predictions, rtol=1e-4, atol=1e-5)
        for i, weight in enumerate(expected):
            np.testing.assert_allclose(found[f"weight_{i}"], weight, rtol=1e-5, atol=1e-5 * np.abs(weight).max())


def test_every_process_gets_what_the_engines_look_for(tmp_path):
    text = """
import json, os
e = os.environ
config = json.loads(e["TF_CONFIG"])
print(e["RANK"], e["LOCAL_RANK"], e["WORLD_SIZE"], config["task"]["index"], len(config["cluster"]["worker"]),
      e["KERAS_DISTRIBUTION_PROCESS_ID"], e["MASTER_ADDR"] + ":" + e["MASTER_PORT"] == e["KERAS_DISTRIBUTION_JOB_ADDRESSES"])
"""
    job = launch(script(tmp_path, text), processes=3)
    out, err = job.communicate(timeout=60)
    assert job.returncode == 0, err
    assert sorted(out.splitlines()) == [f"[{r}] {r} {r} 3 {r} 3 {r} True" for r in range(3)]


def test_when_one_fails_the_others_end(tmp_path):
    text = """
import os, sys, time
if os.environ["RANK"] == "1":
    sys.exit(7)
time.sleep(600)
"""
    began = time.monotonic()
    job = launch(script(tmp_path, text))
    _, err = job.communicate(timeout=60)
    assert job.returncode == 7 and "process 1 failed (exit status 7); ending the others" in err
    assert time.monotonic() - began < 60


def test_signals_are_passed_on(tmp_path):
    text = """
import signal, sys, time
def leave(*_):
    print("bye", flush=True)
    sys.exit(3)
signal.signal(signal.SIGTERM, leave)
print("ready", flush=True)
time.sleep(600)
"""
    job = launch(script(tmp_path, text))
    ready = [job.stdout.readline() for _ in range(2)]
    assert sorted(ready) == ["[0] ready\n", "[1] ready\n"]
    job.send_signal(signal.SIGTERM)
    out, _ = job.communicate(timeout=60)
    assert sorted(out.splitlines()) == ["[0] bye", "[1] bye"] and job.returncode == 128 + signal.SIGTERM


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--processes", "0", "x.py"], "--processes must be at least 1, not 0"),
        (["--processes", "2", "missing.py"], "no such script: missing.py"),
        (["--processes", "2", "--hosts", "a.invalid,b.invalid", __file__], "can't tell which of a.invalid, b.invalid"),
        (["--processes", "2", "--hosts", "a,b", "--host-index", "2", __file__], "--host-index must be from 0 to 1"),
    ],
)
def test_wrong_words(words, message, capsys):
    from triceras.cli import main

    assert main(["launch", *words]) == 2
    assert message in capsys.readouterr().err


def test_jobs_on_several_machines():
    import argparse

    from triceras.cli import launch

    options = argparse.Namespace(processes=2, hosts="first,second", host_index=1, port=None)
    job = launch.job_of(options)
    assert job.meeting == "first:29500" and (job.first, job.here) == (2, 2)
    assert job.addresses == ["first:29501", "first:29502", "second:29501", "second:29502"]
