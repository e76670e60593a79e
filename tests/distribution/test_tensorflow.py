"""Distribution on TensorFlow: logical devices of one process, and two processes, follow the curve of one device."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import triceras as keras
from tests.distribution import models
from tests.distribution.test_processes import environment, launch

pytest.importorskip("tensorflow")
pytestmark = pytest.mark.slow
WORKER = Path(__file__).with_name("tensorflow_worker.py")
CHECKS = re.findall(r"^def check_(\w+)", WORKER.read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def on_devices():
    """What a process with four logical devices tells of all checks."""
    job = subprocess.run(
        [sys.executable, str(WORKER), "devices"],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    return job.stdout


@pytest.mark.parametrize("name", CHECKS)
def test_on_logical_devices(on_devices, name):
    assert f"\n{name} holds\n" in f"\n{on_devices}", on_devices


def test_two_processes(tmp_path):
    job = launch("--backend", "tensorflow", WORKER, "processes", tmp_path)
    out, err = job.communicate(timeout=240)
    assert job.returncode == 0, out + err
    assert re.findall("devices: (.*)", out) == ["['cpu:0', 'cpu:1']"] * 2
    assert "[0] 10/10 - " in out and "[1] 10/10 - " not in out  # the first process alone tells how it goes
    with keras.use_backend("tensorflow"):
        for name in models.WITHOUT_DRAWS:
            check_curve(name, [np.load(tmp_path / f"{rank}.npz") for rank in (0, 1)], tmp_path)
    weights, told = (re.findall(rf"\[(\d)\] {what}: (.*)", out) for what in ("weights", "told"))
    assert len(weights) == 2 and weights[0][1] == weights[1][1]
    messages = {rank: [text for r, text in told if r == rank] for rank in "01"}
    for rank, (shapes, steps, sizes, *_) in messages.items():
        assert re.search(rf"process {rank} is at \d+ variables: .*dense/kernel', \(2, {1 + int(rank)}\)", shapes)
        assert f"process {rank} is at {('the end of a pass', 'a step on a batch')[int(rank)]}" in steps
        assert f"process {rank} is at a step on a batch [({4 + 4 * int(rank)}, 2)" in sizes
    assert "Process 0 of 2 has lost the others before a step" in messages["0"][3]


def check_curve(name, processes, folder):
    model, history = models.trained(name, models=models.WITHOUT_DRAWS)
    x, y = models.data(model)
    expected = {
        **history,
        "evaluate": model.evaluate(x, y, batch_size=models.BATCH, verbose=0),
        "predict": model.predict(x, verbose=0),
        **{f"weight {i}": w for i, w in enumerate(model.get_weights())},
    }
    saved = keras.models.load_model(folder / f"{name}.keras")
    np.testing.assert_allclose(saved.predict(x, verbose=0), expected["predict"], rtol=1e-4, atol=1e-5)
    for found in processes:
        for key, value in expected.items():
            tolerance = 1e-5 * np.abs(value).max(initial=1e-3)
            np.testing.assert_allclose(found[f"{name} {key}"], value, rtol=1e-5, atol=tolerance, err_msg=key)
