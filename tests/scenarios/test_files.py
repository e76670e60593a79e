"""Models in files, as users have them: trained here, loaded elsewhere, trained on; both ways with real Keras."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

import triceras as keras
from tests.oracle import run_keras
from tests.scenarios.common import blobs, fill
from tests.scenarios.files_code import computed, data, train_computed
from triceras import layers, ops
from triceras.core import registry

TRAINABLE = [name for name in registry.installed() if registry.get(name).has_gradients]
X, Y = blobs()


@keras.saving.register_keras_serializable(package="scenarios")
class Residual(layers.Layer):
    """A block whose layers are made in `__init__`, in a list, as many as its config says."""

    def __init__(self, units, depth=2, **kwargs):
        super().__init__(**kwargs)
        self.units, self.depth = units, depth
        self.stack = [layers.Dense(units, activation="tanh") for _ in range(depth)]
        self.norm = layers.BatchNormalization()

    def build(self, input_shape):
        self.gate = self.add_weight(shape=(self.units,), initializer="ones", name="gate")
        for layer in self.stack:
            layer.build(input_shape)
        self.norm.build(input_shape)
        super().build(input_shape)

    def call(self, inputs, training=None):
        x = inputs
        for layer in self.stack:
            x = layer(x)
        return inputs + self.gate * self.norm(x, training=training)

    def get_config(self):
        return {**super().get_config(), "units": self.units, "depth": self.depth}


@keras.saving.register_keras_serializable(package="scenarios")
class Tower(keras.Model):
    """A subclassed model with blocks in nested lists and dicts."""

    def __init__(self, widths, classes, **kwargs):
        super().__init__(**kwargs)
        self.widths, self.classes = list(widths), classes
        self.blocks = [[layers.Dense(w), Residual(w, depth=1 + i)] for i, w in enumerate(self.widths)]
        self.ends = {"drop": layers.Dropout(0.0), "head": layers.Dense(classes)}

    def call(self, inputs, training=None):
        x = inputs
        for first, second in self.blocks:
            x = second(first(x), training=training)
        return self.ends["head"](self.ends["drop"](x, training=training))

    def get_config(self):
        return {**super().get_config(), "widths": self.widths, "classes": self.classes}


@keras.saving.register_keras_serializable(package="scenarios")
def sharp_loss(y_true, y_pred):
    return ops.mean(keras.losses.sparse_categorical_crossentropy(y_true, y_pred, from_logits=True)) * 1.5


def tower():
    model = Tower([5, 4], 3)
    model(X[:2])
    fill(model).compile(keras.optimizers.Adam(0.01), loss=sharp_loss, metrics=["accuracy"])
    return model


def train(model, epochs=1):
    return model.fit(X, Y, epochs=epochs, batch_size=8, shuffle=False, verbose=0).history["loss"]


@cache
def unbroken():
    with keras.use_backend(TRAINABLE[0]):
        return train(tower(), 3)


def on(name, work, *args):
    with keras.use_backend(name):
        return work(*args)


def test_a_subclassed_model_goes_round_all_backends_by_file(trainable_backend, tmp_path):
    at, path = TRAINABLE.index(trainable_backend), tmp_path / "tower.keras"
    model = tower()
    losses = train(model)
    for other in TRAINABLE[at + 1 :] + TRAINABLE[:at]:
        model.save(path)
        model = on(other, keras.saving.load_model, path)
        assert model.backend.name == other and isinstance(model, Tower)
        losses += train(model)
    np.testing.assert_allclose(losses, unbroken()[: len(losses)], rtol=1e-4)
    model.save(path)
    on_numpy = on("numpy", keras.saving.load_model, path)
    expected = model.predict(X, verbose=0)
    np.testing.assert_allclose(on_numpy.predict(X, verbose=0), expected, rtol=1e-4, atol=1e-5)


def test_a_subclassed_model_goes_round_in_memory_and_by_weights(trainable_backend, tmp_path):
    at, path = TRAINABLE.index(trainable_backend), tmp_path / "tower.weights.h5"
    model = tower()
    losses = train(model)
    for other in TRAINABLE[at + 1 :] + TRAINABLE[:at]:
        losses += train(model.to_backend(other))
    np.testing.assert_allclose(losses, unbroken()[: len(losses)], rtol=1e-4)
    model.save_weights(path)
    fresh = tower()
    fresh.load_weights(path)
    np.testing.assert_allclose(fresh.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-4, atol=1e-5)


def test_a_stateful_network_has_no_state_in_its_weights_or_file(trainable_backend, tmp_path):
    x = np.linspace(-1, 1, 12, dtype="float32").reshape(2, 3, 2)
    net = fill(keras.Sequential([keras.Input((3, 2), batch_size=2), layers.GRU(3, stateful=True)]))
    first, second = net.predict(x, verbose=0), net.predict(x, verbose=0)
    assert np.abs(first - second).max() > 1e-3
    assert [w.shape for w in net.get_weights()] == [(2, 9), (3, 9), (2, 9)]
    net.save(tmp_path / "walker.keras")
    again = keras.saving.load_model(tmp_path / "walker.keras")
    np.testing.assert_allclose(again.predict(x, verbose=0), first, rtol=1e-5)
    other = TRAINABLE[TRAINABLE.index(trainable_backend) - 1]
    np.testing.assert_allclose(again.to_backend(other).predict(x, verbose=0), second, rtol=1e-4, atol=1e-6)
    again.layers[0].reset_state()
    np.testing.assert_allclose(again.predict(x, verbose=0), first, rtol=1e-4, atol=1e-6)


# --- functional models of operations, both ways with real Keras -------------------------------------------------------


@pytest.mark.oracle
@pytest.mark.slow
def test_a_graph_of_operations_goes_both_ways(tmp_path):
    ours, theirs = tmp_path / "ours.keras", tmp_path / "theirs.keras"
    with keras.use_backend(TRAINABLE[0]):
        model = fill(computed(keras))
        here = train_computed(model)
        model.save(ours)
        stateful = fill(keras.Sequential([keras.Input((3, 2), batch_size=2), layers.LSTM(3, stateful=True)]))
        stateful.save(tmp_path / "stateful.keras")
        steps = np.linspace(-1, 1, 12, dtype="float32").reshape(2, 3, 2)
        walked = stateful.predict(steps, verbose=0)
    code = """
import sys
sys.path.insert(0, root)
from tests.scenarios.files_code import computed, data, fill, train_computed
model = keras.saving.load_model(ours)
inputs, _ = data()
stateful = keras.saving.load_model(stateful)
result = {"ours": model.predict(inputs, verbose=0), "stateful": stateful.predict(steps, verbose=0)}
fresh = fill(computed(keras))
result["theirs"] = train_computed(fresh)
fresh.save(theirs)
"""
    root = str(Path(__file__).parents[2])
    paths = {"ours": ours, "theirs": theirs, "stateful": tmp_path / "stateful.keras"}
    found = run_keras(code, backend="torch", root=root, steps=steps, **paths)
    np.testing.assert_allclose(found["stateful"], walked, rtol=1e-4, atol=1e-6)
    for key in ("a", "b"):
        np.testing.assert_allclose(found["ours"][key], here[key], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found["theirs"][key], here[key], rtol=1e-3, atol=1e-4)
    for name in ("numpy", *TRAINABLE):
        for path, expected in ((ours, here), (theirs, found["theirs"])):
            predicted = on(name, keras.saving.load_model, path).predict(data()[0], verbose=0)
            for key in ("a", "b"):
                np.testing.assert_allclose(predicted[key], expected[key], rtol=1e-4, atol=1e-5, err_msg=name)
