"""TensorFlow's own: conversion, Variables under `GradientTape`, traces, loops in graphs, kernels that it lacks."""

import gc
import subprocess
import sys

import numpy as np
import pytest

import triceras
from triceras import StatelessScope, Variable, ops
from triceras.core import config, dtypes
from triceras.core.spec import Spec
from triceras.ops import linalg

tf = pytest.importorskip("tensorflow")

from triceras.backends.tensorflow import tensor  # noqa: E402
from triceras.backends.tensorflow.compiler import traces, xla  # noqa: E402
from triceras.core import registry  # noqa: E402

DTYPES = sorted(dtypes.ALL - {"string"})


@pytest.fixture(autouse=True)
def backend():
    with triceras.use_backend("tensorflow"):
        yield registry.get("tensorflow")


def numbers(x):
    return ops.convert_to_numpy(x).tolist()


# --- tensors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_comes_in_and_goes_out(backend, dtype):
    x = backend.convert([0, 1, 2], dtype)
    assert backend.dtype(x) == dtype
    array = backend.to_numpy(x)
    assert array.dtype == dtypes.to_numpy_dtype(dtype)
    again = backend.convert(array)
    assert backend.dtype(again) == dtype
    assert backend.to_numpy(backend.cast(again, "float32")).tolist() == ([0, 1, 1] if dtype == "bool" else [0, 1, 2])
    assert backend.to_numpy(backend.cast(backend.convert([0.0, 1.0]), dtype)).astype("complex64").tolist() == [0, 1]


def test_numbers_lists_and_strings(backend):
    assert backend.dtype(backend.convert(1)) == "int32"
    assert backend.dtype(backend.convert(1.5)) == "float32"
    assert backend.dtype(backend.convert(np.ones(2))) == "float64"
    mixed = backend.convert([tf.constant(1), 2.5, Variable(3.0)])
    assert backend.dtype(mixed) == "float32" and numbers(mixed) == [1.0, 2.5, 3.0]
    assert backend.to_numpy(backend.convert(["a", "b"])).tolist() == [b"a", b"b"]


def test_numpy_memory_is_never_shared(backend):
    source = np.zeros(1024, "float32")
    tensor, variable = backend.convert(source), Variable(source)
    variable.assign(source)
    source[:] = 1
    assert not numbers(tensor)[0] and not variable.numpy().any()


def test_tensors_of_other_frameworks(backend):
    torch = pytest.importorskip("torch")
    source = torch.arange(6.0).reshape(2, 3)
    shared = backend.convert(source)
    source[0, 0] = 9.0
    assert numbers(shared)[0] == [9.0, 1.0, 2.0]  # DLPack: no copy
    assert numbers(backend.convert(source.T))[0] == [9.0, 3.0]  # strides: through NumPy
    assert numbers(backend.convert(torch.ones(2, requires_grad=True))) == [1.0, 1.0]
    assert numbers(backend.convert([torch.ones(1), torch.zeros(1)])) == [[1.0], [0.0]]
    assert backend.dtype(backend.convert(torch.ones(2, dtype=torch.bfloat16))) == "bfloat16"


def test_sparse_and_ragged_tensors_are_ours(backend):
    sparse = tf.sparse.from_dense([[0, 2], [3, 0]])
    ragged = tf.ragged.constant([[1], [2, 3]])
    assert registry.backend_of(sparse) is registry.backend_of(ragged) is backend
    assert backend.to_numpy(sparse).tolist() == [[0, 2], [3, 0]]
    assert backend.to_numpy(ragged).tolist() == [[1, 0], [2, 3]]


def test_shapes_inside_a_graph(backend):
    seen = {}

    @tf.function(input_signature=[tf.TensorSpec((None, 3))], autograph=False)
    def fn(x):
        seen["static"], seen["traced"] = backend.shape(x), backend.is_traced(x)
        sizes = ops.shape(x)
        assert sizes[1] == 3
        with pytest.raises(TypeError, match="being traced"):
            backend.to_numpy(x)
        return ops.reshape(x, (sizes[0] * 3,)), ops.broadcast_to(1.0, (sizes[0], 2))

    flat, wide = fn(tf.ones((4, 3)))
    assert (flat.shape, wide.shape) == ((12,), (4, 2))
    assert seen == {"static": (None, 3), "traced": True}


