"""Bad inputs of merging layers, their functions, and how they join masks."""

import numpy as np
import pytest

import triceras
from triceras import layers, ops

A = np.arange(6, dtype="float32").reshape(2, 3)
FOLDED = ["Add", "Multiply", "Average", "Maximum", "Minimum", "Subtract"]
BAD = [
    *((lambda c=c: getattr(layers, c)(name="m")(A), r"list of inputs.*'m'.*input_shape=\(2, 3\)") for c in FOLDED),
    *((lambda c=c: getattr(layers, c)(name="m")([A, A[:, :2]]), r"'m'.*incompatible.*\(2, 3\), \(2, 2\)")
      for c in FOLDED),
    *((lambda c=c: getattr(layers, c)(name="m")([A, A[:1]]), r"different batch sizes.*'m'.*\(2, 3\), \(1, 3\)")
      for c in FOLDED),
    (lambda: layers.Add()([]), "list of inputs, at least 1"),
    (lambda: layers.Subtract(name="m")([A, A, A]), "exactly 2 inputs. Layer 'm' received"),
    (lambda: layers.Subtract()([A]), "exactly 2 inputs"),
    (lambda: layers.Concatenate(axis="a"), "`axis` of a Concatenate layer must be an integer. Received: axis='a'"),
    (lambda: layers.Concatenate(axis=None), "axis=None"),
    (lambda: layers.Concatenate(axis=5, name="c")([A, A]), r"'c' received: axis=5.*\(2, 3\), \(2, 3\)"),
    (lambda: layers.Concatenate(axis=0, name="c")([A, A[:, :2]]), r"matching shapes.*'c'.*\(2, 3\), \(2, 2\)"),
    (lambda: layers.Concatenate()([A, A[0]]), "inputs of one rank"),
    (lambda: layers.Dot(axes=(1, 2, 3)), r"two elements.*axes=\(1, 2, 3\)"),
    (lambda: layers.Dot(axes=(1, "a")), "should be integers"),
    (lambda: layers.Dot(1, name="d")([A, A, A]), "list of 2 inputs. Layer 'd' received"),
    (lambda: layers.Dot(0, name="d")([A, A]), "behind that of the batch. Layer 'd'.*axes=0"),
    (lambda: layers.Dot((2, 1))([A, A]), r"axes=\(2, 1\), input_shape="),
    (lambda: layers.Dot(1, name="d")([A, A[:, :2]]), r"'d'.*axis values 3 \(at axis 1\) != 2 \(at axis 1\).*\(2, 2\)"),
    (lambda: layers.Dot(1)([A, A[:1]]), "different batch sizes"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "message"), BAD, ids=range(len(BAD)))
def test_bad_inputs(make, message):
    with triceras.use_backend("numpy"), pytest.raises(ValueError, match=message):
        make()


def test_dot_refuses_other_types():
    for axes in ("a", 1.5, None):
        with pytest.raises(TypeError, match=f"it should be a list or an int. Received: axes={axes}"):
            layers.Dot(axes)


def test_functions_are_the_layers(backend):
    b = A[::-1] * 2
    for name in FOLDED:
        by_function, by_layer = getattr(layers, name.lower())([A, b]), getattr(layers, name)()([A, b])
        np.testing.assert_array_equal(ops.convert_to_numpy(by_function), ops.convert_to_numpy(by_layer))
    assert tuple(layers.concatenate([A, A], axis=0).shape) == (4, 3)
    np.testing.assert_allclose(ops.convert_to_numpy(layers.dot([A, b], axes=1)), (A * b).sum(1, keepdims=True))


def test_shapes_with_unknown_sizes():
    assert layers.Concatenate(axis=1).compute_output_shape([(None, 2, 3), (None, None, 3)]) == (None, None, 3)
    assert layers.Add().compute_output_shape([(None, 2, 3), (4, 1, 3)]) == (4, 2, 3)
    assert layers.Dot((1, 2)).compute_output_shape([(None, 2, 3), (None, 3, 2)]) == (None, 3, 3)


M, N = np.array([[1, 0, 1], [1, 1, 0]], bool), np.array([[1, 1, 0], [0, 1, 0]], bool)
ONES = np.ones_like(M)
JOINED = [
    *((name, "", pair, want) for name in FOLDED
      for pair, want in (((M, N), M | N), ((M, None), None), ((None, N), None), ((None, None), None), (None, None))),
    ("Concatenate", "axis=1", (M, N), np.concatenate([M, N], 1)),
    ("Concatenate", "axis=-2", (M, None), np.concatenate([M, ONES], 1)),
    ("Concatenate", "axis=0", (None, N), np.concatenate([ONES, N], 0)),
    ("Concatenate", "axis=-1", (M, N), M | N),
    ("Concatenate", "axis=2", (M, None), ONES),
    ("Concatenate", "axis=1", (None, None), None),
    ("Dot", "axes=2", (M, N), None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options", "pair", "want"), JOINED, ids=range(len(JOINED)))
def test_masks_joined(name, options, pair, want):
    """As real Keras was seen to join them."""
    with triceras.use_backend("numpy"):
        layer = eval(f"layers.{name}({options})")
        found = layer.compute_mask([np.ones((2, 3, 4))] * 2, None if pair is None else list(pair))
    assert (found is None) == (want is None)
    if want is not None:
        np.testing.assert_array_equal(found, want)


def test_masks_must_fit():
    with triceras.use_backend("numpy"):
        for name in ("Add", "Concatenate"):
            layer = getattr(layers, name)(name="m")
            with pytest.raises(ValueError, match="'m': `mask` should be a list"):
                layer.compute_mask([np.ones((2, 3, 4))] * 2, M)
            with pytest.raises(ValueError, match="'m'.*same length. Received: 2 inputs, 1 masks"):
                layer.compute_mask([np.ones((2, 3, 4))] * 2, [M])
