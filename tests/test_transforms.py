"""The transforms mean the same on every backend: functions that read and assign Variables."""

import gc

import numpy as np
import pytest

import triceras
from triceras import Variable, ops
from triceras.core import registry
from triceras.core.spec import Spec

RNG = np.random.default_rng(0)
X = RNG.normal(size=(16, 3)).astype("float32")
Y = X @ np.array([[1.0], [-2.0], [0.5]], "float32") + 0.3


def numbers(x):
    return ops.convert_to_numpy(x).tolist()


def tensor(x, dtype="float32"):
    return ops.convert_to_tensor(x, dtype=dtype)


# --- one training loop for every backend -----------------------------------------------------------------------------


def train(compile_step):
    """Linear regression with momentum; the losses of ten steps."""
    w, b = Variable(np.zeros((3, 1), "float32")), Variable(np.zeros((1,), "float32"))
    slots = [Variable(np.zeros(v.shape, "float32"), trainable=False) for v in (w, b)]

    def loss_of(x, y):
        return ops.mean(ops.square(ops.matmul(x, w) + b - y))

    def step(x, y):
        loss, grads = triceras.value_and_grad(loss_of, [w, b])(x, y)
        for v, slot, grad in zip((w, b), slots, grads, strict=True):
            slot.assign(slot * 0.9 + grad)
            v.assign_sub(slot * 0.05)
        return {"loss": loss, "step": "named"}

    step = triceras.jit(step) if compile_step else step
    logs = [step(X, Y) for _ in range(10)]
    assert all(entry["step"] == "named" for entry in logs)
    return [float(ops.convert_to_numpy(entry["loss"])) for entry in logs]


def train_by_hand():
    w, b, slots, losses = np.zeros((3, 1)), np.zeros(1), [0.0, 0.0], []
    for _ in range(10):
        error = X @ w + b - Y
        losses.append(float(np.mean(error**2)))
        slots = [0.9 * slots[0] + 2 * X.T @ error / len(X), 0.9 * slots[1] + 2 * error.mean(axis=0)]
        w, b = w - 0.05 * slots[0], b - 0.05 * slots[1]
    return losses


@pytest.mark.parametrize("compile_step", [False, True])
def test_one_training_loop_gives_the_same_losses_everywhere(trainable_backend, compile_step):
    losses = train(compile_step)
    assert losses[-1] < losses[0] / 2
    np.testing.assert_allclose(losses, train_by_hand(), rtol=1e-4)


def test_numpy_says_where_to_train():
    with triceras.use_backend("numpy"), pytest.raises(NotImplementedError, match="no gradients"):
        triceras.value_and_grad(lambda x: x)(np.ones(()))


# --- value_and_grad ---------------------------------------------------------------------------------------------------


def test_gradients_by_variables(trainable_backend):
    w, unused = Variable([1.0, 2.0]), Variable([5.0])
    value, grads = triceras.value_and_grad(lambda x: ops.sum(w * w * x), [w, unused])(tensor([1.0, 3.0]))
    assert numbers(value) == 13.0
    assert [numbers(g) for g in grads] == [[2.0, 12.0], [0.0]]


def test_aux_passes_through(trainable_backend):
    w = Variable(2.0)

    def fn(x):
        return w * x, {"twice": w * 2.0, "name": "aux", "none": None, "count": 3}

    (value, aux), (grad,) = triceras.value_and_grad(fn, [w], has_aux=True)(tensor(3.0))
    assert (numbers(value), numbers(grad), numbers(aux["twice"])) == (6.0, 3.0, 4.0)
    assert (aux["name"], aux["none"], aux["count"]) == ("aux", None, 3)