def test_devices(backend):
    assert "cpu:0" in backend.device_names()
    with backend.device("cpu"):
        assert "CPU:0" in backend.convert([1.0]).device
    with pytest.raises(ValueError, match="cpu:0"):
        backend.device("gpu:99")
    backend.synchronize()


# --- variables --------------------------------------------------------------------------------------------------------


def test_gradient_tape_takes_our_variables():
    w, unused, frozen = Variable([1.0, 2.0]), Variable(1.0), Variable([3.0, 3.0], trainable=False)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(w * w * frozen)
    by_w, by_unused, by_frozen = tape.gradient(loss, [w, unused, frozen])
    assert numbers(by_w) == [6.0, 12.0] and by_unused is None and by_frozen is None


def test_tensorflow_functions_take_our_variables():
    w = Variable([1.0, 2.0])
    assert numbers(tf.add(w, 1.0)) == [2.0, 3.0]
    assert numbers(tf.ones(2) + w) == [2.0, 3.0]
    assert tf.cast(w, "float64").dtype == tf.float64

    @tf.function(autograph=False)
    def step(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(w * x)
        (grad,) = tape.gradient(loss, [w])
        w.assign_sub(grad)
        return loss

    assert float(step(tf.ones(2))) == 3.0 and w.numpy().tolist() == [0.0, 1.0]


def test_trainable_decides_what_a_tape_watches():
    w = Variable(2.0)
    compiled = triceras.jit(lambda: w * 2.0)
    compiled()
    w.trainable = False
    with tf.GradientTape() as tape:
        loss = w * w
    assert tape.gradient(loss, w) is None
    w.trainable = True
    with tf.GradientTape() as tape:
        loss = w * w
    assert float(tape.gradient(loss, w)) == 4.0
    w.assign(5.0)
    assert float(compiled()) == 10.0


def test_variables_made_in_a_graph():
    made = []

    @tf.function(autograph=False)
    def fn(x):
        if not made:
            made.append(Variable([1.0]))
        with pytest.raises(TypeError, match="first value"):
            Variable(lambda shape, dtype: x + 1.0, shape=(1,))
        made[0].assign_add(x)
        return made[0] * 2.0

    assert numbers(fn(tf.ones(1))) == [4.0] and made[0].numpy().tolist() == [2.0]


def test_gradients_by_mapped_values():
    w = Variable([1.0, 1.0])
    with StatelessScope([(w, tf.constant([3.0, 4.0]))]):
        _, (grad,) = triceras.value_and_grad(lambda: ops.sum(w * w), [w])()
    assert numbers(grad) == [6.0, 8.0]


def test_gradients_of_lookups_are_dense():
    table = Variable(np.ones((4, 2), "float32"))
    for wrap in (lambda f: f, triceras.jit):
        _, (grad,) = wrap(triceras.value_and_grad(lambda i: ops.sum(ops.take(table, i, axis=0)), [table]))([0, 2, 2])
        assert isinstance(grad, tf.Tensor) and numbers(grad) == [[1, 1], [0, 0], [2, 2], [0, 0]]


# --- jit --------------------------------------------------------------------------------------------------------------


def test_a_smaller_last_batch_takes_one_more_trace(backend):
    traced = []

    @triceras.jit
    def step(x, y):
        traced.append(x.shape[0])
        return ops.mean(x) + ops.mean(y)

    for size in (8, 8, 8, 3, 8, 3, 5, 1, 8):
        assert float(step(np.ones((size, 2), "float32"), np.ones(size, "float32"))) == 2.0
    assert traced == [8, None]


def test_other_sizes_are_opened_only_after_a_while():
    traced = []

    @triceras.jit
    def fn(x):
        traced.append(tuple(x.shape))
        return ops.sum(x)

    for length in (5, 6, 7, 8, 9, 5, 10):
        assert float(fn(np.ones((2, length), "float32"))) == 2.0 * length
    assert traced == [(2, 5), (2, 6), (2, 7), (2, None)]


def test_static_arguments_are_told_apart_by_type():
    traced = []

    @triceras.jit
    def fn(x, n, options=None):
        traced.append(n)
        return x * n, options

    x, options = tf.ones(1), {"names": {"a", "b"}}
    assert numbers(fn(x, 1)[0]) == numbers(fn(x, True)[0]) == numbers(fn(x, 1.0)[0]) == [1.0]
    fn(x, 1)
    assert traced == [1, True, 1.0]
    assert fn(x, 2, options)[1]["names"] is options["names"]  # a set can't be hashed
    fn(x, 2, options)
    assert len(traced) == 4


class Contests:
    """Lets XLA be tried from the second call of a graph on, with times that a test names; stands for `time`, too.

    Args:
        kernels, by_xla: how long calls take.
    """

    def __init__(self, kernels, by_xla):
        self.seconds, self.now, self.by = {False: kernels, True: by_xla}, 0.0, False
        self.compiled = []  # graphs that XLA compiled
        self.original = traces.caller

    def perf_counter(self):
        self.now += self.seconds[self.by]
        return self.now

    def caller(self, graph):
        run, by_xla = self.original(graph), "_XlaMustCompile" in graph.function_def.attr
        self.compiled += [graph] * by_xla

        def timed(tensors):
            self.by = by_xla
            return run(tensors)

        return timed


@pytest.fixture
def contests(monkeypatch):
    def begin(kernels, by_xla):
        made = Contests(kernels, by_xla)
        monkeypatch.setattr(traces, "caller", made.caller)
        monkeypatch.setattr(xla, "PATIENCE", 0.0)
        monkeypatch.setattr(xla, "BUSY", float("inf"))
        monkeypatch.setattr(xla, "time", made)
        return made

    return begin


@pytest.mark.parametrize("kernels, by_xla", [(2.0, 1.0), (1.0, 2.0)])
def test_the_faster_of_kernels_and_xla_stays(backend, contests, kernels, by_xla):
    made = contests(kernels, by_xla)
    traced, v = [], Variable([1.0])

    @backend.jit
    def step(x):
        traced.append(x)
        v.assign_add(x)
        return {"sum": ops.sum(v * 2.0), "fixed": 7}

    for i in range(2, 40):
        out = step(tf.ones(1))
        assert float(out["sum"]) == 2.0 * i and out["fixed"] == 7
        assert backend.settled(step) == (i > 22)  # one call to see that it takes time, one to compile, 10 for each
    assert made.by == (by_xla < kernels)
    assert len(made.compiled) == len(traced) == 1


def gradients_of(backend, forward, *shapes):
    """A compiled training step, and its arguments."""
    w = [Variable(np.full(shape, 0.1, "float32")) for shape in shapes]
    gradient = triceras.value_and_grad(lambda x: ops.mean(ops.square(forward(x, *w))), w)

    @backend.jit
    def step(x):
        loss, grads = gradient(x)
        for variable, grad in zip(w, grads, strict=True):
            variable.assign_sub(0.1 * grad)
        return loss

    return step


def recurrent(x, w):
    return triceras.scan(lambda h, row: (ops.tanh(ops.matmul(h, w) + row), None), x[0], x)[0]


def dropped(x, w):
    keep = ops.random_uniform(np.array([1, 2], "uint32"), (8, 4)) > 0.5
    return ops.where(keep, ops.matmul(x, w), 0.0) + ops.random_normal(np.array([1, 3], "uint32"), (8, 4))


def native_noise(x, w):
    return ops.matmul(x, w) + tf.random.stateless_normal((8, 4), [1, 2])


def convolved(x, w):
    return ops.conv(x, w)


@pytest.mark.parametrize(
    "forward, x, w, tried",
    [
        (lambda x, w: ops.relu(ops.matmul(x, w)), (8, 4), (4, 4), True),
        (recurrent, (5, 8, 4), (4, 4), True),
        (dropped, (8, 4), (4, 4), True),
        (native_noise, (8, 4), (4, 4), False),
        (lambda x, w: tf.debugging.assert_less(x, 2.0) and ops.matmul(x, w), (8, 4), (4, 4), False),
        (lambda x, w: tf.ensure_shape(tf.numpy_function(np.copy, [x], "float32"), (4, 4)) * w, (4, 4), (4, 4), False),
        pytest.param(
            convolved,
            (2, 6, 6, 1),
            (3, 3, 1, 2),
            False,
            marks=pytest.mark.skipif(bool(tf.config.list_logical_devices("GPU")), reason="measured on a GPU"),
        ),
    ],
    ids=["mlp", "rnn", "dropout and noise", "native noise", "assertion", "python", "convolution"],
)
def test_which_graphs_xla_is_tried_on(backend, contests, forward, x, w, tried):
    made = contests(2.0, 1.0)
    x = np.linspace(-1, 1, int(np.prod(x)), dtype="float32").reshape(x)
    step, plain = gradients_of(backend, forward, w), gradients_of(backend, forward, w)
    reference = backend.jit(plain.__wrapped__, jit_compile=False)
    for _ in range(4):
        np.testing.assert_allclose(float(step(x)), float(reference(x)), rtol=2e-6)
    assert len(made.compiled) == tried


def test_what_xla_cannot_compile_stays_where_it_is(backend, contests):
    made = contests(2.0, 1.0)
    v = Variable(0.0)

    def count(x):
        v.assign_add(1.0)
        return tf.linalg.eig(x)[0]

    step = backend.jit(count)
    for i in range(4):
        assert numbers(step(tf.eye(2))) == [1.0, 1.0] and float(v.numpy()) == i + 1
    assert backend.settled(step) and len(made.compiled) == 1


def test_xla_is_not_tried_where_each_run_must_give_the_same_bits(backend, contests, monkeypatch):
    made = contests(2.0, 1.0)
    monkeypatch.setattr(xla, "is_op_determinism_enabled", lambda: True)
    step = backend.jit(lambda x: ops.sum(x * 2.0))
    for _ in range(4):
        step(np.ones(3, "float32"))
    assert not made.compiled and backend.settled(step)


def test_only_the_graph_of_full_batches_is_tried(backend, contests):
    made = contests(2.0, 1.0)
    step = backend.jit(lambda x: ops.sum(x * 2.0))
    for size in (8, 8, 3, 8, 5, 3, 4):
        assert float(step(np.ones(size, "float32"))) == 2.0 * size
    assert len(made.compiled) == 1 and len({id(trace) for trace in step.traces.values()}) == 2


def test_xla_when_asked(backend, contests):
    made = contests(2.0, 1.0)
    v = Variable([1.0])

    def step(x):
        v.assign_add(x)
        return v * 2.0

    by_xla, by_kernels = (backend.jit(step, jit_compile=wish) for wish in (True, False))
    assert numbers(by_xla(tf.ones(1))) == [4.0] and numbers(by_kernels(tf.ones(1))) == [6.0]
    graphs = [trace.graph for run in (by_xla, by_kernels) for trace in run.traces.values()]
    assert ["_XlaMustCompile" in graph.function_def.attr for graph in graphs] == [True, False]
    assert backend.settled(by_xla) and backend.settled(by_kernels) and len(made.compiled) == 1


# --- several steps as one ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("only_last", [True, False])
@pytest.mark.parametrize("count", [2, 50])
def test_several_steps_are_one_loop_around_one_trace(backend, only_last, count):
    traced, v = [], Variable(0.0)

    def step(data):
        traced.append(data)
        x, y = data
        v.assign_add(ops.sum(x))
        return {"rows": x + v, "total": v, "name": "step", "none": None}

    one = backend.jit(step)
    several = backend.several_steps(step, one, only_last)
    batches = [(tf.fill((2, 3), float(i)), tf.constant(i)) for i in range(count)]
    for _ in range(2):
        (found,) = several(batches)
    one(batches[0])
    total = 2 * 6 * sum(range(count))
    last = float(count - 1 + total)
    assert float(v.numpy()) == total and len(traced) == 1
    assert (found["name"], found["none"]) == ("step", None)
    assert found["rows"].shape == ((2, 3) if only_last else (2 * count, 3))
    assert numbers(found["rows"])[-1] == [last] * 3
    assert numbers(found["total"]) == (total if only_last else numbers(found["total"])[:-1] + [total])


def test_a_longer_loop_is_no_bigger_graph(backend):
    def size(count):
        one = backend.jit(lambda x: ops.sum(ops.tanh(x)))
        several = backend.several_steps(None, one, True)
        made = []
        original = tf.while_loop
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tf, "while_loop", lambda *args, **options: made.append(options) or original(*args, **options))
            several([tf.ones(3)] * count)
        assert len(made) == 1
        return one.traces

    assert len(size(3)) == len(size(300)) == 1


