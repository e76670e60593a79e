"""Convolutions: arguments that are refused, both data formats, strides together with dilation."""

import numpy as np
import pytest

import triceras
from tests.layers.cases.example import example
from triceras import layers, ops

STRIDED = {"strides": 2, "dilation_rate": 2}
REFUSED = [
    (lambda: layers.Conv2D(0, 3), "`filters`, expected a positive integer. Received: filters=0"),
    (lambda: layers.Conv2D(2.5, 3), "filters=2.5"),
    (lambda: layers.Conv2D(2, 0), "`kernel_size` argument must be a tuple of 2 integers of at least 1"),
    (lambda: layers.Conv1D(2, (3, 3)), "a tuple of 1 integers of at least 1. Received: kernel_size=(3, 3)"),
    (lambda: layers.Conv3D(2, 3, strides=(1, 2)), "a tuple of 3 integers of at least 1. Received: strides=(1, 2)"),
    (lambda: layers.Conv2D(2, 3, dilation_rate=0), "dilation_rate=0"),
    (lambda: layers.Conv2D(2, 3, padding="causal"), "one of ('valid', 'same'). Received: padding=causal"),
    (lambda: layers.Conv2D(2, 3, padding=None), "padding=None"),
    (lambda: layers.Conv2D(2, 3, data_format="last"), "data_format=last"),
    (lambda: layers.Conv2D(2, 3, **STRIDED), "strides=(2, 2) and dilation_rate=(2, 2)"),
    (lambda: layers.Conv2D(3, 3, groups=2), "groups=2, filters=3"),
    (lambda: layers.Conv2D(3, 3, groups=0), "groups=0"),
    (lambda: layers.Conv2D(2, 3, activation="nope"), "nope"),
    (lambda: layers.Conv2D(2, 3, kernel_initializer="nope"), "nope"),
    (lambda: layers.Conv2DTranspose(0, 3), "filters=0"),
    (lambda: layers.Conv1DTranspose(2, 3, padding="causal"), "padding=causal"),
    (lambda: layers.Conv2DTranspose(2, 3, **STRIDED), "strides=(2, 2) and dilation_rate=(2, 2)"),
    (lambda: layers.Conv2DTranspose(2, 3, output_padding=1), "output_padding=(1, 1), strides=(1, 1)"),
    (
        lambda: layers.Conv2DTranspose(2, 3, strides=2, output_padding=(-1, 0)),
        "of at least 0. Received: output_padding",
    ),
    (lambda: layers.Conv3DTranspose(2, 3, strides=2, output_padding=(1, 1)), "a tuple of 3 integers"),
    (lambda: layers.Conv2DTranspose(2, 3, groups=2), "Unrecognized keyword arguments passed to Conv2DTranspose"),
    (lambda: layers.DepthwiseConv1D(3, depth_multiplier=0), "depth_multiplier=0"),
    (lambda: layers.DepthwiseConv1D(3, padding="causal"), "padding=causal"),
    (lambda: layers.DepthwiseConv2D((3, 0)), "kernel_size=(3, 0)"),
    (lambda: layers.SeparableConv1D(0, 3), "filters=0"),
    (lambda: layers.SeparableConv2D(2, 3, depth_multiplier=-1), "depth_multiplier=-1"),
    (lambda: layers.SeparableConv2D(2, 3, padding="full"), "padding=full"),
]
WRONG_INPUTS = [
    (lambda: layers.Conv2D(2, 3, name="c"), (1, 5, 5), "'c' is incompatible with the layer: expected min_ndim=4, found"),
    (lambda: layers.Conv2D(2, 3, name="c"), (1, 2, 5, 5, 3), "'c' is incompatible .*: expected max_ndim=4, found ndim=5"),
    (lambda: layers.Conv2D(2, 3, name="c"), (1, 2, 5, 3), r"shape \(.*, 2, 5, 3\) is too small for layer 'c' with kernel_s"),
    (lambda: layers.Conv2D(4, 3, groups=2, name="c"), (1, 5, 5, 3), "'c' has 3 channels"),
    (lambda: layers.SeparableConv1D(4, 3, name="s"), (1, 5), "'s' is incompatible with the layer: expected min_ndim=3"),
    (lambda: layers.DepthwiseConv1D(3, name="d"), (1, 2, 4), r"shape \(.*, 2, 4\) is too small for layer 'd'"),
    (lambda: layers.Conv3DTranspose(2, 2, name="t"), (1, 2, 4), "'t' is incompatible .*: expected min_ndim=5, found ndim=3"),
]  # fmt: skip


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


