"""Recurrent layers whose whole sequence is one op: the same as the loop over steps, masks and states included."""

import numpy as np
import pytest

import triceras
from tests.same_as_keras import assert_same, of_keras, of_ours
from triceras import layers, ops
from triceras.core import registry, tree
from triceras.layers.rnn import whole

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 4, 3)).astype("float32")
MASK = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 1, 1], [0, 1, 0, 1], [0, 0, 0, 0]], bool)
STATES = [RNG.normal(size=(5, 2)).astype("float32") for _ in range(2)]
CELLS = pytest.mark.parametrize("cell", ["LSTM", "GRU"])
OPTIONS = [  # of the layer; with a mask; with states to begin with
    ({}, True, False),
    ({"return_sequences": True, "return_state": True}, False, True),
    ({"return_sequences": True, "return_state": True, "go_backwards": True}, True, True),
    ({"use_bias": False, "return_state": True}, True, True),
]


def make(cell, unroll=False, **options):
    """A layer with random weights, of which the unrolled one steps through the sequence."""
    layer = getattr(layers, cell)(2, unroll=unroll, **options)
    layer.build(X.shape)
    rng = np.random.default_rng(1)
    layer.set_weights([rng.normal(size=w.shape) for w in layer.get_weights()])
    return layer


def results(layer, compiled=False, **call):
    run = registry.current().jit(lambda x: layer(x, **call)) if compiled else lambda x: layer(x, **call)
    return [ops.convert_to_numpy(x) for x in tree.flatten(run(ops.convert_to_tensor(X)))]


def states(cell):
    return [ops.convert_to_tensor(s) for s in STATES[: 2 if cell == "LSTM" else 1]]


def assert_close(found, expected, tolerance=2e-6):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@pytest.fixture
def calls(monkeypatch):
    """How often `ops.lstm` and `ops.gru` were called."""
    found = []
    for name in ("lstm", "gru"):
        op = getattr(ops, name)
        monkeypatch.setattr(ops, name, lambda *args, op=op: found.append(op.name) or op(*args))
    return found


@CELLS
@pytest.mark.parametrize("options, masked, initial", OPTIONS, ids=["last", "all", "backwards", "no_bias"])
def test_the_op_gives_what_the_loop_gives(cell, options, masked, initial, backend, calls):
    call = {
        "mask": ops.convert_to_tensor(MASK) if masked else None,
        "initial_state": states(cell) if initial else None,
    }
    found = results(make(cell, **options), **call)
    assert calls == [cell.lower()]
    assert_close(found, results(make(cell, unroll=True, **options), compiled=True, **call))
    assert calls == [cell.lower()]  # the loop is the loop


@CELLS
def test_masked_steps_can_give_zeros(cell, backend):
    found = []
    for unroll in (False, True):
        kind = layers.LSTMCell if cell == "LSTM" else layers.GRUCell
        layer = layers.RNN(kind(2), return_sequences=True, zero_output_for_mask=True, unroll=unroll)
        layer.build(X.shape)
        layer.set_weights(make(cell).get_weights())
        found.append(results(layer, mask=ops.convert_to_tensor(MASK))[0])
    assert_close(*([x] for x in found))
    assert not found[0][~MASK].any()


@CELLS
def test_gradients_through_masks(cell, trainable_backend):
    found = []
    for unroll in (False, True):
        layer = make(cell, unroll=unroll, return_sequences=True, return_state=True)

        def loss(x, initial, layer=layer):
            out = layer(x, mask=ops.convert_to_tensor(MASK), initial_state=initial)
            return sum(ops.sum(ops.square(y)) for y in out)

        by_inputs = triceras.value_and_grad(loss, argnums=(0, 1))
        by_weights = triceras.value_and_grad(loss, layer.trainable_variables)
        both = triceras.jit(lambda *inputs, fs=(by_inputs, by_weights): [f(*inputs)[1] for f in fs])
        gradients = both(ops.convert_to_tensor(X), states(cell))
        found.append([ops.convert_to_numpy(g) for g in tree.flatten(gradients)])
    assert_close(*found, tolerance=1e-5)
    assert not found[0][0][~MASK].any()  # nothing flows into a masked step


