"""Pooling: arguments and inputs that are refused, both data formats, masks, integers."""

import numpy as np
import pytest

import triceras
from tests.layers.cases.example import example
from triceras import layers, ops

REFUSED = [
    (
        lambda: layers.MaxPooling2D(0),
        "`pool_size` argument must be a tuple of 2 integers of at least 1. Received: pool_",
    ),
    (lambda: layers.MaxPooling2D((2,)), "pool_size=(2,)"),
    (lambda: layers.AveragePooling1D(2.0), "pool_size=2.0"),
    (lambda: layers.MaxPooling3D(2, strides=(1, 2)), "a tuple of 3 integers of at least 1. Received: strides=(1, 2)"),
    (lambda: layers.AveragePooling2D(2, strides=0), "strides=0"),
    (lambda: layers.MaxPooling1D(2, padding="causal"), "one of ('valid', 'same'). Received: padding=causal"),
    (lambda: layers.AveragePooling3D(2, data_format="nope"), "data_format=nope"),
    (lambda: layers.GlobalMaxPooling3D(data_format="nope"), "data_format=nope"),
    (lambda: layers.AdaptiveAveragePooling2D((2, 3, 4)), "a tuple of 2 integers of at least 1. Received: output_size="),
    (lambda: layers.AdaptiveMaxPooling1D(0), "output_size=0"),
    (lambda: layers.AdaptiveMaxPooling3D(2.0), "output_size=2.0"),
    (lambda: layers.AdaptiveMaxPooling3D(None), "output_size=None"),
    (lambda: layers.AdaptiveMaxPooling2D(2, data_format="nope"), "data_format=nope"),
]
WRONG_INPUTS = [
    (lambda: layers.MaxPooling2D(name="p"), (1, 3, 3), "'p' is incompatible with the layer: expected ndim=4, found ndim=3"),
    (lambda: layers.GlobalAveragePooling3D(name="p"), (1, 3, 3, 2), "'p' is incompatible .*: expected ndim=5, found ndim=4"),
    (lambda: layers.AdaptiveMaxPooling2D(2, name="p"), (3, 3, 1), "'p' is incompatible .*: expected ndim=4, found ndim=3"),
]  # fmt: skip
TRANSPOSED = [
    (lambda f: layers.AveragePooling3D(2, strides=1, padding="same", data_format=f), "1,2,3,4,2"),
    (lambda f: layers.MaxPooling3D((1, 2, 2), data_format=f), "1,2,3,4,2"),
    (lambda f: layers.GlobalMaxPooling3D(f, keepdims=True), "1,2,3,4,2"),
    (lambda f: layers.AdaptiveMaxPooling2D((2, 3), f), "1,5,4,2"),
    (lambda f: layers.AdaptiveMaxPooling3D(2, f), "1,3,4,2,2"),
    (lambda f: layers.AdaptiveAveragePooling2D((2, 3), f), "1,5,4,2"),
]


@pytest.mark.parametrize(("make", "told"), REFUSED)
def test_refused_arguments(make, told):
    with triceras.use_backend("numpy"), pytest.raises(ValueError) as error:
        make()
    assert told in str(error.value)


@pytest.mark.parametrize(("make", "shape", "told"), WRONG_INPUTS)
def test_wrong_inputs(make, shape, told):
    with triceras.use_backend("numpy"):
        with pytest.raises(ValueError, match=told):
            make()(np.ones(shape, "float32"))
        with pytest.raises(ValueError, match=told):
            make()(triceras.Input(shape[1:]))


def test_a_window_that_does_not_fit_in():
    with triceras.use_backend("numpy"):
        told = r"shape \(None, 3, 2, 1\) is too small for layer 'p' with pool_size=\(4, 1\)"
        with pytest.raises(ValueError, match=told):
            layers.MaxPooling2D((4, 1), name="p")(triceras.Input((3, 2, 1)))
        with pytest.raises(ValueError, match=told):
            layers.AveragePooling2D((4, 1), name="p").compute_output_shape((None, 3, 2, 1))


@pytest.mark.parametrize(("make", "shape"), TRANSPOSED)
def test_channels_first_is_channels_last_with_the_axes_moved(backend, make, shape):
    x = example(shape)
    moved = np.moveaxis(x, -1, 1)
    expected, found = (ops.convert_to_numpy(make(f)(y)) for f, y in (("channels_last", x), ("channels_first", moved)))
    places = list(range(1, expected.ndim - 1))
    np.testing.assert_allclose(found.transpose(0, *(p + 1 for p in places), 1), expected, atol=1e-6)
    assert make("channels_first").compute_output_shape(moved.shape) == found.shape


def test_adaptive_windows_cover_what_overlaps(backend):
    x = np.arange(5.0, dtype="float32").reshape(1, 5, 1)
    assert ops.convert_to_numpy(layers.AdaptiveMaxPooling1D(3)(x)).ravel().tolist() == [1, 3, 4]
    assert ops.convert_to_numpy(layers.AdaptiveAveragePooling1D(3)(x)).ravel().tolist() == [0.5, 2, 3.5]
    image = np.arange(12.0, dtype="float32").reshape(1, 3, 4, 1)
    assert ops.convert_to_numpy(layers.AdaptiveMaxPooling2D((2, 2))(image)).ravel().tolist() == [5, 7, 9, 11]


def test_integers_stay_integers(backend):
    x = example("1,4,2:int32")
    for layer in (layers.MaxPooling1D(2), layers.GlobalMaxPooling1D(), layers.AdaptiveMaxPooling1D(2)):
        assert triceras.backend.standardize_dtype(layer(x).dtype) == "int32"
        assert layer(triceras.Input((4, 2), dtype="int32")).dtype == "int32"


def test_the_mask_counts_and_ends_in_an_average(backend):
    x, mask = example("2,3,4"), np.array([[1, 0, 1, 1], [0, 0, 0, 1]], bool)
    layer = layers.GlobalAveragePooling1D(data_format="channels_first")
    expected = [x[0][:, mask[0]].mean(1), x[1][:, mask[1]].mean(1)]
    np.testing.assert_allclose(ops.convert_to_numpy(layer(x, mask=mask)), expected, atol=1e-6)
    model = triceras.Sequential([layers.Masking(0.0), layers.GlobalAveragePooling1D()])
    sequence = np.array([[[1.0], [0.0], [5.0]]], "float32")
    out = model(sequence)
    assert ops.convert_to_numpy(out).tolist() == [[3.0]] and getattr(out, "_keras_mask", None) is None


def test_other_pools_drop_a_mask_with_a_warning():
    with triceras.use_backend("numpy"):
        x = layers.Masking()(np.ones((1, 4, 2), "float32"))
        with pytest.warns(UserWarning, match="does not support masking"):
            layers.MaxPooling1D(2)(x)
