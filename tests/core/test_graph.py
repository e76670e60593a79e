"""`KerasTensor`: what a symbolic tensor says, does and refuses."""

import operator

import numpy as np
import pytest

import triceras as keras
from tests.oracle import run_keras
from triceras import ops
from triceras.core.graph import is_keras_tensor


@pytest.fixture(autouse=True)
def _numpy():
    with keras.use_backend("numpy"):
        keras.backend.clear_session()
        yield


def test_repr_and_attributes():
    x = keras.Input((4,), name="x")
    assert repr(x) == "<KerasTensor shape=(None, 4), dtype=float32, sparse=False, ragged=False, name=x>"
    assert str(x) == repr(x)
    assert (x.shape, x.dtype, x.ndim, x.name) == ((None, 4), "float32", 2, "x")
    y = keras.KerasTensor((2, 3), "int32", sparse=True)
    assert repr(y) == "<KerasTensor shape=(2, 3), dtype=int32, sparse=True, ragged=False, name=keras_tensor>"
    assert (len(y), y.T.shape, y.reshape((6,)).shape, keras.KerasTensor((1, 2)).squeeze(0).shape) == (
        2,
        (3, 2),
        (6,),
        (2,),
    )
    assert is_keras_tensor(x) and not is_keras_tensor(1) and keras.backend.is_keras_tensor(y)