def test_unequal_batches_are_taken_one_by_one(backend):
    one = backend.jit(lambda x: ops.sum(x))
    several = backend.several_steps(None, one, True)
    assert list(map(float, several([tf.ones(3), tf.ones(2)]))) == [3.0, 2.0]


def test_sparse_and_ragged_inputs_and_results():
    fn = triceras.jit(lambda x: {"same": x, "sum": tf.reduce_sum(x)})
    out = fn(tf.ragged.constant([[1], [2, 3]]))
    assert out["same"].to_list() == [[1], [2, 3]] and int(out["sum"]) == 6


def test_steps_leave_nothing_behind(backend, contests):
    contests(2.0, 1.0)
    w = Variable(np.ones((16, 16), "float32"))
    gradient = triceras.value_and_grad(lambda x: ops.mean(ops.square(ops.matmul(x, w))), [w])

    def step(x):
        loss, (grad,) = gradient(x)
        w.assign_sub(grad * 0.01)
        return {"loss": loss}

    x = tf.ones((4, 16))
    for run in (step, backend.jit(step)):
        for _ in range(30):
            run(x)
        gc.collect()
        gc.disable()
        try:
            before = len(gc.get_objects())
            for _ in range(1000 if run is not step else 200):
                run(x)
            assert len(gc.get_objects()) - before < 100
        finally:
            gc.enable()


