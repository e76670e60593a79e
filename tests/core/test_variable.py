"""`Variable`: assigned, shared with every framework's code, moved, copied, and replaced in a `StatelessScope`."""

import copy
import operator
import pickle

import numpy as np
import pytest

import triceras as keras
from tests.conftest import INSTALLED
from tests.oracle import run_keras
from triceras.core.variable import autocast_scope


def numbers(x):
    return np.asarray(keras.ops.convert_to_numpy(x))


def test_made_from_values_and_functions(backend):
    assert keras.Variable(2.0).shape == () and keras.Variable(2).dtype == "int32"
    v = keras.Variable([[1, 2]], dtype="float32", name="v")
    assert (v.shape, v.ndim, v.dtype, v.name, v.path, len(v)) == ((1, 2), 2, "float32", "v", "v", 1)
    assert keras.Variable(np.ones(2, "float64")).dtype in ("float32", "float64")
    assert keras.Variable(np.ones(2, "float16")).dtype == "float16"
    assert keras.Variable(True).dtype == "bool"
    assert keras.Variable(keras.initializers.Ones(), shape=(2, 3)).numpy().tolist() == [[1, 1, 1]] * 2
    assert keras.Variable(lambda shape, dtype: np.full(shape, 3, dtype), shape=(1,), dtype="int8").numpy() == 3
    source = np.ones(2, "float32")
    v = keras.Variable(source)
    source[:] = 7
    assert v.numpy().tolist() == [1, 1]
    w = keras.Variable(v)
    v.assign([5, 5])
    assert w.numpy().tolist() == [1, 1]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: keras.Variable(keras.initializers.Ones()), "an initializer function needs `shape`"),
        (lambda: keras.Variable(keras.initializers.Ones(), shape=(None, 2)), r"non-negative integer.*shape=\(None, 2\)"),
        (lambda: keras.Variable(1.0, name="a/b"), "`name` must be a string without '/'. Received: name='a/b'"),
        (lambda: keras.Variable(1.0, aggregation="median"), "aggregation must be none, mean, sum"),
        (lambda: keras.Variable(1.0, dtype="float33"), "Invalid dtype: 'float33'"),
        (lambda: keras.Variable(np.ones(3), shape=(2,)), "could not be broadcast"),
        (lambda: keras.Variable(1.0).assign([[1.0, 2.0]]), r"must match. variable.shape=\(\), Received: value.shape=\(1, 2\). Target"),
        (lambda: keras.Variable([1.0, 2.0]).assign([1.0, 2.0, 3.0]), r"variable.shape=\(2,\), Received: value.shape=\(3,\)"),
    ],
)  # fmt: skip
def test_errors(backend, make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_names_and_paths():
    with keras.use_backend("numpy"):
        keras.backend.clear_session()
        assert [keras.Variable(0.0).path for _ in range(2)] == ["variable", "variable_1"]
        with keras.name_scope("a"), keras.name_scope("b"):
            v = keras.Variable(0.0, name="v")
        assert (v.path, v.name) == ("a/b/v", "v")
    for wrong in ("", "a/b", None):
        with pytest.raises(ValueError, match="must be a non-empty string without '/'"):
            keras.name_scope(wrong)


def test_assign(backend):
    v = keras.Variable([[1.0, 2.0], [3.0, 4.0]])
    for value, want in [
        (np.zeros((2, 2)), [[0, 0], [0, 0]]),
        ([[1, 2], [3, 4]], [[1, 2], [3, 4]]),
        (5, [[5, 5], [5, 5]]),
        ([7.0, 8.0], [[7, 8], [7, 8]]),
        ([[1.0], [2.0]], [[1, 1], [2, 2]]),
        (keras.ops.full((2, 2), 9, dtype="int32"), [[9, 9], [9, 9]]),
        (keras.Variable([1.0, 2.0]), [[1, 2], [1, 2]]),
    ]:
        v.assign(value)
        assert v.numpy().tolist() == want and v.dtype == "float32"
    v.assign_add([[1, 1], [1, 1]])
    v.assign_sub(np.full((2, 2), 0.5))
    assert v.numpy().tolist() == [[1.5, 2.5], [1.5, 2.5]]


def test_assigned_memory_is_its_own(backend):
    """What was given to `assign`, and what `numpy()` gave, stays as it is when the variable changes, and vice versa."""
    v, given = keras.Variable(np.zeros(3, "float32")), np.ones(3, "float32")
    v.assign(given)
    given[:] = 5
    assert v.numpy().tolist() == [1, 1, 1]
    before = keras.ops.convert_to_tensor(np.full(3, 2.0, "float32"))
    v.assign(before)
    v.assign_add([1, 1, 1])
    assert numbers(before).tolist() == [2, 2, 2]
    a, b = keras.Variable([1.0]), keras.Variable([2.0])
    a.assign(b)
    b.assign([3.0])
    assert a.numpy().tolist() == [2.0]


BINARY = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "lt", "le", "gt", "ge", "eq", "ne"]