@pytest.mark.parametrize("make", [layers.Conv2DTranspose, layers.SeparableConv2D, layers.Conv2D])
def test_unknown_channels(make):
    with (
        triceras.use_backend("numpy"),
        pytest.raises(ValueError, match="channel dimension of the inputs to 'c' must be"),
    ):
        make(2, 3, name="c")(triceras.Input((5, 5, None)))


def test_other_channels_than_it_was_built_for():
    with triceras.use_backend("numpy"):
        layer = layers.DepthwiseConv1D(2, data_format="channels_first", name="d")
        layer(np.ones((1, 3, 4), "float32"))
        with pytest.raises(ValueError, match="expected axis 1 of input shape to have value 3"):
            layer(np.ones((1, 2, 4), "float32"))


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda f: layers.Conv3D(2, 2, strides=2, padding="same", data_format=f), (1, 3, 4, 2, 3)),
        (lambda f: layers.Conv3DTranspose(2, 2, strides=2, data_format=f), (1, 2, 1, 2, 3)),
        (lambda f: layers.DepthwiseConv2D((2, 3), strides=(1, 2), data_format=f), (1, 3, 5, 3)),
        (lambda f: layers.SeparableConv2D(2, 2, dilation_rate=2, data_format=f), (1, 4, 5, 3)),
    ],
)
def test_channels_first_is_channels_last_with_the_axes_moved(backend, make, shape):
    x = example(",".join(map(str, shape)))
    last, first = make("channels_last"), make("channels_first")
    expected = ops.convert_to_numpy(last(x))
    moved = np.moveaxis(x, -1, 1)
    first.build(moved.shape)
    first.set_weights(last.get_weights())
    found = np.moveaxis(ops.convert_to_numpy(first(moved)), 1, -1)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert first.compute_output_shape(moved.shape) == tuple(first(moved).shape)


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_strides_together_with_dilation(backend, padding):
    """TensorFlow's own depthwise convolution gives other numbers for these, without a word."""
    x = np.pad(example("1,7,6,2"), [(0, 0), (1, 1), (1, 1), (0, 0)])  # so that both paddings cut at the same places
    layer = layers.DepthwiseConv2D(3, strides=2, dilation_rate=2, padding=padding)
    found = ops.convert_to_numpy(layer(x))
    total = {n: max((-(-n // 2) - 1) * 2 + 5 - n, 0) if padding == "same" else 0 for n in x.shape[1:3]}
    wide = np.pad(x, [(0, 0), *((t // 2, t - t // 2) for t in total.values()), (0, 0)])
    whole = layers.DepthwiseConv2D(3, dilation_rate=2)
    whole.build(wide.shape)
    whole.set_weights(layer.get_weights())
    np.testing.assert_allclose(found, ops.convert_to_numpy(whole(wide))[:, ::2, ::2], atol=1e-5)
    assert layer.compute_output_shape(x.shape) == found.shape


def test_constructors_of_one_family_differ_in_defaults_alone():
    import inspect

    for rank, cls in enumerate((layers.Conv1D, layers.Conv2D, layers.Conv3D), 1):
        given = inspect.signature(cls).parameters
        assert given["strides"].default == given["dilation_rate"].default == ((1,) * rank if rank > 1 else 1)
        assert cls(2, 3).get_config()["strides"] == (1,) * rank
        assert list(given) == list(inspect.signature(layers.Conv1D).parameters)


def test_subclasses_have_their_own_constructor():
    class Mine(layers.Conv2D):
        def __init__(self, filters, **kwargs):
            super().__init__(filters, 1, **kwargs)

    with triceras.use_backend("numpy"):
        assert Mine(4)(np.ones((1, 2, 2, 3), "float32")).shape == (1, 2, 2, 4)
