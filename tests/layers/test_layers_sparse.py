"""Sparse tensors go through layers and models: sparse where Keras has them so, with the values of dense ones."""

import numpy as np
import pytest

import triceras as keras
from tests.ops.test_sparse import WITH_SPARSE, is_sparse, same, sparse_of
from triceras import layers, ops
from triceras.core import registry

A = np.float32([[0, 1, 0], [2, 0, 0]])
CUBE = np.float32([[[0, 1], [2, 0]], [[0, 0], [3, 0]]])


@pytest.fixture(params=WITH_SPARSE)
def home(request):
    """Each backend with sparse tensors."""
    with keras.use_backend(request.param):
        yield registry.get(request.param)


# A layer, its inputs, which of them are sparse, whether the output is: as in Keras 3.15, where Keras can do it.
CASES = {
    "Dense": (lambda: layers.Dense(2), [A], [True], False),
    "Dense on three dimensions": (lambda: layers.Dense(2, activation="relu"), [CUBE], [True], False),
    "EinsumDense": (lambda: layers.EinsumDense("ab,bc->ac", 2), [A], [True], False),
    "Activation": (lambda: layers.Activation("sigmoid"), [A], [True], False),
    "Flatten": (lambda: layers.Flatten(), [CUBE], [True], True),
    "Reshape": (lambda: layers.Reshape((3, 1)), [A], [True], True),
    "Permute": (lambda: layers.Permute((2, 1)), [CUBE], [True], True),
    "Identity": (lambda: layers.Identity(), [A], [True], True),
    "Lambda": (lambda: layers.Lambda(lambda x: x * 2), [A], [True], True),
    "BatchNormalization": (lambda: layers.BatchNormalization(), [A], [True], False),
    "Add": (lambda: layers.Add(), [A, A * 3], [True, True], True),
    "Add with a dense one": (lambda: layers.Add(), [A, A * 3], [True, False], False),
    "Subtract": (lambda: layers.Subtract(), [A, A * 3], [True, True], True),
    "Multiply": (lambda: layers.Multiply(), [A, A * 3], [True, True], True),
    "Multiply with a dense one": (lambda: layers.Multiply(), [A + 1, A * 3], [False, True], True),
    "Average": (lambda: layers.Average(), [A, A * 3], [True, True], True),
    "Maximum": (lambda: layers.Maximum(), [A, A * -3], [True, True], True),
    "Minimum": (lambda: layers.Minimum(), [A, A * -3], [True, True], True),
    "Concatenate": (lambda: layers.Concatenate(), [A, A * 3], [True, True], True),
    "Concatenate with a dense one": (lambda: layers.Concatenate(), [A, A * 3], [True, False], False),
}


@pytest.mark.parametrize("name", CASES)
def test_layers(name, home):
    make, arrays, sparse, kept = CASES[name]
    layer = make()
    tensors = [sparse_of(x, home) if here else home.convert(x) for x, here in zip(arrays, sparse, strict=True)]
    single = len(arrays) == 1
    found = layer(tensors[0] if single else tensors)
    want = layer(arrays[0] if single else arrays)
    assert is_sparse(found) == kept
    same(found, ops.convert_to_numpy(want))
    inputs = [keras.Input(x.shape[1:], sparse=here) for x, here in zip(arrays, sparse, strict=True)]
    assert layer(inputs[0] if single else inputs).sparse == kept


def test_embedding_takes_sparse_integers(home):
    layer, x = layers.Embedding(4, 2), np.int32([[0, 1], [3, 0]])
    same(layer(sparse_of(x, home)), ops.convert_to_numpy(layer(x)))


def test_mixed_precision_keeps_sparsity(home):
    x = sparse_of(A, home)
    layer = layers.Identity(dtype="mixed_float16")
    assert is_sparse(layer(x)) and ops.dtype(layer(x)) == "float16"


def test_models_see_what_their_inputs_declare(home):
    """A sparse tensor stays one behind `Input(sparse=True)`, and is made dense behind a plain `Input`."""
    seen = []

    def note(x):
        seen.append(is_sparse(x))
        return x

    x, models = sparse_of(A, home), []
    for sparse in (True, False):
        inputs = keras.Input((3,), sparse=sparse)
        assert inputs.sparse == sparse
        models.append(keras.Model(inputs, layers.Dense(2)(layers.Lambda(note, output_shape=(3,))(inputs))))
    models.append(keras.Sequential([keras.Input((3,)), layers.Lambda(note, output_shape=(3,))]))
    for model, sparse in zip(models, (True, False, False), strict=True):
        seen.clear()
        same(model(x), ops.convert_to_numpy(model(A)))
        assert seen == [sparse, False]


def test_configs_and_copies_keep_sparse_inputs():
    inputs = keras.Input((3,), sparse=True, name="x")
    model = keras.Model(inputs, inputs * 2)
    again = keras.Model.from_config(model.get_config())
    for other in (again, keras.models.clone_model(model)):
        assert other.inputs[0].sparse and other.outputs[0].sparse


def test_optimizers_take_rows_of_a_table():
    """A gradient that a user's own tape gives for an embedding's table."""
    tf = pytest.importorskip("tensorflow")
    slices = tf.IndexedSlices(tf.constant([[1.0, 2], [3, 4], [5, 6]]), tf.constant([0, 2, 2]), tf.constant([4, 2]))
    with keras.use_backend("tensorflow"):
        for make in (
            lambda: keras.optimizers.SGD(0.1),
            lambda: keras.optimizers.SGD(0.1, momentum=0.9, clipnorm=1.0),
            lambda: keras.optimizers.Adam(0.1),
            lambda: keras.optimizers.RMSprop(0.1, global_clipnorm=1.0, gradient_accumulation_steps=2),
            lambda: keras.optimizers.Adagrad(0.1, loss_scale_factor=2.0),
            lambda: keras.optimizers.Lion(0.1, use_ema=True),
        ):
            updated = []
            for gradient in (slices, tf.convert_to_tensor(slices)):
                variable, optimizer = keras.Variable(np.ones((4, 2), "float32")), make()
                optimizer.apply([gradient], [variable])
                optimizer.apply([gradient], [variable])
                updated.append(variable.numpy())
            np.testing.assert_allclose(*updated, rtol=1e-6)
            assert not np.allclose(updated[0], 1)