# --- loops in graphs --------------------------------------------------------------------------------------------------


def test_scan_over_an_unknown_length():
    fn = triceras.jit(lambda xs: triceras.scan(lambda c, x: (c + x, c), ops.zeros(()), xs, reverse=True))
    for xs in ([1.0, 2.0], [1.0, 2.0, 3.0], [], [4.0]):
        carry, out = fn(np.array(xs, "float32"))
        after = np.cumsum(xs[::-1])[::-1]
        assert float(carry) == sum(xs) and numbers(out) == [*after[1:], *[0.0] * bool(xs)]


def test_scan_of_no_steps():
    carry, out = triceras.scan(lambda c, x: (c, x * 2.0), tf.ones(2), tf.zeros((0, 3)))
    assert numbers(carry) == [1.0, 1.0] and out.shape == (0, 3)


def test_a_loop_may_change_an_open_size():
    def run(x):
        return triceras.while_loop(lambda x: ops.shape(x)[0] < 5, lambda x: ops.concatenate([x, x]), x)

    assert numbers(triceras.jit(run)(tf.ones(1))) == numbers(run(tf.ones(1))) == [1.0] * 8


@pytest.mark.parametrize("wrap", [lambda f: f, triceras.jit], ids=["eager", "jit"])
def test_loops_assign_inside_a_stateless_scope(wrap):
    v = Variable(0.0)

    def body(carry, x):
        v.assign_add(x)
        return carry + v, None

    def run(xs):
        with StatelessScope([(v, tf.constant(10.0))]) as scope:
            carry, _ = triceras.scan(body, ops.zeros(()), xs)
            triceras.while_loop(lambda i: i < 3, lambda i: (v.assign_add(1.0), i + 1)[1], ops.cast(xs[0], "int32"))
            triceras.cond(xs[0] > 0, lambda: v.assign(v * 2.0), lambda: None)
            return carry, scope.get_current_value(v)

    carry, value = wrap(run)(tf.constant([1.0, 2.0]))
    assert (float(carry), float(value), float(v.numpy())) == (24.0, 30.0, 0.0)


