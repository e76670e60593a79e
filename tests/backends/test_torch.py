"""The torch backend: conversion, Variables, transforms, layers as modules, and that a step can be captured."""

import copy
import gc
import pickle

import numpy as np
import pytest

import triceras
from triceras import ops
from triceras.core import dtypes, registry, tree
from triceras.core.spec import Spec
from triceras.core.state import StatelessScope
from triceras.layers import Layer
from triceras.ops.op import OPS
from triceras.testing.samples import CASES

torch = pytest.importorskip("torch")

NUMERIC = sorted(dtypes.ALL - {"string"})
JAX_BITS = [2098992034, 2919706841, 2646866425, 2409546199]  # jax.random.bits(jax.random.key(42), (4,))


@pytest.fixture(autouse=True)
def torch_backend():
    with triceras.use_backend("torch"):
        yield registry.get("torch")


# --- conversion -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", NUMERIC)
def test_every_dtype_comes_back_as_it_went(torch_backend, dtype):
    array = np.array([[0, 1], [1, 2]]).astype(dtypes.to_numpy_dtype(dtype))
    tensor = torch_backend.convert(array)
    kept = torch_backend.canonical_dtype(dtype)
    back = torch_backend.to_numpy(tensor)
    assert (torch_backend.dtype(tensor), back.dtype.name) == (kept, kept)
    np.testing.assert_array_equal(back.astype("complex64"), array.astype("complex64"))


@pytest.mark.parametrize("dtype", NUMERIC)
def test_a_variable_of_every_dtype(dtype):
    variable = triceras.Variable(np.zeros((2, 3)), dtype=dtype)
    variable.assign(np.ones((2, 3)))
    np.testing.assert_array_equal(variable.numpy().astype("complex64"), np.ones((2, 3)))


def test_python_numbers_have_kerass_dtypes(torch_backend):
    kinds = [torch_backend.dtype(torch_backend.convert(x)) for x in (True, 1, 2**40, 1.0, 1j, [1, 2], [1.5], [])]
    assert kinds == ["bool", "int32", "int64", "float32", "complex64", "int32", "float32", "float32"]


@pytest.mark.parametrize(
    "array",
    [np.arange(6.0)[::-1], np.arange(6.0).astype(">f8"), np.broadcast_to(np.float64(1.0), (6,)), np.float64(2.0)],
    ids=["backwards", "other byte order", "read-only", "scalar"],
)
def test_awkward_arrays(torch_backend, array):
    tensor = torch_backend.convert(array)
    np.testing.assert_array_equal(torch_backend.to_numpy(tensor), array)
    tensor.add_(1)  # writing into it is allowed


def test_an_array_shares_its_memory_and_to_numpy_does_not(torch_backend):
    array = np.zeros(3, "float32")
    tensor = torch_backend.convert(array)
    array[0] = 1
    assert tensor[0] == 1 or tensor.device.type != "cpu"
    torch_backend.to_numpy(tensor)[1] = 5
    assert tensor[1] == 0


def test_lists_that_hold_tensors(torch_backend):
    tensor = torch_backend.convert([[torch.tensor(1), 2.5], [3, torch.tensor(4, dtype=torch.int32)]])
    assert tensor.dtype is torch.float32
    assert tensor.tolist() == [[1, 2.5], [3, 4]]


def test_strings_are_refused(torch_backend):
    with pytest.raises(TypeError, match="no strings"):
        torch_backend.convert(np.array(["a"]))
    with pytest.raises(TypeError, match="string"):
        torch_backend.convert(1, "string")


@pytest.mark.parametrize("name", [n for n in ("jax", "tensorflow") if n in registry.installed()])
def test_tensors_of_others(torch_backend, name):
    with triceras.use_backend(name):
        foreign = ops.convert_to_tensor(np.arange(4, dtype="float32"))
    tensor = torch_backend.convert(foreign)
    assert isinstance(tensor, torch.Tensor)
    assert tensor.tolist() == [0, 1, 2, 3]


def test_complex_to_real_drops_the_imaginary_part_silently(torch_backend):
    assert torch_backend.cast(torch.tensor([1 + 2j]), "float32").tolist() == [1]


