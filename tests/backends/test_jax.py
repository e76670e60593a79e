"""What is special about the JAX backend: lifting, donation, conversion, Threefry."""

import numpy as np
import pytest

import triceras
from triceras import Variable, ops
from triceras.core import registry
from triceras.core.spec import Spec

jax = pytest.importorskip("jax")
jnp = pytest.importorskip("jax.numpy")

from triceras.backends.jax import transforms  # noqa: E402
from triceras.backends.jax.transforms import PROBES, pack, unpack  # noqa: E402


@pytest.fixture(autouse=True)
def backend():
    with triceras.use_backend("jax"):
        yield registry.get("jax")


# --- tensors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "kept"),
    [("float64", "float32"), ("int64", "int32"), ("uint64", "uint32"), ("complex128", "complex64"), ("bool", "bool")],
)
def test_64_bits_become_32_without_a_warning(backend, given, kept):
    array = np.ones((2,), given)
    assert backend.convert(array).dtype == kept
    assert backend.convert([1, 0], given).dtype == kept
    assert ops.cast(ops.ones((2,)), given).dtype == kept
    assert backend.canonical_dtype(given) == kept


def test_conversion_makes_strong_types(backend):
    assert not backend.convert(1.5).weak_type
    weak = jnp.asarray(1.5)
    assert weak.weak_type and not backend.convert(weak, "float32").weak_type
    v = Variable(0.0)
    v.assign(weak)
    assert not v.value.weak_type


def test_lists_that_hold_tensors_are_stacked(backend):
    x = backend.convert([jnp.ones((2,)), [1, 2], np.zeros(2)])
    assert x.tolist() == [[1.0, 1.0], [1.0, 2.0], [0.0, 0.0]] and x.dtype == "float32"
    assert backend.convert([], "float32").shape == (0,)


def test_strings_are_refused(backend):
    with pytest.raises(TypeError, match="strings"):
        backend.convert(np.array(["a"]))


def test_torch_memory_is_shared_where_possible(backend):
    torch = pytest.importorskip("torch")
    shared = torch.arange(4, dtype=torch.float32, requires_grad=True)
    assert backend.convert(shared).unsafe_buffer_pointer() == shared.data_ptr()
    assert backend.convert(torch.arange(3)).dtype == "int32"
    assert backend.convert(torch.tensor([True])).tolist() == [True]
    assert backend.convert(shared.detach(), "float16").dtype == "float16"


def test_devices(backend):
    name = backend.device_names()[0]
    with triceras.device(name):
        assert backend.convert([1.0]).device.id == jax.devices()[0].id
    with pytest.raises(ValueError, match="no device 'gpu:99'"):
        triceras.device("gpu:99")
    backend.synchronize()


def test_an_index_out_of_range_raises():
    x = ops.ones((3, 2))
    for key in (3, -4, (0, 2), (slice(None), -3)):
        with pytest.raises(ValueError, match="out of range"):
            ops.get_item(x, key)
    assert ops.get_item(x, (Ellipsis, 1)).shape == (3,)
    assert ops.get_item(x, [0, 2]).shape == (2, 2)


# --- Variables --------------------------------------------------------------------------------------------------------


def test_assign_copies_what_others_hold():
    x = jnp.ones((2,))
    v, w = Variable([0.0, 0.0]), Variable([0.0, 0.0])
    v.assign(x)
    w.assign(v.value)
    triceras.jit(lambda: (v.assign(v * 2.0), w.assign(w * 3.0)))()
    assert x.tolist() == [1.0, 1.0] and v.numpy().tolist() == [2.0, 2.0] and w.numpy().tolist() == [3.0, 3.0]


def test_a_foreign_transform_that_would_leak_is_refused():
    v = Variable(0.0)

    def fn(x):
        v.assign(x)
        return x

    with pytest.raises(RuntimeError, match="triceras.jit"):
        jax.jit(fn)(1.0)
    assert float(v.numpy()) == 0.0


def test_variables_work_in_jax_functions():
    v = Variable([1.0, 2.0])
    assert jnp.sum(v).item() == 3.0 and jnp.dot(v, v).item() == 5.0 and jnp.exp(v * 0.0).tolist() == [1.0, 1.0]
    assert jax.nn.relu(v).tolist() == [1.0, 2.0] and jnp.concatenate([v, v]).shape == (4,)
    assert jax.jit(lambda x: x * 2.0)(v).tolist() == [2.0, 4.0]
    assert jax.tree.map(lambda x: x.shape, [v]) == [(2,)]
    assert jax.grad(lambda x: jnp.sum(x * v))(jnp.ones((2,))).tolist() == [1.0, 2.0]


