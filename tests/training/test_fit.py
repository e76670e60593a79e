"""`fit`, `evaluate` and `predict` on every backend, against NumPy."""

import copy
import pickle
import threading

import numpy as np
import pytest

import triceras as keras
from tests.training.helpers import LABELS, X, Y, linear, predictions, two_outputs
from triceras import callbacks, ops


class Recorder(callbacks.Callback):
    """Notes which hooks are called, with what."""

    def __init__(self):
        super().__init__()
        self.seen = []


for _hook in dir(callbacks.Callback):
    if _hook.startswith("on_") and _hook not in ("on_batch_begin", "on_batch_end"):

        def _note(self, first=None, logs=None, _hook=_hook):
            self.seen.append(
                (_hook, first, *sorted(logs or {})) if isinstance(first, int) else (_hook, *sorted(first or {}))
            )

        setattr(Recorder, _hook, _note)


# --- what fit returns ------------------------------------------------------------------------------------------------


def test_history(trainable_backend):
    model = linear(metrics=["mse", "mae"])
    history = model.fit(X, Y, epochs=2, batch_size=8, verbose=0, validation_split=0.2)
    assert list(history.history) == ["loss", "mae", "mse", "val_loss", "val_mae", "val_mse"]
    assert all(type(v) is float for values in history.history.values() for v in values)
    assert history.epoch == [0, 1] and history.params == {"verbose": 0, "epochs": 2, "steps": 2}
    assert model.history is history and history.model is model


def test_one_epoch_of_gradient_descent(trainable_backend):
    model = linear()
    kernel, bias = model.get_weights()
    for i in range(0, 20, 5):
        error = X[i : i + 5] @ kernel + bias - Y[i : i + 5]
        kernel, bias = kernel - 0.1 * 2 / 5 * X[i : i + 5].T @ error, bias - 0.1 * 2 / 5 * error.sum(0)
    model.fit(X, Y, batch_size=5, shuffle=False, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0], kernel, rtol=1e-5)
    np.testing.assert_allclose(model.get_weights()[1], bias, rtol=1e-5, atol=1e-6)


def test_all_backends_go_the_same_way():
    curves = {}
    for name in ("jax", "torch", "tensorflow"):
        with keras.use_backend(name):
            keras.utils.set_random_seed(0)
            model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, "tanh"), keras.layers.Dense(1)])
            model.compile("adam", "mse", metrics=["mae"])
            curves[name] = model.fit(X, Y, epochs=3, batch_size=6, verbose=0).history
    for name in ("torch", "tensorflow"):
        for key, values in curves["jax"].items():
            np.testing.assert_allclose(curves[name][key], values, rtol=1e-5)


def test_the_reported_loss_is_the_mean_over_samples(trainable_backend):
    model = linear(optimizer=keras.optimizers.SGD(0.0))
    loss = model.fit(X, Y, batch_size=8, verbose=0).history["loss"][0]
    assert loss == pytest.approx(np.mean((predictions(model) - Y) ** 2), rel=1e-5)


def test_hooks_come_in_order(trainable_backend):
    recorder = Recorder()
    validation = dict(validation_data=(X, Y), validation_batch_size=20)
    linear(metrics=["mae"]).fit(X, Y, batch_size=10, verbose=0, callbacks=[recorder], **validation)
    names = ("loss", "mae")
    assert recorder.seen == [
        ("on_train_begin",),
        ("on_epoch_begin", 0),
        ("on_train_batch_begin", 0),
        ("on_train_batch_end", 0, *names),
        ("on_train_batch_begin", 1),
        ("on_train_batch_end", 1, *names),
        ("on_test_begin",),
        ("on_test_batch_begin", 0),
        ("on_test_batch_end", 0, *names),
        ("on_test_end", *names),
        ("on_epoch_end", 0, *names, "val_loss", "val_mae"),
        ("on_train_end", *names, "val_loss", "val_mae"),
    ]


