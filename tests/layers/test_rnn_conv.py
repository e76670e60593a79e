"""ConvLSTM layers: data formats, steps by hand, shapes, what is refused. Numbers are compared with Keras's elsewhere."""

import numpy as np
import pytest

import triceras
from triceras import layers, ops
from triceras.core import registry, tree

RNG = np.random.default_rng(0)
LAST = "channels_last"
KINDS = {1: layers.ConvLSTM1D, 2: layers.ConvLSTM2D, 3: layers.ConvLSTM3D}


def numbers(x):
    return tree.map_structure(ops.convert_to_numpy, x)


def made(rank, *args, shape, **options):
    """A layer with random weights."""
    layer = KINDS[rank](*args, **options)
    layer.build(shape)
    rng = np.random.default_rng(1)
    layer.set_weights([rng.normal(size=w.shape) for w in layer.get_weights()])
    return layer


def compiled(layer, x):
    return numbers(registry.current().jit(lambda x: layer(x))(ops.convert_to_tensor(x)))


@pytest.mark.parametrize("rank", KINDS)
def test_channels_first_gives_what_channels_last_gives(rank, backend):
    x = RNG.normal(size=(2, 3, *(3, 4, 2)[:rank], 2)).astype("float32")
    options = {"return_sequences": True, "return_state": True, "padding": "same", "use_bias": rank > 1}
    last = made(rank, 3, 2, shape=x.shape, **options)
    turned = np.moveaxis(x, -1, 2)
    first = made(rank, 3, 2, shape=turned.shape, data_format="channels_first", **options)
    outputs, *states = compiled(first, turned)
    found = [np.moveaxis(outputs, 2, -1), *(np.moveaxis(s, 1, -1) for s in states)]
    for a, b in zip(found, compiled(last, x), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def test_each_step_is_the_cell(backend):
    x = RNG.normal(size=(2, 3, 5, 2)).astype("float32")
    layer = made(1, 3, 2, shape=x.shape, strides=2, return_sequences=True)
    outputs = numbers(layer(x))
    states = layer.get_initial_state(2)
    assert [tuple(s.shape) for s in states] == [(2, 2, 3)] * 2
    for i in range(3):
        output, states = layer.cell(x[:, i], states)
        np.testing.assert_allclose(outputs[:, i], numbers(output), rtol=1e-5, atol=1e-5)


def test_dropout_is_the_same_at_all_steps():
    with triceras.use_backend("numpy"):
        options = {"activation": "linear", "recurrent_activation": "linear", "use_bias": False, "padding": "same"}
        layer = layers.ConvLSTM1D(1, 1, dropout=0.5, seed=1, return_sequences=True, **options)
        layer.build((2, 3, 8, 1))
        layer.set_weights([np.ones(w.shape) for w in layer.weights])
        found = numbers(layer(np.ones((2, 3, 8, 1), "float32"), training=True))
        dropped = found == 0
        assert (dropped == dropped[:, :1]).all() and 0 < dropped.mean() < 1
        assert not (numbers(layer(np.ones((2, 3, 8, 1), "float32"), training=False)) == 0).any()


SHAPES = [  # rank, arguments, input, output
    (1, {"kernel_size": 3}, (None, None, 7, 2), (None, 5, 4)),
    (1, {"kernel_size": 3, "dilation_rate": 2, "return_sequences": True}, (2, None, 7, 2), (2, None, 3, 4)),
    (2, {"kernel_size": (1, 3), "strides": (2, 1)}, (None, 5, 6, 7, 2), (None, 3, 5, 4)),
    (2, {"kernel_size": 2, "padding": "same", "data_format": "channels_first"}, (3, 5, 2, 6, 7), (3, 4, 6, 7)),
    (3, {"kernel_size": 2, "padding": "SAME", "strides": 2}, (None, 5, 2, 3, 4, 1), (None, 1, 2, 2, 4)),
]


@pytest.mark.parametrize(("rank", "arguments", "shape", "expected"), SHAPES, ids=str)
def test_shapes(rank, arguments, shape, expected):
    with triceras.use_backend("numpy"):
        layer = KINDS[rank](4, **arguments)
        assert layer.compute_output_shape(shape) == expected
        assert layer(triceras.Input(batch_shape=shape)).shape == expected
        layer = KINDS[rank](4, **arguments, return_state=True)
        state = tuple(n for i, n in enumerate(expected) if i != 1 or not layer.return_sequences)
        assert layer.compute_output_shape(shape) == (expected, state, state)
        assert [s.shape for s in layer(triceras.Input(batch_shape=shape))] == [expected, state, state]


def called(*shapes, rank=2, **options):
    layer = KINDS[rank](2, 2, **options)
    for shape in shapes:
        layer(np.zeros(shape, "float32"))


REFUSED = [
    *(({"filters": n}, f"`filters`, expected a positive integer.*filters={n}") for n in (0, -1, "a", None, 1.5)),
    *(
        ({name: value}, f"`{name}` argument must be a tuple of 2 integers.*{name}=")
        for name in ("kernel_size", "strides", "dilation_rate")
        for value in (0, -1, (1,), (1, 2, 3), "a", None, (1, 0), 1.5)
    ),
    ({"padding": "causal"}, "`padding` argument must be one of.*padding=causal"),
    ({"data_format": "foo"}, "`data_format` argument must be one of.*foo"),
    (
        {"strides": 2, "dilation_rate": 2},
        r"strides > 1.*dilation_rate > 1.*strides=\(2, 2\) and dilation_rate=\(2, 2\)",
    ),
    ({"activation": "nope"}, "nope"),
    ({"bias_constraint": "nope"}, "Could not interpret constraint identifier: nope"),
    ({"foo": 1}, "Unrecognized keyword arguments passed to ConvLSTM2D: {'foo': 1}"),
]
REFUSED_INPUTS = [
    (lambda: called((2, 3, 4, 5)), r"layer 'conv_lstm2d'.*expected ndim=5, found ndim=4. Full.*\(2, 3, 4, 5\)"),
    (lambda: called((2, 3, 4, 4, 1), (2, 3, 4, 5, 1)), r"axis 3 of input shape to have value 4.*\(2, 3, 4, 5, 1\)"),
    (lambda: called((2, 3, 4, 1, 1)), "conv"),
    (lambda: KINDS[2](2, 2)(triceras.Input((3, 4, 4, None))), r"channel dimension.*\(None, 4, 4, None\)"),
    (lambda: KINDS[2](2, 2)(triceras.Input((3, None, 4, 1))), r"static input shapes.*\(None, None, 4, 1\)"),
    (lambda: called((2, 3, 4, 4, 1), (3, 3, 4, 4, 1), stateful=True), "(?s)stateful.*size: 2.*size: 3"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED, ids=[str(a) for a, _ in REFUSED])
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        layers.ConvLSTM2D(**{"filters": 2, "kernel_size": 2, **arguments})


@pytest.mark.parametrize(("act", "message"), REFUSED_INPUTS, ids=[m[:30] for _, m in REFUSED_INPUTS])
def test_bad_inputs_are_refused(act, message):
    with triceras.use_backend("numpy"):
        triceras.utils.clear_session(free_memory=False)
        with pytest.raises(ValueError, match=message):
            act()
