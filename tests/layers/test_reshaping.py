"""Layers that rearrange, crop, pad and repeat: what they refuse, and what they do with unknown sizes."""

import numpy as np
import pytest

import triceras
from tests.layers.cases.example import example
from triceras import layers, ops

REFUSED = [
    (
        lambda: layers.Reshape((2, -1, -1)),
        "at most one unknown dimension (-1) in `target_shape`. Received: target_shape=",
    ),
    (lambda: layers.Reshape((2, -3)), "must be a non-negative integer, or `-1`"),
    (lambda: layers.Reshape(("a",)), "target_shape=('a',)"),
    (lambda: layers.Permute((0, 1)), "consecutive and start from 1. Received dims=(0, 1)"),
    (lambda: layers.Permute((1, 1)), "dims=(1, 1)"),
    (lambda: layers.RepeatVector(0), "n=0"),
    (lambda: layers.Flatten(data_format="nope"), "data_format=nope"),
    (lambda: layers.Cropping1D(-1), "a tuple of 2 integers of at least 0. Received: cropping=-1"),
    (lambda: layers.Cropping1D((1, 2, 3)), "cropping=(1, 2, 3)"),
    (lambda: layers.Cropping2D((1, 2, 3)), "for each of 2 dimensions. Received: cropping=(1, 2, 3)"),
    (lambda: layers.Cropping2D(((1, 2, 3), 1)), "Received: cropping[0]=(1, 2, 3)"),
    (lambda: layers.Cropping2D(None), "cropping=None"),
    (lambda: layers.Cropping3D((1, -1, 0)), "cropping[1]=-1"),
    (lambda: layers.Cropping2D(1, data_format="nope"), "data_format=nope"),
    (lambda: layers.ZeroPadding1D("a"), "padding=a"),
    (lambda: layers.ZeroPadding2D(-1), "padding[0]=-1"),
    (lambda: layers.ZeroPadding3D((1, 2)), "for each of 3 dimensions. Received: padding=(1, 2)"),
    (lambda: layers.UpSampling1D(0), "size=0"),
    (lambda: layers.UpSampling2D((2, 3, 4)), "a tuple of 2 integers of at least 1. Received: size=(2, 3, 4)"),
    (lambda: layers.UpSampling2D(2, interpolation="nope"), "one of ('nearest', 'bilinear', 'bicubic', 'lanczos3', "),
    (lambda: layers.UpSampling3D(0), "size=0"),
]
WRONG_INPUTS = [
    (lambda: layers.Cropping1D(name="r"), (2, 3), "'r' is incompatible with the layer: expected ndim=3, found ndim=2"),
    (lambda: layers.Cropping1D(2, name="r"), (2, 4, 1), r"`cropping` of layer 'r' must leave something .*, cropping=\(2, 2\)"),
    (lambda: layers.Cropping2D((0, 3), name="r"), (1, 9, 6, 1), "`cropping` of layer 'r' must leave something of every dim"),
    (lambda: layers.ZeroPadding2D(name="r"), (2, 3, 4), "'r' is incompatible with the layer: expected ndim=4, found ndim=3"),
    (lambda: layers.UpSampling3D(name="r"), (2, 3, 4), "'r' is incompatible with the layer: expected ndim=5, found ndim=3"),
    (lambda: layers.RepeatVector(2, name="r"), (2, 3, 4), "'r' is incompatible .*: expected ndim=2, found ndim=3"),
    (lambda: layers.Permute((2, 1), name="r"), (2, 3), "'r' is incompatible with the layer: expected ndim=3, found ndim=2"),
    (lambda: layers.Reshape((2, 3), name="r"), (2, 5), r"input_shape=\(5,\), target_shape=\(2, 3\)"),
]  # fmt: skip
UNKNOWN = [
    (lambda: layers.Cropping1D(2), (None, 3), (None, None, 3)),
    (lambda: layers.ZeroPadding2D(1), (None, 4, 3), (None, None, 6, 3)),
    (lambda: layers.UpSampling1D(2), (None, 3), (None, None, 3)),
    (lambda: layers.UpSampling2D(2, interpolation="bilinear"), (None, 4, 3), (None, None, 8, 3)),
    (lambda: layers.UpSampling3D(2, "channels_first"), (1, None, 4, 3), (None, 1, None, 8, 6)),
    (lambda: layers.Permute((2, 1)), (None, 3), (None, 3, None)),
    (lambda: layers.RepeatVector(4), (None,), (None, 4, None)),
    (lambda: layers.Flatten(), (None, 3), (None, None)),
    (lambda: layers.Reshape((-1, 2)), (None, 4), (None, None, 2)),
]


@pytest.mark.parametrize(("make", "told"), REFUSED)
def test_refused_arguments(make, told):
    with triceras.use_backend("numpy"), pytest.raises(ValueError) as error:
        make()
    assert told in str(error.value)


@pytest.mark.parametrize("make", [layers.RepeatVector, layers.UpSampling1D])
def test_counts_must_be_integers(make):
    for value in (2.0, "a", True, (2,)):
        with pytest.raises(TypeError, match="Expected an integer value for"):
            make(value)


@pytest.mark.parametrize(("make", "shape", "told"), WRONG_INPUTS)
def test_wrong_inputs(make, shape, told):
    with triceras.use_backend("numpy"):
        with pytest.raises(ValueError, match=told):
            make()(np.ones(shape, "float32"))
        with pytest.raises(ValueError, match=told):
            make()(triceras.Input(shape[1:]))


@pytest.mark.parametrize(("make", "shape", "expected"), UNKNOWN)
def test_unknown_sizes_stay_unknown(make, shape, expected):
    with triceras.use_backend("numpy"):
        assert make()(triceras.Input(shape)).shape == expected


def test_symbols_follow_the_dtype_policy():
    """Layers that leave their shapes to `call` know of the cast that comes before it, too."""
    with triceras.use_backend("numpy"):
        out = layers.Cropping1D(1, dtype="mixed_float16")(triceras.Input((4, 2)))
        assert out.dtype == "float16"


def test_edges_are_what_they_were_given_as():
    assert layers.Cropping1D(2).cropping == layers.ZeroPadding1D(2).padding == (2, 2)
    assert layers.Cropping2D((1, (0, 2))).cropping == layers.ZeroPadding2D((1, (0, 2))).padding == ((1, 1), (0, 2))
    assert layers.UpSampling1D(3).size == 3 and layers.UpSampling2D(3).size == (3, 3)
    assert layers.Reshape(np.array([2, 3])).target_shape == (2, 3)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_cropping_undoes_padding(backend, rank):
    edges = [1, (1, (0, 2)), (1, (0, 2), 3)][rank - 1]
    x = example("2,3,2,3,2"[: 2 * rank + 3])
    padded = getattr(layers, f"ZeroPadding{rank}D")(edges)(x)
    cropped = getattr(layers, f"Cropping{rank}D")(edges)(padded)
    np.testing.assert_array_equal(ops.convert_to_numpy(cropped), x)
    assert np.abs(ops.convert_to_numpy(padded)).sum() == pytest.approx(np.abs(x).sum(), rel=1e-5)
