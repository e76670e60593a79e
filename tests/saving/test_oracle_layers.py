"""Layers of every kind in files of real Keras's, and of ours."""

import numpy as np
import pytest

import triceras
from tests.oracle import run_keras
from triceras import saving

pytestmark = [pytest.mark.oracle, pytest.mark.slow]

# Makes the same models with either library: `keras` is real Keras or triceras.
MODELS = """
def build():
    K = keras.layers
    relu6 = K.ReLU(max_value=6.0, negative_slope=0.1)
    regularized = K.Conv2D(4, 3, groups=2, strides=2, kernel_regularizer="l1", bias_constraint="non_neg")
    orthogonal = keras.initializers.Orthogonal(2.0)
    stacks = {
        "conv1d": ((8, 3), [K.Conv1D(4, 3, padding="causal", dilation_rate=2)]),
        "conv2d": ((6, 6, 4), [regularized]),
        "embedding": ((5,), [K.Embedding(10, 4, mask_zero=True), K.LSTM(3)]),
        "einsum": ((5, 4), [K.EinsumDense("abc,cd->abd", output_shape=(None, 3), bias_axes="d")]),
        "activations": ((4,), [K.Activation("gelu"), relu6, K.LeakyReLU(0.2), K.Softmax()]),
        "norms": ((4, 4, 6), [K.LayerNormalization(axis=(1, 2)), K.BatchNormalization(axis=1, scale=False)]),
        "shapes": ((4, 6), [K.Permute((2, 1)), K.Reshape((3, 8)), K.Flatten(), K.RepeatVector(2)]),
        "pools": ((8, 8, 3), [K.MaxPooling2D(2, padding="same"), K.AveragePooling2D(2), K.GlobalMaxPooling2D()]),
        "pools1d": ((8, 3), [K.MaxPooling1D(2), K.AveragePooling1D(2), K.GlobalAveragePooling1D()]),
        "noise": ((4, 3), [K.GaussianNoise(0.1), K.SpatialDropout1D(0.2), K.Dropout(0.1, seed=3)]),
        "others": ((4, 3), [K.ActivityRegularization(0.1), K.Rescaling(2.0, offset=1.0), K.Identity(), K.Masking()]),
        "rnn": ((5, 4), [K.RNN(K.LSTMCell(3), return_sequences=True, go_backwards=True), K.GRU(2, reset_after=False)]),
        "dense": ((4,), [K.Dense(2, activation=keras.activations.silu, kernel_initializer=orthogonal, use_bias=False)]),
    }
    for name, (shape, layers) in stacks.items():
        yield name, keras.Sequential([keras.Input(shape), *layers]), shape
    x = keras.Input((4,))
    a = K.Dense(4)(x)
    merges = [K.Add, K.Subtract, K.Multiply, K.Average, K.Maximum, K.Minimum, K.Concatenate, lambda: K.Dot(axes=1)]
    yield "merges", keras.Model(x, [merge()([a, x]) for merge in merges]), (4,)
    q = keras.Input((5, 4))
    attended = K.MultiHeadAttention(2, 3, output_shape=5)(q, q, use_causal_mask=True)
    yield "attention", keras.Model(q, attended), (5, 4)


def outputs_of(model, shape):
    x = np.abs(np.random.default_rng(0).normal(size=(2, *shape)) * 3).astype("float32")
    y = model.predict(x, verbose=0)
    return y if isinstance(y, list) else [y]


def save_all(folder, ending):
    found = {}
    for name, model, shape in build():
        model.save(os.path.join(folder, name + ending))
        found[name] = [list(shape), outputs_of(model, shape)]
    return found
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("layers")


@pytest.fixture(scope="module")
def results(folder):
    """What our models and theirs give; theirs in a process that also opens ours."""
    import os

    scope = {"keras": triceras, "np": np, "os": os}
    exec(MODELS, scope)
    with triceras.use_backend("torch"):
        ours = scope["save_all"](str(folder), "_ours.keras")
    code = (
        MODELS
        + """
load = lambda name: keras.models.load_model(os.path.join(folder, name + "_ours.keras"))
loaded = {name: outputs_of(load(name), shape) for name, shape in shapes.items()}
result = {"theirs": save_all(folder, "_theirs.keras"), "loaded": loaded}
"""
    )
    shapes = {name: shape for name, (shape, _) in ours.items()}
    return scope, ours, run_keras(code, backend="jax", folder=str(folder), shapes=shapes)


def agree(mine, others):
    for a, b in zip(mine, others, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_they_open_ours(results):
    _, ours, found = results
    for _, (_, outputs) in ours.items():
        assert all(np.all(np.isfinite(y)) for y in outputs)
    for name, (_, outputs) in ours.items():
        agree(outputs, found["loaded"][name])


def test_we_open_theirs(trainable_backend, results, folder):
    scope, _, found = results
    for name, (shape, outputs) in found["theirs"].items():
        agree(scope["outputs_of"](saving.load_model(folder / f"{name}_theirs.keras"), shape), outputs)
