"""Callbacks, driven by hand: they do and print what real Keras does and prints, unless a test says otherwise."""

import copy
import http.server
import json
import pickle
import threading
import urllib.parse
import weakref

import numpy as np
import pytest

from triceras import callbacks as C
from triceras.training.logs import PendingLogs


class Optimizer:
    learning_rate = 0.1


class Model:
    """As much of a model as callbacks use; its one weight is the number of the epoch."""

    stop_training = False

    def __init__(self, metrics=()):
        self.optimizer, self.weights, self.saved, self.metrics = Optimizer(), [np.zeros(2)], [], list(metrics)

    def get_weights(self):
        return self.weights

    def set_weights(self, weights):
        self.weights = weights

    def save(self, path, overwrite=True):
        self.saved.append(path)

    save_weights = save


class Metric:
    def __init__(self, name, direction):
        self.name, self._direction = name, direction


def run(callback, *values, name="val_loss", model=None):
    """A training with these values of a log; the model, and how many epochs it went."""
    model = model or Model()
    callbacks = C.CallbackList([callback], model=model, epochs=len(values), verbose=0, steps=1)
    callbacks.on_train_begin()
    for epoch, value in enumerate(values):
        callbacks.on_epoch_begin(epoch)
        model.weights = [np.full(2, float(epoch + 1))]
        callbacks.on_train_batch_end(0, {"loss": value})
        callbacks.on_epoch_end(epoch, {name: value, "loss": value})
        if model.stop_training:
            break
    callbacks.on_train_end()
    return model, epoch + 1


# --- EarlyStopping ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "values", "epochs"),
    [
        (dict(patience=2), (1, 0.5, 0.6, 0.7, 0.8), 4),
        (dict(patience=0), (1, 0.5, 0.6, 0.7), 3),
        (dict(patience=2, baseline=0.3), (1, 0.5, 0.6, 0.7), 3),
        (dict(patience=2, min_delta=0.2), (1, 0.9, 0.85, 0.7), 3),
        (dict(patience=1, start_from_epoch=3), (1, 2, 3, 4, 5, 6, 7), 5),
        (dict(patience=9), (1, 2, 3), 3),
        (dict(patience=1, mode="max"), (1, 2, 3, 2, 1), 4),
        (dict(patience=2), (float("nan"), 1.0, 0.5, 0.4), 4),  # unlike Keras, where NaN can't be beaten
    ],
)
def test_early_stopping_stops(options, values, epochs):
    assert run(C.EarlyStopping(**options), *values)[1] == epochs


def test_early_stopping_brings_the_best_weights_back(capsys):
    model, _ = run(C.EarlyStopping(patience=2, verbose=1, restore_best_weights=True), 1, 0.5, 0.6, 0.7, 0.8)
    assert model.weights[0][0] == 2.0
    assert capsys.readouterr().out == (
        "Epoch 4: early stopping\nRestoring model weights from the end of the best epoch: 2.\n"
    )
    model, epochs = run(C.EarlyStopping(patience=9, restore_best_weights=True), 1, 0.5, 0.6)
    assert epochs == 3 and model.weights[0][0] == 2.0


def test_the_metric_says_which_way_is_better():
    metrics = [Metric("accuracy", "up"), Metric("mae", "down")]
    for name, values in {"val_accuracy": (1, 2, 3, 2), "val_a_mae": (3, 2, 3, 3)}.items():
        model, epochs = run(C.EarlyStopping(name, patience=1), *values, name=name, model=Model(metrics))
        assert epochs == len(values) - (name == "val_a_mae")


def test_unknown_directions_and_missing_values_are_named():
    with pytest.raises(ValueError, match="EarlyStopping callback received monitor=val_x, but can't .*mode='max'"):
        run(C.EarlyStopping("val_x"), 1, name="val_x")
    with pytest.warns(
        UserWarning, match="Early stopping conditioned on metric `val_loss` which is not available. .*: q, loss"
    ):
        run(C.EarlyStopping(), 1, name="q")
    with pytest.warns(UserWarning, match="EarlyStopping mode 'nope' is unknown, fallback to auto mode."):
        C.EarlyStopping(mode="nope")


# --- ModelCheckpoint -------------------------------------------------------------------------------------------------


