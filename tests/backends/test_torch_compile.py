"""Compiled functions on torch: captured graphs equal eager calls, and every doubt leaves a function eager."""

import warnings

import numpy as np
import pytest

import triceras
from triceras import layers, ops
from triceras.core import registry, tree

torch = pytest.importorskip("torch")

from tests.layers import running  # noqa: E402
from tests.layers.cases import ONE_EACH, inputs_of  # noqa: E402
from triceras.backends.torch.compiler import program  # noqa: E402

pytestmark = pytest.mark.usefixtures("captured")


def stage(run):
    """The stage of the one program that a function has, by name."""
    (found,) = run.programs.values()
    return found.stage.__name__


# --- training ---------------------------------------------------------------------------------------------------------


def mlp():
    return triceras.Sequential([layers.Dense(8, activation="relu"), layers.Dropout(0.3), layers.Dense(3)]), (6, 5)


def cnn():
    blocks = [layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ReLU(), layers.MaxPooling2D(), layers.Flatten()]
    return triceras.Sequential([*blocks, layers.Dense(3)]), (4, 8, 8, 2)


def lstm():
    return triceras.Sequential([layers.LSTM(4, dropout=0.2), layers.Dense(3)]), (4, 3, 5)


def transformer():
    inputs = layers.Input((4, 8))
    attended = layers.MultiHeadAttention(2, 4, dropout=0.1)(inputs, inputs)
    x = layers.LayerNormalization()(layers.Add()([inputs, layers.Dropout(0.1)(attended)]))
    x = layers.GlobalAveragePooling1D()(layers.Dense(8, activation="gelu")(x))
    return triceras.Model(inputs, layers.Dense(3)(x)), (4, 4, 8)


def trained(make, steps=10, optimizer="adam", **options):
    """A model after some steps on random data, and its logs."""
    triceras.utils.set_random_seed(0)
    model, shape = make()
    loss = triceras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=["accuracy"], **options)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=shape).astype("float32"), rng.integers(0, 3, shape[:1])
    return model, [model.train_on_batch(x, y, return_dict=True) for _ in range(steps)]


def state(model):
    return [v.numpy() for v in (*model.variables, *model.optimizer.variables, *model.metrics_variables)]


@pytest.mark.parametrize("make", [mlp, cnn, lstm, transformer])
def test_captured_training_equals_eager_training_bit_for_bit(make):
    eager, logs = trained(make, jit_compile=False)
    model, captured_logs = trained(make)
    assert stage(model._steps["train_step"].one) == "on_graph"
    assert captured_logs == logs
    for a, b in zip(state(model), state(eager), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name, expression, shapes, options", ONE_EACH, ids=[name for name, *_ in ONE_EACH])
def test_layers_train_alike_captured_and_eager(captured, name, expression, shapes, options):
    inputs, found = inputs_of(shapes), []
    for jit_compile in (False, None):
        triceras.utils.set_random_seed(0)
        layer, optimizer = running.made(triceras, expression), triceras.optimizers.SGD(0.01)
        layer(*inputs, **options)

        def step(*inputs, layer=layer, optimizer=optimizer):
            def loss():
                leaves = [ops.cast(x, "float32") for x in tree.flatten(layer(*inputs, **options)) if x is not None]
                return sum(ops.mean(ops.square(x)) for x in leaves), leaves

            if not layer.trainable_variables:
                return captured.without_gradients(loss)()
            value, grads = triceras.value_and_grad(loss, layer.trainable_variables, has_aux=True)()
            optimizer.apply(grads, layer.trainable_variables)
            return value

        run = captured.jit(step, jit_compile=jit_compile)
        logs = [captured.to_numpy(x) for _ in range(5) for x in tree.flatten(run(*inputs))]
        found.append(logs + [v.numpy().astype("float32") for v in (*layer.variables, *optimizer.variables)])
    assert stage(run) == "on_graph"
    for eager, graph in zip(*found, strict=True):
        np.testing.assert_allclose(graph, eager, rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adamw", "lion", "ftrl", "nadam", "adafactor"])
def test_optimizers_are_captured(optimizer):
    eager, logs = trained(mlp, 4, optimizer, jit_compile=False)
    model, captured_logs = trained(mlp, 4, optimizer)
    assert stage(model._steps["train_step"].one) == "on_graph"
    assert captured_logs == logs
    for a, b in zip(state(model), state(eager), strict=True):  # eagerly, small weights are updated together
        np.testing.assert_allclose(a, b, rtol=2e-6, atol=1e-8)


def test_what_all_weights_have_in_common_is_computed_once():
    model, _ = trained(mlp, 3, "adam")
    (found,) = model._steps["train_step"].one.programs.values()
    names = [str(node.target) for node in found.captured.module.graph.nodes]
    assert sum(name.endswith("pow.Scalar") for name in names) == 2 and len(model.trainable_variables) == 4


def test_gradient_accumulation_and_averages_are_captured():
    def optimizer():
        return triceras.optimizers.SGD(0.1, momentum=0.9, gradient_accumulation_steps=2, use_ema=True)

    eager, logs = trained(mlp, 6, optimizer(), jit_compile=False)
    model, captured_logs = trained(mlp, 6, optimizer())
    assert stage(model._steps["train_step"].one) == "on_graph" and captured_logs == logs


def test_the_learning_rate_can_be_changed_afterwards():
    results = []
    for jit_compile in (False, "auto"):
        model, _ = trained(mlp, 4, jit_compile=jit_compile)
        model.optimizer.learning_rate = 0.0
        before = model.get_weights()
        model.train_on_batch(np.ones((6, 5)), np.zeros(6))
        model.optimizer.learning_rate = 0.5
        results.append([np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)])
    assert results[0] == results[1]
    assert all(results[0][:2])  # the kernel and the bias; not the seed


def test_fit_evaluate_and_predict_go_through_graphs():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 5)).astype("float32"), rng.integers(0, 3, 20)
    found = []
    for jit_compile in (False, "auto"):
        model, _ = trained(mlp, 1, jit_compile=jit_compile)
        history = model.fit(x, y, batch_size=6, epochs=4, shuffle=False, validation_data=(x, y), verbose=0).history
        found.append((history, model.predict(x, batch_size=6, verbose=0)))
    assert found[0][0] == found[1][0]
    np.testing.assert_array_equal(found[0][1], found[1][1])
    for name in ("train_step", "test_step", "predict_step"):
        assert stage(model._steps[name].one) == "on_graph"  # full batches, and the smaller last one