def test_several_steps_in_one_execution(trainable_backend):
    alone, together = linear(metrics=["mae"]), linear(metrics=["mae"], steps_per_execution=3)
    recorder = Recorder()
    expected = alone.fit(X, Y, batch_size=4, epochs=2, shuffle=False, verbose=0).history
    found = together.fit(X, Y, batch_size=4, epochs=2, shuffle=False, verbose=0, callbacks=[recorder]).history
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-5)
    batches = [entry[:2] for entry in recorder.seen if "train_batch" in entry[0]][:4]
    assert batches == [(f"on_train_batch_{at}", i) for at, i in (("begin", 0), ("end", 2), ("begin", 3), ("end", 4))]
    assert together.predict(X, batch_size=4, verbose=0).shape == (20, 1)


@pytest.mark.parametrize("options", [{"run_eagerly": True}, {"jit_compile": False}, {"jit_compile": True}])
def test_every_way_to_compile_gives_the_same(trainable_backend, options):
    expected = linear().fit(X, Y, epochs=2, shuffle=False, verbose=0).history["loss"]
    np.testing.assert_allclose(
        linear(**options).fit(X, Y, epochs=2, shuffle=False, verbose=0).history["loss"], expected, rtol=1e-5
    )


def test_run_eagerly_shows_real_numbers(trainable_backend):
    seen = []

    class Peeking(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1)

        def call(self, inputs):
            if self.built and not isinstance(inputs, keras.KerasTensor):
                seen.append(type(inputs))
            return self.dense(inputs)

        def train_step(self, data):
            logs = super().train_step(data)
            float(ops.convert_to_numpy(logs["loss"]))
            return logs

    model = Peeking()
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(X, Y, verbose=0)


# --- weights ---------------------------------------------------------------------------------------------------------


def test_sample_weights(trainable_backend):
    weights = np.arange(20.0)
    model = linear(metrics=["mse"], weighted_metrics=["mse", "mae"], optimizer=keras.optimizers.SGD(0.0))
    found = model.fit(X, Y, sample_weight=weights, batch_size=8, shuffle=False, verbose=0).history
    error = (predictions(model) - Y)[:, 0]
    assert found["loss"][0] == pytest.approx(np.mean(weights * error**2), rel=1e-5)
    assert found["mse"][0] == pytest.approx(np.mean(error**2), rel=1e-5)
    assert found["weighted_mse"][0] == pytest.approx(np.average(error**2, weights=weights), rel=1e-5)
    assert found["mae"][0] == pytest.approx(np.average(abs(error), weights=weights), rel=1e-5)


def test_class_weights(trainable_backend):
    model = linear(optimizer=keras.optimizers.SGD(0.0))
    y = (np.arange(20) % 2).astype("float32")
    error = (predictions(model)[:, 0] - y) ** 2
    expected = np.mean(np.where(y == 1, 3.0, 1.0) * error)
    assert model.fit(X, y, class_weight={1: 3.0}, verbose=0).history["loss"][0] == pytest.approx(expected, rel=1e-5)
    assert model.train_on_batch(X, y, class_weight={1: 3.0}) > 0


def test_regularizers_and_added_losses_count(trainable_backend):
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L2(0.5), kernel_initializer="ones")

        def call(self, inputs):
            self.add_loss(0.25 * ops.mean(ops.square(inputs)))
            return self.dense(inputs)

    model = Net()
    model.compile(keras.optimizers.SGD(0.0), "mse", metrics=["mse"])
    found = model.fit(X, Y, verbose=0, batch_size=20).history
    assert found["loss"][0] - found["mse"][0] == pytest.approx(0.5 * 4 + 0.25 * np.mean(X**2), rel=1e-4)
    assert model.evaluate(X, Y, verbose=0, batch_size=20)[0] == pytest.approx(found["loss"][0], rel=1e-5)


# --- epochs ----------------------------------------------------------------------------------------------------------


def test_steps_and_epochs(trainable_backend):
    model = linear(optimizer=keras.optimizers.SGD(0.0))
    found = model.fit(X, Y, batch_size=5, shuffle=False, epochs=3, steps_per_epoch=2, verbose=0).history["loss"]
    halves = [np.mean((predictions(model, X[r]) - Y[r]) ** 2) for r in (slice(0, 10), slice(10, 20))]
    np.testing.assert_allclose(found, [halves[0], halves[1], halves[0]], rtol=1e-5)
    history = model.fit(X, Y, initial_epoch=2, epochs=4, verbose=0)
    assert history.epoch == [2, 3]