def test_checkpoints_of_the_best(capsys):
    callback = C.ModelCheckpoint("m{epoch:02d}-{val_loss:.2f}.keras", save_best_only=True, verbose=1)
    model, _ = run(callback, 1, 0.5, 0.6, 0.4)
    assert model.saved == ["m01-1.00.keras", "m02-0.50.keras", "m04-0.40.keras"]
    lines = capsys.readouterr().out.split("\n\n")
    assert lines[0] == "\nEpoch 1: val_loss improved from None to 1.00000, saving model to m01-1.00.keras\n".rstrip(
        "\n"
    )
    assert lines[1] == "Epoch 1: finished saving model to m01-1.00.keras"
    assert lines[4] == "Epoch 3: val_loss did not improve from 0.50000"


def test_checkpoints_of_all_epochs(capsys):
    model, _ = run(C.ModelCheckpoint("m.weights.h5", save_weights_only=True, verbose=1), 1, 2)
    assert model.saved == ["m.weights.h5"] * 2
    assert capsys.readouterr().out.startswith("\nEpoch 1: saving model to m.weights.h5\n")


def test_checkpoints_by_batches():
    model = Model()
    callback = C.ModelCheckpoint("m{epoch}-{batch}.keras", save_freq=3)
    callback.set_model(model)
    for epoch in range(2):
        callback.on_epoch_begin(epoch)
        for batch in (0, 1, 2, 3):
            callback.on_train_batch_end(batch, {"loss": 1.0})
        callback.on_epoch_end(epoch, {"loss": 1.0})
    assert model.saved == ["m1-3.keras", "m2-2.keras"]


def test_a_first_value_to_beat_and_folders(tmp_path):
    path = tmp_path / "a" / "b" / "m.keras"
    model, _ = run(C.ModelCheckpoint(path, save_best_only=True, initial_value_threshold=0.55), 1, 0.5, 0.6)
    assert model.saved == [str(path)] and path.parent.is_dir()


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        (dict(filepath="m.h"), ValueError, r"must end in `.keras` .*filepath=m.h"),
        (dict(filepath="w.h5", save_weights_only=True), ValueError, r"must end in `.weights.h5`"),
        (dict(filepath="m.keras", save_freq="x"), ValueError, "Unrecognized save_freq: x"),
    ],
)
def test_wrong_checkpoints_are_refused(options, error, text):
    with pytest.raises(error, match=text):
        C.ModelCheckpoint(**options)


def test_a_name_that_cannot_be_formatted_is_shown():
    with pytest.raises(KeyError, match='Failed to format this callback filepath: "m{zz}.keras"'):
        run(C.ModelCheckpoint("m{zz}.keras"), 1)
    with pytest.warns(UserWarning, match="Can save best model only with val_loss available"):
        run(C.ModelCheckpoint("m.keras", save_best_only=True), 1, name="q")


# --- learning rates --------------------------------------------------------------------------------------------------


def test_a_schedule_sets_the_rate(capsys):
    callback = C.LearningRateScheduler(lambda epoch, rate: rate * 0.5, verbose=1)
    model, _ = run(callback, 1, 1)
    assert model.optimizer.learning_rate == 0.025
    assert capsys.readouterr().out.startswith("\nEpoch 1: LearningRateScheduler setting learning rate to 0.05.\n")
    logs = {}
    callback.set_model(model)
    callback.on_epoch_end(0, logs)
    assert logs == {"learning_rate": 0.025}


def test_a_schedule_may_look_at_the_epoch_alone_and_must_give_a_number():
    assert run(C.LearningRateScheduler(lambda epoch: 0.5 / (epoch + 1)), 1, 1)[0].optimizer.learning_rate == 0.25
    with pytest.raises(ValueError, match="should be a float. Got: a"):
        run(C.LearningRateScheduler(lambda epoch: "a"), 1)


def test_plateaus_reduce_the_rate(capsys):
    model, _ = run(C.ReduceLROnPlateau(patience=2, factor=0.5, verbose=1), 1, 1, 1, 1, 1, 1)
    assert model.optimizer.learning_rate == 0.025
    assert capsys.readouterr().out.startswith(
        "\nEpoch 3: ReduceLROnPlateau reducing learning rate to 0.05.\n\nEpoch 5:"
    )


