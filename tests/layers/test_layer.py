"""`Layer` on every backend: native code inside, variables made late, copies, compiled calls."""

import copy
import pickle

import numpy as np
import pytest

import triceras as keras
from triceras import layers, ops

X = np.arange(6, dtype="float32").reshape(2, 3)


def numbers(x):
    return np.asarray(ops.convert_to_numpy(x))


def native_double(backend, x):
    """Code of the framework itself."""
    if backend == "torch":
        import torch

        return torch.cat([x, torch.mul(x, 2)], dim=-1)
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.concat([x, tf.multiply(x, 2)], axis=-1)
    if backend == "jax":
        import jax.numpy as jnp

        return jnp.concatenate([x, jnp.multiply(x, 2)], axis=-1)
    return np.concatenate([x, np.multiply(x, 2)], axis=-1)


class Native(layers.Layer):
    def call(self, inputs):
        return native_double(self.backend.name, inputs)


def test_native_code_in_call(backend):
    """Real tensors go straight in; for a functional model the framework works out the shape."""
    want = np.concatenate([X, 2 * X], -1)
    np.testing.assert_allclose(numbers(Native()(X)), want)
    x = keras.Input((3,))
    y = Native()(x)
    assert y.shape == (None, 6) and y.dtype == "float32"
    model = keras.Model(x, layers.Dense(2)(y))
    assert model(X).shape == (2, 2) and model.predict(X, verbose=0).shape == (2, 2)
    assert Native().compute_output_shape((None, 3)) == (None, 6)


def test_sizes_asked_of_the_tensor(backend):
    """`ops.shape(x)[0]` is None while only shapes are known."""

    class Zeros(layers.Layer):
        def call(self, x):
            return ops.concatenate([x, ops.zeros((ops.shape(x)[0], 1))], axis=-1)

    x = keras.Input((3,))
    model = keras.Model(x, Zeros()(x))
    assert model.output_shape == (None, 4)
    assert numbers(model(X)).shape == (2, 4)


def test_weights_made_inside_jit(trainable_backend):
    layer = layers.Dense(2, kernel_initializer="ones")
    f = keras.jit(lambda x: layer(x))
    np.testing.assert_allclose(numbers(f(X)), X.sum(-1, keepdims=True).repeat(2, -1))
    np.testing.assert_allclose(layer.kernel.numpy(), np.ones((3, 2)))
    np.testing.assert_allclose(numbers(f(X + 1)), numbers(layer(X + 1)))


def test_state_changed_inside_jit(trainable_backend):
    bn = layers.BatchNormalization(momentum=0.5)
    bn(X)
    keras.jit(lambda x: bn(x, training=True))(X)
    np.testing.assert_allclose(bn.moving_mean.numpy(), X.mean(0) / 2, rtol=1e-5)


def test_copies(backend):
    layer = layers.Dense(2, name="d", kernel_regularizer="l2")
    layer(X)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        np.testing.assert_allclose(numbers(other(X)), numbers(layer(X)))
        other.kernel.assign(np.zeros((3, 2)))
        assert layer.kernel.numpy().any() and len(other.losses) == 1
        assert type(other) is type(layer) and other.name == "d" and other.backend is layer.backend


def test_variables_as_attributes_move():
    class Own(layers.Layer):
        def __init__(self):
            super().__init__()
            self.scale = keras.Variable([2.0], name="scale")
            self.more = {"k": [keras.Variable([1.0], trainable=False, name="k")]}
            self.seeds = keras.random.SeedGenerator(1)

        def call(self, x):
            return x * self.scale + self.more["k"][0]

    with keras.use_backend("numpy"):
        layer = Own()
    for name in ("jax", "torch", "tensorflow", "numpy"):
        layer.to_backend(name)
        assert {v.backend.name for v in layer.variables} == {name} and len(layer.variables) == 3
        np.testing.assert_allclose(numbers(layer(X)), X * 2 + 1)


def test_policy_changed_after_a_call(backend):
    layer = layers.Dense(2)
    layer(X)
    layer(X)
    layer.dtype_policy = "mixed_float16"
    assert keras.backend.standardize_dtype(layer(X).dtype) == "float16"


def test_a_call_after_others_checks_its_input(backend):
    layer = layers.Dense(2)
    for _ in range(3):
        layer(X)
    with pytest.raises(ValueError, match="expected axis -1 of input shape to have value 3"):
        layer(np.ones((2, 4), "float32"))
    assert layer(np.ones((5, 3), "float64")).shape == (5, 2)


def test_training_after_many_calls(backend):
    dropout = layers.Dropout(0.9)
    for _ in range(3):
        np.testing.assert_array_equal(numbers(dropout(X)), X)
    assert (numbers(dropout(X + 1, training=True)) == 0).any()
    np.testing.assert_array_equal(numbers(dropout(X)), X)


def test_stateless_call_leaves_no_trace(backend):
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2), layers.BatchNormalization()])
    tv, ntv = [v.value for v in model.trainable_variables], [v.value for v in model.non_trainable_variables]
    before = [v.numpy().copy() for v in model.variables]
    out, new = model.stateless_call([ops.add(t, 1) for t in tv], ntv, X, training=True)
    assert out.shape == (2, 2) and len(new) == len(ntv)
    assert any(not np.allclose(numbers(a), numbers(b)) for a, b in zip(new, ntv, strict=True))
    for v, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(v.numpy(), value)


def test_regularization_reaches_the_gradient(trainable_backend):
    layer = layers.Dense(1, kernel_regularizer=keras.regularizers.L2(0.5), use_bias=False, kernel_initializer="ones")
    layer(X)
    value, gradient = keras.value_and_grad(lambda: sum(layer.losses), layer.trainable_variables)()
    assert float(numbers(value)) == pytest.approx(1.5)
    np.testing.assert_allclose(numbers(keras.tree.flatten(gradient)[0]), np.ones((3, 1)))


def test_symbolic_calls_add_no_losses():
    with keras.use_backend("jax"):

        class Adds(layers.Layer):
            def call(self, x):
                self.add_loss(ops.sum(x))
                return x

        model = keras.Sequential([keras.Input((3,)), Adds()])
        assert model.losses == []
        model(X)
        assert [float(v) for v in model.losses] == [15.0]
        model(X * 2)
        assert [float(v) for v in model.losses] == [30.0]
