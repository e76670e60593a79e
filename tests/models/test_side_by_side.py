"""Models of different backends in one program."""

import threading

import numpy as np
import pytest

import triceras as keras
from triceras import layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 8)).astype("float32")
Y = np.eye(3, dtype="float32")[RNG.integers(0, 3, 64)]


@pytest.fixture
def default_backend():
    before = keras.config.backend()
    yield
    keras.config.set_backend(before)


def make():
    return keras.Sequential([layers.Dense(16, activation="relu"), layers.Dense(3, activation="softmax")])


def pair():
    """What users write: a torch model, then the same on JAX."""
    keras.config.set_backend("torch")
    model = make()
    model.compile(optimizer="adam", loss="categorical_crossentropy")
    keras.config.set_backend("jax")
    model_jax = keras.models.clone_model(model)
    model_jax.compile(optimizer="adam", loss="categorical_crossentropy")
    return model, model_jax


@pytest.mark.parametrize("torch_first", [True, False])
def test_both_fit_in_either_order(default_backend, torch_first):
    model, model_jax = pair()
    order = (model, model_jax) if torch_first else (model_jax, model)
    for m in order:
        losses = m.fit(X, Y, epochs=3, verbose=0).history["loss"]
        assert losses[-1] < losses[0]
    assert (model.backend.name, model_jax.backend.name) == ("torch", "jax")
    assert keras.config.backend() == "jax"


def test_interleaved_batch_by_batch_equals_alone(default_backend):
    model, model_jax = pair()
    for m in (model, model_jax):
        m.build((None, 8))
    model_jax.set_weights(model.get_weights())
    alone = keras.models.clone_model(model_jax)
    alone.set_weights(model.get_weights())
    alone.compile(optimizer="adam", loss="categorical_crossentropy")
    for i in range(6):
        part = slice(8 * i, 8 * i + 8)
        together = [float(m.train_on_batch(X[part], Y[part])) for m in (model, model_jax)]
        expected = float(alone.train_on_batch(X[part], Y[part]))
        np.testing.assert_allclose(together, expected, rtol=1e-4)


def test_two_threads(default_backend):
    model, model_jax = pair()
    failed = []

    def run(m):
        try:
            m.fit(X, Y, epochs=4, verbose=0)
        except BaseException as error:  # a thread's exception would be lost
            failed.append(error)

    threads = [threading.Thread(target=run, args=(m,)) for m in (model, model_jax)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failed
    for m in (model, model_jax):
        assert np.isfinite(m.evaluate(X, Y, verbose=0))


def test_use_backend_is_per_thread(default_backend):
    keras.config.set_backend("numpy")
    seen = {}
    barrier = threading.Barrier(2)

    def run(name):
        with keras.use_backend(name):
            barrier.wait()
            seen[name] = keras.config.backend(), keras.ops.convert_to_tensor([1.0])
            barrier.wait()

    threads = [threading.Thread(target=run, args=(name,)) for name in ("jax", "torch")]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert {name: backend for name, (backend, _) in seen.items()} == {"jax": "jax", "torch": "torch"}
    assert type(seen["torch"][1]).__module__.startswith("torch")
    assert keras.config.backend() == "numpy"


def test_inputs_of_any_backend_follow_the_model(backend):
    model = make()
    want = model.predict(X, verbose=0)
    for other in ("numpy", "jax", "torch", "tensorflow"):
        with keras.use_backend(other):
            x = keras.ops.convert_to_tensor(X)
        out = model(x)
        assert model.backend.name == backend
        np.testing.assert_allclose(keras.ops.convert_to_numpy(out), want, atol=1e-6)


def test_a_layer_of_another_backend_is_refused():
    with keras.use_backend("jax"):
        foreign = layers.Dense(2, name="foreign")
    with keras.use_backend("torch"):

        class Net(keras.Model):
            def __init__(self):
                super().__init__(name="net")
                self.inner = foreign

            def call(self, inputs):
                return self.inner(inputs)

        with pytest.raises(
            ValueError, match=r"'foreign' lives on backend jax.*'net', which lives on torch.*to_backend"
        ):
            Net()(X)
        x = keras.Input((8,))
        foreign.build((None, 8))
        with pytest.raises(ValueError, match="jax"):
            keras.Model(x, foreign(x))


def test_tensors_of_two_backends_are_refused():
    with keras.use_backend("jax"):
        a = keras.ops.ones((2,))
    with keras.use_backend("torch"):
        b = keras.ops.ones((2,))
    with pytest.raises(TypeError, match=r"jax and torch.*convert\(x, 'jax'\)"):
        keras.ops.add(a, b)
    assert keras.ops.convert_to_numpy(keras.ops.add(keras.convert(b, "jax"), a)).tolist() == [2.0, 2.0]
