"""What samples can't show: patterns that don't fit, functions made of functions, sizes that compiled code needs."""

import numpy as np
import pytest

import triceras
from triceras import ops


@pytest.mark.parametrize(
    ("pattern", "sizes", "message"),
    [
        ("a b c -> a", {}, "it names 3 axes; the tensor has 2"),
        ("a -> a", {}, "it names 1 axes; the tensor has 2"),
        ("a (b c) -> a b c", {}, "the sizes of b, c don't follow"),
        ("a (b c) -> a b c", {"b": 2}, "an axis of size 3 isn't"),
        ("a b -> a", {}, "both sides must have the same names"),
        ("a a -> a", {}, "a side has a name twice"),
        ("a (b -> a b", {}, "parentheses"),
        ("a b", {}, 'it must be "before -> after"'),
        ("a ? -> a", {}, "'?', which is no name"),
    ],
)
def test_patterns_that_do_not_fit(pattern, sizes, message):
    with pytest.raises(ValueError, match=r"ops\.rearrange\(") as caught:
        ops.rearrange(np.ones((2, 3), "float32"), pattern, **sizes)
    assert message in str(caught.value)


def test_patterns_know_what_they_can_of_unknown_sizes():
    tensor = triceras.KerasTensor((None, 6, None, 3))
    assert ops.rearrange(tensor, "b (h w) t c -> b c (h t) w", h=2).shape == (None, 3, None, 3)


def test_vectorized_functions_broadcast(backend):
    found = ops.vectorize(lambda a, b: a + b)(np.float32([1, 2]), np.float32([[3], [4]]))
    np.testing.assert_allclose(ops.convert_to_numpy(found), [[4, 5], [5, 6]])
    found = ops.vectorize(lambda a, times: a * times, excluded=[1])(np.float32([1, 2]), 10)
    np.testing.assert_allclose(ops.convert_to_numpy(found), [10, 20])


def test_vectorized_functions_of_core_dimensions(backend):
    rows, factors = np.ones((2, 1, 3), "float32"), np.float32([[1, 2], [3, 4]])
    found = ops.vectorize(lambda a, b: ops.sum(a) * b, signature="(n),()->()")(rows, factors)
    np.testing.assert_allclose(ops.convert_to_numpy(found), 3 * factors)
    with pytest.raises(ValueError, match="has 2 inputs; got 1"):
        ops.vectorize(lambda a, b: a, signature="(n),()->()")(rows)


def test_unique_of_a_known_number_is_compiled(backend):
    def find(x):
        return ops.unique(x, size=5, fill_value=9, return_index=True, return_inverse=True, return_counts=True)

    table = np.int32([[1, 2], [0, 1], [1, 2]])
    values, first, inverse, counts = map(ops.convert_to_numpy, triceras.jit(find)(ops.convert_to_tensor(table)))
    assert values.tolist() == [0, 1, 2, 9, 9]
    assert first[:3].tolist() == [2, 0, 1]
    assert inverse.tolist() == table.tolist()
    assert counts.tolist() == [1, 3, 2, 0, 0]


def test_unique_asks_for_the_number_in_compiled_code():
    with triceras.use_backend("jax"), pytest.raises(ValueError, match="pass argument size"):
        triceras.jit(ops.unique)(ops.convert_to_tensor(np.int32([1, 2])))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: ops.gcd(x, 2), "arguments must be integers; got dtypes float32"),
        (lambda x: ops.ldexp(x, x), "argument x2 must be integers; got dtype float32"),
        (lambda x: ops.histogram(x), "argument x must have one dimension"),
        (lambda x: ops.histogram(x[0], bins=[0, 1]), "argument bins must be an int"),
        (lambda x: ops.correlate(x[0], x[0], mode="half"), "argument mode must be one of"),
        (lambda x: ops.view_as_complex(x), "the last axis of argument x must be of size 2"),
        (lambda x: ops.view(x[0, 0], "int8"), "can't be read as int8"),
        (lambda x: ops.rot90(x[0]), "argument array must have at least 2 dimensions"),
        (lambda x: ops.rot90(x, axes=(0, 0)), "two different axes"),
        (lambda x: ops.dsplit(x, 2), "must have at least 3 dimensions"),
        (lambda x: ops.argpartition(x, 7), "kth=7 is out of range"),
        (lambda x: ops.array_split(x, 0), "must be at least 1"),
    ],
)
def test_what_does_not_fit_is_said_alike_everywhere(backend, call, message):
    x = ops.convert_to_tensor(np.ones((2, 3), "float32"))
    with pytest.raises((ValueError, TypeError)) as caught:
        call(x)
    assert message in str(caught.value)
    assert str(caught.value).startswith("ops.")