def test_gradients_by_arguments(trainable_backend):
    def fn(x, y):
        return ops.sum(x * y * y)

    x, y = tensor([1.0, 2.0]), tensor([3.0, 4.0])
    value, grad = triceras.value_and_grad(fn)(x, y)
    assert (numbers(value), numbers(grad)) == (41.0, [9.0, 16.0])
    _, (by_x, by_y) = triceras.value_and_grad(fn, argnums=(0, 1))(x, y)
    assert (numbers(by_x), numbers(by_y)) == ([9.0, 16.0], [6.0, 16.0])
    assert numbers(triceras.grad(fn, argnums=1)(x, y)) == [6.0, 16.0]


def test_assigning_inside_value_and_grad_like_batch_normalization(trainable_backend):
    scale, moving = Variable([2.0]), Variable([0.0], trainable=False)

    def loss(x):
        mean = ops.mean(x * scale)
        moving.assign(moving * 0.5 + mean * 0.5)
        return mean * mean

    step = triceras.value_and_grad(loss, [scale])
    for run in (step, triceras.jit(step)):
        moving.assign([0.0])
        value, (grad,) = run(tensor([1.0, 3.0]))
        assert (numbers(value), numbers(grad)) == (16.0, [16.0])
        assert moving.numpy().tolist() == [2.0]
        run(tensor([1.0, 3.0]))
        assert moving.numpy().tolist() == [3.0]


def test_gradient_of_a_gradient(trainable_backend):
    inner = triceras.grad(lambda x: ops.sum(x * x * x))
    outer = triceras.grad(lambda x: ops.sum(inner(x)))
    assert numbers(outer(tensor([2.0, 3.0]))) == [12.0, 18.0]
    assert numbers(triceras.jit(outer)(tensor([2.0, 3.0]))) == [12.0, 18.0]


def test_a_value_that_is_no_scalar_is_refused(trainable_backend):
    w = Variable([1.0, 2.0])
    with pytest.raises(ValueError, match="scalar"):
        triceras.value_and_grad(lambda: w * 2.0, [w])()


def test_stop_gradient(trainable_backend):
    grad = triceras.grad(lambda x: ops.sum(x * triceras.stop_gradient(x)))
    assert numbers(grad(tensor([3.0]))) == [3.0]


# --- jit --------------------------------------------------------------------------------------------------------------


def test_jit_discovers_variables(backend):
    total, count = Variable([0.0, 0.0]), Variable(0, dtype="int32")

    @triceras.jit
    def step(x):
        total.assign_add(x)
        count.assign_add(1)
        return total * 10.0

    results = [numbers(step(tensor([1.0, 2.0]))) for _ in range(3)]
    assert results == [[10.0, 20.0], [20.0, 40.0], [30.0, 60.0]]
    assert total.numpy().tolist() == [3.0, 6.0] and int(count.numpy()) == 3
    total.assign([0.0, 0.0])
    assert numbers(step(tensor([1.0, 2.0]))) == [10.0, 20.0]


def test_jit_with_given_variables_leaves_the_others_alone(backend):
    a, b, frozen = Variable(1.0), Variable(2.0), Variable(3.0)

    def step():
        a.assign(b + frozen)

    run = triceras.jit(step, variables=[a, b, frozen])
    before = frozen.value
    assert run() is None and run() is None
    assert [float(v.numpy()) for v in (a, b, frozen)] == [5.0, 2.0, 3.0]
    assert numbers(before) == 3.0


def test_jit_keeps_structure_and_static_results(backend):
    @triceras.jit
    def fn(data, *, flag, name=None):
        x = data["x"][0] * 2.0 if flag else data["x"][0]
        return {"z": x, "a": (name, None, [data["y"], 7])}

    data = {"x": [tensor([1.0]), None], "y": np.ones((2,), "float32")}
    out = fn(data, flag=True, name="n")
    assert list(out) == ["z", "a"] and numbers(out["z"]) == [2.0]
    assert out["a"][:2] == ("n", None) and numbers(out["a"][2][0]) == [1.0, 1.0] and out["a"][2][1] == 7
    assert numbers(fn(data, flag=False)["z"]) == [1.0] and fn(data, flag=False)["a"][0] is None