@pytest.mark.parametrize("wrap", [lambda f: f, triceras.jit], ids=["eager", "jit"])
def test_checkpoint_draws_the_same_numbers_again(wrap):
    w, state, seen = (
        Variable(tf.ones(64)),
        Variable(np.array([3, 0], "uint32"), trainable=False),
        Variable(tf.zeros(64)),
    )

    def noisy(x):
        key = state.value + np.array([0, 1], "uint32")
        state.assign(key)
        noise = ops.random_uniform(key, (64,))
        seen.assign(noise)
        return ops.exp(x * w) * noise

    run = triceras.value_and_grad(lambda x: ops.sum(triceras.checkpoint(noisy)(x)), [w])
    value, (grad,) = wrap(run)(tf.zeros(64))
    np.testing.assert_allclose(float(value), seen.numpy().sum(), rtol=1e-5)
    assert numbers(grad) == [0.0] * 64 and state.numpy().tolist() == [3, 1]
    _, (grad,) = wrap(run)(tf.ones(64))
    np.testing.assert_allclose(ops.convert_to_numpy(grad), np.e * seen.numpy(), rtol=1e-5)


def test_custom_gradient_with_variables_inside():
    w = Variable(2.0)

    @ops.custom_gradient
    def fn(x):
        def grad(*args, upstream=None):
            return (args[0] if upstream is None else upstream) * 10.0

        return x * w, grad

    for wrap in (lambda f: f, triceras.jit):
        assert float(wrap(triceras.grad(lambda x: fn(x)))(tf.constant(3.0))) == 10.0
        assert float(wrap(triceras.grad(lambda: fn(3.0), [w]))()[0]) == 0.0