@pytest.mark.parametrize(("freq", "count"), [(1, 4), (2, 2), ([1, 4], 2)])
def test_validation_frequency(freq, count):
    with keras.use_backend("jax"):
        history = linear().fit(X, Y, epochs=4, validation_data=(X, Y), validation_freq=freq, verbose=0)
    assert len(history.history["val_loss"]) == count and len(history.history["loss"]) == 4


def test_validation_steps_and_the_last_part(trainable_backend):
    model = linear(optimizer=keras.optimizers.SGD(0.0))
    error = (predictions(model) - Y) ** 2
    found = model.fit(X, Y, validation_data=(X, Y), validation_steps=1, validation_batch_size=5, verbose=0).history
    assert found["val_loss"][0] == pytest.approx(error[:5].mean(), rel=1e-5)
    found = model.fit(X, Y, validation_split=0.25, shuffle=True, verbose=0).history
    assert found["val_loss"][0] == pytest.approx(error[15:].mean(), rel=1e-5)
    assert found["loss"][0] == pytest.approx(error[:15].mean(), rel=1e-5)
    found = model.fit(X, Y, validation_data=(X, Y, np.eye(20)[0] * 20), verbose=0).history
    assert found["val_loss"][0] == pytest.approx(error[0, 0], rel=1e-4)


def test_stopping_in_the_middle_of_an_epoch(trainable_backend):
    class Stop(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 1
            self.last = batch

    stop = Stop()
    history = linear().fit(X, Y, batch_size=5, epochs=3, verbose=0, callbacks=stop)
    assert history.epoch == [0] and stop.last == 1


def test_callbacks_that_stop_and_restore(trainable_backend):
    model = linear(optimizer=keras.optimizers.SGD(10.0))
    first = model.get_weights()
    stopper = callbacks.EarlyStopping("loss", patience=1, restore_best_weights=True)
    history = model.fit(X, Y, epochs=20, verbose=0, callbacks=[stopper, callbacks.TerminateOnNaN()])
    assert len(history.epoch) == 2 and np.isfinite(model.get_weights()[0]).all()
    assert not np.allclose(first[0], model.get_weights()[0])


def test_the_learning_rate_can_be_changed_without_compiling_anew(trainable_backend):
    model = linear()
    model.fit(X, Y, verbose=0)
    before = model.get_weights()[0]
    history = model.fit(X, Y, verbose=0, callbacks=callbacks.LearningRateScheduler(lambda epoch: 0.0))
    np.testing.assert_array_equal(model.get_weights()[0], before)
    assert history.history["learning_rate"] == [0.0]


# --- evaluate and predict --------------------------------------------------------------------------------------------


def test_evaluate(backend):
    model = linear(metrics=["mse", "mae"])
    error = predictions(model) - Y
    expected = [np.mean(error**2), np.mean(error**2), np.mean(abs(error))]
    np.testing.assert_allclose(model.evaluate(X, Y, verbose=0, batch_size=8), expected, rtol=1e-5)
    found = model.evaluate(X, Y, verbose=0, return_dict=True)
    assert list(found) == ["loss", "mae", "mse"] and found["mae"] == pytest.approx(expected[2], rel=1e-5)
    alone = linear().evaluate(X, Y, verbose=0)
    assert type(alone) is float and alone == pytest.approx(expected[0], rel=1e-5)
    assert model.metrics_names == ["loss", "compile_metrics"]
    assert model.evaluate(X, Y, verbose=0, steps=1, batch_size=5)[0] == pytest.approx(np.mean(error[:5] ** 2), rel=1e-5)


def test_predict(backend):
    model = linear()
    found = model.predict(X, batch_size=3, verbose=0)
    assert isinstance(found, np.ndarray)
    np.testing.assert_allclose(found, predictions(model), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(model.predict_on_batch(X[:2]), found[:2], rtol=1e-4, atol=1e-6)
    assert model.predict(X, batch_size=3, steps=2, verbose=0).shape == (6, 1)


def test_predict_gives_the_structure_of_the_outputs(backend):
    found = two_outputs(dict).predict(X, batch_size=8, verbose=0)
    assert {name: value.shape for name, value in found.items()} == {"a": (20, 1), "b": (20, 3)}
    assert [value.shape for value in two_outputs().predict(X, verbose=0)] == [(20, 1), (20, 3)]


def test_predict_needs_no_compile_and_no_build(backend):
    assert keras.Sequential([keras.layers.Dense(2)]).predict(X, verbose=0).shape == (20, 2)


def test_single_batches(trainable_backend):
    model = linear(metrics=["mae"])
    first = model.train_on_batch(X, Y)
    assert [type(v) for v in first] == [float, float]
    second = model.train_on_batch(X, Y, return_dict=True)
    assert list(second) == ["loss", "mae"] and second["loss"] < first[0]  # of this batch alone
    model.reset_metrics()
    loss = model.test_on_batch(X, Y)[0]
    assert loss == pytest.approx(np.mean((predictions(model) - Y) ** 2), rel=1e-5)
    assert type(linear().train_on_batch(X, Y)) is float


# --- data of all kinds -----------------------------------------------------------------------------------------------


def kinds_of_data():
    torch = pytest.importorskip("torch")
    tf = pytest.importorskip("tensorflow")
    jnp = pytest.importorskip("jax.numpy")

    class Data(keras.utils.PyDataset):
        def __len__(self):
            return 4

        def __getitem__(self, i):
            return X[5 * i : 5 * i + 5], Y[5 * i : 5 * i + 5]

    def generator():
        while True:
            for i in range(0, 20, 5):
                yield X[i : i + 5].astype("float64"), Y[i : i + 5].astype("float64")

    tensors = torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y))
    return {
        "torch tensors": dict(x=torch.tensor(X), y=torch.tensor(Y), batch_size=5),
        "tf tensors": dict(x=tf.constant(X), y=tf.constant(Y), batch_size=5),
        "jax arrays": dict(x=jnp.asarray(X), y=jnp.asarray(Y), batch_size=5),
        "float64": dict(x=X.astype("float64"), y=Y.astype("float64"), batch_size=5),
        "py_dataset": dict(x=Data()),
        "py_dataset with workers": dict(x=Data(workers=2)),
        "generator": dict(x=generator(), steps_per_epoch=4),
        "DataLoader": dict(x=torch.utils.data.DataLoader(tensors, batch_size=5)),
        "tf.data": dict(x=tf.data.Dataset.from_tensor_slices((X, Y)).batch(5)),
    }