# --- jit --------------------------------------------------------------------------------------------------------------


def test_only_assigned_variables_are_donated(backend):
    a, frozen = Variable(np.ones((128,), "float32")), Variable(np.ones((128,), "float32"))
    run = backend.jit(lambda: a.assign(a + frozen), variables=[a, frozen])
    old_a, old_frozen = a.native, frozen.native
    run()
    assert old_a.is_deleted() and not old_frozen.is_deleted() and frozen.native is old_frozen
    kept = backend.jit(lambda: a.assign(a + frozen), variables=[a, frozen], donate=False)
    old_a = a.native
    kept()
    assert not old_a.is_deleted() and a.numpy()[0] == 3.0


@pytest.mark.parametrize(("given", "traces"), [(True, 1), (False, 2)])
def test_a_function_is_traced_once_if_its_variables_are_known(backend, given, traces):
    v, count = Variable([1.0]), []

    def fn(x):
        count.append(1)
        v.assign(v + x)

    run = backend.jit(fn, variables=[v] if given else None)
    for _ in range(3):
        run(jnp.ones((1,)))
    assert len(count) == traces and v.numpy().tolist() == [4.0]
    with pytest.raises(ValueError, match="shape"):
        run(jnp.ones((2,)))
    run(jnp.ones((1,)))
    assert v.numpy().tolist() == [5.0]


def test_static_arguments_are_part_of_the_key(backend):
    count = []

    def fn(x, flag, thing=None):
        count.append(1)
        return x if flag else -x

    run, x = backend.jit(fn), jnp.ones(())
    assert [run(x, True).item(), run(x, 1).item(), run(x, False).item(), run(x, True).item()] == [1, 1, -1, 1]
    assert len(count) == 3  # True, 1 and False; there is nothing to discover
    run(x, True, thing={"a": [1, None]})
    run(x, True, thing={"a": [1, None]})
    assert len(count) == 4


def test_shapes_that_assign_different_variables_settle(backend):
    a, b, count = Variable(0.0), Variable(0.0), []

    def fn(x):
        count.append(1)
        (a if x.shape[0] == 1 else b).assign(ops.sum(x))

    run = backend.jit(fn)
    for n in (1, 2, 1, 2):
        run(jnp.ones((n,)))
    settled = len(count)
    for n in (1, 2, 1, 2, 1):
        run(jnp.full((n,), 2.0, "float32"))
    assert len(count) == settled and (float(a.numpy()), float(b.numpy())) == (2.0, 4.0)


def test_new_variables_at_every_call_are_refused(backend):
    with pytest.raises(RuntimeError, match="makes new Variables each time"):
        backend.jit(lambda x: Variable(0.0).assign(x))(jnp.ones(()))


def test_variables_of_another_backend_are_named(backend):
    with triceras.use_backend("numpy"):
        foreign = Variable(1.0, name="foreign")
    with pytest.raises(TypeError, match="foreign|two backends"):
        backend.jit(lambda x: foreign.value + x)(jnp.ones(()))


def test_an_error_while_tracing_rolls_everything_back(backend):
    v = Variable([1.0])

    @triceras.jit
    def step(x):
        v.assign(v * 2.0)
        if x.shape[0] == 3:
            raise ArithmeticError("three")
        return x

    step(jnp.ones((1,)))
    with pytest.raises(ArithmeticError):
        step(jnp.ones((3,)))
    assert v.numpy().tolist() == [2.0]


def test_named_tuples_and_other_mappings_travel(backend):
    import collections

    pair = collections.namedtuple("pair", "x y")
    count = []

    @backend.jit
    def fn(p, d):
        count.append(1)
        return pair(p.x + d["k"], p.y), collections.OrderedDict(b=p.x, a="static")

    for i in range(3):
        out, rest = fn(pair(jnp.ones(()), i * 0), collections.OrderedDict(k=jnp.full((), float(i))))
    assert (out.x.item(), out.y) == (3.0, 0) and list(rest) == ["b", "a"] and rest["a"] == "static" and len(count) == 1