def test_devices(torch_backend):
    assert torch_backend.device_names()[0] == "cpu:0"
    with torch_backend.device("cpu:0"):
        assert ops.zeros((2,)).device.type == "cpu"
    with pytest.raises(ValueError, match="no device 'gpu:77'"):
        torch_backend.device("gpu:77")


# --- Variables --------------------------------------------------------------------------------------------------------


def test_a_trainable_variable_is_a_parameter_and_stays_the_same_one():
    variable = triceras.Variable([1.0, 2.0])
    parameter = variable.value
    assert isinstance(parameter, torch.nn.Parameter)
    variable.assign([3.0, 4.0])
    assert variable.value is parameter
    assert parameter.tolist() == [3, 4]
    assert parameter.requires_grad and not parameter.grad_fn


def test_what_is_not_trained_is_a_plain_tensor():
    for variable in (triceras.Variable([1.0], trainable=False), triceras.Variable([1], dtype="int32")):
        assert not isinstance(variable.value, torch.nn.Parameter)


def test_trainable_flips_in_place():
    variable = triceras.Variable([1.0])
    parameter = variable.value
    variable.trainable = False
    assert variable.value is parameter and not parameter.requires_grad
    variable.trainable = True
    assert parameter.requires_grad
    frozen = triceras.Variable([1.0], trainable=False)
    frozen.trainable = True
    assert isinstance(frozen.value, torch.nn.Parameter)


def test_a_variable_made_in_inference_mode_can_be_trained():
    with torch.inference_mode():
        variable = triceras.Variable([2.0])
        state = triceras.Variable([1.0], trainable=False)
        state.assign(state + variable)
    (variable * variable * state).sum().backward()
    assert variable.grad.tolist() == [12]


def test_assigning_a_view_of_itself():
    variable = triceras.Variable(np.arange(9.0).reshape(3, 3))
    variable.assign(ops.transpose(variable))
    np.testing.assert_array_equal(variable.numpy(), np.arange(9.0).reshape(3, 3).T)


def test_a_new_variable_has_its_own_memory():
    source = torch.zeros(2)
    variable = triceras.Variable(source)
    source.add_(1)
    assert variable.numpy().tolist() == [0, 0]


def test_assigning_what_a_backward_pass_needs():
    weight, state = triceras.Variable(2.0), triceras.Variable(3.0, trainable=False)
    loss = weight.value * state.value
    state.assign(7.0)
    loss.backward()
    assert weight.grad.item() == 3.0
    assert state.numpy() == 7.0


def test_torch_functions_and_attributes_of_variables():
    variable = triceras.Variable([3.0, 4.0])
    assert torch.linalg.norm(variable).item() == 5.0
    variable.sum().backward()
    assert variable.grad.tolist() == [1, 1]
    assert variable.requires_grad and variable.device == variable.value.device
    assert not hasattr(variable, "no_such_thing")


def test_a_torch_optimizer_steps_a_variable():
    variable = triceras.Variable([1.0])
    optimizer = torch.optim.SGD([variable.value], lr=0.5)
    (variable * 2.0).sum().backward()
    optimizer.step()
    assert variable.numpy().tolist() == [0.0]


# --- transforms -------------------------------------------------------------------------------------------------------


def test_value_and_grad_by_variables():
    w, unused, count = triceras.Variable([1.0, 2.0]), triceras.Variable([5.0]), triceras.Variable(0.0, trainable=False)

    def loss(x):
        count.assign(ops.sum(w * x) + count)
        return ops.sum(w * w * x), w * x

    (value, aux), grads = triceras.value_and_grad(loss, [w, unused], has_aux=True)(torch.tensor([1.0, 3.0]))
    assert value.item() == 13 and not value.requires_grad and not aux.requires_grad
    assert [g.tolist() for g in grads] == [[2, 12], [0]]
    assert count.numpy() == 7 and not count.value.requires_grad
    assert w.grad is None


def test_value_and_grad_by_arguments():
    def loss(x, y):
        return ops.sum(x["a"] * y)

    _, grads = triceras.value_and_grad(loss, argnums=(0, 1))({"a": np.array([1.0, 2.0])}, torch.tensor([3.0, 4.0]))
    assert grads[0]["a"].tolist() == [3, 4]
    assert grads[1].tolist() == [1, 2]


