"""Control flow, eagerly and compiled, and the gradients' special cases."""

import numpy as np
import pytest

import triceras
from triceras import ops
from triceras.core import registry
from triceras.core.graph import KerasTensor
from triceras.core.spec import Spec


def compiled(fn):
    return registry.current().jit(fn)


def values(x):
    return np.asarray(ops.convert_to_numpy(x)).tolist()


def test_cond(backend):
    def choose(flag, x):
        return ops.cond(flag, lambda: x + 1, lambda: x - 1)

    for fn in (choose, compiled(choose)):
        assert values(fn(ops.convert_to_tensor(True), ops.ones(2))) == [2, 2]
        assert values(fn(ops.convert_to_tensor(False), ops.ones(2))) == [0, 0]


def test_switch_limits_the_index(backend):
    branches = [lambda x, k=k: x * k for k in range(1, 5)]
    found = [values(ops.switch(ops.convert_to_tensor(i), branches, ops.ones(()))) for i in (-3, 0, 1, 2, 3, 9)]
    assert found == [1, 1, 2, 3, 4, 4]


def test_while_loop(backend):
    def double(x):
        return ops.while_loop(lambda i, y: ops.less(i, 5), lambda i, y: (i + 1, y * 2), (ops.zeros((), "int32"), x))[1]

    assert values(double(ops.ones(()))) == 32
    assert values(compiled(double)(ops.ones(()))) == 32
    found = ops.while_loop(lambda x: x < 100, lambda x: x * 2, ops.ones(()), maximum_iterations=3)
    assert values(found) == 8


def test_fori_loop(backend):
    def total(x):
        return ops.fori_loop(0, 4, lambda i, acc: acc + ops.cast(i, "float32"), x)

    assert values(total(ops.zeros(()))) == 6
    assert values(compiled(total)(ops.zeros(()))) == 6


def test_scan_carries_trees(backend):
    def running(xs):
        return ops.scan(lambda c, x: ({"sum": c["sum"] + x}, (c["sum"], x)), {"sum": ops.zeros(())}, xs, reverse=True)

    for fn in (running, compiled(running)):
        carry, (before, same) = fn(ops.convert_to_tensor(np.float32([1, 2, 3])))
        assert values(carry["sum"]) == 6
        assert values(before) == [5, 3, 0]
        assert values(same) == [1, 2, 3]


def test_scan_refuses_wrong_arguments(backend):
    with pytest.raises(TypeError, match="argument f must be a function; got 3"):
        ops.scan(3, ops.zeros(()), ops.ones(2))
    with pytest.raises(ValueError, match="pass xs or length"):
        ops.scan(lambda c, x: (c, x), ops.zeros(()))


@pytest.mark.parametrize("size", [1, 2, 5, 8])
@pytest.mark.parametrize("reverse", [False, True])
def test_associative_scan(backend, size, reverse):
    x = np.arange(1, size + 1, dtype="float32")[None]
    found = ops.associative_scan(lambda a, b: a + b, ops.convert_to_tensor(x), reverse=reverse, axis=1)
    expected = np.flip(np.cumsum(np.flip(x, 1), 1), 1) if reverse else np.cumsum(x, 1)
    np.testing.assert_allclose(ops.convert_to_numpy(found), expected)


def test_map_and_vectorized_map(backend):
    x = ops.convert_to_tensor(np.float32([[1, 2], [3, 4]]))
    assert values(ops.map(lambda row: ops.sum(row), x)) == [3, 7]
    assert values(ops.vectorized_map(lambda row: ops.sum(row), x)) == [3, 7]
    assert values(ops.vectorized_map(lambda pair: pair[0] + pair[1], (x, x))) == [[2, 4], [6, 8]]


def test_gradients_stop(trainable_backend):
    x = ops.convert_to_tensor(3.0)
    gradient = registry.current().value_and_grad(lambda x: x * ops.stop_gradient(x))(x)[1]
    assert float(gradient) == 3


def test_custom_gradient(trainable_backend):
    @ops.custom_gradient
    def odd(x):
        return x * 2, lambda upstream: upstream * 10

    value, gradient = registry.current().value_and_grad(lambda x: odd(x) * 3)(ops.convert_to_tensor(1.0))
    assert (float(value), float(gradient)) == (6, 30)


def test_control_flow_on_symbolic_tensors():
    x = KerasTensor((None, 3))
    last, rows = ops.scan(lambda c, row: (c + row, row * 2), ops.zeros((3,)), x)
    assert isinstance(last, KerasTensor) and last.shape == (3,) and rows.shape == (None, 3)
    assert ops.stop_gradient(x).shape == (None, 3)
    assert ops.vectorized_map(ops.sum, Spec((None, 3))).shape == (None,)


def test_directional_derivatives(trainable_backend):
    matrix, direction = np.float32([[1, 2], [3, 4]]), np.float32([[1, 0], [0.5, 1]])

    def function(a, b):
        return {"product": ops.matmul(a, b), "sum": ops.sum(ops.sin(a))}, "aux"

    value, derivative, aux = ops.jvp(function, (matrix, matrix), (direction, 0 * direction), has_aux=True)
    assert aux == "aux"
    np.testing.assert_allclose(ops.convert_to_numpy(value["product"]), matrix @ matrix)
    np.testing.assert_allclose(ops.convert_to_numpy(derivative["product"]), direction @ matrix, rtol=1e-6)
    np.testing.assert_allclose(ops.convert_to_numpy(derivative["sum"]), (np.cos(matrix) * direction).sum(), rtol=1e-5)
    compiled = triceras.jit(lambda x: ops.jvp(ops.square, (x,), (x,)))
    np.testing.assert_allclose(ops.convert_to_numpy(compiled(ops.ones(3))[1]), [2, 2, 2])
    with pytest.raises(ValueError, match="equally long"):
        ops.jvp(ops.square, (matrix,), ())
