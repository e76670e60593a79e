"""What Dense, EinsumDense, embeddings, Masking, Rescaling and Lambda refuse, and what they say."""

import numpy as np
import pytest

from triceras import layers

ROW, BOX = np.ones((2, 3), "float32"), np.ones((2, 4, 3), "float32")


@pytest.mark.parametrize(
    ("act", "error", "text"),
    [
        (lambda: layers.Dense(0), ValueError, "`units`, expected a positive integer. Received: units=0"),
        (lambda: layers.Dense(2.5), ValueError, "units=2.5"),
        (lambda: layers.Dense(2, "nope"), ValueError, "nope"),
        (lambda: layers.Dense(2, kernel_initializer="nope"), ValueError, "initializer identifier: nope"),
        (lambda: layers.Dense(2, nope=1), ValueError, "Unrecognized keyword arguments passed to Dense: {'nope': 1}"),
        (lambda: layers.Dense(2, dtype="nope"), ValueError, "Cannot convert 'nope'"),
        (lambda: layers.Dense(2, name="d")(np.ones(3)), ValueError, r"layer 'd'.*min_ndim=2.*\(3,\)"),
        (lambda: layers.EinsumDense("ab->ac", 3), ValueError, "Invalid einsum equation 'ab->ac'"),
        (lambda: layers.EinsumDense("ab,bc->ac", 3, bias_axes="z")(ROW), ValueError, "'z'"),
        (lambda: layers.EinsumDense("abc,cd->abd", (4, 3))(ROW), ValueError, "'abc,cd->abd' doesn't fit .* 2 dim"),
        (lambda: layers.EinsumDense("abc,cd->abd", (5, 3))(BOX), ValueError, "dimension 'b'. Input shape is 4"),
        (lambda: layers.EinsumDense("ab,cd->xy", (3,))(ROW), ValueError, "dimension 'c'"),
        (lambda: layers.Embedding(0, 3), ValueError, "`input_dim`.*input_dim=0"),
        (lambda: layers.Embedding(3, -1), ValueError, "`output_dim`.*output_dim=-1"),
        (lambda: layers.Embedding(3, 2, weights=[ROW]), ValueError, r"\(3, 2\).*\(2, 3\)"),
        (lambda: layers.ReversibleEmbedding("a", 3), ValueError, "input_dim=a"),
        (lambda: layers.ReversibleEmbedding(3, 2, reverse_dtype="nope"), ValueError, "Cannot convert 'nope'"),
        (lambda: layers.ReversibleEmbedding(3, 2)(ROW, reverse=True), ValueError, r"\(2, 3\)"),
        (lambda: layers.Masking("a"), ValueError, "mask_value='a'"),
        (lambda: layers.Lambda(3), ValueError, "`function` must be callable"),
        (lambda: layers.Identity()(3, nope=1), TypeError, "nope"),
    ],
)
def test_refused(act, error, text):
    with pytest.raises(error, match=text):
        act()


def test_a_table_that_is_given(backend):
    table = np.arange(6, dtype="float32").reshape(3, 2)
    for layer in (layers.Embedding(3, 2, weights=table), layers.ReversibleEmbedding(3, 2, weights=[table])):
        np.testing.assert_array_equal(layer.get_weights()[0], table)
        np.testing.assert_array_equal(layer.backend.to_numpy(layer(np.array([2, 0]))), table[[2, 0]])


def test_input_length_is_a_thing_of_the_past():
    with pytest.warns(UserWarning, match="`input_length` is deprecated"):
        layers.Embedding(3, 2, input_length=4)