@pytest.mark.parametrize("name", BINARY)
def test_operators(backend, name):
    f = getattr(operator, name)
    a, b = np.array([1.0, 4.0, 9.0], "float32"), np.array([2.0, 4.0, 0.5], "float32")
    v, w = keras.Variable(a), keras.Variable(b)
    native = keras.ops.convert_to_tensor(b)
    for left, right, want in [
        (v, w, f(a, b)), (v, 2.0, f(a, 2.0)), (2.0, v, f(2.0, a)), (v, b, f(a, b)), (b, v, f(b, a)),
        (v, native, f(a, b)), (native, v, f(b, a)), (v, b.tolist(), f(a, b)),
    ]:  # fmt: skip
        result = f(left, right)
        assert not isinstance(result, keras.Variable)
        np.testing.assert_allclose(numbers(result), want, rtol=1e-5, err_msg=f"{type(left)} {name} {type(right)}")


def test_more_operators(backend):
    v = keras.Variable([[1.0, -2.0], [3.0, 4.0]])
    a = v.numpy()
    np.testing.assert_allclose(numbers(-v), -a)
    np.testing.assert_allclose(numbers(abs(v)), abs(a))
    np.testing.assert_allclose(numbers(v @ v), a @ a)
    np.testing.assert_allclose(numbers(a @ v), a @ a)
    np.testing.assert_allclose(numbers(v[0]), a[0])
    np.testing.assert_allclose(numbers(v[:, 1:]), a[:, 1:])
    np.testing.assert_allclose(numbers(v[..., None]), a[..., None])
    assert [numbers(row).tolist() for row in v] == a.tolist()
    b = keras.Variable([True, False])
    assert numbers(b & [True, True]).tolist() == [True, False]
    assert numbers(b | True).tolist() == [True, True]
    assert numbers(b ^ b).tolist() == [False, False]
    assert numbers(~b).tolist() == [False, True]
    assert (float(keras.Variable(2.5)), int(keras.Variable(3)), bool(keras.Variable(0))) == (2.5, 3, False)
    assert [10, 20, 30][keras.Variable(1)] == 20
    assert len({v, keras.Variable(0.0), v}) == 2


def test_numpy_sees_an_array(backend):
    v = keras.Variable([1.0, 2.0])
    assert np.asarray(v).tolist() == [1, 2] and np.array(v, "float64").dtype == "float64"
    assert np.sum(np.asarray(v)) == 3
    np.testing.assert_array_equal(np.stack([v, v]), [[1, 2], [1, 2]])
    assert repr(keras.Variable([1.0], name="me", dtype="float32")) == (
        "<Variable path=me, shape=(1,), dtype=float32, value=[1.]>"
    )


def test_native_code_takes_it():
    with keras.use_backend("jax"):
        import jax.numpy as jnp

        v = keras.Variable([1.0, 4.0])
        assert jnp.sqrt(v).tolist() == [1, 2] and jnp.concatenate([jnp.asarray(v), jnp.ones(1)]).shape == (3,)
    with keras.use_backend("torch"):
        import torch

        v = keras.Variable([1.0, 4.0])
        assert torch.sqrt(v).tolist() == [1, 2] and torch.cat([v, torch.ones(1)]).shape == (3,)
        assert torch.nn.functional.linear(torch.ones(1, 2), keras.Variable(np.ones((3, 2), "float32"))).shape == (1, 3)
    with keras.use_backend("tensorflow"):
        import tensorflow as tf

        v = keras.Variable([1.0, 4.0])
        assert tf.sqrt(v).numpy().tolist() == [1, 2] and tf.concat([v, tf.ones(1)], 0).shape == (3,)
        with tf.GradientTape() as tape:
            y = tf.reduce_sum(v * 3.0)
        assert tape.gradient(y, v.value).numpy().tolist() == [3, 3]


def test_trainable_flips(trainable_backend):
    v = keras.Variable([1.0])
    for flag in (False, True, False, 1):
        v.trainable = flag
        assert v.trainable is bool(flag)
    gradient = keras.grad(lambda: keras.ops.sum(v * v), [v])()
    assert numbers(keras.tree.flatten(gradient)[0]).tolist() == [2.0]


def test_copies_are_independent(backend):
    for v in (keras.Variable([1.0, 2.0], name="v", trainable=False), keras.Variable([1, 2], dtype="int8")):
        for copied in (copy.deepcopy(v), pickle.loads(pickle.dumps(v)), copy.copy(v)):
            assert (copied.path, copied.dtype, copied.trainable, copied.shape) == (
                v.path,
                v.dtype,
                v.trainable,
                v.shape,
            )
            assert copied.backend is v.backend
            copied.assign([5, 5])
            assert v.numpy().tolist() == [1, 2]


