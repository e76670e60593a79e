"""Every kind of data source on every backend: the same batches, the same losses."""

import numpy as np
import pytest

import triceras as keras
from tests.scenarios.common import blobs, fill
from triceras import layers
from triceras.core import registry

X, Y = blobs()
WEIGHTS = np.linspace(0.2, 1.0, 24).astype("float32")


def needs(name):
    return pytest.mark.skipif(name not in registry.installed(), reason=f"{name} is not installed")


def network(**compiled):
    net = keras.Sequential([keras.Input((6,)), layers.Dense(4, activation="tanh"), layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    fill(net).compile("sgd", loss, metrics=["accuracy"], **compiled)
    return net


def as_arrays():
    return {"x": X, "y": Y, "batch_size": 8}


def as_float64():
    return {"x": X.astype("float64"), "y": Y.astype("int64"), "batch_size": 8}


def as_native():
    return {
        "x": keras.ops.convert_to_tensor(X),
        "y": keras.ops.convert_to_tensor(Y),
        "batch_size": 8,
    }


def as_generator():
    def rows():
        while True:
            for i in (0, 8, 16):
                yield X[i : i + 8], Y[i : i + 8]

    return {"x": rows(), "steps_per_epoch": 3}


def as_tf_data():
    tf = pytest.importorskip("tensorflow")
    rows = tf.data.Dataset.from_tensor_slices((X, Y))
    return {"x": rows.map(lambda a, b: (a * 1.0, b)).batch(8).prefetch(tf.data.AUTOTUNE)}


def as_data_loader():
    torch = pytest.importorskip("torch")
    rows = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
    return {"x": torch.utils.data.DataLoader(rows, batch_size=8, shuffle=False)}


def as_jax_arrays():
    jnp = pytest.importorskip("jax.numpy")
    return {"x": jnp.asarray(X), "y": jnp.asarray(Y), "batch_size": 8}


def as_torch_tensors():
    torch = pytest.importorskip("torch")
    return {"x": torch.from_numpy(X), "y": torch.from_numpy(Y), "batch_size": 8}


def as_tf_tensors():
    tf = pytest.importorskip("tensorflow")
    return {"x": tf.constant(X), "y": tf.constant(Y), "batch_size": 8}


def as_pandas():
    pandas = pytest.importorskip("pandas")
    return {"x": pandas.DataFrame(X), "y": pandas.Series(Y), "batch_size": 8}


SOURCES = [
    as_float64,
    as_native,
    as_generator,
    as_tf_data,
    as_data_loader,
    as_jax_arrays,
    as_torch_tensors,
    as_tf_tensors,
    as_pandas,
]


@pytest.fixture(scope="module")
def expected():
    name = next(n for n in registry.installed() if registry.get(n).has_gradients)
    with keras.use_backend(name):
        return network().fit(**as_arrays(), epochs=2, shuffle=False, verbose=0).history


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.__name__)
def test_a_source_gives_the_same_training(trainable_backend, source, expected):
    net = network()
    found = net.fit(**source(), epochs=2, shuffle=False, verbose=0)
    for name, values in expected.items():
        np.testing.assert_allclose(found.history[name], values, rtol=1e-4, err_msg=name)
    arguments = {k.replace("steps_per_epoch", "steps"): v for k, v in source().items()}
    scores = net.evaluate(**arguments, verbose=0)
    np.testing.assert_allclose(scores, net.evaluate(X, Y, verbose=0), rtol=1e-4)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.__name__)
def test_numpy_predicts_from_every_source(source):
    with keras.use_backend("numpy"):
        net = network()
        arguments = {k.replace("steps_per_epoch", "steps"): v for k, v in source().items() if k != "y"}
        np.testing.assert_allclose(net.predict(**arguments, verbose=0), net.predict(X, verbose=0), rtol=1e-5, atol=1e-6)