def test_eval_shape_computes_and_assigns_nothing(backend):
    v = Variable([1.0])

    def fn(x):
        v.assign(ops.sum(x, axis=0)[:1])
        return {"a": tf.matmul(x, tf.ones((3, 2))), "none": None}

    found = backend.eval_shape(fn, Spec((None, 3), "float32"))
    assert (found["a"].shape, found["a"].dtype, found["none"]) == ((None, 2), "float32", None)
    assert v.numpy().tolist() == [1.0]


# --- ops --------------------------------------------------------------------------------------------------------------


def test_constants_are_made_once(backend, monkeypatch):
    made = []
    original = tf.convert_to_tensor
    monkeypatch.setattr(
        tf, "convert_to_tensor", lambda *args, **options: made.append(args) or original(*args, **options)
    )
    tensor._KEPT.clear()
    x = tf.ones((2, 6))
    for _ in range(5):
        y = ops.add(ops.multiply(x, 2), 0.5)
        y = ops.reshape(ops.maximum(y, 7.0), (3, 4))
    assert len(made) == 3 and numbers(y) == [[7.0] * 4] * 3
    for number in (0.0, -0.0, False, 0, 1, 1.0, True):
        for dtype in ("float32", "int32"):
            found = backend.to_numpy(backend.convert(number, dtype))
            assert (found.dtype, str(float(found))) == (dtype, str(float(np.array(number, dtype))))


def test_constants_that_are_kept_are_few(backend):
    for i in range(3000):
        backend.convert(i + 0.5, "float32")
    assert len(tensor._KEPT) <= tensor._MOST_KEPT


@pytest.mark.parametrize("wrap", [lambda f: f, triceras.jit], ids=["eager", "jit"])
def test_gradient_of_logaddexp_at_equal_numbers(wrap):
    gradient = wrap(triceras.grad(lambda a, b: ops.sum(ops.logaddexp(a, b)), argnums=(0, 1)))
    a, b = gradient(np.float32([1.0, 0.0, 2.0]), np.float32([1.0, 2.0, 0.0]))
    share = 1 / (1 + np.exp(2.0))
    np.testing.assert_allclose(a, [0.5, share, 1 - share], rtol=1e-6)
    np.testing.assert_allclose(b, [0.5, 1 - share, share], rtol=1e-6)
    inf, nan = np.inf, np.nan
    x, y = np.float32([inf, -inf, inf, 0.0, nan, 0.0]), np.float32([inf, -inf, -inf, -20.0, 1.0, nan])
    with np.errstate(invalid="ignore"):
        expected = np.logaddexp(x, y)
    np.testing.assert_allclose(ops.logaddexp(x, y), expected, rtol=1e-6)


def threefry(key, count):
    """Salmon et al. 2011 in 64-bit integers."""
    mask, rotations = 0xFFFFFFFF, ((13, 15, 26, 6), (17, 29, 16, 24))
    keys = (key[0], key[1], key[0] ^ key[1] ^ 0x1BD11BDA)
    x0, x1 = np.full(count, keys[0], np.uint64), (np.arange(count, dtype=np.uint64) + keys[1]) & mask
    for i in range(5):
        for r in rotations[i % 2]:
            x0 = (x0 + x1) & mask
            x1 = (((x1 << np.uint64(r)) | (x1 >> np.uint64(32 - r))) & mask) ^ x0
        x0, x1 = (x0 + keys[(i + 1) % 3]) & mask, (x1 + keys[(i + 2) % 3] + i + 1) & mask
    return (x0 ^ x1).astype(np.uint32)


@pytest.mark.parametrize("count", [7, 50_001])
def test_random_bits_are_threefry(count):
    key = np.array([5, 2**32 - 1], "uint32")
    expected = threefry([5, 2**32 - 1], count)
    assert np.array_equal(ops.random_bits(key, (count,)), expected)
    assert np.array_equal(triceras.jit(lambda key: ops.random_bits(key, (count,)))(key), expected)


