"""Distribution on torch: two processes follow the curve of one, and tell when they don't do the same."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import triceras as keras
from tests.distribution import models
from tests.distribution.test_processes import environment, launch
from triceras import distribution as dist
from triceras import layers

pytest.importorskip("torch")
WORKER = Path(__file__).with_name("replicas_worker.py")


@pytest.fixture(autouse=True)
def _on_torch():
    with keras.use_backend("torch"):
        yield
        dist.set_distribution(None)


def started(*words):
    return subprocess.Popen(
        [sys.executable, *map(str, words)],
        env={**environment(), "KERAS_BACKEND": "torch"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def told(out, what):
    """What the processes printed after a word."""
    return re.findall(rf"{what}: (.*)", out)


@pytest.mark.slow
def test_two_processes_follow_the_curve_of_one(tmp_path, monkeypatch):
    monkeypatch.setenv("TRICERAS_TORCH_COMPILE", "auto")
    job = launch("--backend", "torch", WORKER, "curves", tmp_path)
    out, err = job.communicate(timeout=240)
    assert job.returncode == 0, out + err
    assert told(out, "devices") == ["['cpu:0', 'cpu:1'] graphs: 9"] * 2  # three steps of three models
    assert "[0] 10/10 - " in out and "[1] 10/10 - " not in out
    processes = [np.load(tmp_path / f"{rank}.npz") for rank in (0, 1)]
    for name in models.WITHOUT_DRAWS:
        model, history = models.trained(name, models=models.WITHOUT_DRAWS, jit_compile=False)
        x, y = models.data(model)
        expected = {
            "loss": history["loss"],
            "accuracy": history["accuracy"],
            "evaluate": model.evaluate(x, y, batch_size=models.BATCH, verbose=0),
            "predict": model.predict(x, verbose=0),
            **{f"weight {i}": w for i, w in enumerate(model.get_weights())},
        }
        saved = keras.models.load_model(tmp_path / f"{name}.keras")
        np.testing.assert_allclose(saved.predict(x, verbose=0), expected["predict"], rtol=1e-4, atol=1e-5)
        for found in processes:
            for key, value in expected.items():
                tolerance = 1e-5 * np.abs(value).max(initial=1e-3)
                np.testing.assert_allclose(found[f"{name} {key}"], value, rtol=1e-5, atol=tolerance, err_msg=key)


@pytest.mark.slow
def test_in_a_process_group_of_the_users_own():
    job = started("-m", "torch.distributed.run", "--nproc-per-node", 2, WORKER, "features")
    out, _ = job.communicate(timeout=240)
    assert job.returncode == 0, out
    for what in ("weights", "own step", "torch.optim"):
        first, second = told(out, what)
        assert first == second, what
    first, second = told(out, "draw")
    assert first != second


@pytest.mark.slow
def test_all_are_told_what_does_not_fit():
    from triceras.cli.launch import free

    (port,) = free(1)
    jobs = [started(WORKER, "errors", f"127.0.0.1:{port}", rank) for rank in (0, 1)]
    outs = [job.communicate(timeout=120)[0] for job in jobs]
    assert [job.returncode for job in jobs] == [0, 5], outs
    for out in outs:
        assert re.search(r"Process 0: a model of .*dense/kernel', \(2, 1\).*Process 1: .*kernel', \(2, 2\)", out), out
        assert re.search(r"Process 0: the end of a pass over the data .*Process 1: train_step with \(4, 2\)", out), out
        assert re.search(r"Process 0: train_step with \(4, 2\).*Process 1: train_step with \(8, 2\)", out), out
    assert "Process 0 of 2 has lost the others before: train_step" in outs[0]


def test_alone_it_changes_nothing():
    assert dist.list_devices() == ["cpu:0"] and dist.list_devices("tpu") == []
    with dist.DataParallel().scope():
        model, history = models.trained("mlp", jit_compile=False)
    expected, found = models.trained("mlp", jit_compile=False)
    assert history["loss"].tolist() == found["loss"].tolist()
    np.testing.assert_array_equal(model.get_weights()[0], expected.get_weights()[0])


def test_what_is_not_there():
    with pytest.raises(
        NotImplementedError, match="fsdp splits variables over devices, which isn't there for the torch"
    ):
        dist.fsdp()
    layouts = dist.LayoutMap(dist.DeviceMesh((1,), ("model",)))
    with pytest.raises(NotImplementedError, match="ModelParallel splits variables"):
        dist.ModelParallel(layout_map=layouts)
    with pytest.raises(NotImplementedError, match="On torch tensors can't be split"):
        dist.distribute_tensor(np.ones(2), dist.TensorLayout(("model",), layouts.device_mesh))
    with dist.DataParallel(devices=["cpu:0", "cpu:1"]).scope():
        with pytest.raises(ValueError, match="one device of each process along its first axis, 1 in all.*launch"):
            layers.Dense(2).build((None, 2))
