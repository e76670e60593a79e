"""Steps: traced once, fetched from late, several at once; never more work for more batches than the batches."""

import numpy as np
import pytest

import triceras as keras
from triceras import ops
from triceras.core import registry
from triceras.training import predictions
from triceras.utils.progbar import Progbar

MANY = 1000
X = np.random.RandomState(0).normal(size=(MANY, 4)).astype("float32")
Y = np.random.RandomState(1).normal(size=(MANY, 1)).astype("float32")


class Counting(keras.Sequential):
    """Counts how often Python runs its steps, and notes whether values were there to be read."""

    def __init__(self, *layers):
        super().__init__([keras.Input((4,)), *layers, keras.layers.Dense(1)])
        self.runs = {"train": 0, "test": 0, "predict": 0}
        self.traced = []

    def noted(self, kind, data):
        self.runs[kind] += 1
        self.traced.append(self.backend.is_traced(data[0]))
        return data

    def train_step(self, data):
        return super().train_step(self.noted("train", data))

    def test_step(self, data):
        return super().test_step(self.noted("test", data))

    def predict_step(self, data):
        return super().predict_step(self.noted("predict", data))


def noisy():
    """Layers whose steps differ: a seed that goes on, and running statistics."""
    return keras.layers.Dense(8, "relu"), keras.layers.BatchNormalization(), keras.layers.Dropout(0.5)


def compiled(layers=tuple, **options):
    keras.utils.set_random_seed(7)
    model = Counting(*layers())
    model.compile(**{"optimizer": "adam", "loss": "mse", "metrics": ["mae"], **options})
    return model


def run_all(model, count, batch_size=1):
    model.fit(X[:count], Y[:count], batch_size=batch_size, verbose=0)
    model.evaluate(X[:count], Y[:count], batch_size=batch_size, verbose=0)
    model.predict(X[:count], batch_size=batch_size, verbose=0)
    return dict(model.runs)


@pytest.mark.parametrize("steps", [1, 4])
def test_steps_are_traced_once(trainable_backend, steps, monkeypatch):
    monkeypatch.setenv("TRICERAS_TORCH_COMPILE", "eager")
    model = compiled(steps_per_execution=steps)
    few = run_all(model, 100)
    assert run_all(model, MANY) == few
    if trainable_backend != "torch":  # which runs eagerly before and after it captures
        assert few == {"train": 1, "test": 1, "predict": 1}


def test_uncompiled_steps_see_values(trainable_backend):
    model = compiled(run_eagerly=True)
    assert run_all(model, 6, batch_size=2) == {"train": 3, "test": 3, "predict": 3}
    assert not any(model.traced)


def test_without_jit_jax_runs_each_step():
    with keras.use_backend("jax"):
        model = compiled(jit_compile=False, steps_per_execution=2)
        assert run_all(model, 8, batch_size=2) == {"train": 4, "test": 4, "predict": 4}
        assert not any(model.traced)


@pytest.mark.parametrize("options", [{"jit_compile": False}, {"jit_compile": True}])
def test_compiled_or_not_the_results_are_the_same(trainable_backend, options):
    histories = []
    for chosen in ({}, options):
        model = compiled(noisy, **chosen)
        histories.append(model.fit(X[:64], Y[:64], batch_size=16, epochs=2, verbose=0).history)
    for name, values in histories[0].items():
        np.testing.assert_allclose(histories[1][name], values, rtol=1e-5)


# --- several steps at once --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [3, 100])
def test_several_at_once_go_the_same_way_as_one_by_one(trainable_backend, steps):
    """With dropout fresh in each step, running statistics, and a smaller last batch."""
    found = []
    for size in (1, steps):
        model = compiled(noisy, steps_per_execution=size)
        history = model.fit(X[:70], Y[:70], batch_size=8, epochs=3, verbose=0).history
        scores = model.evaluate(X[:70], Y[:70], batch_size=8, verbose=0)
        found.append([*history.values(), scores, model.predict(X[:70], batch_size=8, verbose=0), *model.get_weights()])
    for one, several in zip(*found, strict=True):
        np.testing.assert_allclose(several, one, rtol=2e-5, atol=2e-6)