def test_jit_takes_other_shapes_and_dtypes(backend):
    seen = Variable(0.0)

    @triceras.jit
    def fn(x):
        if x.shape[0] > 2:
            seen.assign_add(1.0)
        return ops.sum(x)

    assert numbers(fn(tensor([1.0, 2.0]))) == 3.0 and float(seen.numpy()) == 0.0
    assert numbers(fn(tensor([1.0, 2.0, 3.0]))) == 6.0 and float(seen.numpy()) == 1.0
    assert numbers(fn(tensor([1, 2], "int32"))) == 3 and float(seen.numpy()) == 1.0
    assert numbers(fn(tensor([1.0, 2.0, 3.0]))) == 6.0 and float(seen.numpy()) == 2.0


def test_jit_in_jit_and_gradients(trainable_backend):
    w, calls = Variable(3.0), Variable(0.0, trainable=False)

    @triceras.jit
    def loss(x):
        calls.assign_add(1.0)
        return w * w * x

    @triceras.jit
    def step(x):
        value, (grad,) = triceras.value_and_grad(loss, [w])(x)
        w.assign_sub(grad * 0.5)
        return value

    assert numbers(step(tensor(1.0))) == 9.0
    assert (float(w.numpy()), float(calls.numpy())) == (0.0, 1.0)
    assert numbers(loss(tensor(1.0))) == 0.0 and float(calls.numpy()) == 2.0


def test_variables_made_while_tracing_are_real(backend):
    made = []

    @triceras.jit
    def fn(x):
        if not made:
            made.append(Variable(np.full((2,), 2.0, "float32")))
        made[0].assign_add(x)
        return made[0] * 1.0

    assert numbers(fn(tensor([1.0, 1.0]))) == [3.0, 3.0]
    assert made[0].numpy().tolist() == [3.0, 3.0]
    assert numbers(fn(tensor([1.0, 1.0]))) == [4.0, 4.0]


def test_results_survive_later_steps(backend):
    state = Variable([1.0])

    @triceras.jit
    def step(x):
        state.assign(x)
        return state.value

    x = tensor([2.0])
    first = step(x)
    second = step(first * 3.0)
    step(tensor([9.0]))
    assert (numbers(x), numbers(first), numbers(second)) == ([2.0], [2.0], [6.0])
    other = Variable([0.0])
    other.assign(state.value)
    step(tensor([4.0]))
    assert other.numpy().tolist() == [9.0]


def test_an_error_in_a_step_leaves_variables_usable(backend):
    v = Variable([1.0, 2.0])

    @triceras.jit
    def step(x):
        out = ops.matmul(x, v)
        v.assign(v * 2.0)
        return out

    step(tensor([[1.0, 1.0]]))
    with pytest.raises(ValueError, match="ops.matmul"):
        step(tensor([[1.0, 1.0, 1.0]]))
    assert v.numpy().tolist() == [2.0, 4.0]
    assert numbers(step(tensor([[1.0, 1.0]]))) == [6.0] and v.numpy().tolist() == [4.0, 8.0]


def test_jit_inside_a_stateless_scope(backend):
    v = Variable(1.0)
    step = triceras.jit(lambda x: v.assign(v + x))
    step(tensor(1.0))
    with triceras.StatelessScope([(v, tensor(10.0))]) as scope:
        step(tensor(1.0))
    assert numbers(scope.get_current_value(v)) == 11.0 and float(v.numpy()) == 2.0


def test_transforms_follow_the_variables(trainable_backend):
    w = Variable([2.0])
    with triceras.use_backend("numpy"):
        _, (grad,) = triceras.value_and_grad(lambda x: ops.sum(w * w * x), [w])(np.ones((1,), "float32"))
    assert registry.backend_of(grad).name == trainable_backend and numbers(grad) == [4.0]


