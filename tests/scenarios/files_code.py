"""A model that is saved and loaded here and by real Keras."""

import numpy as np

from tests.scenarios.common import fill

__all__ = ["computed", "data", "fill", "train_computed"]


def computed(keras):
    """A graph of ops on KerasTensors, with slices, arithmetic, a shared submodel and two outputs."""
    layers, ops = keras.layers, keras.ops
    inputs = keras.Input((5, 4), name="series")
    words = keras.Input((5,), dtype="int32", name="words")
    shared = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="tanh")], name="shared")
    last, first = inputs[:, -1], inputs[:, 0]
    centred = (last - ops.mean(inputs, axis=1)) / (1.0 + ops.std(inputs, axis=1))
    some = ops.concatenate([shared(centred), shared(first) * 2.0, -inputs[:, 1:3, ::2][:, :, 0]], axis=-1)
    coded = layers.Embedding(6, 8, mask_zero=True, name="embedding")(words)
    coded = ops.max(layers.LSTM(8, return_sequences=True)(coded), axis=1)
    joined = ops.where(some > 0, some, 0.2 * some) * coded
    a = layers.Dense(2, name="a")(ops.softmax(joined, axis=-1))
    b = ops.sum(ops.squeeze(ops.reshape(joined, (-1, 8, 1)), -1), axis=-1, keepdims=True) ** 2
    return keras.Model([inputs, words], {"a": a, "b": b}, name="computed")


def data():
    rng = np.random.default_rng(8)
    words = rng.integers(1, 6, (12, 5)).astype("int32")
    words[:, 4] = 0
    return [rng.normal(size=(12, 5, 4)).astype("float32"), words], rng.normal(size=(12, 2)).astype("float32")


def train_computed(model, epochs=2):
    inputs, a = data()
    model.compile("adam", {"a": "mse", "b": "mae"})
    model.fit(inputs, {"a": a, "b": a[:, :1]}, epochs=epochs, batch_size=6, shuffle=False, verbose=0)
    return model.predict(inputs, verbose=0)
