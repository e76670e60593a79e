"""Trees, against `keras.tree`."""

import collections

import pytest

from tests.same_as_keras import assert_same, of_keras
from triceras import tree

PRELUDE = """
import collections
Point = collections.namedtuple("Point", "x y")
nested = {"b": [1, (2, None)], "a": {"z": 3, "y": []}, "c": Point(4, [5])}
ordered = collections.OrderedDict([("z", 1), ("a", 2)])
default = collections.defaultdict(list, {"k": [1]})
def attempt(f):
    try:
        return f()
    except Exception as error:
        return type(error).__name__
def kinds(x):
    return [type(x).__name__, [kinds(v) for v in (x.values() if isinstance(x, dict) else x)]] if tree.is_nested(x) else x
"""
CASES = [
    "[tree.is_nested(x) for x in (1, None, 'ab', [1], (), {}, {1}, Point(1, 2), ordered, range(3))]",
    "tree.flatten(nested)",
    "tree.flatten(ordered)",
    "tree.flatten(default)",
    "tree.flatten(3), tree.flatten([]), tree.flatten(None), tree.flatten([None, 1])",
    "[[list(map(str, p)), v] for p, v in tree.flatten_with_path(nested)]",
    "tree.flatten_with_path(1)",
    "kinds(tree.map_structure(lambda x: x, nested))",
    "tree.flatten(tree.map_structure(lambda x, y: (x, y), {'a': 1, 'b': [2]}, {'a': 3, 'b': [4]}))",
    "kinds(tree.map_structure(lambda x: x, ordered)), list(tree.map_structure(lambda x: x, ordered))",
    "list(tree.map_structure(lambda x: x, {'z': 1, 'a': 2}))",
    "kinds(tree.map_structure(lambda x: x, default))",
    "kinds(tree.map_structure(lambda x: [x, x], (1, [2])))",
    "kinds(tree.pack_sequence_as(nested, [7, 6, 5, 4, 3, 2]))",
    "kinds(tree.pack_sequence_as(1, [5])), kinds(tree.pack_sequence_as([], []))",
    "kinds(tree.lists_to_tuples(nested))",
    "tree.map_structure_up_to([0, 0], lambda a, b: [a, b], [1, {'k': 2}], [3, {'k': 4}])",
    "kinds(tree.map_structure_up_to({'a': 0}, lambda a: tree.flatten(a), {'a': [1, [2]]}))",
    "tree.map_shape_structure(lambda s: len(s), [(1, 2), {'k': (None, 3, 4)}])",
    "tree.map_shape_structure(lambda s: list(s), (None, 3))",
    "tree.traverse(lambda x: None if tree.is_nested(x) else x + 1, [1, (2, {'k': 3})])",
    "kinds(tree.traverse(lambda x: 'T' if isinstance(x, tuple) else None, [1, (2, 3), [(4,)]]))",
    "kinds(tree.traverse(lambda x: len(x) if isinstance(x, list) else None, [[1, 2], ([3],)], top_down=False))",
    "kinds(tree.traverse(lambda x: tree.MAP_TO_NONE if x == 2 else None, [1, 2, (2, 3)]))",
    "attempt(lambda: tree.assert_same_structure({'a': [1]}, {'a': [2]}))",
    "attempt(lambda: tree.assert_same_structure({'a': 1}, {'b': 1}))",
    "attempt(lambda: tree.assert_same_structure([1, 2], [1]))",
    "attempt(lambda: tree.assert_same_structure([1], (1,)))",
    "attempt(lambda: tree.assert_same_structure([1], 1))",
    "attempt(lambda: tree.assert_same_structure(1, [1]))",
    "attempt(lambda: tree.assert_same_structure([1, 2], [1, [2]]))",
    "attempt(lambda: tree.assert_same_structure(None, 1)), attempt(lambda: tree.assert_same_structure([], []))",
    "attempt(lambda: tree.assert_same_paths({'a': [1]}, {'a': (1,)})), attempt(lambda: tree.assert_same_paths([1], [1, 2]))",
    "attempt(lambda: tree.map_structure(lambda a, b: 0, [1, 2], [1]))",
    "attempt(lambda: tree.map_structure(lambda a, b: 0, [1], {'a': 1}))",
    "attempt(lambda: tree.map_structure(lambda a, b: 0, [1], 1))",
    "attempt(lambda: tree.map_structure(3, [1])), attempt(lambda: tree.map_structure(lambda: 0))",
    "attempt(lambda: tree.pack_sequence_as([1, 2], [1])), attempt(lambda: tree.pack_sequence_as([1], [1, 2]))",
    "attempt(lambda: tree.pack_sequence_as([1, 2], 3))",
    "attempt(lambda: tree.map_structure_up_to([0, 0], lambda a: a, [1]))",
    "attempt(lambda: tree.map_structure(lambda a, b: 0, (1,), [1]))",
    "attempt(lambda: tree.map_structure(lambda a, b: 0, (1, 2), Point(1, 2)))",
    "attempt(lambda: tree.assert_same_structure({'z': 1, 'a': 2}, ordered))",
    "attempt(lambda: tree.assert_same_structure(default, {'k': [1]}))",
    "tree.flatten(collections.OrderedDict([('b', 1), ('a', collections.OrderedDict(y=1, x=2))]))",
    "[list(map(str, p)) for p, v in tree.flatten_with_path(ordered)]",
    "attempt(lambda: tree.map_structure_up_to([0], lambda a: 0, (1,)))",
    "tree.map_structure(lambda a, b: (a, b), ordered, collections.OrderedDict([('a', 3), ('z', 4)]))",
]


@pytest.fixture(scope="module")
def keras_results():
    return of_keras(CASES, prelude="from keras import tree\n" + PRELUDE)


@pytest.mark.oracle
@pytest.mark.parametrize("case", CASES)
def test_like_keras(keras_results, case):
    scope = {"tree": tree}
    exec(PRELUDE, scope)
    ours = eval(case, scope)
    want = keras_results[case]
    if tree.is_nested(ours):
        assert as_lists(ours) == want
    else:
        assert_same(ours, want)


def as_lists(x):
    """As it comes back from JSON."""
    if isinstance(x, dict):
        return {str(k): as_lists(v) for k, v in x.items()}
    return [as_lists(v) for v in x] if isinstance(x, (list, tuple)) else x


def test_namedtuples_and_mixed_keys_survive():
    Point = collections.namedtuple("Point", "x y")
    assert tree.map_structure(lambda v: -v, Point(1, [2])) == Point(-1, [-2])
    mixed = {1: "a", "b": 2}
    assert tree.map_structure(lambda v: v, mixed) == mixed and len(tree.flatten(mixed)) == 2


def test_none_may_be_kept_as_it_is():
    assert tree.map_structure(lambda v: v + 1, [1, None], none_is_leaf=False) == [2, None]


def test_messages():
    with pytest.raises(ValueError, match=r"don't have the same structure: \[1, 2\] and \[1\]"):
        tree.assert_same_structure([1, 2], [1])
    with pytest.raises(ValueError, match=r"different keys: \['a'\] and \['b'\]"):
        tree.map_structure(lambda a, b: a, {"a": 1}, {"b": 1})
    with pytest.raises(ValueError, match="has 2 leaves, but flat_sequence has 1 elements"):
        tree.pack_sequence_as([1, 2], [1])