def test_results_keep_their_values_when_variables_are_assigned():
    w, state = triceras.Variable([1.0, 2.0]), triceras.Variable([3.0], trainable=False)

    def loss():
        return ops.sum(w * state), (w.value, ops.reshape(w, (2, 1)), state.value)

    (_, aux), _ = triceras.value_and_grad(loss, [w], has_aux=True)()
    jitted = triceras.jit(lambda: (state.value, ops.reshape(state, (1, 1))))()
    w.assign([0.0, 0.0])
    state.assign([0.0])
    assert [x.tolist() for x in (*aux, *jitted)] == [[1, 2], [[1], [2]], [3], [3], [[3]]]


def test_second_derivatives():
    w = triceras.Variable(3.0)
    slope = triceras.grad(lambda: w * w * w, [w])
    assert slope()[0].item() == 27
    assert triceras.grad(lambda: slope()[0], [w])()[0].item() == 18
    assert triceras.grad(triceras.grad(lambda x: x**3))(torch.tensor(2.0)).item() == 12


def test_a_gradient_penalty():
    w = triceras.Variable(2.0)

    def penalty(x):
        (gradient,) = [triceras.grad(lambda x: ops.sum(w * x * x))(x)]
        return ops.sum(gradient**2)

    assert triceras.grad(penalty, [w])(torch.tensor([1.0, 2.0]))[0].item() == 80  # (2wx)² summed, by w


def test_gradients_inside_no_grad_and_of_frozen_variables():
    w = triceras.Variable(2.0, trainable=False)
    with torch.no_grad():
        assert triceras.grad(lambda: w * w, [w])()[0].item() == 4


def test_portable_bits_are_those_of_jax(torch_backend):
    assert ops.random_bits(np.array([0, 42], "uint32"), (4,)).tolist() == JAX_BITS


def test_native_numbers_follow_the_key():
    draws = [ops.random_uniform(np.array(key, "uint32"), (2, 50), "float32") for key in ([1, 2], [1, 2], [2, 1])]
    assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])
    assert ops.random_normal(np.array([1, 2], "uint32"), (2,), "bfloat16").dtype is torch.bfloat16


def test_custom_gradients_and_loops_can_be_captured():
    @triceras.custom_gradient
    def square(x):
        return x * x, lambda upstream: upstream * x * 10

    def step(x):
        def loss(x):
            total, _ = ops.scan(lambda c, row: (c + square(row), None), ops.zeros((2,)), x)
            return ops.sum(ops.fori_loop(0, 3, lambda i, v: v * 2.0, total)) + ops.sum(ops.stop_gradient(x))

        return triceras.value_and_grad(loss)(x)

    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    graph, _ = _capture(step, x)
    for got in (step(x), graph(x)):
        assert got[0].item() == 8 * 30 + 10 and got[1].tolist() == [[80, 160], [240, 320]]


def test_a_captured_checkpoint_draws_the_same_numbers_twice():
    def loss(x, key):
        draw = triceras.checkpoint(lambda x: ops.square(x) * ops.random_uniform(key, (50,), "float32"))
        return ops.sum(draw(x)), draw(x)

    def step(x, key):
        (_, y), slope = triceras.value_and_grad(loss, has_aux=True)(x, key)
        return y, slope

    x = torch.full((50,), 3.0)
    graph, _ = _capture(step, x, torch.tensor([1, 2]))
    y, slope = graph(x, torch.tensor([1, 2]))
    torch.testing.assert_close(slope, y * 2 / 3)


@pytest.mark.parametrize("value", [lambda: torch.ones(2), lambda: 1.0], ids=["vector", "number"])
def test_a_loss_must_be_a_scalar(value):
    with pytest.raises(ValueError, match="scalar"):
        triceras.value_and_grad(value, [triceras.Variable(1.0)])()


def test_integers_have_no_gradient():
    with pytest.raises(TypeError, match="floating-point"):
        triceras.grad(lambda x: x)(torch.tensor(1))