def test_dropout_is_fresh_in_each_of_several_steps(trainable_backend):
    class Masks(keras.Model):
        def __init__(self):
            super().__init__()
            self.drop = keras.layers.Dropout(0.5)
            self.total = self.add_weight((), "zeros", trainable=False)

        def call(self, inputs):
            return inputs

        def test_step(self, data):
            kept = self.drop(ops.ones((64,)), training=True)
            numbers = ops.arange(64, dtype="float32")
            self.total.assign_add(ops.sum(kept * numbers))
            return {"kept": ops.sum(kept * numbers)}

    model = Masks()
    model.compile(loss="mse", steps_per_execution=4)
    last = model.evaluate(X[:4], Y[:4], batch_size=1, verbose=0)
    assert abs(float(model.total.numpy()) - 4 * float(np.ravel(last)[-1])) > 1


def test_batches_of_unequal_shapes_are_taken_one_by_one(trainable_backend):
    def batches():
        for size in (4, 4, 2, 3, 3, 3, 5):
            yield X[:size], Y[:size]

    found = []
    for size in (1, 3):
        model = compiled(steps_per_execution=size)
        found.append([*model.fit(batches(), verbose=0).history.values(), *model.get_weights()])
    for one, several in zip(*found, strict=True):
        np.testing.assert_allclose(several, one, rtol=2e-5, atol=2e-6)


def test_several_predictions_of_trees(backend):
    inputs = keras.Input((4,))
    outputs = {"a": keras.layers.Dense(2)(inputs), "b": [keras.layers.Dense(3)(inputs), inputs * 2.0]}
    model = keras.Model(inputs, outputs)
    model.compile(steps_per_execution=3)
    found = model.predict(X[:11], batch_size=2, verbose=0)
    model.compile()
    expected = model.predict(X[:11], batch_size=2, verbose=0)
    for one, several in zip(keras.tree.flatten(expected), keras.tree.flatten(found), strict=True):
        np.testing.assert_allclose(several, one, rtol=1e-5, atol=1e-6)


# --- fetching ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def fetches(monkeypatch):
    """How often each call fetches from the device: a function of a call."""

    def count(call):
        backend, seen = registry.current(), []
        to_numpy = backend.to_numpy
        with monkeypatch.context() as patch:
            patch.setattr(backend, "to_numpy", lambda x: seen.append(x) or to_numpy(x))
            call()
        return len(seen)

    return count


@pytest.mark.parametrize("verbose", [0, 1, 2])
def test_fetches_dont_grow_with_the_steps(trainable_backend, fetches, verbose, monkeypatch, capsys):
    monkeypatch.setattr(Progbar, "due", lambda self, now=None: False)
    model = compiled()
    model.fit(X, Y, verbose=0)

    def work(count):
        model.fit(X[:count], Y[:count], batch_size=10, verbose=verbose)
        model.evaluate(X[:count], Y[:count], batch_size=10, verbose=verbose)

    few, many = fetches(lambda: work(20)), fetches(lambda: work(600))
    assert few == many > 0


def test_a_callback_that_reads_no_logs_of_steps_costs_no_fetch(trainable_backend, fetches):
    class Silent(keras.callbacks.Callback):
        takes_pending_logs = True

        def on_train_batch_end(self, batch, logs=None):
            assert logs is not None

    model = compiled()
    few, many = (
        fetches(lambda n=n: model.fit(X[:n], Y[:n], batch_size=10, verbose=0, callbacks=[Silent()])) for n in (20, 600)
    )
    assert few == many


def test_predictions_are_fetched_in_groups():
    events = []

    def batches():
        for i in range(3 * predictions.GROUP + 2):
            events.append("run")
            yield np.full((2, 3), i)

    found = predictions.joined(batches(), lambda x: events.append("fetch") or x)
    np.testing.assert_array_equal(found[::2, 0], np.arange(3 * predictions.GROUP + 2))
    switches = sum(a != b for a, b in zip(events, events[1:], strict=False))
    assert switches == 7  # four groups, the last one of two


def test_large_predictions_dont_pile_up():
    rows, waiting, most = np.broadcast_to(np.float32(0), (predictions.NUMBERS // 2,)), [], []

    def batches():
        for _ in range(9):
            waiting.append(1)
            most.append(len(waiting))
            yield rows

    predictions.joined(batches(), lambda x: waiting.pop() and x[:1])
    assert max(most) == 2


def test_no_batch_is_an_error():
    with pytest.raises(ValueError, match="no batch"):
        predictions.joined([], np.asarray)


def test_alone_numpy_says_how_to_install_a_backend_that_trains(monkeypatch):
    with keras.use_backend("numpy"):
        model = compiled()
        monkeypatch.setattr(registry, "installed", lambda: ("numpy",))
        with pytest.raises(NotImplementedError, match=r'pip install "triceras\[jax\]"'):
            model.fit(X[:4], Y[:4])