@CELLS
def test_what_stands_in_a_masked_step_does_not_matter(cell, backend):
    layer, mask = make(cell, return_sequences=True, return_state=True), ops.convert_to_tensor(MASK)
    odd = np.where(MASK[..., None], X, np.nan).astype("float32")
    assert_close(map(ops.convert_to_numpy, layer(odd, mask=mask)), map(ops.convert_to_numpy, layer(X, mask=mask)))


@CELLS
def test_stateful(cell, backend):
    together = results(make(cell, return_sequences=True))[0]
    layer = make(cell, return_sequences=True, stateful=True)
    parts = [ops.convert_to_numpy(layer(X[:, i : i + 2])) for i in (0, 2)]
    assert_close([np.concatenate(parts, axis=1)], [together])
    layer.reset_states()
    assert_close([ops.convert_to_numpy(layer(X[:, :2]))], parts[:1])


@CELLS
@pytest.mark.parametrize("policy, tolerance", [("mixed_float16", 5e-3), ("mixed_bfloat16", 4e-2)])
def test_mixed_precision_with_a_mask(cell, policy, tolerance, backend):
    found = results(make(cell, dtype=policy, return_sequences=True), mask=ops.convert_to_tensor(MASK))
    assert str(found[0].dtype) == policy.removeprefix("mixed_")
    expected = results(make(cell, return_sequences=True), mask=ops.convert_to_tensor(MASK))
    assert_close([x.astype("float32") for x in found], expected, tolerance)


@pytest.mark.parametrize(
    "options",
    [
        {"activation": "relu"},
        {"recurrent_activation": "hard_sigmoid"},
        {"recurrent_dropout": 0.5},
        {"unroll": True},
        {"cell": "GRU", "reset_after": False},
    ],
    ids=str,
)
def test_other_settings_take_the_loop(options, backend, calls):
    layer = make(**{"cell": "LSTM", **options})
    layer(X, training=True)
    assert not calls


def test_dropout_is_no_reason_for_the_loop(backend, calls):
    layer = make("LSTM", dropout=0.5, recurrent_dropout=0.5)
    layer(X, training=False)
    assert calls == ["lstm"]
    layer = make("LSTM", dropout=0.5)
    assert np.ptp([ops.convert_to_numpy(layer(X, training=True)) for _ in range(3)], axis=0).max() > 0
    assert calls == ["lstm"] * 4


def test_a_cell_with_a_call_of_its_own_is_called(backend, calls):
    class Doubled(layers.LSTMCell):
        def call(self, inputs, states, training=False):
            output, states = super().call(inputs, states, training)
            return ops.multiply(output, 2.0), states

    found = []
    for kind in (layers.LSTMCell, Doubled):
        layer = layers.RNN(kind(2))
        layer.build(X.shape)
        layer.set_weights(make("LSTM").get_weights())
        found.append(ops.convert_to_numpy(layer(X)))
    assert_close([found[1]], [2 * found[0]])
    assert calls == ["lstm"]


def test_shut_gates_are_exactly_shut():
    for dtype in ("float16", "float32"):
        assert np.dtype(dtype).type(whole.SHUT) < np.inf
        with np.errstate(over="ignore"):
            assert 1 / (1 + np.exp(np.dtype(dtype).type(whole.SHUT))) == 0


# --- as Keras ---------------------------------------------------------------------------------------------------------

PRELUDE = """
def run(layer, initial, x, mask, states):
    layer.build(x.shape)
    rng = np.random.default_rng(1)
    layer.set_weights([rng.normal(size=w.shape) for w in layer.get_weights()])
    states = states[: len(layer.cell.state_size)] if isinstance(layer.cell.state_size, list) else states[:1]
    return list(layer(x, mask=mask, initial_state=list(states) if initial else None))
"""
CASES = [
    f"run(keras.layers.{cell}(2, return_sequences=True, return_state=True, go_backwards={back}), {initial}, x, mask, states)"
    for cell in ("LSTM", "GRU")
    for back in (False, True)
    for initial in (False, True)
]


@pytest.fixture(scope="module")
def expected():
    return of_keras(CASES, PRELUDE, x=X, mask=MASK, states=np.stack(STATES))


@pytest.mark.oracle
@pytest.mark.parametrize("case", CASES)
def test_masks_as_keras(case, expected, backend):
    assert_same(of_ours(case, PRELUDE, x=X, mask=MASK, states=np.stack(STATES)), expected[case], atol=2e-6)