def test_custom_gradient_in_each_form():
    def double(gradient):
        return triceras.grad(lambda x: ops.sum(triceras.custom_gradient(lambda x: (x, gradient))(x)))

    x = torch.tensor([1.0, 2.0])
    assert double(lambda g: g * 2)(x).tolist() == [2, 2]
    assert double(lambda *args, upstream: args[0] * upstream)(x).tolist() == [1, 2]


def test_custom_gradient_of_several():
    @triceras.custom_gradient
    def swap(x, y):
        return (y, x), lambda a, b: (b * 10, a * 100)

    def loss(x, y):
        first, second = swap(x, y)
        return first + second

    grads = triceras.grad(loss, argnums=(0, 1))(torch.tensor(1.0), torch.tensor(2.0))
    assert [g.item() for g in grads] == [10, 100]


def test_checkpoint_replays_the_state_it_saw():
    w, state = triceras.Variable(2.0), triceras.Variable(1.0, trainable=False)
    runs = []

    def block(x):
        runs.append(float(state.value.detach()))
        state.assign(state + 1.0)
        return w * x * state

    def loss(x):
        return triceras.checkpoint(block)(triceras.checkpoint(block)(x))

    (slope,) = triceras.grad(loss, [w])(torch.tensor(1.0))
    assert slope.item() == 2 * 2 * 2 * 3  # w² · 2 · 3, by w
    assert runs == [1, 2, 2, 1]
    assert state.numpy() == 3
    state.assign(1.0)
    loss(torch.tensor(1.0)).backward()  # and with torch's own backward pass
    assert w.grad.item() == 24 and state.numpy() == 3


def test_cond_in_a_graph_runs_both_and_chooses(torch_backend):
    v, w = triceras.Variable(1.0, trainable=False), triceras.Variable(10.0, trainable=False)

    def yes():
        v.assign(5.0)
        return w.value

    def no():
        w.assign(v + 1.0)
        return v.value

    def step(flag, *values):
        with StatelessScope(zip((v, w), values, strict=True)) as scope:
            result = torch_backend.cond(flag, yes, no)
        return result, scope.get_current_value(v), scope.get_current_value(w)

    graph, _ = _capture(step, torch.tensor(True), v.value, w.value)
    assert [x.item() for x in graph(torch.tensor(True), v.value, w.value)] == [10, 5, 10]
    assert [x.item() for x in graph(torch.tensor(False), v.value, w.value)] == [1, 1, 2]
    assert torch_backend.cond(torch.tensor(False), yes, no).item() == 1 and w.numpy() == 2


def test_scan_keeps_structure(torch_backend):
    carry, out = torch_backend.scan(
        lambda c, x: ((c[0] + x["a"], None), (c[0], None)),
        (torch.tensor(0.0), None),
        {"a": np.arange(1.0, 4.0)},
        reverse=True,
    )
    assert carry[0].item() == 6 and carry[1] is None
    assert out[0].tolist() == [5, 3, 0] and out[1] is None


def test_vmap_takes_arrays_and_gives_tensors(torch_backend):
    mapped = torch_backend.vmap(lambda a, b: (ops.sum(a * b), 1.0), in_axes=(0, None))
    total, one = mapped(np.ones((3, 2), "float32"), torch.ones(2))
    assert total.tolist() == [2, 2, 2] and one.tolist() == [1, 1, 1]


def test_eval_shape(torch_backend):
    weight = torch.nn.Linear(4, 5)
    made = []

    def fn(x, n):
        made.append(triceras.Variable(np.ones((4,)), dtype="float32"))
        return weight(x * made[-1].value).mean(0), x.flatten(), n

    specs = torch_backend.eval_shape(fn, Spec((None, 7, 4)), 3)
    assert [(s.shape, s.dtype) for s in specs[:2]] == [((7, 5), "float32"), ((None,), "float32")]
    assert specs[2] == 3
    assert made[0].numpy().tolist() == [1, 1, 1, 1]


# --- layers are modules -----------------------------------------------------------------------------------------------