def test_plateaus_cool_down_and_stop_at_the_least_rate(capsys):
    run(C.ReduceLROnPlateau(patience=1, factor=0.5, cooldown=2, min_lr=0.03, verbose=1), *[1] * 10)
    lines = capsys.readouterr().out.split("\n\n")
    assert [line.split()[1] for line in lines] == ["2:", "4:"] and lines[1].strip().endswith("to 0.03.")


def test_plateaus_need_a_factor_below_one_and_the_value():
    with pytest.raises(ValueError, match="does not support a factor >= 1.0. Received factor=2"):
        C.ReduceLROnPlateau(factor=2)
    with pytest.warns(UserWarning, match="Learning rate reduction is conditioned on metric `val_loss`"):
        run(C.ReduceLROnPlateau(), 1, name="q")


# --- files and servers -----------------------------------------------------------------------------------------------


def write(callback, *logs):
    callback.on_train_begin()
    for epoch, entry in enumerate(logs):
        callback.on_epoch_end(epoch, entry)
    callback.on_train_end()


def test_csv_lines(tmp_path):
    path = tmp_path / "log.csv"
    logs = (
        {"loss": 1.0, "val_loss": 2.0, "z": np.array([1, 2]), "s": "q"},
        {"loss": 1.5, "val_loss": 0.5, "z": np.float32(3)},
    )
    write(C.CSVLogger(path), *logs)
    expected = 'epoch,loss,s,val_loss,z\n0,1.0,q,2.0,"""[1, 2]"""\n1,1.5,NA,0.5,3.0\n'
    assert path.read_text() == expected
    write(C.CSVLogger(path, append=True), logs[1])
    assert path.read_text() == expected + "0,1.5,NA,0.5,3.0\n"
    write(C.CSVLogger(path, separator=";"), {"loss": 1.0}, {"loss": 1.5, "val_loss": 0.5})
    assert path.read_text() == "epoch;loss;val_loss\n0;1.0;NA\n1;1.5;0.5\n"


def test_remote_monitor_posts():
    received = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            received.append((self.path, self.rfile.read(int(self.headers["Content-Length"])).decode()))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        root = f"http://127.0.0.1:{server.server_address[1]}"
        C.RemoteMonitor(root).on_epoch_end(0, {"loss": np.float32(0.5)})
        C.RemoteMonitor(root, send_as_json=True).on_epoch_end(1, {"loss": 0.25})
        server.shutdown()
    path, form = received[0]
    assert path == "/publish/epoch/end/"
    assert json.loads(urllib.parse.parse_qs(form)["data"][0]) == {"epoch": 0, "loss": 0.5}
    assert json.loads(received[1][1]) == {"epoch": 1, "loss": 0.25}
    with pytest.warns(UserWarning, match="Could not reach RemoteMonitor root server"):
        C.RemoteMonitor(root).on_epoch_end(0, {})


# --- small ones ------------------------------------------------------------------------------------------------------


def test_nan_stops_training(capsys):
    model = Model()
    callback = C.TerminateOnNaN()
    callback.set_model(model)
    callback.on_batch_end(2, {"loss": 1.0})
    assert not model.stop_training
    callback.on_batch_end(3, {"loss": float("nan")})
    assert model.stop_training and capsys.readouterr().out == "Batch 3: Invalid loss, terminating training\n"
    with pytest.raises(RuntimeError, match="NaN or Inf loss encountered at batch 4. Loss value: inf."):
        C.TerminateOnNaN(raise_error=True).on_batch_end(4, {"loss": float("inf")})


def test_lambda_callbacks_have_the_hooks_given():
    seen = []
    callback = C.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(epoch), on_test_end=lambda logs: seen.append("t")
    )
    callbacks = C.CallbackList([callback])
    callbacks.on_epoch_begin(0)
    callbacks.on_epoch_end(0)
    callbacks.on_test_end()
    assert seen == [0, "t"] and callbacks.hook("on_train_batch_end") is None


def test_history_keeps_what_it_is_told():
    callback = C.History()
    model, _ = run(callback, 1.0, 2.0)
    assert callback.history == {"val_loss": [1.0, 2.0], "loss": [1.0, 2.0]} and callback.epoch == [0, 1]
    assert callback.params == {"epochs": 2, "verbose": 0, "steps": 1} and model.history is callback


# --- lists -----------------------------------------------------------------------------------------------------------


