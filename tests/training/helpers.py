"""Small models and data that the training tests share."""

import numpy as np

import triceras as keras

X = np.random.RandomState(0).normal(size=(20, 4)).astype("float32")
Y = np.random.RandomState(1).normal(size=(20, 1)).astype("float32")
LABELS = np.random.RandomState(2).randint(0, 3, 20)


def linear(units=1, activation=None, **compiled):
    """A Dense layer that begins with fixed weights, compiled with SGD and MSE unless told otherwise."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units, activation=activation)])
    kernel = np.linspace(-1, 1, 4 * units).reshape(4, units)
    model.set_weights([kernel.astype("float32"), np.zeros(units, "float32")])
    model.compile(**{"optimizer": keras.optimizers.SGD(0.1), "loss": "mse", **compiled})
    return model


def predictions(model, x=X):
    """What the linear model gives, by NumPy."""
    kernel, bias = model.get_weights()
    return x @ kernel + bias


def two_outputs(structure=list):
    """A functional model with outputs `a` of size 1 and `b` of size 3, in a list or a dict."""
    x = keras.Input((4,), name="x")
    a = keras.layers.Dense(1, name="a", kernel_initializer="ones")(x)
    b = keras.layers.Dense(3, activation="softmax", name="b", kernel_initializer="zeros")(x)
    return keras.Model(x, [a, b] if structure is list else {"a": a, "b": b})