def test_freezing_layers_is_seen():
    model, _ = trained(mlp, 4)
    model.layers[0].trainable = False
    before = model.layers[0].get_weights()
    model.fit(np.ones((12, 5), "float32"), np.zeros(12), batch_size=6, epochs=3, verbose=0)
    for a, b in zip(before, model.layers[0].get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_run_eagerly_and_jit_compile_false_never_capture():
    for options in ({"run_eagerly": True}, {"jit_compile": False}):
        model, _ = trained(mlp, 4, **options)
        assert not hasattr(model._steps["train_step"].one, "programs")


def test_several_steps_at_once():
    results = []
    for jit_compile in (False, "auto"):
        model, _ = trained(mlp, 0, steps_per_execution=2, jit_compile=jit_compile)
        model.fit(np.ones((24, 5), "float32"), np.zeros(24), batch_size=6, epochs=3, shuffle=False, verbose=0)
        results.append(model.get_weights())
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_step_of_the_users_own_with_backward_stays_eager():
    class Net(triceras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(3)

        def call(self, inputs):
            return self.dense(inputs)

        def train_step(self, data):
            x, y = data
            self.zero_grad()
            loss = self.compute_loss(x, y, self(x, training=True))
            loss.backward()
            self.optimizer.apply([v.value.grad for v in self.trainable_variables], self.trainable_variables)
            return {"loss": loss.detach()}

    with pytest.warns(
        UserWarning, match=r"Net.train_step runs eagerly on torch, not compiled: .*backward.*in train_step"
    ):
        model, logs = trained(lambda: (Net(), (6, 5)), 6)
    assert stage(model._steps["train_step"].one) == "uncompiled"
    assert logs[-1]["loss"] < logs[0]["loss"]


# --- functions --------------------------------------------------------------------------------------------------------


def test_a_function_is_traced_once():
    total, runs = triceras.Variable(0.0, trainable=False), []

    @triceras.jit
    def step(x):
        runs.append(1)
        total.assign_add(ops.sum(x))
        return {"total": total * 1.0, "name": "x"}

    logs = [step(torch.ones(3)) for _ in range(1000)]
    assert float(logs[-1]["total"]) == 3000 == float(total.numpy()) and logs[-1]["name"] == "x"
    assert len(runs) <= 4  # twice eagerly, in the trace, and in the eager call that it is compared with


def wrapped(fn, **options):
    """`fn` compiled on torch, with its programs to look at."""
    return registry.get("torch").jit(fn, **options)


def test_assigned_values_may_be_other_variables():
    a, b = triceras.Variable([1.0], trainable=False), triceras.Variable([2.0], trainable=False)

    def swap():
        first, second = a.value * 1.0, b.value * 1.0
        a.assign(second)
        b.assign(first)
        return a.value

    step = wrapped(swap)
    seen = [(step().tolist(), a.numpy().tolist(), b.numpy().tolist()) for _ in range(4)]
    assert seen == [([2.0], [2.0], [1.0]), ([1.0], [1.0], [2.0])] * 2
    assert stage(step) == "on_graph"


def test_old_values_are_read_before_they_are_overwritten():
    v, p = triceras.Variable([1.0, 2.0, 3.0], trainable=False), triceras.Variable([1.0, 1.0, 1.0])

    def fn(x):
        def loss():
            product = ops.sum(ops.reshape(v, (3, 1)) * p * x)
            v.assign(ops.concatenate([v[1:], v[:1]]) * 2.0)
            return product

        _, (gradient,) = triceras.value_and_grad(loss, [p])()  # by the old values
        return gradient, ops.logsumexp(v)

    seen = []
    for jit_compile in (False, None):
        v.assign([1.0, 2.0, 3.0])
        step = wrapped(fn, jit_compile=jit_compile)
        calls = [step(torch.ones(3)) for _ in range(6)]
        seen.append([x.tolist() for call in calls for x in call] + [v.numpy().tolist()])
    assert seen[0] == seen[1] and stage(step) == "on_graph"
    (found,) = step.programs.values()
    nodes = [str(node.target) for node in found.captured.module.graph.nodes]
    assert nodes.index("aten.copy_.default") < nodes.index("aten.logsumexp.default")  # it isn't kept for the end


def test_nothing_is_written_early_where_python_writes_in_place():
    v = triceras.Variable([1.0, 2.0], trainable=False)

    def fn(x):
        y = torch.zeros(2)
        y.copy_(v.value * 2.0)
        y.add_(x)
        v.assign(y)
        return ops.sum(v) * 1.0

    step = wrapped(fn)
    assert [float(step(torch.ones(2))) for _ in range(5)] == [8.0, 18.0, 38.0, 78.0, 158.0]
    assert stage(step) == "on_graph"


def test_the_batch_and_its_results_are_apart_from_variables():
    v = triceras.Variable([1.0, 2.0], trainable=False)
    step = wrapped(lambda x: (v.assign(v + x), v.value, x)[1:])
    results = [step(torch.ones(2)) for _ in range(5)]
    v.assign([0.0, 0.0])
    assert [x[0].tolist() for x in results] == [[float(n + 1), float(n + 2)] for n in range(1, 6)]
    assert all(x[1].tolist() == [1.0, 1.0] for x in results) and stage(step) == "on_graph"


def test_dtypes_shapes_and_static_arguments_have_programs_of_their_own():
    step = wrapped(lambda x, flag, scale=1: x * scale if flag else x)
    for _ in range(4):
        assert step(torch.ones(2), True, scale=3).tolist() == [3, 3]
        assert step(torch.ones(3), False).tolist() == [1, 1, 1]
        assert step(torch.ones(2, dtype=torch.int32), True).dtype is torch.int32
        assert step(np.ones(2, "float32"), True, scale=3).tolist() == [3, 3]
    assert len(step.programs) == 3


def test_strided_arguments():
    x = torch.arange(12.0).reshape(3, 4)
    step = wrapped(lambda x: ops.reshape(x, (-1,)) * 2.0)
    for _ in range(4):
        assert step(x.T).tolist() == (x.T.reshape(-1) * 2).tolist()
    assert stage(step) == "on_graph"


def test_results_that_are_differentiated_stay_eager():
    w = triceras.Variable([2.0])
    step = wrapped(lambda x: ops.sum(w * x))
    for n in range(1, 5):
        step(torch.tensor([3.0])).backward()
        assert w.grad.tolist() == [3.0 * n]
    assert stage(step) == "uncompiled"
    x = torch.tensor([3.0], requires_grad=True)
    step(x).backward()
    assert x.grad.tolist() == [2.0]


def test_inside_other_transforms_it_is_part_of_them():
    w = triceras.Variable(3.0)
    square = wrapped(lambda: w * w)
    for _ in range(4):
        assert triceras.grad(square, [w])()[0].item() == 6.0
    assert not square.programs


def test_moving_to_another_dtype_captures_anew():
    model, _ = trained(mlp, 4)
    step = wrapped(lambda x: model(x, training=False))
    with torch.no_grad():
        for _ in range(4):
            step(torch.ones(6, 5))
        model.double()
        for _ in range(4):
            assert step(torch.ones(6, 5)).dtype is torch.float64
    assert stage(step) == "on_graph"


# --- what can't be captured -------------------------------------------------------------------------------------------


def python_branch(x, v):
    return x * 2.0 if ops.sum(x) > 0 else x


def reads_a_number(x, v):
    return x * float(ops.sum(x))


def swallows_the_error(x, v):
    try:
        return x * float(ops.sum(x))
    except Exception:
        return x


OUTSIDE = torch.ones(2)


def takes_a_tensor_from_outside(x, v):
    return x + OUTSIDE


def depends_on_numpys_generator(x, v):
    return x * np.random.uniform()


def counts_in_python(x, v, count=[0]):  # noqa: B006
    count[0] += 1
    return x * count[0]


def makes_variables(x, v):
    return x * triceras.Variable(2.0, trainable=False)


@pytest.mark.parametrize(
    "fn",
    [
        python_branch,
        reads_a_number,
        swallows_the_error,
        takes_a_tensor_from_outside,
        depends_on_numpys_generator,
        counts_in_python,
        makes_variables,
    ],
)
def test_doubtful_functions_run_eagerly_with_one_warning(fn):
    v = triceras.Variable(0.0, trainable=False)

    def count(x):
        v.assign_add(1.0)
        return fn(x, v)

    step = wrapped(count)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(5):
            step(torch.ones(2))
    assert [str(w.message).split(":")[0].endswith("runs eagerly on torch, not compiled") for w in caught] == [True]
    assert stage(step) == "uncompiled"
    assert v.numpy() == 5 and not registry.get("torch").is_traced(v.native)


def test_the_warning_names_the_place():
    step = wrapped(lambda x: reads_a_number(x, None))
    with pytest.warns(UserWarning, match=r"test_torch_compile\.py:\d+, in reads_a_number"):
        for _ in range(3):
            step(torch.ones(2))


def test_a_graph_of_the_users_random_numbers_draws_fresh_ones():
    step = wrapped(lambda x: x * torch.rand(2))
    draws = [tuple(step(torch.ones(2)).tolist()) for _ in range(6)]
    assert len(set(draws)) == 6
    assert stage(step) == "on_graph"


def test_errors_of_the_function_are_its_own():
    step = wrapped(lambda x: ops.matmul(x, x))
    for _ in range(4):
        with pytest.raises(ValueError, match="matmul"):
            step(torch.ones(2, 3))


def test_data_that_no_graph_takes_give_the_functions_own_error():
    table, calls = triceras.Variable(np.ones((3, 2)), trainable=False), triceras.Variable(0.0, trainable=False)

    def look_up(x):
        calls.assign_add(1.0)
        return ops.take(table, x, axis=0)

    step = wrapped(look_up)
    for _ in range(3):
        step(torch.tensor([0, 1]))
    with pytest.raises((IndexError, RuntimeError, ValueError)) as eager:
        look_up(torch.tensor([0, 9]))
    calls.assign(3.0)
    with pytest.raises(eager.type):
        step(torch.tensor([0, 9]))
    assert stage(step) == "on_graph" and step(torch.tensor([2, 2])).tolist() == [[1, 1], [1, 1]]


def test_nothing_is_captured_before_it_pays(monkeypatch):
    monkeypatch.setenv("TRICERAS_TORCH_COMPILE", "auto")
    model, _ = trained(mlp, 4)
    assert stage(model._steps["train_step"].one) == "warm_up"
    assert program.AUTO.capture_after >= 1 and program.AUTO.compile_after >= 5 and program.AUTO.calls >= 5


def test_the_first_steps_are_eager_however_long_they_take(monkeypatch):
    monkeypatch.setattr(program, "AUTO", program.AUTO._replace(capture_after=0.0, compile_after=0.0))
    monkeypatch.setenv("TRICERAS_TORCH_COMPILE", "auto")
    captures, real = [], program.capture
    monkeypatch.setattr(program, "capture", lambda *args: captures.append(1) or real(*args))
    monkeypatch.setattr(program.Program, "begin_build", lambda self: captures.append("compiler"))
    step = wrapped(lambda x: ops.sum(x))
    for _ in range(5):
        step(torch.ones(3))
    assert stage(step) == "warm_up" and not captures
    step(torch.ones(3)), step(torch.ones(3))
    assert stage(step) == "on_graph" and captures == [1]
