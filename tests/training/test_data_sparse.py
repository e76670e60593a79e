"""Sparse data: SciPy's matrices, sparse tensors and `tf.data` of them, on every backend."""

import numpy as np
import pytest

import triceras as keras
from tests.ops.test_sparse import WITH_SPARSE, is_sparse, sparse_of
from triceras import layers
from triceras.core import registry
from triceras.training.data import make_source
from triceras.training.data.sparse import SparseRows, to_rows

scipy_sparse = pytest.importorskip("scipy.sparse")

generator = np.random.default_rng(0)
X = (generator.random((10, 6)) * (generator.random((10, 6)) < 0.3)).astype("float32")
Y = X.sum(1, keepdims=True)


def test_rows_are_taken_as_an_array_takes_them():
    rows = to_rows(scipy_sparse.csr_matrix(X))
    assert len(rows) == 10 and rows.ndim == 2 and rows.dtype == "float32"
    np.testing.assert_array_equal(rows.to_numpy(), X)
    for part in (slice(2, 5), slice(0, 0), slice(7, 99), slice(None)):
        np.testing.assert_array_equal(rows[part].to_numpy(), X[part])
    for order in ([3, 3, 0, 9], list(range(9, -1, -1)), [4]):
        np.testing.assert_array_equal(rows.take(np.array(order)).to_numpy(), X[order])
        np.testing.assert_array_equal(rows[2:].take(np.array(order) % 8)[1:].to_numpy(), X[2:][np.array(order) % 8][1:])
    doubled = scipy_sparse.coo_matrix(([1.0, 2.0], ([0, 0], [1, 1])), shape=(1, 2))
    np.testing.assert_array_equal(to_rows(doubled).to_numpy(), [[0, 3]])


@pytest.mark.parametrize("kind", ["csr_matrix", "csc_matrix", "coo_matrix", "csr_array"])
def test_kinds(kind):
    rows = to_rows(getattr(scipy_sparse, kind)(X.astype("float64")))
    assert isinstance(rows, SparseRows) and rows.dtype == "float32"
    np.testing.assert_array_equal(rows.to_numpy(), X)


def test_batches_are_drawn_as_of_arrays():
    def first_column(x):
        keras.utils.set_random_seed(3)
        source = make_source(x, Y, batch_size=4, shuffle=True)
        return [
            np.asarray(batch[0] if isinstance(x, np.ndarray) else batch[0].to_numpy()) for batch in source.begin_pass()
        ]

    for sparse, dense in zip(first_column(scipy_sparse.csr_matrix(X)), first_column(X), strict=True):
        np.testing.assert_array_equal(sparse, dense)


def model(seen, sparse=True):
    def note(x):
        seen.append(is_sparse(x))
        return x

    inputs = keras.Input((6,), sparse=sparse)
    outputs = layers.Dense(1, kernel_initializer="ones")(layers.Lambda(note, output_shape=(6,))(inputs))
    made = keras.Model(inputs, outputs)
    made.compile("sgd", "mse")
    return made


def fitted(made, *args, **kwargs):
    history = made.fit(*args, verbose=0, **kwargs)
    return [history.history["loss"], made.layers[-1].kernel.numpy()]


def test_fit_on_a_scipy_matrix(trainable_backend):
    has = registry.get(trainable_backend).sparse is not None
    for sparse in (True, False):
        seen = []
        found = fitted(model(seen, sparse), scipy_sparse.csr_matrix(X), Y, batch_size=4, shuffle=False, epochs=2)
        assert seen[-1] == (has and sparse)
        want = fitted(model([]), X, Y, batch_size=4, shuffle=False, epochs=2)
        for a, b in zip(found, want, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5)


def test_everything_else_that_takes_data(backend):
    made, x = model([]), scipy_sparse.csr_matrix(X)
    np.testing.assert_allclose(made.predict(x, verbose=0), made.predict(X, verbose=0), rtol=1e-6)
    assert made.evaluate(x, Y, verbose=0) == pytest.approx(made.evaluate(X, Y, verbose=0), rel=1e-5)
    assert made.evaluate(X, scipy_sparse.csr_matrix(Y), verbose=0) == pytest.approx(made.evaluate(X, Y, verbose=0))
    np.testing.assert_allclose(made.predict_on_batch(x), made.predict(X, verbose=0), rtol=1e-6)


def test_a_part_for_validation_and_several_steps_at_once(trainable_backend):
    made = model([])
    made.compile("sgd", "mse", steps_per_execution=2)
    found = made.fit(scipy_sparse.csr_matrix(X), Y, batch_size=2, validation_split=0.2, shuffle=False, verbose=0)
    other = model([])
    want = other.fit(X, Y, batch_size=2, validation_split=0.2, shuffle=False, verbose=0)
    for key, value in want.history.items():
        np.testing.assert_allclose(found.history[key], value, rtol=1e-5)


@pytest.mark.parametrize("owner", WITH_SPARSE)
def test_sparse_tensors_and_generators_of_any_backend(owner, trainable_backend):
    """A sparse tensor of another framework goes over sparse, or dense where there are none."""
    has = registry.get(trainable_backend).sparse is not None
    want = fitted(model([]), X, Y, batch_size=5, shuffle=False)
    tensor = sparse_of(X, registry.get(owner))
    halves = [sparse_of(X[:5], registry.get(owner)), scipy_sparse.csr_matrix(X[5:])]
    for data in ((tensor, Y), (zip(halves, (Y[:5], Y[5:]), strict=True),)):
        seen = []
        options = {} if len(data) == 1 else {"batch_size": 5, "shuffle": False}
        for a, b in zip(fitted(model(seen), *data, **options), want, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5)
        assert seen[-1] == has


def test_tf_data(trainable_backend):
    tf = pytest.importorskip("tensorflow")
    data = tf.data.Dataset.from_tensor_slices((tf.sparse.from_dense(X), Y)).batch(5)
    seen = []
    found = fitted(model(seen), data)
    assert seen[-1] == (registry.get(trainable_backend).sparse is not None)
    for a, b in zip(found, fitted(model([]), X, Y, batch_size=5, shuffle=False), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_few_programs_for_many_counts_of_values():
    """On JAX the number of values is part of a program; batches are padded to powers of two."""
    pytest.importorskip("jax")
    with keras.use_backend("jax"):
        made = model([])
        x = scipy_sparse.csr_matrix(np.tri(16, 6, dtype="float32"))
        seen = []
        traced = type(made).compute_loss
        made.compute_loss = lambda *args, **kwargs: seen.append(1) or traced(made, *args, **kwargs)
        made.fit(x, np.zeros((16, 1), "float32"), batch_size=1, shuffle=False, verbose=0)
        assert 1 <= len(seen) <= 8  # 1, 2, 4 and 8 values; a trace may be made twice
