"""`RNN` with cells of every kind: users' own, stacked, with dropout; what is refused."""

import numpy as np
import pytest

import triceras
from triceras import layers, ops
from triceras.core import registry, tree

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 4, 2)).astype("float32")
MASK = np.array([[1, 1, 0, 1], [0, 1, 1, 0], [0, 0, 0, 0]], bool)


def numbers(x):
    return tree.map_structure(ops.convert_to_numpy, x)


def assert_close(found, expected, tolerance=1e-5):
    for a, b in zip(tree.flatten(found), tree.flatten(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


class Sums(layers.Layer):
    """A cell of nested states, one of which is a matrix: sums of outer products, of inputs, and a count."""

    state_size = [[(2, 2), 2], 1]
    output_size = (2, 2)

    def get_initial_state(self, batch_size=None):
        return [[ops.zeros((batch_size, 2, 2)), ops.ones((batch_size, 2))], ops.zeros((batch_size, 1))]

    def call(self, inputs, states):
        (products, sums), count = states
        products = products + inputs[:, :, None] * inputs[:, None]
        return products, [[products, sums + inputs], count + 1]


def by_hand(x, mask):
    """What an RNN of `Sums` gives: all outputs, products, sums, counts."""
    kept = np.where(mask[..., None], x, 0)
    products = np.cumsum(kept[..., None] * kept[:, :, None], axis=1)
    return products, products[:, -1], 1 + kept.sum(1), mask.sum(1, keepdims=True).astype("float32")


@pytest.mark.parametrize("mask", [None, MASK], ids=["whole", "masked"])
def test_a_cell_with_nested_states(mask, backend):
    layer = layers.RNN(Sums(), return_sequences=True, return_state=True)
    given = None if mask is None else ops.convert_to_tensor(mask)
    run = registry.current().jit(lambda x: layer(x, mask=given))
    outputs, (products, sums), count = numbers(run(ops.convert_to_tensor(X)))
    expected = by_hand(X, np.ones((3, 4), bool) if mask is None else mask)
    assert_close([outputs, products, sums, count], expected)
    symbolic = layer(triceras.Input((None, 2)))
    assert [s.shape for s in tree.flatten(symbolic)] == [(None, None, 2, 2), (None, 2, 2), (None, 2), (None, 1)]


def test_a_stateful_layer_begins_with_the_cells_states_and_goes_on(backend):
    layer = layers.RNN(Sums(), return_state=True, stateful=True, name="outer")
    for i in (0, 2):
        _, (products, sums), count = numbers(layer(X[:, i : i + 2]))
    assert_close([products, sums, count], by_hand(X, np.ones((3, 4), bool))[1:])
    assert not layer.weights and len(layer.variables) == 3 and layer.states[0][0].path == "outer/rnn_state"
    layer.reset_state()
    assert not any(v.numpy().any() for v in tree.flatten(layer.states))


class Minimal(layers.Layer):
    """A cell whose inner layer is built at its first call; counts how often it is called."""

    calls = 0

    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = self.state_size = units
        self.inner = layers.Dense(units, name="inner")

    def call(self, inputs, states):
        Minimal.calls += 1
        h = self.inner(ops.concatenate([inputs, states[0]], axis=-1))
        return h, [h]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def test_layers_in_a_cell_are_built_before_the_loop(backend):
    layer = layers.RNN(Minimal(name="cell"), name="outer")
    x = triceras.Input((None, 2))
    model = triceras.Model(x, layer(x))
    assert [w.path for w in layer.weights] == ["outer/cell/inner/kernel", "outer/cell/inner/bias"]
    kernel, h = layer.get_weights()[0], np.zeros((3, 3), "float32")
    for i in range(4):
        h = np.concatenate([X[:, i], h], axis=-1) @ kernel
    assert_close(model.predict(X, verbose=0), h)


@pytest.mark.parametrize("backend_name", ["jax", "tensorflow"])
def test_the_loop_is_traced_once_whatever_its_length(backend_name):
    if backend_name not in registry.installed():
        pytest.skip(f"{backend_name} is not installed")
    with triceras.use_backend(backend_name):
        layer, counts = layers.RNN(Minimal()), []
        layer(X)
        for length in (4, 40):
            Minimal.calls = 0
            triceras.jit(lambda x: layer(x))(ops.ones((3, length, 2)))
            counts.append(Minimal.calls)
    assert counts[0] == counts[1] < 4


def test_states_come_in_any_form(backend):
    layer = layers.RNN([layers.LSTMCell(3), layers.GRUCell(2)], return_state=True)
    h, c, g = (ops.convert_to_tensor(RNG.normal(size=(3, n)).astype("float32")) for n in (3, 3, 2))
    found = [numbers(layer(X, initial_state=s)) for s in ([[h, c], g], [h, c, g], ([h, c], [g]))]
    assert [len(found[0]), len(found[0][1])] == [3, 2]
    for other in found[1:]:
        assert_close(other, found[0])
    symbols = [triceras.Input((4, 2)), *(triceras.Input((n,)) for n in (3, 3, 2))]
    model = triceras.Model(symbols, layer(symbols[0], initial_state=symbols[1:]))
    assert_close(numbers(model([ops.convert_to_tensor(X), h, c, g])), found[0])


# --- stacked ----------------------------------------------------------------------------------------------------------


class CalledStack(layers.StackedRNNCells):
    """The same, but called at each step."""

    def call(self, inputs, states, training=False):
        return super().call(inputs, states, training)


def stacked(kind, *cells, **options):
    layer = layers.RNN(kind([*cells]), return_sequences=True, return_state=True, **options)
    layer.build(X.shape)
    rng = np.random.default_rng(1)
    layer.set_weights([rng.normal(size=w.shape) for w in layer.get_weights()])
    return layer


@pytest.mark.parametrize("mask", [None, MASK], ids=["whole", "masked"])
def test_stacked_cells_go_layer_by_layer(mask, backend, monkeypatch):
    kernels = []
    for name in ("lstm", "gru"):
        op = getattr(ops, name)
        monkeypatch.setattr(ops, name, lambda *args, op=op: kernels.append(op.name) or op(*args))
    found = []
    for kind in (layers.StackedRNNCells, CalledStack):
        layer = stacked(kind, layers.LSTMCell(3), layers.GRUCell(2), go_backwards=True)
        found.append(numbers(layer(X, mask=None if mask is None else ops.convert_to_tensor(mask))))
    assert kernels == ["lstm", "gru"]  # by the first alone
    assert_close(*found)


def test_what_a_stack_tells_of_its_cells():
    with triceras.use_backend("numpy"):
        cells = layers.StackedRNNCells([layers.LSTMCell(3), layers.GRUCell(2)])
        assert (cells.state_size, cells.output_size) == ([[3, 3], 2], 2)
        shapes = [x.shape for x in tree.flatten(cells.get_initial_state(5))]
        assert shapes == [(5, 3), (5, 3), (5, 2)]
        layer = layers.RNN(cells, return_state=True)
        assert layer.compute_output_shape((None, 4, 2)) == ((None, 2), [(None, 3), (None, 3)], (None, 2))
        assert layers.RNN.from_config(layer.get_config()).get_config() == layer.get_config()


# --- dropout ----------------------------------------------------------------------------------------------------------


class Called(layers.SimpleRNNCell):
    """A cell with a `call` of its own, which is therefore called at each step."""

    def call(self, inputs, states, training=False):
        return super().call(inputs, states, training)


CELLS = {
    "by parts": lambda **options: layers.SimpleRNNCell(8, **options),
    "called": lambda **options: Called(8, **options),
    "stacked": lambda **options: CalledStack([layers.SimpleRNNCell(8, **options)]),
}


@pytest.mark.parametrize("which", ["dropout", "recurrent_dropout"])
@pytest.mark.parametrize("cell", CELLS)
def test_dropout_is_the_same_at_all_steps_and_new_for_each_sequence(cell, which, trainable_backend):
    cell = CELLS[cell](activation="linear", use_bias=False, seed=1, **{which: 0.5})
    layer = layers.RNN(cell, return_sequences=True)  # adds up its inputs, which are 1
    layer.build((2, 3, 8))
    layer.set_weights([np.eye(8), np.eye(8)])
    run = triceras.jit(lambda x: layer(x, training=True))
    found = [numbers(f(ops.ones((2, 3, 8)))) for f in (run, run, layer)]
    kinds = [{tuple(row) for row in np.swapaxes(x, 1, 2).reshape(-1, 3).tolist()} for x in found]
    dropped = {"dropout": {(0, 0, 0), (2, 4, 6)}, "recurrent_dropout": {(1, 1, 1), (1, 3, 7)}}[which]
    assert kinds == [dropped, dropped, {(1, 2, 3)}]
    assert not np.array_equal(*found[:2])


def test_masks_of_a_cell_stay_until_they_are_reset(backend):
    cell = layers.LSTMCell(8, dropout=0.5, recurrent_dropout=0.5, seed=3)
    x = ops.ones((4, 8))
    first = numbers(cell.get_dropout_mask(x)), numbers(cell.get_recurrent_dropout_mask(x))
    assert set(np.unique(first)) == {0, 2}
    assert_close([numbers(cell.get_dropout_mask(x)), numbers(cell.get_recurrent_dropout_mask(x))], first)
    cell.reset_dropout_mask(), cell.reset_recurrent_dropout_mask()
    assert not np.array_equal(numbers(cell.get_dropout_mask(x)), first[0])
    assert not np.array_equal(numbers(cell.get_recurrent_dropout_mask(x)), first[1])
    assert layers.LSTMCell(8).get_dropout_mask(x) is None


# --- refusals ---------------------------------------------------------------------------------------------------------


class NoSize(layers.Layer):
    def call(self, inputs, states):
        return inputs, states


class BadSize(NoSize):
    state_size = {"a": 3}


def called(layer, *shapes, **options):
    for shape in shapes:
        layer(np.zeros(shape, "float32"), **options)


REFUSED = [
    *(
        (lambda kind=kind, units=units: getattr(layers, kind)(units), f"`units`, expected a positive integer.*units={units}")
        for kind in ("SimpleRNN", "LSTM", "GRU", "SimpleRNNCell", "LSTMCell", "GRUCell")
        for units in (0, -1, 1.5, "a", None)
    ),
    (lambda: layers.LSTM(2, activation="nope"), "nope"),
    (lambda: layers.GRU(2, kernel_initializer="nope"), "Could not interpret initializer identifier: nope"),
    (lambda: layers.SimpleRNN(2, recurrent_regularizer="nope"), "Could not interpret regularizer identifier: nope"),
    (lambda: layers.LSTM(2, time_major=True), "Unrecognized keyword arguments.*time_major"),
    (lambda: layers.RNN("x"), "Argument `cell` should have a `call` method. Received: cell=x"),
    (lambda: layers.RNN(NoSize()), "should have a `state_size` attribute.*no_size"),
    (lambda: layers.RNN(BadSize()), r"state_size must be an integer, or a list/tuple.*state_size=\{'a': 3\}"),
    (lambda: layers.StackedRNNCells([1]), "All cells must have a `call` method.*: 1"),
    (lambda: layers.StackedRNNCells([NoSize()]), "All cells must have a `state_size` attribute.*no_size"),
    (lambda: called(layers.LSTM(2), (2, 3)), r"expected ndim=3, found ndim=2. Full shape received: \(2, 3\)"),
    (lambda: called(layers.LSTM(2), (2, 3, 4), (2, 3, 5)), r"layer 'lstm'.*value 4, but received.*\(2, 3, 5\)"),
    (lambda: called(layers.LSTM(2), (2, 0, 4)), "needs at least one time step"),
    (lambda: called(layers.LSTM(2), (2, 3, 4), mask=np.ones((2, 4), bool)), r"mask.shape=\(2, 4\), sequences.shape=\(2, 3"),
    (
        lambda: called(layers.LSTM(2), (2, 3, 4), initial_state=[np.zeros((2, 2))]),
        r"`initial_state` of layer 'lstm' must have the shapes \[\(2, 2\), \(2, 2\)\].*shapes \[\(2, 2\)\]",
    ),
    (lambda: called(layers.GRU(2), (2, 3, 4), initial_state=np.zeros((2, 5))), r"shapes \[\(2, 2\)\].*\[\(2, 5\)\]"),
    (lambda: called(layers.GRU(2, stateful=True), (2, 3, 4), (5, 3, 4)), "(?s)stateful.*size: 2.*size: 5"),
    (lambda: layers.GRU(2, stateful=True)(triceras.Input((3, 4))), r"must be static.*\(None, 3, 4\)"),
]  # fmt: skip


@pytest.mark.parametrize(("act", "message"), REFUSED, ids=[m[:40] for _, m in REFUSED])
def test_bad_arguments_are_refused(act, message):
    with triceras.use_backend("numpy"):
        triceras.utils.clear_session(free_memory=False)
        with pytest.raises(ValueError, match=message):
            act()


def test_rates_of_dropout_are_brought_into_their_range():
    layer = layers.LSTM(2, dropout=-1, recurrent_dropout=3.0)
    assert (layer.dropout, layer.recurrent_dropout) == (0.0, 1.0)