def test_pack_keeps_what_isnt_a_tensor():
    x = jnp.ones(())
    tree = {"b": [x, None, "text"], "a": (3, x)}
    packed = pack(tree)
    assert len(packed.leaves) == 2 and unpack(packed.template, packed.leaves) == tree


# --- the rest ---------------------------------------------------------------------------------------------------------


def test_eval_shape_probes_with_two_sizes(backend):
    seen = []

    def fn(x, y):
        seen.append(x.shape[0])
        return ops.concatenate([x, y], axis=0), ops.sum(x, axis=0), ops.reshape(x, (-1,))

    out = backend.eval_shape(fn, Spec((None, 3)), Spec((None, 3), "int64"))
    assert [s.shape for s in out] == [(None, 3), (3,), (None,)] and seen == list(PROBES)
    assert backend.eval_shape(fn, Spec((2, 3)), Spec((1, 3)))[0].shape == (3, 3) and len(seen) == 3


@pytest.mark.parametrize("unrolled", [0, 2, 256])
def test_eager_loops_give_the_same_step_by_step_and_compiled(monkeypatch, unrolled):
    monkeypatch.setattr(transforms, "UNROLLED", unrolled)
    total, xs = Variable(0.0), jnp.arange(1.0, 5.0)

    def step(carry, x):
        total.assign_add(x["x"])
        return carry * x["x"], {"out": carry, "none": None}

    carry, out = triceras.scan(step, 1.0, {"x": xs, "none": None}, reverse=True)
    assert (carry.item(), out["out"].tolist(), out["none"]) == (24, [24, 12, 4, 1], None)
    assert triceras.while_loop(lambda i, _: i < 5, lambda i, x: (i + 1, x * 2), (0, 1))[1].item() == 32
    assert triceras.while_loop(lambda i: i < 9, lambda i: i + 1, 0, maximum_iterations=3).item() == 3
    assert triceras.fori_loop(0, 3, lambda i, x: (total.assign_add(1.0), x + i)[1], 0).item() == 3
    assert float(total.numpy()) == 13.0


def test_random_bits_are_threefry():
    key = jax.random.key(42)
    expected = jax.random.bits(key, (5, 7), dtype=np.uint32)
    assert np.array_equal(ops.random_bits(jax.random.key_data(key), (5, 7)), expected)


def test_relu_has_no_gradient_at_zero():
    assert triceras.grad(lambda x: ops.sum(ops.relu(x)))(jnp.array([-1.0, 0.0, 1.0])).tolist() == [0.0, 0.0, 1.0]


def conv_transpose_by_hand(x, kernel, stride, size, cut):
    full = np.zeros((1, 64, kernel.shape[1]))
    for i in range(x.shape[1]):
        for j in range(kernel.shape[0]):
            full[0, i * stride + j] += kernel[j] @ x[0, i]
    return full[:, cut : cut + size]


@pytest.mark.parametrize(
    ("stride", "padding", "extra", "size", "cut"),
    [
        (1, "valid", None, 7, 0),
        (2, "same", None, 10, 0),
        (2, "same", 1, 10, 0),
        (2, "valid", 1, 12, 0),
        (1, "same", None, 5, 1),
    ],
)
def test_conv_transpose(stride, padding, extra, size, cut):
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=(1, 5, 2)).astype("float32"), rng.normal(size=(3, 4, 2)).astype("float32")
    out = ops.conv_transpose(x, kernel, stride, padding, extra)
    assert out.shape == (1, size, 4)
    np.testing.assert_allclose(out, conv_transpose_by_hand(x, kernel, stride, size, cut), atol=1e-5)


def test_pools_count_only_what_lies_inside():
    x = np.arange(5, dtype="float32").reshape(1, 5, 1)
    assert ops.average_pool(x, 2, 2, "same").ravel().tolist() == [0.5, 2.5, 4.0]
    assert ops.max_pool(x, 2, 2, "same").ravel().tolist() == [1.0, 3.0, 4.0]
    assert ops.max_pool(x.astype("int32"), 3, 1).ravel().tolist() == [2, 3, 4]


def test_attention_takes_masks_of_any_rank_and_other_value_sizes():
    rng = np.random.default_rng(0)
    q, k, v = (rng.normal(size=(2, 3, 2, 4)).astype("float32") for _ in range(3))
    mask = np.tril(np.ones((3, 3), bool))
    causal = ops.dot_product_attention(q, k, v, is_causal=True)
    np.testing.assert_allclose(ops.dot_product_attention(q, k, v, mask=mask), causal, atol=1e-6)
    narrow = ops.dot_product_attention(q, k, v[..., :3], is_causal=True)
    np.testing.assert_allclose(narrow, causal[..., :3], atol=1e-6)