def test_memory_stays_flat_without_the_garbage_collector(backend):
    v = Variable(np.zeros((64, 64), "float32"))

    @triceras.jit
    def step(x):
        v.assign_add(x)
        return ops.sum(v)

    x = tensor(np.ones((64, 64)))
    for _ in range(20):
        step(x)
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        for _ in range(1000):
            step(x)
        grown = len(gc.get_objects()) - before
    finally:
        gc.enable()
    assert grown < 200


# --- loops and branches -----------------------------------------------------------------------------------------------

compiled_or_not = pytest.mark.parametrize("wrap", [lambda f: f, triceras.jit], ids=["eager", "jit"])


@compiled_or_not
def test_scan_carries_variables(backend, wrap):
    total = Variable(0.0)

    def body(carry, x):
        total.assign_add(x)
        return carry + x, (carry * x, {"x": x})

    def run(xs):
        return triceras.scan(body, ops.zeros(()), xs)

    carry, (products, rest) = wrap(run)(tensor([1.0, 2.0, 3.0]))
    assert (numbers(carry), numbers(products), numbers(rest["x"])) == (6.0, [0.0, 2.0, 9.0], [1.0, 2.0, 3.0])
    assert float(total.numpy()) == 6.0
    carry, out = triceras.scan(lambda c, _: (c * 2.0, None), tensor(1.0), length=4)
    assert numbers(carry) == 16.0 and out is None
    _, out = triceras.scan(lambda c, x: (x, c), tensor(0.0), tensor([1.0, 2.0]), reverse=True)
    assert numbers(out) == [2.0, 0.0]


def test_gradient_through_scan(trainable_backend):
    w = Variable(2.0)

    def loss(xs):
        carry, _ = triceras.scan(lambda c, x: (c * w + x, None), tensor(0.0), xs)
        return carry

    for run in (triceras.value_and_grad(loss, [w]), triceras.jit(triceras.value_and_grad(loss, [w]))):
        value, (grad,) = run(tensor([1.0, 1.0, 1.0]))  # w² + w + 1
        assert (numbers(value), numbers(grad)) == (7.0, 5.0)


@compiled_or_not
def test_while_loop(backend, wrap):
    steps = Variable(0, dtype="int32")

    def body(i, x):
        steps.assign_add(1)
        return i + 1, x * 2.0

    def run(limit):
        return triceras.while_loop(lambda i, x: i < limit, body, (tensor(0, "int32"), tensor([1.0])))

    i, x = wrap(run)(tensor(3, "int32"))
    assert (numbers(i), numbers(x), int(steps.numpy())) == (3, [8.0], 3)
    alone = triceras.while_loop(lambda i: i < 100, lambda i: i + 1, tensor(0, "int32"), maximum_iterations=5)
    assert numbers(alone) == 5


@compiled_or_not
def test_fori_loop(backend, wrap):
    total = Variable(0.0)

    def body(i, x):
        total.assign_add(1.0)
        return x + ops.cast(i, "float32")

    assert numbers(wrap(lambda x: triceras.fori_loop(1, 4, body, x))(tensor(0.0))) == 6.0
    assert float(total.numpy()) == 3.0


@compiled_or_not
def test_cond_assigns_in_the_branch_taken(backend, wrap):
    v = Variable(1.0)

    def grow():
        v.assign(v * 10.0)
        return {"out": v + 0.0}

    def stay():
        return {"out": v - 1.0}

    run = wrap(lambda p: triceras.cond(p, grow, stay))
    assert numbers(run(tensor(True, "bool"))["out"]) == 10.0 and float(v.numpy()) == 10.0
    assert numbers(run(tensor(False, "bool"))["out"]) == 9.0 and float(v.numpy()) == 10.0


# --- vmap, custom gradients, checkpoint, shapes -----------------------------------------------------------------------