def test_data_of_every_kind_train_alike(trainable_backend):
    model = linear(metrics=["mae"])
    first = model.get_weights()
    expected = model.fit(X, Y, batch_size=5, shuffle=False, epochs=2, verbose=0).history
    for kind, data in kinds_of_data().items():
        model.set_weights(first)
        found = model.fit(**data, shuffle=False, epochs=2, verbose=0).history
        for name, values in expected.items():
            np.testing.assert_allclose(found[name], values, rtol=1e-5, err_msg=f"{kind}, {name}")


def test_data_of_every_kind_are_evaluated_on_numpy():
    with keras.use_backend("numpy"):
        model = linear(metrics=["mae"])
        expected = model.evaluate(X, Y, verbose=0)
        for kind, data in kinds_of_data().items():
            steps = data.pop("steps_per_epoch", None)
            assert model.evaluate(**data, steps=steps, verbose=0) == pytest.approx(expected, rel=1e-5), kind


def test_dicts_of_inputs(trainable_backend):
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    model = keras.Model({"a": a, "b": b}, keras.layers.Dense(1)(keras.layers.Add()([a, b])))
    model.compile("sgd", "mse")
    assert len(model.fit({"a": X, "b": X}, Y, epochs=2, verbose=0).epoch) == 2
    assert model.predict({"a": X, "b": X}, verbose=0).shape == (20, 1)