# --- several steps, and programs that take what they use --------------------------------------------------------------


def test_a_program_takes_only_the_variables_it_uses():
    used, idle = Variable([1.0, 2.0]), Variable([3.0])
    double = triceras.jit(lambda x: x * used, variables=[used, idle])
    assert double(2.0).tolist() == [2.0, 4.0]
    idle.native.delete()
    used.assign([2.0, 3.0])
    assert double(2.0).tolist() == [4.0, 6.0]


def test_what_other_shapes_use_is_found_when_they_come():
    small, large = Variable(1.0), Variable(10.0)
    add = triceras.jit(lambda x: x + (small if x.shape[0] < 3 else large), variables=[small, large])
    for _ in range(2):
        assert [float(add(np.zeros(n, "float32"))[0]) for n in (2, 4, 2)] == [1.0, 10.0, 1.0]
        small.assign(1.0)


def several(step, size, only_last, **options):
    backend = registry.get("jax")
    one = backend.jit(step, **options)
    run = backend.several_steps(step, one, only_last, **options)
    return run([np.full((2, 3), i, "float32") for i in range(size)])


@pytest.mark.parametrize("size", [2, 40])
def test_several_steps_are_one_loop_around_one_trace(size):
    total, seen = Variable(0.0), []

    def step(x):
        seen.append(x)
        total.assign_add(jnp.sum(x))
        return {"total": total, "name": "sum"}

    (found,) = several(step, size, True, variables=[total])
    assert len(seen) == 1 and found["name"] == "sum"
    assert float(found["total"]) == float(total.numpy()) == 6 * sum(range(size))


def test_several_outputs_come_joined_in_order():
    (found,) = several(lambda x: (x, x[0]), 4, False)
    np.testing.assert_array_equal(found[0][:, 0], [0, 0, 1, 1, 2, 2, 3, 3])
    np.testing.assert_array_equal(found[1], np.repeat([0, 1, 2, 3], 3))


def test_a_loop_over_steps_takes_over_the_state_it_assigns():
    state, weight = Variable(jnp.ones(4)), Variable(jnp.ones(4))
    before = state.native, weight.native

    def step(x):
        state.assign(state + weight)
        return x

    several(step, 3, True, variables=[state, weight])
    assert before[0].is_deleted() and not before[1].is_deleted()
    assert state.numpy().tolist() == [4.0] * 4


def test_variables_that_a_loop_has_not_heard_of_are_found():
    state, weight = Variable(0.0), Variable(2.0)

    def step(x):
        state.assign_add(weight)
        return state

    assert float(several(step, 5, True)[0]) == float(state.numpy()) == 10.0


def test_uncompiled_functions_get_tensors_with_values():
    def run(x, scale):
        assert isinstance(x["a"], jax.Array) and not isinstance(x["a"], jax.core.Tracer)
        return x["a"] * scale

    assert registry.get("jax").jit(run, jit_compile=False)({"a": np.ones(2, "float32")}, scale=3).tolist() == [3.0, 3.0]


def test_numbers_that_are_equal_stay_apart():
    """-0.0 == 0.0 and True == 1, but they are other tensors."""
    backend = registry.get("jax")
    assert np.signbit(backend.convert(-0.0, "float32")) and not np.signbit(backend.convert(0.0, "float32"))
    assert backend.convert(True, "int32").tolist() == 1 and backend.convert(1, "bool").tolist() is True


def test_an_assigned_array_outlives_the_next_donation():
    given, state = jnp.arange(3.0), Variable(jnp.zeros(3))
    state.assign(given)
    triceras.jit(lambda: state.assign_add(1.0))()
    assert given.tolist() == [0.0, 1.0, 2.0] and state.numpy().tolist() == [1.0, 2.0, 3.0]


def test_a_loop_may_give_a_variable_that_it_assigns():
    count = Variable(0.0)

    def body(carry, x):
        count.assign_add(x)
        return carry, count

    _, found = triceras.jit(lambda xs: ops.scan(body, 0.0, xs))(np.arange(4, dtype="float32"))
    assert found.tolist() == [0.0, 1.0, 3.0, 6.0]