def test_native_numbers_depend_on_the_key_alone():
    key, other = (np.array([1, n], "uint32") for n in (0, 1))
    assert config.rng() == "native"
    for draw in (ops.random_uniform, ops.random_normal):
        first = numbers(draw(key, (4,)))
        assert first == numbers(draw(key, (4,))) == numbers(triceras.jit(lambda k, d=draw: d(k, (4,)))(key))
        assert first != numbers(draw(other, (4,)))


def kinds_of(graph):
    """The operations in a traced function and the functions that it calls."""
    definition = graph.graph.as_graph_def()
    return {
        node.op for nodes in (definition.node, *(f.node_def for f in definition.library.function)) for node in nodes
    }


@pytest.mark.parametrize(
    "equation, shapes, is_product",
    [
        ("abc,cde->abde", [(2, 3, 4), (4, 5, 2)], True),
        ("btnh, bsnh -> bnts", [(2, 5, 3, 4), (2, 6, 3, 4)], True),
        ("bnts,bsnh->btnh", [(2, 3, 5, 6), (2, 6, 3, 4)], True),
        ("ji,jk->ki", [(2, 3), (2, 4)], True),
        ("i,ij->j", [(3,), (3, 2)], True),
        ("i,i->", [(3,), (3,)], True),
        ("i,j->ij", [(3,), (2,)], False),
        ("ij,jk->k", [(2, 3), (3, 4)], False),
        ("ii,ij->j", [(3, 3), (3, 4)], False),
        ("...j,jk->...k", [(2, 2, 3), (3, 4)], False),
        ("ij,jk", [(2, 3), (3, 4)], False),
        ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 2)], False),
    ],
)
def test_einsum_is_a_product_of_matrices_where_it_can_be(backend, equation, shapes, is_product):
    rng = np.random.default_rng(0)
    given = [rng.normal(size=shape).astype("float32") for shape in shapes]
    expected = np.einsum(equation.replace(" ", ""), *given)
    np.testing.assert_allclose(ops.einsum(equation, *given), expected, rtol=1e-5, atol=1e-5)
    step = tf.function(lambda *xs: ops.einsum(equation, *xs), autograph=False)
    graph = step.get_concrete_function(*map(tf.constant, given))
    assert ("Einsum" in kinds_of(graph)) != is_product
    opened = step.get_concrete_function(*[tf.TensorSpec([None] * len(shape), tf.float32) for shape in shapes])
    np.testing.assert_allclose(opened(*map(tf.constant, given)), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "sizes, kernel", [((3, 4), (4, 5)), ((2, 3, 4), (4, 5)), ((2, 3, 0), (0, 5)), ((0, 3, 4), (4, 5))]
)
def test_products_of_rows(sizes, kernel):
    step = triceras.jit(lambda x, w: (ops.matmul(x, w), linalg.affine(x, w, ops.ones(w.shape[1]))))
    for first in (None, 7):
        x, w = np.full((first or sizes[0], *sizes[1:]), 2.0, "float32"), np.full(kernel, 3.0, "float32")
        for product, shifted in (step(x, w), (ops.matmul(x, w), linalg.affine(x, w, ops.ones(5)))):
            assert numbers(product) == np.matmul(x, w).tolist() and numbers(shifted) == (np.matmul(x, w) + 1).tolist()


