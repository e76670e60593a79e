"""`lstm` and `gru`: the kernels that run them, and that these give what the definitions give."""

import itertools

import numpy as np
import pytest

import triceras
from triceras import ops
from triceras.core import registry, tree
from triceras.ops.op import OPS, ready, within

SHAPES = {
    "lstm": [(2, 5, 3), (2, 4), (2, 4), (3, 16), (4, 16), (16,)],
    "gru": [(2, 5, 3), (2, 4), (3, 12), (4, 12), (2, 12)],
}
KINDS = pytest.mark.parametrize("kind", list(SHAPES))


def arguments(kind, dtype="float32", seed=0):
    rng = np.random.default_rng(seed)
    return [ops.convert_to_tensor(rng.uniform(-1, 1, shape), dtype=dtype) for shape in SHAPES[kind]]


def definition(kind):
    backend = registry.current()
    return ready(OPS[kind], backend, within(backend, OPS[kind].body))


def loss(run):
    """All results of a function, weighted so that each counts."""
    return lambda *tensors: sum(ops.mean(ops.multiply(y, 1.0 + i)) for i, y in enumerate(run(*tensors)))


def numpy(values):
    return [ops.convert_to_numpy(x).astype("float32") for x in tree.flatten(values)]


def assert_close(found, expected, tolerance=2e-6):
    for a, b in zip(numpy(found), numpy(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@KINDS
@pytest.mark.parametrize("compiled", [False, True])
def test_gradients_are_those_of_the_definition(kind, compiled, trainable_backend):
    inputs = arguments(kind)
    found = []
    for run in (getattr(ops, kind), definition(kind)):
        step = triceras.value_and_grad(loss(run), argnums=tuple(range(len(inputs))))
        found.append((triceras.jit(step) if compiled else step)(*inputs))
    assert_close(*found)


@KINDS
def test_second_derivatives_are_those_of_the_definition(kind, trainable_backend):
    inputs, numbers = arguments(kind), tuple(range(len(SHAPES[kind])))
    found = []
    for run in (getattr(ops, kind), definition(kind)):

        def penalty(*tensors, run=run):
            gradients = triceras.value_and_grad(loss(run), argnums=numbers)(*tensors)[1]
            return sum(ops.sum(ops.square(g)) for g in gradients)

        found.append(triceras.jit(triceras.value_and_grad(penalty, argnums=numbers))(*inputs))
    assert_close(*found, tolerance=1e-5)


@KINDS
def test_directional_derivatives(kind, trainable_backend):
    inputs, directions = arguments(kind), arguments(kind, seed=1)
    _, found = ops.jvp(lambda *tensors: getattr(ops, kind)(*tensors), tuple(inputs), tuple(directions))
    _, expected = ops.jvp(lambda *tensors: definition(kind)(*tensors), tuple(inputs), tuple(directions))
    assert_close(found, expected, 1e-5)


@KINDS
@pytest.mark.parametrize("dtype, tolerance", [("float16", 4e-3), ("bfloat16", 3e-2)])
def test_half_precision(kind, dtype, tolerance, backend):
    inputs = arguments(kind, dtype)
    found = getattr(ops, kind)(*inputs)
    assert all(ops.dtype(x) == dtype for x in found)
    assert_close(found, definition(kind)(*[ops.cast(x, "float32") for x in inputs]), tolerance)


@KINDS
def test_an_empty_batch(kind, backend):
    given = arguments(kind)
    states = 3 if kind == "lstm" else 2
    outputs = getattr(ops, kind)(*[x[:0] for x in given[:states]], *given[states:])
    assert [tuple(x.shape) for x in outputs] == [(0, 5, 4), *[(0, 4)] * (states - 1)]


@KINDS
def test_vectorized(kind, trainable_backend):
    first, second = arguments(kind), arguments(kind, seed=1)
    stacked = [ops.stack(pair) for pair in zip(first, second, strict=True)]
    found = registry.current().vmap(getattr(ops, kind))(*stacked)
    for i, inputs in enumerate((first, second)):
        assert_close([x[i] for x in found], getattr(ops, kind)(*inputs))


@pytest.mark.parametrize("kind, wrong", [("lstm", 0), ("lstm", 3), ("gru", 3)])
def test_shapes_that_do_not_fit(kind, wrong, backend):
    inputs = arguments(kind)
    inputs[wrong] = inputs[wrong][0] if wrong == 0 else inputs[wrong][:, :-1]
    with pytest.raises(ValueError, match=rf"ops.{kind}\(.*argument"):
        getattr(ops, kind)(*inputs)


# --- which kernels run ------------------------------------------------------------------------------------------------


@pytest.fixture
def on_torch():
    pytest.importorskip("torch")
    with triceras.use_backend("torch"):
        registry.current()
        from triceras.backends.torch import nn

        yield nn


@KINDS
def test_torch_runs_its_own_function(kind, on_torch, monkeypatch):
    calls, native = [], getattr(on_torch.torch._VF, kind)
    monkeypatch.setattr(on_torch.torch._VF, kind, lambda *args: calls.append(1) or native(*args))
    inputs = arguments(kind)
    getattr(ops, kind)(*inputs)
    triceras.value_and_grad(loss(getattr(ops, kind)), argnums=3)(*inputs)
    assert len(calls) == 2


@KINDS
def test_torch_keeps_two_operators_in_a_graph(kind, on_torch, monkeypatch):
    monkeypatch.setenv("TRICERAS_TORCH_COMPILE", "eager")
    inputs, made, native = arguments(kind), [], on_torch._graph
    step = registry.current().jit(triceras.value_and_grad(loss(getattr(ops, kind)), argnums=(0, 3)))
    expected = step(*inputs)
    step(*inputs)  # captured
    (program,) = step.programs.values()
    targets = [str(node.target) for node in program.captured.module.graph.nodes]
    assert [t for t in targets if "triceras" in t] == [
        "triceras.recurrent.default",
        "triceras.recurrent_backward.default",
    ]
    assert not any("tanh" in t or "sigmoid" in t for t in targets)
    monkeypatch.setattr(on_torch, "_graph", lambda *args: made.append(1) or native(*args))
    assert_close(step(*inputs), expected, 0)
    assert len(made) == 1  # what the forward pass left was found: it didn't run again


@KINDS
def test_torch_runs_forward_again_if_what_it_left_is_lost(kind, on_torch):
    kernels = on_torch.torch.ops.triceras
    x, *rest = arguments(kind)
    rest = rest if kind == "lstm" else [rest[0], *rest]
    weights = [w.t() for w in rest[2:4]] + [rest[4].reshape(-1)[: rest[3].shape[-1]]] * 2
    given = [x.transpose(0, 1), *rest[:2], *weights]
    *outputs, saved = kernels.recurrent(kind, True, *given)
    upstream = [on_torch.torch.ones_like(y) for y in outputs]
    found = kernels.recurrent_backward(kind, saved, given, upstream)
    assert not hasattr(saved, "graph")  # nothing is kept longer than needed
    again = kernels.recurrent_backward(kind, saved, given, upstream)
    assert_close(again, found, 0)


@KINDS
def test_torch_operators_pass_torchs_own_checks(kind, on_torch):
    x, *rest = arguments(kind)
    rest = rest if kind == "lstm" else [rest[0], *rest]
    weights = [w.t() for w in rest[2:4]] + [rest[4].reshape(-1)[: rest[3].shape[-1]]] * 2
    given = [x.transpose(0, 1), *rest[:2], *weights]
    for train in (False, True):
        on_torch.torch.library.opcheck(
            on_torch.torch.ops.triceras.recurrent.default,
            (kind, train, *given),
            test_utils=("test_schema", "test_faketensor"),
        )


def test_jax_scans_once_and_has_its_own_derivatives():
    jax = pytest.importorskip("jax")
    with triceras.use_backend("jax"):
        for kind in SHAPES:
            text = str(jax.make_jaxpr(lambda *tensors, kind=kind: getattr(ops, kind)(*tensors))(*arguments(kind)))
            assert text.count("scan[") == 1 and text.count("custom_jvp_call[") == 1


def test_jax_lays_out_the_weights_as_cudnn_takes_them(monkeypatch):
    jax = pytest.importorskip("jax")
    from jax.experimental import rnn

    def reference(x, h, c, weights, lengths, input_size, hidden_size, num_layers, dropout, bidirectional):
        sizes = input_size, hidden_size, num_layers, bidirectional
        unpacked = rnn.unpack_lstm_weights(weights, *sizes)
        return rnn.lstm_ref(x, h, c, *unpacked, lengths, input_size, hidden_size, num_layers, dropout, bidirectional)

    with triceras.use_backend("jax"):
        inputs = arguments("lstm")
        expected = ops.lstm(*inputs)
        monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
        monkeypatch.setattr(rnn, "lstm", reference)
        assert_close(ops.lstm(*inputs), expected)


@pytest.fixture
def on_tensorflow():
    tf = pytest.importorskip("tensorflow")
    with triceras.use_backend("tensorflow"):
        yield tf


def operations(tf, jit_compile):
    """The kinds of operations in a traced step."""
    step = triceras.value_and_grad(loss(ops.lstm), argnums=3)
    graph = tf.function(step, autograph=False, jit_compile=jit_compile).get_concrete_function(*arguments("lstm"))
    functions = [graph.graph.as_graph_def().node, *(f.node_def for f in graph.graph.as_graph_def().library.function)]
    return {node.op for node in itertools.chain(*functions)}


def test_tensorflow_has_one_operation_each_way_but_not_in_xla(on_tensorflow):
    assert {"BlockLSTM", "BlockLSTMGrad"} <= operations(on_tensorflow, None)
    assert not {"While", "StatelessWhile"} & operations(on_tensorflow, None)
    assert not {"BlockLSTM", "BlockLSTMGrad"} & operations(on_tensorflow, True)


@KINDS
def test_tensorflow_lays_out_the_weights_as_cudnn_takes_them(kind, on_tensorflow, monkeypatch):
    tf = on_tensorflow

    def reference(input, input_h, input_c, params, sequence_lengths, rnn_mode):
        """cuDNN's order, as torch documents it: its gates stand as the kernels' rows."""
        torch = pytest.importorskip("torch")
        rows, features, units = (4 if rnn_mode == "lstm" else 3) * 4, 3, 4
        flat = torch.tensor(params.numpy()).split([rows * features, rows * units, rows, rows])
        weights = [w.view(shape) for w, shape in zip(flat, [(rows, features), (rows, units), rows, rows], strict=True)]
        x, h, c = (torch.tensor(t.numpy()) for t in (input, input_h, input_c))
        states = (h, c) if rnn_mode == "lstm" else h
        found = getattr(torch._VF, rnn_mode)(x, states, weights, True, 1, 0.0, False, False, False)
        assert sequence_lengths.numpy().tolist() == [5, 5]
        names = ("output", "output_h", "output_c")
        return type("Found", (), dict(zip(names, map(tf.constant, (*found, h)), strict=False)))

    inputs = arguments(kind)
    expected = definition(kind)(*inputs)
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: ["a GPU"])
    monkeypatch.setattr(tf.raw_ops, "CudnnRNNV3", reference)
    assert_close(getattr(ops, kind)(*inputs), expected)