def test_a_list_adds_history_and_progress_bar():
    callbacks = C.CallbackList(None, add_history=True, add_progbar=True)
    assert [type(c) for c in callbacks.callbacks] == [C.History, C.ProgbarLogger]
    own = C.History()
    assert C.CallbackList([[own]], add_history=True).callbacks == [own]
    with pytest.raises(TypeError, match="Expected a Callback.*3"):
        C.CallbackList([3])


def test_old_names_of_batch_hooks_work():
    class Old(C.Callback):
        def on_batch_end(self, batch, logs=None):
            self.seen = logs

    callback = Old()
    C.CallbackList([callback]).on_train_batch_end(0, {"loss": 1})
    assert callback.seen == {"loss": 1}


def test_pending_logs_are_fetched_once_and_only_for_who_needs_them():
    fetched = []

    def to_numpy(x):
        fetched.append(x)
        return np.asarray(x)

    class Watcher(C.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.seen = logs

    def logs():
        return PendingLogs({"b": [2], "a": {"y": [1], "x": [3, 4]}}, to_numpy)

    C.CallbackList([C.ModelCheckpoint("m.keras")]).on_train_batch_end(0, logs())
    assert not fetched
    watchers = [Watcher(), Watcher()]
    C.CallbackList(watchers).on_train_batch_end(0, logs())
    assert len(fetched) == 3 and watchers[0].seen is watchers[1].seen
    assert (
        list(watchers[0].seen) == ["x", "y", "b"]
        and watchers[0].seen["b"] == 2.0
        and type(watchers[0].seen["y"]) is float
    )


def test_callbacks_do_not_keep_the_model_alive():
    model = Model()
    callbacks = C.CallbackList([C.EarlyStopping()], add_history=True, model=model)
    reference = weakref.ref(model)
    assert callbacks.callbacks[0].model is model
    del model
    assert reference() is None and callbacks.callbacks[0].model is None


def test_callbacks_can_be_copied_and_pickled():
    callback = C.EarlyStopping(patience=7)
    callback.set_model(Model())
    assert pickle.loads(pickle.dumps(callback)).patience == copy.deepcopy(callback).patience == 7


def test_a_subclass_that_forgets_to_call_init_still_works():
    class Forgetful(C.Callback):
        def __init__(self):
            pass

    callback = Forgetful()
    assert callback.model is None and callback.params is None
    run(callback, 1)


# --- the progress bar ------------------------------------------------------------------------------------------------


def drive(verbose, epochs, steps, capsys):
    callbacks = C.CallbackList([], add_progbar=True, model=Model(), verbose=verbose, epochs=epochs, steps=steps)
    callbacks.on_train_begin()
    for epoch in range(epochs):
        callbacks.on_epoch_begin(epoch)
        for batch in range(3):
            callbacks.on_train_batch_end(batch, {"loss": batch + 1.0})
        callbacks.on_epoch_end(epoch, {"loss": 3.0, "val_loss": 4.0})
    callbacks.on_train_end()
    return capsys.readouterr().out


def test_the_progress_bar_in_lines(capsys):
    lines = drive(2, 2, 3, capsys).splitlines()
    assert lines[0] == "Epoch 1/2" and lines[2] == "Epoch 2/2"
    assert lines[1].startswith("3/3 - 0s - ") and lines[1].endswith("/step - loss: 3.0000 - val_loss: 4.0000")


def test_the_progress_bar_moves(capsys):
    out = drive(1, 1, 3, capsys)
    assert "Epoch" not in out and "loss: 1.0000" in out and "\b\r" in out
    assert out.rstrip(" \n").endswith("- loss: 3.0000 - val_loss: 4.0000")


def test_the_progress_bar_learns_the_number_of_steps(capsys):
    out = drive(1, 2, None, capsys)
    assert "1/Unknown" in out.partition("Epoch 2/2")[0] and "3/3" in out and "1/3" in out.partition("Epoch 2/2")[2]


def test_logging_instead_of_printing(capsys, caplog):
    from triceras.utils import io_utils

    io_utils.disable_interactive_logging()
    try:
        assert not io_utils.is_interactive_logging_enabled()
        with caplog.at_level("INFO", logger="triceras"):
            assert drive("auto", 1, 3, capsys) == ""
        assert any("loss: 3.0000" in record.getMessage() for record in caplog.records)
    finally:
        io_utils.enable_interactive_logging()