def test_vmap(backend):
    scale, calls = Variable(2.0), Variable(0.0)

    def fn(a, b):
        calls.assign(5.0)
        return ops.sum(a * b) * scale

    x, y = tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), tensor([1.0, 10.0])
    assert numbers(triceras.vmap(fn, in_axes=(0, None))(x, y)) == [42.0, 86.0, 130.0]
    assert float(calls.numpy()) == 5.0
    assert numbers(triceras.vmap(lambda a: a * 2.0, in_axes=1, out_axes=1)(x)) == numbers(x * 2.0)


def test_custom_gradient_in_kerass_form(trainable_backend):
    w = Variable(3.0)

    @triceras.custom_gradient
    def log1pexp(x):
        e = ops.exp(x)

        def grad(*args, upstream=None):
            if upstream is None:
                (upstream,) = args
            return ops.multiply(upstream, 1.0 - 1.0 / ops.add(1, e))

        return ops.log(1 + e) * w, grad

    @triceras.custom_gradient
    def swapped(x, y):
        return x * y, lambda upstream: (upstream * 7.0, upstream * 11.0)

    x = tensor(100.0)
    assert numbers(triceras.grad(log1pexp)(x)) == 1.0
    assert numbers(triceras.jit(triceras.grad(log1pexp))(x)) == 1.0
    assert [numbers(g) for g in triceras.grad(swapped, argnums=(0, 1))(tensor(1.0), tensor(1.0))] == [7.0, 11.0]
    assert numbers(triceras.grad(lambda: log1pexp(w * 1.0), [w])()[0]) == pytest.approx(1 - 1 / (1 + np.exp(3.0)))


def test_custom_gradient_gets_the_arguments_and_the_upstream_gradients(trainable_backend):
    @triceras.custom_gradient
    def scaled(x, factor):
        return x * factor, lambda *args, upstream: (upstream * args[1] * 10.0, upstream * args[0] * 100.0)

    @triceras.custom_gradient
    def two(x):
        return (x * 2.0, x * 3.0), lambda first, second: first + second * 10.0

    x, factor = tensor(2.0), tensor(3.0)
    assert [numbers(g) for g in triceras.grad(scaled, argnums=(0, 1))(x, factor)] == [30.0, 200.0]
    assert numbers(triceras.grad(lambda x: two(x)[0] + two(x)[1])(x)) == 11.0


def test_checkpoint_gives_the_same_gradients_and_assigns_once(trainable_backend):
    w, calls = Variable([1.0, 2.0]), Variable(0.0, trainable=False)

    @triceras.checkpoint
    def block(x, name):
        calls.assign_add(1.0)
        return ops.tanh(x * w), name

    def loss(x):
        out, name = block(x, "b")
        assert name == "b"
        return ops.sum(out)

    x = np.array([0.5, 0.25], "float32")
    expected = x * (1 - np.tanh(x * np.array([1.0, 2.0])) ** 2)
    for run in (triceras.grad(loss, [w]), triceras.jit(triceras.grad(loss, [w]))):
        before = float(calls.numpy())
        (grad,) = run(tensor(x))
        np.testing.assert_allclose(ops.convert_to_numpy(grad), expected, rtol=1e-5)
        assert float(calls.numpy()) == before + 1.0


def test_eval_shape_finds_unknown_dimensions(trainable_backend):
    w = Variable(np.zeros((4, 5), "float32"))

    def fn(x, flag):
        w.assign(w * 2.0)
        return {"y": ops.matmul(x, w), "last": x[:, -1] if flag else x, "none": None}

    out = registry.get(trainable_backend).eval_shape(fn, Spec((None, 4)), True)
    assert (out["y"].shape, out["y"].dtype) == ((None, 5), "float32")
    assert out["last"].shape == (None,) and out["none"] is None
    assert w.numpy().sum() == 0.0


def test_convert_between_backends(backend):
    x = tensor([[1.0, 2.0]])
    back = triceras.convert(triceras.convert({"x": x, "none": None}, "numpy"), backend)
    assert isinstance(back["x"], registry.get(backend).tensor_types) and back["none"] is None
    assert numbers(back["x"]) == [[1.0, 2.0]]