# --- metrics by shape ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("units", "activation", "loss", "y"),
    [
        (1, "sigmoid", "binary_crossentropy", LABELS % 2),
        (1, "sigmoid", "binary_crossentropy", (LABELS % 2)[:, None]),
        (3, "softmax", "sparse_categorical_crossentropy", LABELS),
        (3, "softmax", "sparse_categorical_crossentropy", LABELS[:, None]),
        (3, "softmax", "categorical_crossentropy", np.eye(3)[LABELS]),
    ],
)
def test_accuracy_goes_by_the_shapes(backend, units, activation, loss, y):
    model = linear(units, activation, loss=loss, metrics=["accuracy", "acc"])
    found = model.evaluate(X, y, verbose=0, return_dict=True)
    logits = predictions(model)
    chosen = logits.argmax(-1) if units == 3 else (logits[:, 0] > 0).astype(int)
    expected = np.mean(chosen == (LABELS if units == 3 else LABELS % 2))
    assert found["accuracy"] == found["acc"] == pytest.approx(expected)


# --- lifetimes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("again", [True, False])
def test_freezing_with_and_without_compiling_again(trainable_backend, again):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    model.layers[0].trainable = False
    if again:
        model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(X, Y, verbose=0)
    after = model.get_weights()
    np.testing.assert_array_equal(before[0], after[0])
    assert not np.allclose(before[2], after[2])


def test_moving_goes_on_with_the_same_curve():
    def run(*names):
        with keras.use_backend(names[0]):
            model = linear(optimizer=keras.optimizers.Adam(0.1), metrics=["mae"])
        losses = []
        for name in names:
            model.to_backend(name)
            losses += model.fit(X, Y, epochs=2, batch_size=5, shuffle=False, verbose=0).history["mae"]
        return losses

    expected = run("jax", "jax", "jax")
    np.testing.assert_allclose(run("jax", "torch", "tensorflow"), expected, rtol=1e-4)
    np.testing.assert_allclose(run("tensorflow", "jax", "torch"), expected, rtol=1e-4)


def test_compile_moves_what_was_made_elsewhere(trainable_backend):
    model = linear()
    with keras.use_backend("numpy"):
        optimizer, metric = keras.optimizers.Adam(0.1), keras.metrics.MeanAbsoluteError(name="m")
    model.compile(optimizer, "mse", metrics=[metric])
    assert list(model.fit(X, Y, verbose=0).history) == ["loss", "m"]
    assert optimizer.backend.name == metric.backend.name == trainable_backend


def test_lazy_models_are_built_by_fit(trainable_backend):
    model = keras.Sequential([keras.layers.Dense(3), keras.layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    assert not model.built
    model.fit(X, Y, verbose=0)
    assert model.built and len(model.optimizer.variables) == 2 + 2 * 4


def test_run_eagerly_can_be_switched_on_and_off(trainable_backend):
    traced = []

    class Net(keras.Model):
        def call(self, inputs):
            traced.append(self.backend.is_traced(inputs))
            return inputs

    model = Net()
    model.compile(loss="mse")
    for model.run_eagerly in (True, False, True):
        traced.clear()
        model.evaluate(X, Y, verbose=0)
        assert len(traced) >= 1 or not model.run_eagerly
        assert not (model.run_eagerly and traced[-1])


def test_two_models_take_turns_and_train_in_threads():
    def make(name):
        with keras.use_backend(name):
            keras.utils.set_random_seed(1)
            model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "relu"), keras.layers.Dense(1)])
            model.compile("adam", "mse")
            return model

    names = ("torch", "jax", "tensorflow")
    alone = [[make(name).train_on_batch(X, Y) for _ in range(1)][0] for name in names]
    np.testing.assert_allclose(alone, alone[0], rtol=1e-5)
    expected = [m.train_on_batch(X, Y) for m in [make("jax")] for _ in range(5)]
    models = [make(name) for name in names]
    for i in range(5):
        np.testing.assert_allclose([model.train_on_batch(X, Y) for model in models], expected[i], rtol=1e-4)
    models, losses = [make(name) for name in names], {}

    def train(model):
        losses[model.backend.name] = [model.train_on_batch(X, Y) for _ in range(5)]

    threads = [threading.Thread(target=train, args=(model,)) for model in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in names:
        np.testing.assert_allclose(losses[name], expected, rtol=1e-4)


def test_trained_models_can_be_copied_and_pickled(trainable_backend):
    model = linear(metrics=["mae"], optimizer="adam")
    model.fit(X, Y, verbose=0)
    expected = model.evaluate(X, Y, verbose=0)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert other.evaluate(X, Y, verbose=0) == pytest.approx(expected, rel=1e-5)
        assert other.fit(X, Y, verbose=0).history["loss"][0] == pytest.approx(expected[0], rel=1e-5)
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_training_in_mixed_precision(trainable_backend, policy):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "relu", dtype=policy), keras.layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    losses = model.fit(X, Y, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0] and {v.dtype for v in model.weights} == {"float32"}
    assert model.predict(X, verbose=0).dtype == np.float32


