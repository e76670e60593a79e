"""A model goes on training on another backend with the same curve: moved, through a file, through real Keras's file."""

import itertools

import numpy as np
import pytest

import triceras as keras
from tests.conftest import INSTALLED, TRAINABLE
from tests.oracle import run_keras
from triceras import layers

RNG = np.random.default_rng(3)
X = RNG.normal(size=(48, 6)).astype("float32")
Y = RNG.integers(0, 3, 48)
OPTIMIZERS = {
    "sgd": lambda k: k.optimizers.SGD(0.05, momentum=0.9),
    "adam": lambda k: k.optimizers.Adam(0.01),
    "adamw": lambda k: k.optimizers.AdamW(0.01, weight_decay=0.05),
    "rmsprop": lambda k: k.optimizers.RMSprop(0.005, momentum=0.5),
}


def make(optimizer):
    keras.utils.set_random_seed(7)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(8, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.0),
            layers.Dense(3),
        ]
    )
    model.compile(
        OPTIMIZERS[optimizer](keras), keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"]
    )
    return model


def fit(model, epochs=2):
    return model.fit(X, Y, batch_size=16, epochs=epochs, shuffle=False, verbose=0).history["loss"]


@pytest.fixture(scope="module")
def unmoved():
    """Losses of epochs 3 and 4 without ever leaving a backend, and the predictions at the end."""
    found = {}
    for name, optimizer in itertools.product(TRAINABLE, OPTIMIZERS):
        with keras.use_backend(name):
            model = make(optimizer)
            fit(model)
            found[name, optimizer] = fit(model), model.predict(X, verbose=0)
    return found


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(("a", "b"), list(itertools.product(TRAINABLE, TRAINABLE)))
def test_continue_after_to_backend(unmoved, optimizer, a, b):
    with keras.use_backend(a):
        model = make(optimizer)
        fit(model)
    assert model.to_backend(b) is model
    np.testing.assert_allclose(fit(model), unmoved[a, optimizer][0], rtol=1e-4)
    np.testing.assert_allclose(model.predict(X, verbose=0), unmoved[a, optimizer][1], atol=1e-3)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("a", TRAINABLE)
def test_continue_from_a_file(unmoved, optimizer, a, tmp_path):
    """One file, loaded on every backend; NumPy loads and predicts."""
    with keras.use_backend(a):
        model = make(optimizer)
        fit(model)
        model.save(tmp_path / "model.keras")
        before = model.predict(X, verbose=0)
    for b in INSTALLED:
        with keras.use_backend(b):
            loaded = keras.models.load_model(tmp_path / "model.keras")
            assert loaded.backend.name == b
            np.testing.assert_allclose(loaded.predict(X, verbose=0), before, atol=1e-5)
            if b in TRAINABLE:
                np.testing.assert_allclose(fit(loaded), unmoved[a, optimizer][0], rtol=1e-4)


KERAS = """
from keras import layers
result = {}
for name, optimizer in optimizers.items():
    keras.utils.clear_session()
    model = keras.Sequential([keras.Input((6,)), layers.Dense(8, activation="relu"), layers.BatchNormalization(),
                              layers.Dropout(0.0), layers.Dense(3)])
    model.compile(eval(optimizer), keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    fit = lambda: model.fit(X, Y, batch_size=16, epochs=2, shuffle=False, verbose=0).history["loss"]
    fit()
    model.save(f"{folder}/{name}.keras")
    result[name] = {"before": model.predict(X, verbose=0), "losses": fit()}
"""
EXPRESSIONS = {
    "sgd": "keras.optimizers.SGD(0.05, momentum=0.9)",
    "adam": "keras.optimizers.Adam(0.01)",
    "adamw": "keras.optimizers.AdamW(0.01, weight_decay=0.05)",
    "rmsprop": "keras.optimizers.RMSprop(0.005, momentum=0.5)",
}


@pytest.mark.oracle
@pytest.mark.parametrize("writer", ["jax", "torch", "tensorflow"])
def test_continue_from_a_file_of_real_keras(writer, tmp_path):
    want = run_keras(KERAS, backend=writer, optimizers=EXPRESSIONS, X=X, Y=Y, folder=tmp_path)
    for name, b in itertools.product(OPTIMIZERS, INSTALLED):
        with keras.use_backend(b):
            loaded = keras.models.load_model(tmp_path / f"{name}.keras")
            np.testing.assert_allclose(loaded.predict(X, verbose=0), want[name]["before"], atol=1e-5)
            if b in TRAINABLE:
                np.testing.assert_allclose(fit(loaded), want[name]["losses"], rtol=1e-4)


def test_metrics_and_seeds_move_too():
    with keras.use_backend("jax"):
        model = keras.Sequential([keras.Input((6,)), layers.Dropout(0.5), layers.Dense(3)])
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
        fit(model, 1)
        state = [v.numpy() for v in model.non_trainable_variables]
        metrics = [v.numpy() for v in model.metrics_variables]
    model.to_backend("torch")
    assert {v.backend.name for v in (*model.variables, *model.optimizer.variables, *model.metrics_variables)} == {
        "torch"
    }
    for before, v in zip(state, model.non_trainable_variables, strict=True):
        np.testing.assert_array_equal(before, v.numpy())
    for before, v in zip(metrics, model.metrics_variables, strict=True):
        np.testing.assert_allclose(before, v.numpy())
    fit(model, 1)


def test_nothing_moves_when_the_backend_is_unknown():
    with keras.use_backend("jax"):
        model = make("adam")
    with pytest.raises(ValueError, match="Unknown backend 'jaxx'. Did you mean 'jax'"):
        model.to_backend("jaxx")
    assert model.backend.name == "jax"
    fit(model, 1)


def test_same_seed_same_weights_and_batches_everywhere():
    weights, orders = {}, {}
    for name in INSTALLED:
        with keras.use_backend(name):
            keras.utils.set_random_seed(0)
            model = keras.Sequential(
                [keras.Input((5, 6)), layers.LSTM(4), layers.Dense(8, kernel_initializer="he_normal"), layers.Dense(3)]
            )
            weights[name] = model.get_weights()
            if name in TRAINABLE:
                seen = []
                keras.utils.set_random_seed(1)

                class Net(keras.Model):
                    def call(self, inputs):
                        return inputs

                    def train_step(self, data, seen=seen):
                        seen.append(keras.ops.convert_to_numpy(data[0]).ravel().tolist())
                        return {"loss": keras.ops.sum(data[0])}

                net = Net()
                net.compile("sgd", "mse", run_eagerly=True)
                net.fit(np.arange(12.0).reshape(12, 1), np.zeros((12, 1)), batch_size=4, epochs=2, verbose=0)
                orders[name] = seen
    first, *others = weights.values()
    for other in others:
        for a, b in zip(first, other, strict=True):
            assert a.tobytes() == b.tobytes()
    assert len({str(order) for order in orders.values()}) == 1
    flat = list(orders.values())[0]
    assert flat[:3] != flat[3:] and sorted(sum(flat[:3], [])) == list(range(12))