def test_moving_keeps_bits():
    values = {
        "float32": [1.1, -0.0, np.inf], "bfloat16": [1.5, 2.0, -3.0], "float16": [1.1, 2.2, 3.3],
        "int8": [1, -2, 3], "uint8": [1, 2, 255], "bool": [True, False, True], "int32": [2**31 - 1, 0, -5],
    }  # fmt: skip
    for dtype, value in values.items():
        with keras.use_backend("numpy"):
            v = keras.Variable(value, dtype=dtype, trainable=dtype == "float32")
        want = v.numpy().tobytes()
        for name in (*INSTALLED, "numpy"):
            assert v.to_backend(name) is v and v.backend.name == name
            assert (v.dtype, v.numpy().tobytes(), str(v.numpy().dtype)) == (dtype, want, dtype)
    with pytest.raises(ValueError, match="Unknown backend"):
        v.to_backend("nope")


def test_autocast():
    with keras.use_backend("numpy"):
        v, kept = keras.Variable([1.0]), keras.Variable([1.0], autocast=False)
        n = keras.Variable([1])
        with autocast_scope("float16"):
            assert (str(v.value.dtype), str(kept.value.dtype), str(n.value.dtype)) == ("float16", "float32", "int32")
            assert v.dtype == "float32"
            v.assign(v + 0.0001)  # the stored value keeps its precision


# --- StatelessScope ------------------------------------------------------------------------------------------------


def test_stateless_scope(backend):
    v, w = keras.Variable([1.0]), keras.Variable([2.0])
    with keras.StatelessScope([(v, keras.ops.convert_to_tensor([10.0]))]) as state:
        assert numbers(v.value).tolist() == [10.0] and numbers(w.value).tolist() == [2.0]
        assert v.numpy().tolist() == [10.0]
        w.assign(v * 2)
        v.assign_add([1.0])
        assert numbers(w + 0).tolist() == [20.0]
    assert (v.numpy().tolist(), w.numpy().tolist()) == ([1.0], [2.0])
    assert numbers(state.get_current_value(v)).tolist() == [11.0]
    assert numbers(state.get_current_value(w)).tolist() == [20.0]
    assert state.get_current_value(keras.Variable(0.0)) is None


def test_stateless_scopes_nest():
    with keras.use_backend("numpy"):
        v, w = keras.Variable([1.0]), keras.Variable([1.0])
        with keras.StatelessScope() as outer:
            v.assign([2.0])
            with keras.StatelessScope() as inner:
                assert numbers(v.value).tolist() == [2.0]
                v.assign([3.0])
                w.assign([4.0])
            assert numbers(v.value).tolist() == [2.0] and numbers(w.value).tolist() == [1.0]
        assert numbers(inner.get_current_value(v)).tolist() == [3.0]
        assert numbers(outer.get_current_value(v)).tolist() == [2.0]
        assert v.numpy().tolist() == [1.0]
        with pytest.raises(RuntimeError), keras.StatelessScope():
            raise RuntimeError
        v.assign([9.0])
        assert v.numpy().tolist() == [9.0]


def test_scope_converts_and_checks():
    with keras.use_backend("numpy"):
        v = keras.Variable([1.0, 2.0])
        with keras.StatelessScope([(v, [3, 4])]):
            assert v.value.dtype == np.float32
            with pytest.raises(ValueError, match="must match"):
                v.assign([1.0, 2.0, 3.0])


KERAS = """
v = keras.Variable([[1.0, 2.0], [3.0, 4.0]], name="v")
def attempt(f):
    try:
        return f()
    except Exception as error:
        return type(error).__name__ + ": " + str(error)
with keras.name_scope("outer"):
    path = keras.Variable(0.0, name="w").path
result = {
    "path": path, "repr": repr(v),
    "shape": attempt(lambda: v.assign([1.0, 2.0, 3.0])),
    "no shape": attempt(lambda: keras.Variable(keras.initializers.Ones())),
    "dtype int": keras.Variable([1, 2]).dtype, "dtype bool": keras.Variable(True).dtype,
    "dtype f64": keras.Variable(np.ones(2)).dtype, "dtype i64": keras.Variable(np.ones(2, "int64")).dtype,
    "dtype f16": keras.Variable(np.ones(2, "float16")).dtype,
}
"""


@pytest.mark.oracle
def test_like_keras():
    want = run_keras(KERAS)
    with keras.use_backend("numpy"):
        v = keras.Variable([[1.0, 2.0], [3.0, 4.0]], name="v")
        assert want["repr"].split(", value=")[0] == repr(v).split(", value=")[0]
        with keras.name_scope("outer"):
            assert keras.Variable(0.0, name="w").path == want["path"]
        with pytest.raises(ValueError) as error:
            v.assign([1.0, 2.0, 3.0])
        assert want["shape"].removeprefix("ValueError: ").split("Target")[0] in str(error.value)
        ours = {
            "int": [1, 2], "bool": True, "f64": np.ones(2), "i64": np.ones(2, "int64"), "f16": np.ones(2, "float16"),
        }  # fmt: skip
        assert {k: keras.Variable(x).dtype for k, x in ours.items()} == {k: want[f"dtype {k}"] for k in ours}