# --- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_compile_comes_first(backend, method):
    model = keras.Sequential([keras.layers.Dense(1)])
    with pytest.raises(ValueError, match=r"You must call `compile\(\)` before using the model."):
        getattr(model, method)(X, Y)


def test_numpy_cannot_train():
    with keras.use_backend("numpy"):
        model = linear()
    with pytest.raises(
        NotImplementedError, match=r"numpy backend can't train.*jax, torch, tensorflow.*to_backend\('jax'\)"
    ):
        model.fit(X, Y)
    with pytest.raises(NotImplementedError, match="can't train"):
        model.train_on_batch(X, Y)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (dict(optimizer="adm"), "Could not interpret optimizer identifier: adm.*adam"),
        (dict(loss="mean_sq_error"), "Could not interpret loss identifier: mean_sq_error.*mean_squared_error"),
        (dict(metrics=["acuracy_score"]), "Could not interpret metric identifier: acuracy_score"),
        (dict(metrics=[3]), "Could not interpret metric identifier: 3"),
        (dict(metrics="mae"), "Expected `metrics` argument to be a list, tuple, or dict.*metrics=mae"),
        (dict(weighted_metrics=3), "Expected `weighted_metrics` argument to be a list"),
        (dict(loss="mse", loss_weights="a"), "Expected `loss_weights` argument to be a float"),
        (dict(steps_per_execution=0), "must be a positive integer"),
    ],
)
def test_compile_refuses_what_it_cannot_interpret_and_changes_nothing(backend, arguments, text):
    model = linear()
    before = model.optimizer
    with pytest.raises(ValueError, match=text):
        model.compile(**arguments)
    assert model.optimizer is before and model.evaluate(X, Y, verbose=0) > 0


def test_a_failed_fit_loses_nothing(trainable_backend):
    class Fail(callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise RuntimeError("stop here")

    model, reference = linear(), linear()
    with pytest.raises(RuntimeError, match="stop here"):
        model.fit(X, Y, epochs=3, shuffle=False, verbose=0, callbacks=[Fail()])
    assert len(model.history.history["loss"]) == 1
    with pytest.raises(Exception, match="4"):
        model.fit(X[:, :3], Y, verbose=0)
    expected = reference.fit(X, Y, epochs=3, shuffle=False, verbose=0).history["loss"]
    found = model.fit(X, Y, epochs=2, shuffle=False, verbose=0).history["loss"]
    np.testing.assert_allclose(found, expected[1:], rtol=1e-5)


def test_wrong_arguments_are_named(backend):
    model = linear()
    with pytest.raises(ValueError, match=r"Arguments not recognized: {'foo': 2}"):
        model.evaluate(X, Y, foo=2)
    with pytest.raises(ValueError, match="Data cardinality is ambiguous"):
        model.evaluate(X, Y[:3])
    with pytest.raises(ValueError, match="Unrecognized data type"):
        model.predict(object())


def test_eager_and_jit_together_warn():
    with keras.use_backend("numpy"), pytest.warns(UserWarning, match="`jit_compile` cannot also be True"):
        linear(run_eagerly=True, jit_compile=True)


def test_an_exhausted_generator_ends_training(trainable_backend):
    model = linear()
    with pytest.warns(UserWarning, match="Your input ran out of data"):
        history = model.fit(iter([(X, Y)] * 3), epochs=5, verbose=0)
    assert history.epoch == [0]