def test_a_scan_is_differentiated_row_by_row(backend):
    w = Variable(np.ones((2, 2), "float32"))
    gradient = triceras.value_and_grad(lambda x: ops.sum(recurrent(x * 2.0, w)), [w])
    step = backend.jit(gradient)
    step(np.ones((4, 3, 2), "float32"))
    ((trace,),) = [step.traces.values()]
    assert kinds_of(trace.graph) >= {"While", "MatMul"} or kinds_of(trace.graph) >= {"StatelessWhile", "MatMul"}
    assert not any("Scatter" in kind or "SegmentSum" in kind for kind in kinds_of(trace.graph))


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("strides, dilation", [(2, 1), ((1, 3), 1), (1, 2)])
def test_convolutions_and_their_gradients(groups, strides, dilation):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 7, 6, 4)).astype("float32")
    kernel = rng.normal(size=(3, 2, 4 // groups, 8)).astype("float32")
    options = {"strides": strides, "padding": "same", "dilation_rate": dilation}
    last = ops.conv(x, kernel, data_format="channels_last", **options)
    first = ops.conv(np.moveaxis(x, -1, 1), kernel, data_format="channels_first", **options)
    np.testing.assert_allclose(np.moveaxis(first.numpy(), 1, -1), last.numpy(), rtol=1e-4, atol=1e-5)
    parts = [
        ops.conv(x[..., i : i + 4 // groups], kernel[..., j : j + 8 // groups], **options).numpy()
        for i, j in zip(range(0, 4, 4 // groups), range(0, 8, 8 // groups), strict=True)
    ]
    np.testing.assert_allclose(last.numpy(), np.concatenate(parts, -1), rtol=1e-4, atol=1e-5)
    weights = rng.normal(size=last.shape).astype("float32")
    value, (by_x, by_kernel) = triceras.jit(
        triceras.value_and_grad(lambda x, k: ops.sum(ops.conv(x, k, **options) * weights), argnums=(0, 1))
    )(x, kernel)
    # linear in each argument, so the gradient times the argument is the value
    for argument, grad in ((x, by_x), (kernel, by_kernel)):
        np.testing.assert_allclose(np.sum(argument * grad.numpy()), float(value), rtol=1e-3)


def test_transposed_convolution_of_an_unknown_batch():
    kernel = np.ones((3, 3, 2, 4), "float32")
    fn = triceras.jit(lambda x: ops.conv_transpose(x, kernel, strides=2, padding="same", dilation_rate=1))
    for size in (2, 3, 1):
        assert fn(np.ones((size, 5, 4, 4), "float32")).shape == (size, 10, 8, 2)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_gradients_in_three_dimensions(backend, dtype):
    """An eager gradient of TensorFlow's breaks without a data format, and pools have few kernels."""
    x = backend.convert(np.ones((1, 4, 4, 4, 2)), dtype)
    kernel = backend.convert(np.ones((2, 2, 2, 2, 3)), dtype)
    for fn in (lambda x: ops.conv(x, kernel), lambda x: ops.max_pool(x, 2), lambda x: ops.average_pool(x, 2)):
        grad = triceras.grad(lambda x, fn=fn: ops.sum(fn(x)))(x)
        assert backend.dtype(grad) == dtype and float(ops.sum(grad)) > 0


def test_labels_out_of_range_cost_nothing():
    losses = ops.sparse_categorical_crossentropy([1, -1, 9], np.zeros((3, 4), "float32"), from_logits=True)
    np.testing.assert_allclose(losses.numpy(), [np.log(4), 0, 0], rtol=1e-6)


@pytest.mark.parametrize("mode", ["reflect", "symmetric", "edge", "wrap"])
def test_padding_wider_than_the_axis(mode):
    x = np.arange(12.0).reshape(3, 4)
    width = ((7, 8), (1, 0))
    assert numbers(ops.pad(x, width, mode=mode)) == np.pad(x, width, mode=mode).tolist()


@pytest.mark.parametrize(
    "key",
    [
        (0, [1, -1]),
        ([0, 1], slice(None), [1, 2]),
        (slice(None), [0, 1], [1, 2]),
        (slice(0, 2), None, [0, 2]),
        (np.array([True, False, True]),),
        (..., -1),
    ],
)
def test_indexing_as_in_numpy(key):
    x = np.arange(60.0).reshape(3, 4, 5)
    assert numbers(ops.get_item(x, key)) == x[key].tolist()


def test_errors_of_kernels_name_the_op():
    with pytest.raises(ValueError, match=r"ops.solve\(.*not invertible"):
        ops.solve(np.zeros((2, 2), "float32"), np.ones(2, "float32"))


@pytest.mark.slow
def test_works_without_keras():
    code = (
        "import sys; sys.modules['keras'] = None\n"
        "import triceras\n"
        "with triceras.use_backend('tensorflow'):\n"
        "    print(float(triceras.jit(lambda x: triceras.ops.sum(x))([1.0, 2.0])))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "3.0", done.stderr


@pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="about kernels on a CPU")
def test_xla_is_not_tried_where_kernels_are_busy():
    from triceras.backends.tensorflow.compiler.xla import suits_xla

    matrix = tf.TensorSpec((2, 2))
    plain = tf.function(lambda x: x @ x + 1.0).get_concrete_function(matrix)
    assert suits_xla(plain, 1e-6)
    assert not suits_xla(plain, 1.0)
    loop = tf.function(lambda x: tf.while_loop(lambda y: tf.reduce_sum(y) < 9.0, lambda y: (y + y,), (x,))[0])
    assert suits_xla(loop.get_concrete_function(matrix), 1.0)
