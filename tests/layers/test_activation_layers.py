"""Bad arguments of activation layers, and what their cases don't show."""

import numpy as np
import pytest

import triceras
from triceras import layers, ops

X = np.arange(24.0, dtype="float32").reshape(2, 3, 4)
BAD = [
    (lambda: layers.ReLU(-1), "max_value of a ReLU layer cannot be a negative value. Received: max_value=-1"),
    (lambda: layers.ReLU("a"), "max_value=a"),
    (lambda: layers.ReLU(negative_slope=None), "negative_slope of a ReLU layer cannot be None.*negative_slope=None"),
    (lambda: layers.ReLU(threshold=-1), "threshold of a ReLU layer cannot be None or a negative.*threshold=-1"),
    (lambda: layers.LeakyReLU(None), "cannot be None or negative value.*negative_slope=None"),
    (lambda: layers.LeakyReLU(-0.2), "negative_slope=-0.2"),
    (lambda: layers.ELU(None), "`alpha` of an ELU layer must be a number. Received: alpha=None"),
    (lambda: layers.ELU("a"), "alpha='a'"),
    (lambda: layers.PReLU(shared_axes="a"), r"`shared_axes`.*integers.*\['a'\]"),
    (lambda: layers.PReLU(shared_axes=[5], name="p")(X), r"'p'.*shared_axes=\[5\], input_shape=\(2, 3, 4\)"),
    (lambda: layers.PReLU(alpha_initializer="nope"), "nope"),
    (lambda: layers.Softmax(axis="a"), "`axis` of a Softmax layer.*axis='a'"),
    (lambda: layers.Softmax()(X, mask=np.ones((2, 3), bool)),
     r"`mask` must be broadcastable.*inputs.shape=\(2, 3, 4\), mask.shape=\(2, 3\)"),
    (lambda: layers.Activation("nope"), "Could not interpret activation function identifier: nope"),
    (lambda: layers.Activation(3), "Could not interpret activation function identifier: 3"),
    (lambda: layers.Masking("a"), "`mask_value` of a Masking layer must be a number. Received: mask_value='a'"),
    (lambda: layers.Masking(None), "mask_value=None"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "message"), BAD, ids=range(len(BAD)))
def test_bad_arguments(make, message):
    with triceras.use_backend("numpy"), pytest.raises(ValueError, match=message):
        make()


def test_prelu_refuses_other_shapes():
    with triceras.use_backend("numpy"):
        layer = layers.PReLU(shared_axes=[1], name="p")
        assert layer(X).shape == (2, 3, 4) and layer(X[:, :2]).shape == (2, 2, 4)
        with pytest.raises(ValueError, match="'p'.*expected axis 2 of input shape to have value 4.*\\(2, 3, 2\\)"):
            layer(X[:, :, :2])


def test_alpha_is_deprecated():
    with triceras.use_backend("numpy"), pytest.warns(UserWarning, match="Use `negative_slope` instead"):
        assert layers.LeakyReLU(alpha=0.2).negative_slope == 0.2


def test_softmax_of_masked_rows(backend):
    """Masked places are exactly zero, the others add up to one; a row without places is all zero."""
    mask = np.array([[True, False, True, True], [False, True, True, False], [False] * 4])
    for dtype in ("float32", "float16", "bfloat16"):
        out = layers.Softmax(dtype=dtype)(X, mask=mask)
        out = ops.convert_to_numpy(ops.cast(out, "float32"))
        assert not out[:, ~mask].any()
        np.testing.assert_allclose(out.sum(-1), [[1, 1, 0]] * 2, atol=1e-2)