class Linear(Layer):
    """A small layer with a seed of its own state."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False, name="calls")

    def call(self, inputs, training=False):
        if training:
            self.calls.assign(self.calls + 1.0)
        return ops.matmul(inputs, self.kernel) + self.bias


class Stack(Layer):
    """Layers in a list and in a dict."""

    def __init__(self):
        super().__init__()
        self.steps = [Linear(3), Linear(2)]
        self.named = {"last": Linear(1)}

    def call(self, inputs):
        for layer in (*self.steps, self.named["last"]):
            inputs = layer(inputs)
        return inputs


X = np.ones((2, 4), "float32")


def test_a_layer_is_a_module_of_its_class():
    layer = Linear(3)
    layer(X)
    assert isinstance(layer, torch.nn.Module) and isinstance(layer, Linear)
    assert (type(layer).__name__, type(layer).__module__) == ("Linear", __name__)
    assert [name for name, _ in layer.named_parameters()] == ["kernel", "bias"]
    assert [name for name, _ in layer.named_buffers()] == ["calls"]
    assert list(layer.state_dict()) == ["kernel", "bias", "calls"]
    assert dict(layer.named_parameters())["kernel"] is layer.kernel.value


def test_modules_inside_lists_and_dicts():
    stack = Stack()
    stack(X)
    stack.steps.append(Linear(2))
    names = [name for name, _ in stack.named_parameters()]
    assert names[:2] == ["steps_0.kernel", "steps_0.bias"]
    assert "named_last.kernel" in names and len(names) == 6
    assert stack.get_parameter("steps_1.bias") is stack.steps[1].bias.value
    assert len(list(stack.modules())) == 5


def test_torch_trains_it():
    stack = Stack()
    outer = torch.nn.Sequential(torch.nn.Linear(4, 4), stack, torch.nn.ReLU())
    outer(torch.ones(2, 4))
    optimizer = torch.optim.Adam(outer.parameters(), lr=0.1)
    before = stack.steps[0].kernel.numpy()
    stack(torch.ones(2, 4)).sum().backward()
    optimizer.step()
    assert len(list(outer.parameters())) == 8
    assert not np.allclose(before, stack.steps[0].kernel.numpy())
    outer.zero_grad()
    assert stack.steps[0].kernel.grad is None


def test_state_dict_goes_back_in_place():
    a, b = Stack(), Stack()
    a(X), b(X)
    parameter = b.steps[0].kernel.value
    for assign in (False, True):
        b.load_state_dict(a.state_dict(), assign=assign)
        np.testing.assert_array_equal(a(X).detach(), b(X).detach())
    assert b.steps[0].kernel.value is parameter


def test_native_modules_as_attributes():
    class Mixed(Layer):
        def __init__(self):
            super().__init__()
            self.inner = torch.nn.Linear(4, 2)
            self.scale = torch.nn.Parameter(torch.ones(2))

        def call(self, inputs):
            return self.inner(inputs) * self.scale

    layer = Mixed()
    assert layer(X).shape == (2, 2)
    assert sorted(name for name, _ in layer.named_parameters()) == ["inner.bias", "inner.weight", "scale"]
    layer.inner = None
    assert [name for name, _ in layer.named_parameters()] == ["scale"]


def test_double_moves_variables_and_compute_dtype():
    stack = Stack()
    stack(X)
    parameter = stack.steps[0].kernel.value
    stack.double()
    assert stack(X).dtype is torch.float64
    assert stack.steps[0].kernel.dtype == "float64" and stack.steps[0].kernel.value is parameter
    assert stack.steps[0].calls.value.dtype is torch.float64
    stack.float()
    assert stack(X).dtype is torch.float32


def test_inputs_follow_a_layer_to_its_device():
    stack = Stack()
    stack(X)
    stack.to("meta")
    assert {p.device.type for p in stack.parameters()} == {"meta"} == {v.value.device.type for v in stack.variables}
    for inputs in (X, torch.ones(2, 4)):
        assert stack(inputs).device.type == "meta"


def test_requires_grad_freezes_variables():
    layer = Linear(3)
    layer(X)
    layer.requires_grad_(False)
    assert [v.trainable for v in (layer.kernel, layer.bias)] == [False, False]
    assert layer.trainable_variables == []


def test_hooks_run():
    layer, seen = Linear(3), []
    handles = [
        layer.register_forward_pre_hook(lambda module, inputs: seen.append("before")),
        layer.register_forward_hook(lambda module, inputs, output: seen.append(tuple(output.shape))),
        layer.register_full_backward_hook(lambda module, before, after: seen.append("backward")),
    ]
    layer(torch.ones(2, 4, requires_grad=True)).sum().backward()
    assert seen == ["before", (2, 3), "backward"]
    for handle in handles:
        handle.remove()
    layer(X)
    assert len(seen) == 3


def test_train_and_eval_are_kept():
    stack = Stack()
    assert stack.training is None
    stack.train()
    assert stack.training is True and stack.named["last"].training is True
    assert stack.eval().steps[0].training is False


def test_train_and_eval_choose_the_default():
    layer = Linear(3)
    layer.train()(X)
    layer.eval()(X)
    layer(X, training=True)
    assert layer.calls.numpy() == 2


def test_copies_are_apart():
    layer = Linear(3)
    layer(X)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        np.testing.assert_array_equal(twin(X).detach(), layer(X).detach())
        assert twin.kernel.value is not layer.kernel.value
        assert dict(twin.named_parameters())["kernel"] is twin.kernel.value


def test_moving_away_and_back():
    layer = Linear(3)
    want = ops.convert_to_numpy(layer(X))
    layer.to_backend("numpy")
    assert not isinstance(layer, torch.nn.Module) and "_parameters" not in layer.__dict__
    layer.to_backend("torch")
    assert [name for name, _ in layer.named_parameters()] == ["kernel", "bias"]
    np.testing.assert_allclose(ops.convert_to_numpy(layer(X)), want, rtol=1e-6)


# --- memory and graphs ------------------------------------------------------------------------------------------------


def _adam_like_step(layer):
    slots = [triceras.Variable(np.zeros(v.shape), trainable=False) for v in layer.trainable_variables]
    rate = triceras.Variable(0.01, trainable=False)

    def step(x, y):
        def loss():
            error = layer(x, training=True) - y
            return ops.mean(error * error), error

        (value, error), grads = triceras.value_and_grad(loss, layer.trainable_variables, has_aux=True)()
        for variable, slot, grad in zip(layer.trainable_variables, slots, grads, strict=True):
            slot.assign(0.9 * slot + grad * grad)
            variable.assign(variable - rate * grad / (ops.sqrt(slot) + 1e-7))
        return value, ops.max(ops.absolute(error))

    return step, [*layer.variables, *slots, rate]


def test_a_thousand_steps_leave_nothing_behind():
    layer = Linear(3)
    layer(X)
    step, _ = _adam_like_step(layer)
    x, y = torch.ones(2, 4), torch.zeros(2, 3)
    step(x, y)
    gc.collect()
    gc.disable()
    try:
        before = sum(issubclass(type(o), torch.Tensor) for o in gc.get_objects())
        for _ in range(1000):
            step(x, y)
        after = sum(issubclass(type(o), torch.Tensor) for o in gc.get_objects())
        assert after == before
        assert gc.collect() < 100
    finally:
        gc.enable()


def test_gradients_with_closures_leave_nothing_behind():
    @triceras.custom_gradient
    def root(x):
        y = ops.sqrt(x)
        return y, lambda upstream: upstream / (2 * y)

    w = triceras.Variable(4.0)
    slope = triceras.grad(lambda: triceras.checkpoint(lambda x: root(x))(w.value), [w])
    assert slope()[0].item() == 0.25
    gc.collect()
    gc.disable()
    try:
        before = sum(issubclass(type(o), torch.Tensor) for o in gc.get_objects())
        for _ in range(50):
            slope()
        assert sum(issubclass(type(o), torch.Tensor) for o in gc.get_objects()) == before
    finally:
        gc.enable()


def _capture(fn, *args, dynamic=0):
    """The graph of a function, captured on fake tensors as the compiled step will be.

    The first size of the first `dynamic` arguments is left open.
    """
    from torch._dynamo.source import ConstantSource
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.fx.experimental.proxy_tensor import make_fx
    from torch.fx.experimental.symbolic_shapes import DimDynamic, ShapeEnv, StatelessSymbolicContext

    mode = FakeTensorMode(shape_env=ShapeEnv(), allow_non_fake_inputs=False)

    def fake(x, i):
        kinds = [DimDynamic.DYNAMIC if i < dynamic and axis == 0 else DimDynamic.STATIC for axis in range(x.ndim)]
        context = StatelessSymbolicContext(kinds)
        return mode.from_tensor(x.detach(), symbolic_context=context, source=ConstantSource(f"input{i}"))

    fakes = [fake(x, i) for i, x in enumerate(args)]
    with mode, torch.no_grad():
        graph = make_fx(lambda *given: list(fn(*given)))(*fakes)
    assert not any("_local_scalar_dense" in str(node.target) for node in graph.graph.nodes)
    return graph, fakes


@pytest.mark.parametrize("name", sorted(name for name, case in CASES.items() if case.jit))
def test_every_op_can_be_captured(torch_backend, name):
    for sample in [s for s in CASES[name].samples if s.arrays][:2]:
        tensors = [torch_backend.convert(x) for x in sample.arrays]

        def fn(*given, sample=sample):
            filled = sample.filled(list(given))
            return tree.flatten(OPS[name](*filled.args, **filled.kwargs))

        graph, _ = _capture(fn, *tensors)
        for got, want in zip(graph(*tensors), fn(*tensors), strict=True):
            torch.testing.assert_close(got, want, equal_nan=True)


def test_one_graph_serves_every_batch_size():
    kernel = triceras.Variable(np.random.default_rng(0).normal(size=(3, 3, 4, 2)), dtype="float32")

    def step(images, values):
        def loss():
            x = ops.conv(images, kernel, strides=2, padding="same")
            x = ops.average_pool(ops.relu(x), 3, padding="same")
            x = ops.reshape(ops.pad(x, ((0, 0), (1, 0), (0, 1), (0, 0))), (ops.shape(x)[0], -1))
            return ops.mean(ops.square(x @ ops.transpose(x)))

        with StatelessScope([(kernel, values)]):
            value, (gradient,) = triceras.value_and_grad(loss, [kernel])()
        return value, gradient

    images = torch.rand(6, 8, 8, 4)
    graph, _ = _capture(step, images, kernel.value, dynamic=1)
    for count in (6, 1, 4):
        for got, want in zip(graph(images[:count], kernel.value), step(images[:count], kernel.value), strict=True):
            torch.testing.assert_close(got, want)


def test_a_step_can_be_captured():
    x, y = torch.rand(2, 4), torch.rand(2, 3)
    eager, captured = Linear(3), Linear(3)
    for layer in (eager, captured):
        layer(X)
    captured.set_weights(eager.get_weights())
    step, variables = _adam_like_step(captured)

    def flat(*given):
        with StatelessScope(zip(variables, given[2:], strict=True)) as scope:
            outputs = step(*given[:2])
        for variable, old in zip(variables, given[2:], strict=True):
            if scope.get_current_value(variable) is not old:
                old.copy_(scope.get_current_value(variable))
        return outputs

    graph, _ = _capture(flat, x, y, *(v.value for v in variables))
    assert all(isinstance(v.value, torch.Tensor) and v.numpy().size for v in variables)  # no fake was left behind
    plain, _ = _adam_like_step(eager)
    for _ in range(5):
        want = [float(value) for value in plain(x, y)]
        with torch.no_grad():
            got = [float(value) for value in graph(x, y, *(v.value for v in variables))]
        assert got == want
    for a, b in zip(captured.get_weights(), eager.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert captured.calls.numpy() == 5


def test_state_dicts_fit_a_second_model():
    """The keys say where a layer stands, not what it was named automatically."""

    def make():
        x = triceras.Input((3,))
        return triceras.Model(x, triceras.Sequential([triceras.layers.Dense(2)])(triceras.layers.Dense(3)(x)))

    with triceras.use_backend("torch"):
        first, second = make(), make()
        second.load_state_dict(first.state_dict())
        for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
