"""What a backend must pass: `pip install -e . pytest && pytest`. No framework but NumPy is needed."""

import numpy as np
import pytest
import triceras_template

import triceras
from triceras import ops
from triceras.core import registry
from triceras.core.spec import Spec
from triceras.ops.op import METHODS, primitives
from triceras.testing.op_suite import check_op
from triceras.testing.samples import CASES

NAME = "template"


@pytest.fixture
def home():
    with triceras.use_backend(NAME):
        yield registry.current()


def values(x):
    return np.asarray(x).tolist()


def test_it_has_the_primitives_and_nothing_else(home):
    assert isinstance(home, triceras_template.TemplateBackend)
    assert sorted([*METHODS, *filter(home.find, {*CASES, *primitives()})]) == primitives()


@pytest.mark.parametrize("name", sorted(CASES))
def test_op(name):
    check_op(name, NAME)


def test_tensors_vote_for_their_backend(home):
    x = ops.ones((2,))
    with triceras.use_backend("numpy"):
        assert type(x + np.ones(2)) is type(np.ones(2) + x) is type(ops.stack([x, x])) is triceras_template.Array


def test_control_flow(home):
    x = ops.convert_to_tensor([1.0, 2.0, 3.0])
    assert values(ops.cond(ops.max(x) > 2, lambda: x + 1, lambda: x)) == [2, 3, 4]
    assert values(ops.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * 2), (ops.zeros(()), x))[1]) == [8, 16, 24]
    assert values(ops.fori_loop(0, 3, lambda i, y: y + ops.cast(i, "float32"), x)) == [4, 5, 6]
    total, seen = ops.scan(lambda c, row: (c + row, (c, None)), ops.zeros(()), x, reverse=True)
    assert float(total) == 6 and values(seen[0]) == [5, 3, 0] and seen[1] is None
    assert values(ops.vectorized_map(lambda pair: pair[0] * pair[1], (x, x))) == [1, 4, 9]
    assert values(ops.custom_gradient(lambda x: (x * 2, None))(x)) == [2, 4, 6]


def test_shapes_without_values(home):
    found = home.eval_shape(lambda x: (ops.sum(x, axis=1), x[:2]), Spec((None, 3), "int8"))
    assert [(s.shape, s.dtype) for s in found] == [((None,), "int32"), ((2, 3), "int8")]


def test_gradients_are_a_declared_gap(home):
    with pytest.raises(NotImplementedError, match="template backend has no gradients"):
        triceras.value_and_grad(lambda x: x)(ops.ones(()))
