"""Layers around layers: `Wrapper`, `Bidirectional`, `TimeDistributed`."""

import numpy as np
import pytest

import triceras
from triceras import layers, ops
from triceras.core import masks, tree

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 4, 2)).astype("float32")
MASK = np.array([[1, 1, 0, 1], [0, 1, 1, 0], [0, 0, 0, 0]], bool)
LSTM, GRU, RNN, Bi, Steps = layers.LSTM, layers.GRU, layers.RNN, layers.Bidirectional, layers.TimeDistributed


def numbers(x):
    return tree.map_structure(ops.convert_to_numpy, x)


def assert_close(found, expected, tolerance=1e-5):
    for a, b in zip(tree.flatten(found), tree.flatten(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def shapes(x):
    return [tuple(t.shape) for t in tree.flatten(x)]


def test_a_wrapper_holds_its_layer():
    with triceras.use_backend("numpy"):
        outer = layers.Wrapper(layers.Dense(3, name="inner"), name="outer")
        outer.build((None, 2))
        assert [w.path for w in outer.weights] == ["outer/inner/kernel", "outer/inner/bias"]
        clone = layers.Wrapper.from_config(outer.get_config())
        assert isinstance(clone.layer, layers.Dense) and clone.get_config() == outer.get_config()
        with pytest.raises(ValueError, match="Layer x supplied to Wrapper isn't a supported layer type"):
            layers.Wrapper("x")


# --- both directions --------------------------------------------------------------------------------------------------

MERGED = {
    "sum": lambda a, b: [a + b],
    "mul": lambda a, b: [a * b],
    "ave": lambda a, b: [(a + b) / 2],
    "concat": lambda a, b: [np.concatenate([a, b], -1)],
    None: lambda a, b: [a, b],
}


@pytest.mark.parametrize("cell", [LSTM, GRU])
def test_both_directions_use_the_kernel_and_are_merged(cell, backend, monkeypatch):
    kernels = []
    for name in ("lstm", "gru"):
        op = getattr(ops, name)
        monkeypatch.setattr(ops, name, lambda *args, op=op: kernels.append(op.name) or op(*args))
    mask = ops.convert_to_tensor(MASK)
    modes = MERGED if backend == "numpy" else {"concat": MERGED["concat"]}
    for mode, merge in modes.items():
        layer = Bi(cell(3, return_sequences=True, return_state=True), merge_mode=mode)
        kernels.clear()
        found = numbers(layer(X, mask=mask))
        assert kernels == [cell.__name__.lower()] * 2
        (ahead, *first), (back, *last) = (numbers(x(X, mask=mask)) for x in (layer.forward_layer, layer.backward_layer))
        assert_close(found, [*merge(ahead, back[:, ::-1]), *first, *last])
        assert shapes(found) == shapes(layer(triceras.Input(batch_shape=(3, 4, 2))))


def test_the_backward_layer_begins_at_the_end():
    with triceras.use_backend("numpy"):
        layer = Bi(LSTM(3))
        ahead, back = np.split(numbers(layer(X)), 2, axis=-1)
        turned = Bi(LSTM(3))
        turned.build(X.shape)
        half = len(layer.weights) // 2
        turned.set_weights(layer.get_weights()[half:] + layer.get_weights()[:half])
        assert_close(np.split(numbers(turned(X[:, ::-1].copy())), 2, axis=-1), [back, ahead])


def test_initial_states_of_both_directions(backend):
    layer = Bi(GRU(3, return_state=True))
    a, b = (ops.convert_to_tensor(RNG.normal(size=(3, 3)).astype("float32")) for _ in range(2))
    found = numbers(layer(X, initial_state=[a, b]))
    assert_close(found[1], numbers(layer.forward_layer(X, initial_state=a)[1]))
    assert_close(found[2], numbers(layer.backward_layer(X, initial_state=b)[1]))
    symbols = [triceras.Input((None, 2)), triceras.Input((3,)), triceras.Input((3,))]
    model = triceras.Model(symbols, layer(symbols[0], initial_state=symbols[1:]))
    assert_close(numbers(model([ops.convert_to_tensor(X), a, b])), found)


def test_given_weights_and_names():
    with triceras.use_backend("numpy"):
        given = [RNG.normal(size=s).astype("float32") for s in [(2, 3), (3, 3)] * 2]
        layer = Bi(layers.SimpleRNN(3, use_bias=False, name="a"), weights=given, name="outer")
        layer(X)
        assert_close(layer.get_weights(), given)
        names = [
            f"outer/{way}_a/simple_rnn_cell/{w}"
            for way in ("forward", "backward")
            for w in ("kernel", "recurrent_kernel")
        ]
        assert [w.path for w in layer.weights] == names
        clone = Bi.from_config(layer.get_config())
        assert [w.path for w in clone.weights] == names and clone.get_config() == layer.get_config()


def test_both_directions_keep_their_states(backend):
    layer = Bi(LSTM(3, stateful=True))
    assert layer.states is None
    first = numbers(layer(X))
    assert shapes(layer.states) == [(3, 3)] * 4 and len(layer.weights) == 6
    assert np.abs(numbers(layer(X)) - first).max() > 1e-3
    layer.reset_state()
    assert_close(numbers(layer(X)), first)


@pytest.mark.parametrize(
    "options", [{"return_sequences": True}, {"return_sequences": True, "return_state": True}, {}], ids=str
)
@pytest.mark.parametrize("mode", ["concat", None])
def test_masks_behind_both_directions(mode, options):
    with triceras.use_backend("numpy"):
        x = layers.Masking()(X)
        found = tree.flatten(Bi(GRU(3, **options), merge_mode=mode)(x))
        outputs = 1 if mode else 2
        carried = [masks.get(t) is not None for t in found]
        assert carried == [bool(options)] * outputs + [False] * (len(found) - outputs)


class Plain(layers.Layer):
    """A cell that nobody registered."""

    state_size = 2

    def call(self, inputs, states):
        return inputs + states[0], [inputs + states[0]]


def test_cells_that_nobody_registered_go_in_both_directions(backend):
    found = numbers(Bi(RNN(Plain(), return_sequences=True), merge_mode=None)(X))
    assert_close(found, [np.cumsum(X, 1), np.cumsum(X[:, ::-1], 1)[:, ::-1]])


# --- at each step -----------------------------------------------------------------------------------------------------


class Sees(layers.Layer):
    """Remembers the shapes of what it gets."""

    supports_masking = True

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        object.__setattr__(self, "seen", [])

    def call(self, inputs, mask=None):
        self.seen.append((tuple(inputs.shape), None if mask is None else numbers(mask).tolist()))
        return {"double": inputs * 2, "sum": ops.sum(inputs, axis=-1)}


def test_all_steps_are_one_call(backend):
    layer = Steps(Sees())
    mask = ops.convert_to_tensor(MASK)
    found = numbers(layer(X, mask=mask))
    assert layer.layer.seen == [((12, 2), MASK.reshape(-1).tolist())]
    assert_close(found, {"double": 2 * X, "sum": X.sum(-1)})


def test_statistics_of_batches_are_those_of_each_step(trainable_backend):
    layer = Steps(layers.BatchNormalization(momentum=0.5, epsilon=0.0))
    found = numbers(triceras.jit(lambda x: layer(x, training=True))(ops.convert_to_tensor(X)))
    mean = X.mean(0, keepdims=True)
    assert_close(found, (X - mean) / X.std(0, keepdims=True), 1e-3)
    moving = np.zeros(2, "float32")
    for step in mean[0]:
        moving = (moving + step) / 2
    assert_close(layer.layer.moving_mean.numpy(), moving)


def test_stateful_layers_go_from_step_to_step(backend):
    x = RNG.normal(size=(2, 3, 4, 2)).astype("float32")
    layer = Steps(GRU(3, stateful=True))
    found = numbers(layer(x))
    plain = GRU(3, return_sequences=True)
    plain.build((2, 12, 2))
    plain.set_weights(layer.get_weights())
    assert_close(found, numbers(plain(x.reshape(2, 12, 2)))[:, 3::4])


@pytest.mark.parametrize("shape", [(None, None, 2), (3, None, 2), (None, 4, 2)])
def test_unknown_dimensions(shape, backend):
    inner = triceras.Input((2,))
    x = triceras.Input(batch_shape=shape)
    layer = Steps(triceras.Model(inner, layers.Dense(3)(layers.Dense(2)(inner))))
    model = triceras.Model(x, layer(x))
    assert model.output_shape == (*shape[:2], 3) == layer.compute_output_shape(shape)
    first, second = (w for w in layer.get_weights() if w.ndim == 2)
    assert_close(model.predict(X, verbose=0, batch_size=3), X @ first @ second)


def test_dropout_differs_from_step_to_step(backend):
    found = numbers(Steps(layers.Dropout(0.5, seed=1))(np.ones((4, 5, 8), "float32"), training=True))
    assert len({row.tobytes() for row in found.reshape(20, 8)}) > 10


# --- refusals ---------------------------------------------------------------------------------------------------------

REFUSED = [
    (lambda: Bi("x"), "initialize `Bidirectional` layer with a `keras.layers.Layer` instance. Received: x"),
    (lambda: Bi(layers.Dense(3)), "needs a recurrent layer.*dense.*without.*go_backwards"),
    (lambda: Bi(LSTM(3), merge_mode="foo"), 'Received: foo. Merge mode should be one of {"sum", "mul", "ave", "concat"'),
    (lambda: Bi(LSTM(3), backward_layer="q"), "`backward_layer` need to be a `keras.layers.Layer` instance. Received: q"),
    (lambda: Bi(LSTM(3), backward_layer=LSTM(3)), "different `go_backwards` value.*False, backward_layer.go_backwards=F"),
    *(
        (lambda o=o: Bi(LSTM(3), backward_layer=LSTM(3, go_backwards=True, **{o: True})), f'"{o}", got "False".*"True"')
        for o in ("return_sequences", "return_state", "stateful")
    ),
    (lambda: Bi(LSTM(3), weights=[np.ones(2)])(X), "weight list of length 1, but the layer was expecting 6"),
    (lambda: Bi(LSTM(3))(X, initial_state=[np.ones((3, 3))] * 3), "must be a list with the states of the forward.*3 ten"),
    (lambda: Bi(LSTM(3))(X, initial_state=[np.ones((3, 3))] * 2), "`initial_state` of layer 'forward_lstm' must have the"),
    (lambda: Bi(LSTM(3))(X[0]), r"expected ndim=3, found ndim=2. Full shape received: \(4, 2\)"),
    (lambda: Steps(lambda x: x), "initialize `TimeDistributed` layer with a `keras.layers.Layer` instance.*function"),
    (lambda: Steps(layers.Dense), "initialize `TimeDistributed` layer with a `keras.layers.Layer` instance.*Dense"),
    (lambda: Steps(layers.Dense(3))(X[0]), r"`input_shape` with at least 3 dimensions, received: \(4, 2\)"),
    (lambda: Steps(layers.Add())([X, X]), r"at least 3 dimensions, received: \[\(3, 4, 2\), \(3, 4, 2\)\]"),
    (
        lambda: Steps(layers.Dense(3))(X, mask=np.ones((3, 5), bool)),
        r"layer 'time_distributed' has a shape \(3, 5\) that is incompatible with the input shape \(3, 4, 2\)",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("act", "message"), REFUSED, ids=[m[:40] for _, m in REFUSED])
def test_bad_arguments_are_refused(act, message):
    with triceras.use_backend("numpy"):
        triceras.utils.clear_session(free_memory=False)
        with pytest.raises(ValueError, match=message):
            act()