@needs("tensorflow")
@pytest.mark.parametrize("batched", [True, False])
def test_layers_inside_a_tf_data_pipeline(batched):
    import tensorflow as tf

    with keras.use_backend("tensorflow"):
        scale = layers.Rescaling(2.0, offset=1.0)
    rows = tf.data.Dataset.from_tensor_slices(X)
    rows = rows.batch(8).map(scale) if batched else rows.map(scale).batch(8)
    found = np.concatenate([np.asarray(batch) for batch in rows])
    np.testing.assert_allclose(found, X * 2 + 1, rtol=1e-6)


@needs("tensorflow")
def test_tf_data_with_weights_and_dicts(trainable_backend):
    import tensorflow as tf

    left, right = keras.Input((3,), name="left"), keras.Input((3,), name="right")
    net = keras.Model([left, right], {"out": layers.Dense(3, name="out")(layers.concatenate([left, right]))})
    fill(net).compile("adam", {"out": keras.losses.SparseCategoricalCrossentropy(from_logits=True)})
    inputs = {"left": X[:, :3], "right": X[:, 3:]}
    rows = tf.data.Dataset.from_tensor_slices((inputs, {"out": Y}, WEIGHTS)).batch(8)
    other = keras.models.clone_model(net)
    other.set_weights(net.get_weights())
    other.compile("adam", {"out": keras.losses.SparseCategoricalCrossentropy(from_logits=True)})
    found = net.fit(rows, epochs=2, verbose=0, validation_data=rows).history
    again = other.fit(inputs, {"out": Y}, sample_weight=WEIGHTS, epochs=2, batch_size=8, shuffle=False, verbose=0)
    np.testing.assert_allclose(found["loss"], again.history["loss"], rtol=1e-4)
    predicted = net.predict(rows.map(lambda x, y, w: x), verbose=0)["out"]
    np.testing.assert_allclose(predicted, net.predict(inputs, verbose=0)["out"], rtol=1e-5, atol=1e-6)


def test_large_predictions_in_uneven_batches(backend):
    net = network()
    x = np.random.default_rng(0).normal(size=(1003, 6)).astype("float32")
    whole = net.predict(x, batch_size=1003, verbose=0)
    assert whole.shape == (1003, 3)
    np.testing.assert_allclose(net.predict(x, batch_size=64, verbose=0), whole, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(net.predict(x, batch_size=100, steps=3, verbose=0), whole[:300], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(np.asarray(keras.ops.convert_to_numpy(net(x[:5]))), whole[:5], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("steps", [2, 7])
def test_several_steps_in_one_call(trainable_backend, steps, expected):
    net = network(steps_per_execution=steps)
    found = net.fit(**as_arrays(), epochs=2, shuffle=False, verbose=0).history
    np.testing.assert_allclose(found["loss"], expected["loss"], rtol=1e-4)
    np.testing.assert_allclose(net.predict(X, batch_size=5, verbose=0), net.predict(X, verbose=0), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(trainable_backend, policy, expected):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        inputs = keras.Input((6,))
        h = layers.BatchNormalization()(layers.Dense(16, activation="relu")(inputs))
        outputs = layers.Activation("softmax", dtype="float32")(layers.Dense(3)(h))
        net = keras.Model(inputs, outputs)
    finally:
        keras.config.set_dtype_policy(before)
    fill(net).compile(keras.optimizers.Adam(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])
    assert {str(w.dtype) for w in net.weights} == {"float32"}
    assert net.layers[1].compute_dtype == policy.removeprefix("mixed_")
    assert ("LossScale" in type(net.optimizer).__name__) == (policy == "mixed_float16")
    history = net.fit(X, Y, epochs=6, batch_size=8, shuffle=False, verbose=0).history["loss"]
    assert np.isfinite(history).all() and history[-1] < 0.7 * history[0]
    predicted = net.predict(X, verbose=0)
    assert predicted.dtype == np.float32
    np.testing.assert_allclose(predicted.sum(-1), 1, atol=1e-3)