CASES = {
    "add": lambda x: x + 1, "radd": lambda x: 1.5 + x, "sub": lambda x: 2 - x, "mul": lambda x: x * np.ones((3, 4), "float32"),
    "div": lambda x: 1 / (x + 3), "floordiv": lambda x: x // 2, "mod": lambda x: x % 3, "pow": lambda x: abs(x) ** 2,
    "matmul": lambda x: x @ np.ones((4, 2), "float32"), "neg": lambda x: -x, "less": lambda x: x < 1, "ge": lambda x: x >= x,
    "eq": lambda x: x == 0.0, "ne": lambda x: 0.0 != x, "invert": lambda x: ~(x > 0), "and": lambda x: (x > 0) & (x < 1),
    "row": lambda x: x[:, 1], "slice": lambda x: x[:, 1:3], "ellipsis": lambda x: x[..., -1:], "newaxis": lambda x: x[:, None],
    "T": lambda x: x.T, "reshape": lambda x: x.reshape((-1, 2)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_operators_build_models_that_compute_the_same(name):
    values = np.linspace(-2, 2, 12, dtype="float32").reshape(3, 4)
    x = keras.Input(batch_shape=(3, 4))
    y = CASES[name](x)
    assert isinstance(y, keras.KerasTensor)
    want = CASES[name](values)
    model = keras.Model(x, y)
    found = model(values)
    assert y.shape == found.shape and y.dtype == str(found.dtype)
    np.testing.assert_allclose(found, want, rtol=1e-6)


def test_equality_is_elementwise_and_hash_by_identity():
    x, y = keras.Input((2,)), keras.Input((2,))
    assert (x == y).dtype == "bool" and len({x, y, x}) == 2 and {x: 1}[x] == 1


REFUSED = {
    "bool": lambda k: bool(k.Input((2,)) > 0),
    "if": lambda k: 1 if k.Input(batch_shape=()) else 2,
    "float": lambda k: float(k.Input(batch_shape=())),
    "int": lambda k: int(k.Input(batch_shape=())),
    "index": lambda k: [1, 2][k.Input(batch_shape=(), dtype="int32")],
    "iterate": lambda k: list(k.Input((2,))),
    "array": lambda k: np.asarray(k.Input((2,))),
    "numpy function": lambda k: np.exp(k.Input((2,))),
    "set item": lambda k: operator.setitem(k.Input((2,)), 0, 1.0),
    "len": lambda k: len(k.Input((2,))),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_needs_values_is_refused(name):
    with pytest.raises((TypeError, ValueError, AttributeError)) as error:
        REFUSED[name](keras)
    assert len(str(error.value)) > 15


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bool", "A symbolic tensor has no truth value.*ops.where or ops.cond"),
        ("array", "A symbolic tensor has no values to turn into a NumPy array. Use triceras.ops"),
        ("iterate", r"Can't iterate over a tensor of shape \(None, 2\): the first dimension must be known"),
    ],
)
def test_refusals_say_what_to_do(name, message):
    with pytest.raises(TypeError, match=message):
        REFUSED[name](keras)


def test_a_known_first_dimension_can_be_unpacked():
    a, b = keras.KerasTensor((2, 3))
    assert a.shape == b.shape == (3,)


def test_tensors_in_native_code_explain_themselves():
    import torch

    with keras.use_backend("torch"), pytest.raises(TypeError):
        torch.exp(keras.Input((2,)))


KERAS = """
x = keras.Input((4, 6), name="x")
i = keras.Input((4,), dtype="int32", name="i")
ops = keras.ops
def spec(f):
    y = f()
    return [[list(t.shape), t.dtype] for t in keras.tree.flatten(y)]
result = {}
for case in cases:
    result[case] = spec(lambda: eval(case))
"""
SPECS = [
    "x + i[..., None]", "ops.mean(x, axis=1)", "ops.split(x, 3, axis=-1)", "ops.matmul(x, ops.transpose(x, (0, 2, 1)))",
    "ops.concatenate([x, x], 1)", "ops.reshape(x, (-1, 24))", "ops.reshape(x, (-1, 8))", "ops.argmax(x, -1)", "ops.sum(i)",
    "ops.mean(i, 0)", "ops.one_hot(i, 5)", "ops.stack([x, x])", "ops.cast(i, 'bfloat16')", "ops.top_k(x, 2)", "x[:, 0, ::2]",
    "ops.expand_dims(x, 1)", "ops.einsum('abc,acd->abd', x, ops.transpose(x, (0, 2, 1)))", "ops.where(x > 0, x, 0)",
    "ops.pad(x, ((0, 0), (1, 2), (0, 3)))", "ops.squeeze(ops.expand_dims(x, 2), 2)", "ops.tile(x, (1, 2, 1))",
    "ops.flip(x, 1)", "ops.cumsum(x, 1)", "ops.norm(x, axis=-1)", "ops.logsumexp(x, axis=(1, 2), keepdims=True)", "ops.take(x, [0, 1], axis=2)",
    "ops.softmax(x)", "ops.isnan(x)", "i / 2", "i // 2", "i ** 2", "ops.unstack(x, axis=1)", "ops.arange(3) + i[:, :3]",
]  # fmt: skip


@pytest.fixture(scope="module")
def of_keras():
    return run_keras(KERAS, cases=SPECS)


@pytest.mark.oracle
@pytest.mark.parametrize("case", SPECS)
def test_specs_like_keras(of_keras, case):
    x, i = keras.Input((4, 6), name="x"), keras.Input((4,), dtype="int32", name="i")
    found = [
        [list(t.shape), t.dtype] if hasattr(t, "shape") else t
        for t in keras.tree.flatten(eval(case, {"x": x, "i": i, "ops": ops}))
    ]
    assert found == of_keras[case]


def test_history_and_nodes():
    x = keras.Input((4,), name="x")
    dense = keras.layers.Dense(2, name="d")
    a, b = dense(x), dense(x)
    assert a._keras_history[0] is dense and (a._keras_history[1], b._keras_history[1]) == (0, 1)
    assert x._keras_history[0].name == "x"
    assert dense._inbound_nodes[1].parent_nodes == [x.node] and dense._inbound_nodes[0].output_tensors == [a]
    with pytest.raises(
        AttributeError, match="The layer d has multiple inbound nodes and thus no single defined output"
    ):
        _ = dense.output
    with pytest.raises(AttributeError, match="The layer e has never been called and thus has no defined input"):
        _ = keras.layers.Dense(1, name="e").input


def test_function_and_operation():
    class Double(keras.Operation):
        def call(self, x):
            return x * 2

    x = keras.KerasTensor((2,))
    f = keras.Function(x, Double()(x) + 1)
    np.testing.assert_array_equal(f(np.ones(2, "float32")), [3, 3])
    assert f.compute_output_shape((2,)) == (2,)
    assert Double(name="mine").get_config() == {"name": "mine"}
    with pytest.raises(
        ValueError, match="`name` must be a string and cannot contain character `/`. Received: name=a/b .of type"
    ):
        Double(name="a/b")
