"""`triceras bench` compares backends on a saved model or a script."""

import argparse
import json

import numpy as np
import pytest

import triceras
from triceras import layers
from triceras.cli import bench, bench_script, main
from triceras.training.callbacks.callback_list import CallbackList
from triceras.training.logs import PendingLogs

SCRIPT = """
import sys
import numpy as np
import keras
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
model.compile("sgd", "mse")
x = np.ones((40, 4))
model.fit(x, np.ones((40, 2)), batch_size=4, epochs=2, validation_split=0.5)
print("arguments:", sys.argv[1:], "backend:", keras.backend.backend(), file=sys.stderr)
if "fail" in sys.argv:
    raise SystemExit("that was all")
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(SCRIPT)
    return tmp_path


def saved(folder, stack, *compiled):
    with triceras.use_backend("numpy"):
        model = triceras.Sequential(stack())
        if compiled:
            model.compile(*compiled)
        model.save(folder / "model.keras")
    return "model.keras"


# --- a model ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_saved_model(folder, backend, capsys):
    def stack():
        return [layers.Input((None,), dtype="int32"), layers.Embedding(9, 4), layers.GRU(3), layers.Dense(5, "softmax")]

    name = saved(folder, stack, "adam", "sparse_categorical_crossentropy")
    status = main(
        ["bench", name, "--backends", backend, "--batch=6", "--steps", "5", "--json", "a.json", "--png", "b.png"]
    )
    (row,) = json.loads((folder / "a.json").read_text())["rows"]
    assert status == 0 and row["backend"] == backend and row["problem"] is None and row["max_difference"] < 1e-6
    assert (folder / "b.png").read_bytes()[:4] == b"\x89PNG"
    assert "memory" in capsys.readouterr().out


def test_json_goes_to_stdout_for_a_dash(folder, capsys, monkeypatch):
    monkeypatch.setattr(bench, "run_script", lambda script, name, arguments: bench.ScriptRow(name, wall_seconds=2.0))
    assert main(["bench", "train.py", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["wall_seconds"] for row in found["rows"]] == [2.0] * len(triceras.core.registry.installed())
    assert "the whole script" in found["reason"]


def inputs_and_targets(stack, loss):
    with triceras.use_backend("numpy"):
        model = triceras.Sequential(stack())
        model.compile(loss=loss)
        x = bench.random_inputs(model, 6)
        return x, bench.random_targets(model, x)


def test_inputs_follow_the_models_own():
    x, y = inputs_and_targets(lambda: [layers.Input((None, 3)), layers.Dense(2)], "mse")
    assert x.shape == (6, bench.UNKNOWN_SIZE, 3) and x.dtype == "float32" and x.std() > 0.5
    assert y.shape == (6, bench.UNKNOWN_SIZE, 2) and y.std() > 0.5


@pytest.mark.parametrize("dtype", ["int32", "float32"])
def test_what_is_looked_up_are_indices_within_the_table(dtype):
    x, _ = inputs_and_targets(lambda: [layers.Input((50,), dtype=dtype), layers.Embedding(4, 2)], "mse")
    assert x.dtype == "int32" and x.min() == 0 and x.max() == 3


def test_several_inputs_and_outputs():
    with triceras.use_backend("numpy"):
        a, b = layers.Input((4,), name="a"), layers.Input((2,), dtype="bool", name="b")
        outputs = {
            "p": layers.Dense(3)(a),
            "q": layers.Dense(1)(layers.Concatenate()([a, triceras.ops.cast(b, "float32")])),
        }
        model = triceras.Model({"a": a, "b": b}, outputs)
        model.compile(loss={"p": "sparse_categorical_crossentropy", "q": "binary_crossentropy"})
        x = bench.random_inputs(model, 5)
        y = bench.random_targets(model, x)
    assert x["a"].shape == (5, 4) and x["b"].dtype == "bool" and x["b"].shape == (5, 2)
    assert y["p"].shape == (5,) and y["p"].dtype == "int32" and set(np.unique(y["q"])) <= {0.0, 1.0}


@pytest.mark.parametrize(
    "loss, check",
    [
        ("sparse_categorical_crossentropy", lambda y: y.shape == (6,) and y.max() < 3),
        ("categorical_crossentropy", lambda y: (y.sum(-1) == 1).all()),
        (triceras.losses.CategoricalFocalCrossentropy(name="mine"), lambda y: (y.sum(-1) == 1).all()),
        ("hinge", lambda y: set(y.flat) <= {0.0, 1.0}),
        ("mse", lambda y: y.min() < 0),
    ],
)
def test_targets_follow_the_loss(loss, check):
    _, y = inputs_and_targets(lambda: [layers.Input((4,)), layers.Dense(3, activation="softmax")], loss)
    assert check(y)


def test_without_a_loss_there_are_no_targets():
    with triceras.use_backend("numpy"):
        model = triceras.Sequential([layers.Input((4,)), layers.Dense(3)])
        assert bench.random_targets(model, bench.random_inputs(model, 2)) is None


# --- a script ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_script_on_each_backend(folder, trainable_backend, capsys):
    words = ["bench", "train.py", "--backends", trainable_backend, "one", "--json", "a.json", "--", "--two"]
    assert main(words) == 0
    (row,) = json.loads((folder / "a.json").read_text())["rows"]
    assert row["problem"] is None and row["exit_status"] == 0
    assert 0 < row["step_seconds"] < row["first_step_seconds"] < row["wall_seconds"]
    assert [(fit["steps"], fit["epochs"]) for fit in row["fits"]] == [(10, 2)]
    assert set(row["logs"]) == {"loss", "val_loss"} and row["peak_bytes"] > 1e7
    assert trainable_backend in capsys.readouterr().out


@pytest.mark.slow
def test_a_script_that_fails_shows_its_last_lines(folder, capsys):
    assert main(["bench", "train.py", "--backends=numpy"]) == 1
    shown = " ".join(capsys.readouterr().out.split())
    assert "failed" in shown and "numpy: ended with status 1" in shown and "The numpy backend can't train" in shown
    row = bench.run_script(folder / "train.py", "torch", ["fail", "--two"])
    assert row.exit_status == 1 and len(row.fits) == 1
    assert row.problem.endswith("arguments: ['fail', '--two'] backend: torch\nthat was all")


def test_steps_are_timed_in_the_second_half_of_the_last_epoch(monkeypatch):
    now, fetched, report = [100.0], [], {"first_step_at": None, "fits": []}
    monkeypatch.setattr(bench_script.time, "time", lambda: now[0])
    watch = bench_script.Watch(report)
    callbacks = CallbackList([watch], steps=6)
    for epoch in range(2):
        callbacks.on_epoch_begin(epoch)
        for batch in range(6):
            now[0] += 1.0 + epoch if batch > 2 else 50.0
            callbacks.on_train_batch_end(
                batch, PendingLogs({"loss": 0.5}, lambda x, at=(epoch, batch): fetched.append(at) or x)
            )
        now[0] += 1000.0  # validation
        callbacks.on_epoch_end(epoch, {"loss": 0.5, "other": [1]})
    assert report["first_step_at"] == 150.0
    assert report["fits"] == [{"steps": 12, "epochs": 2, "step_seconds": 2.0, "logs": {"loss": 0.5}}]


def test_only_fits_are_watched(trainable_backend, monkeypatch):
    from triceras.training.trainer import Trainer

    monkeypatch.setattr(Trainer, "_callbacks", Trainer._callbacks)
    report = {"first_step_at": None, "fits": []}
    bench_script.watch_fits(report)
    model = triceras.Sequential([layers.Dense(1)])
    model.compile("sgd", "mse", steps_per_execution=2)
    x, y = np.ones((6, 2)), np.ones((6, 1))
    model.fit(x, y, batch_size=1, epochs=2, verbose=0)
    model.evaluate(x, y, verbose=0)
    model.predict(x, verbose=0)
    (fit,) = report["fits"]
    assert fit["steps"] == 12 and fit["epochs"] == 2 and fit["step_seconds"] > 0 and set(fit["logs"]) == {"loss"}


# --- what the user can mend -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words, message",
    [
        (["absent.keras"], "no such file: absent.keras"),
        (["train.py", "--backends", "jaxx"], "Unknown backend 'jaxx'. Did you mean 'jax'?"),
        (["train.py", "--json", "nowhere/a.json"], "no such folder: "),
        (["bad.keras"], "bad.keras"),
        (["bad.keras", "--backends", "numpy", "x"], "a model takes no arguments: x"),
    ],
)
def test_mistakes_are_one_line(folder, capsys, words, message):
    (folder / "bad.keras").write_text("no zip")
    assert main(["bench", *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("triceras: ") and message in error and "Traceback" not in error


def test_a_count_of_zero_is_refused(folder, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["bench", "train.py", "--batch", "0"])
    assert "must be at least 1" in capsys.readouterr().err


def test_options_may_stand_before_or_behind_the_script():
    parser = argparse.ArgumentParser()
    bench.add_arguments(parser)
    options = parser.parse_args(["--batch", "7", "train.py", "a", "--steps", "3", "--lr", "1", "--", "--batch", "9"])
    assert bench._split(options) == ["a", "--lr", "1", "--batch", "9"] and (options.batch, options.steps) == (7, 3)
