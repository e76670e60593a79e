"""The op table: dispatch, coercion, specs, errors."""

import numpy as np
import pytest

import triceras
from triceras import ops
from triceras.core import registry
from triceras.core.graph import KerasTensor
from triceras.core.scope import use_backend
from triceras.core.spec import Spec
from triceras.ops.op import OPS, primitives


def test_every_backend_has_the_primitives(backend):
    home = registry.get(backend)
    assert [name for name in primitives() if home.find(name) is None] == ["cast"]  # a method of every backend


def test_composites_run_with_primitives_alone(backend):
    class Bare(type(registry.get(backend))):
        name = "bare"

        def find(self, name):
            return super().find(name) if OPS[name].body is None else None

    bare = Bare()
    with use_backend(bare):
        found = bare.impls["layer_normalization"](bare.convert(np.float32([[1, 2, 3]])))
    np.testing.assert_allclose(bare.to_numpy(found), [[-1.2247, 0, 1.2247]], atol=1e-3)


def test_arrays_and_numbers_follow_the_tensor(backend):
    home = registry.get(backend)
    tensor = ops.convert_to_tensor([1.0, 2.0])
    with use_backend("numpy"):  # another current backend doesn't matter where a tensor votes
        for found in (ops.add(tensor, 1), ops.add([1, 1], tensor), ops.logaddexp(np.float32([1, 1]), tensor)):
            assert registry.backend_of(found) in (home, None) and isinstance(found, home.tensor_types)
        assert isinstance(ops.concatenate([np.ones(1, "float32"), tensor]), home.tensor_types)
        assert isinstance(ops.one_hot(ops.cast(tensor, "int32"), 3), home.tensor_types)


def test_variables_are_read(backend):
    v = triceras.Variable([1.0, 2.0])
    assert ops.convert_to_numpy(ops.exp(v) + v * 2).tolist() == pytest.approx([np.e + 2, np.e**2 + 4])


def test_two_backends_in_one_op():
    if len(registry.installed()) < 3:
        pytest.skip("needs two frameworks")
    first, second = [n for n in registry.installed() if n != "numpy"][:2]
    a, b = (registry.get(n).convert([1.0]) for n in (first, second))
    with pytest.raises(TypeError, match=f"{first} and {second}.*convert"):
        ops.add(a, b)


def test_a_graph_holds_one_node_for_an_op():
    y = ops.softmax(KerasTensor((None, 7)))
    assert y.shape == (None, 7) and y.node.operation.op is OPS["softmax"]


def test_weak_scalars_keep_a_tensors_dtype(backend):
    half = ops.cast([1.0, 2.0], "float16")
    assert ops.dtype(half * 2.5) == "float16"
    assert ops.dtype(ops.add(ops.cast([1], "int8"), 3)) == "int8"
    assert ops.dtype(ops.add(ops.cast([1], "int8"), 3.0)) == "float32"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ops.matmul(np.ones((2, 3)), np.ones((2, 3))), r"ops.matmul\(x1=<float\d+ \(2, 3\)>.*one size"),
        (lambda: ops.add(np.ones(3), np.ones(4)), r"ops.add\(.*Cannot broadcast shapes \(3,\), \(4,\)"),
        (lambda: ops.sum(np.ones(3), axis=4), r"ops.sum\(.*axis=4 is out of range for a tensor of 1 dim"),
        (lambda: ops.conv(np.ones((1, 5, 2)), np.ones((3, 2, 1)), padding="x"), r"ops.conv\(.*'same'; got 'x'"),
        (lambda: ops.conv(np.ones((1, 5, 2)), np.ones((3, 3, 1))), r"ops.conv\(.*multiple of 3"),
        (lambda: ops.reshape(np.ones(6), (4, -1)), r"ops.reshape\(.*6 elements doesn't fit into newshape=\(4, -1\)"),
        (lambda: ops.concatenate([np.ones((2, 3)), np.ones((3, 2))]), r"ops.concatenate\(.*may differ in axis 0 only"),
        (lambda: ops.get_item(np.ones((2, 3)), (0, 0, 0)), r"ops.get_item\(.*3 indices for a tensor of 2 dim"),
        (lambda: ops.einsum("ij,jk->ik", np.ones((2, 3)), np.ones(3)), r"ops.einsum\(.*operand 1 has 1 dim"),
        (lambda: ops.squeeze(np.ones((2, 1)), axis=0), r"ops.squeeze\(.*has size 2; only 1 can go"),
        (lambda: ops.categorical_crossentropy(np.ones((2, 3)), np.ones((2, 4))), "same shape"),
        (lambda: ops.solve(np.ones((2, 3)), np.ones(2)), r"ops.solve\(.*must hold square matrices"),
        (lambda: ops.scatter_update([0, 1], [[0]], [1], reduction="mean"), "'add', 'max', 'min', 'mul'; got 'mean'"),
    ],
)
def test_errors_name_op_argument_given_and_accepted(backend, call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_errors_of_wrong_types(backend):
    with pytest.raises(TypeError, match=r"ops.exp\(x='a'\): expected a tensor, array or number; got 'a' of type str"):
        ops.exp("a")
    with pytest.raises(TypeError, match=r"ops.sum\(x, axis=None, keepdims=False\): .* 'axes'"):
        ops.sum([1.0], axes=0)


def test_errors_on_specs_name_the_op():
    with pytest.raises(ValueError, match=r"ops.matmul\(x1=<float32 \(None, 3\)>, x2=<float32 \(4, 2\)>\): the last"):
        ops.matmul(Spec((None, 3)), Spec((4, 2)))
    with pytest.raises(ValueError, match="size of the result depends on values"):
        ops.nonzero(KerasTensor((3,)))


@pytest.mark.parametrize(
    ("shape", "key", "expected"),
    [
        ((None, 4), (slice(None), 1), (None,)),
        ((None, 4, 5), (Ellipsis, slice(1, 3)), (None, 4, 2)),
        ((None, 4), (slice(0, 3),), (None, 4)),
        ((6, 4), (slice(None, None, 4), None), (2, 1, 4)),
        ((6, 4), (np.zeros((2, 3), int),), (2, 3, 4)),
        ((6, 4, 5), (np.zeros(3, int), slice(None), np.zeros(3, int)), (3, 4)),
    ],
)
def test_specs_of_items(shape, key, expected):
    assert Spec(shape)[key].shape == expected


def test_reshape_with_unknown_sizes():
    x = KerasTensor((None, 2, 3))
    assert ops.reshape(x, (-1, 6)).shape == (None, 6)
    assert ops.reshape(x, (ops.shape(x)[0], 6)).shape == (None, 6)
    assert ops.reshape(Spec((4, 6)), (2, -1)).shape == (2, 12)


def test_ops_survive_pickling():
    import copy
    import pickle

    assert pickle.loads(pickle.dumps(ops.relu)) is ops.relu and copy.deepcopy(ops.relu) is ops.relu


def test_shapes_of_traced_tensors_can_be_used(backend):
    @registry.current().jit
    def pairs(x):
        n = ops.shape(x)[0]
        return ops.reshape(x, (n, 2, -1)), ops.zeros((n, 1)), ops.arange(n)

    a, b, c = pairs(ops.ones((3, 4)))
    assert [tuple(x.shape) for x in (a, b, c)] == [(3, 2, 2), (3, 1), (3,)]
