"""Attention runs on the frameworks' kernels, which give what the definition gives."""

import numpy as np
import pytest

import triceras
from triceras import layers, ops
from triceras.core import registry
from triceras.ops.op import OPS, ready, within

RNG = np.random.default_rng(0)
Q, K, V = (RNG.normal(size=(2, 5, 4, 8)).astype("float32") for _ in range(3))
MASK = RNG.random((2, 1, 5, 5)) < 0.5
MASK[..., 0] = True
BIAS = RNG.normal(size=(2, 4, 5, 5)).astype("float32")
CASES = [{}, {"is_causal": True}, {"mask": MASK}, {"bias": BIAS, "is_causal": True}, {"mask": MASK, "bias": BIAS}]
CASES += [{"flash_attention": False, "scale": 0.3}]


def definition():
    backend = registry.current()
    return ready(OPS["dot_product_attention"], backend, within(backend, OPS["dot_product_attention"].body))


@pytest.mark.parametrize("dtype, tolerance", [("float32", 5e-6), ("float16", 5e-3), ("bfloat16", 4e-2)])
def test_values_and_gradients(dtype, tolerance, trainable_backend):
    inputs = [ops.convert_to_tensor(x, dtype=dtype) for x in (Q, K, V)]
    found = []
    for attend in (ops.dot_product_attention, definition()):

        def loss(q, k, v, attend=attend):
            results = [attend(q, k, v, **case) for case in CASES]
            return sum(ops.mean(ops.square(ops.cast(y, "float32"))) for y in results), results

        (_, outputs), gradients = triceras.jit(triceras.value_and_grad(loss, has_aux=True, argnums=(0, 1, 2)))(*inputs)
        found.append([ops.convert_to_numpy(x).astype("float32") for x in (*outputs, *gradients)])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def attention_layer(**options):
    layer = layers.MultiHeadAttention(2, 4, **options)
    layer.build((2, 5, 6), (2, 5, 6))
    return layer


@pytest.fixture
def seen(monkeypatch):
    """The calls of the op, by what they asked for."""
    calls, op = [], ops.dot_product_attention
    monkeypatch.setattr(ops, "dot_product_attention", lambda *args, **more: calls.append(more) or op(*args, **more))
    return calls


X = RNG.normal(size=(2, 5, 6)).astype("float32")


@pytest.mark.parametrize(
    "call", [{}, {"use_causal_mask": True}, {"use_causal_mask": True, "value_mask": MASK[:, 0, 1]}]
)
def test_layers_use_the_op_and_give_what_the_scores_give(call, backend, seen):
    layer = attention_layer(dropout=0.5)
    out = ops.convert_to_numpy(layer(X, X, **call))
    assert len(seen) == 1
    plain, _ = layer(X, X, return_attention_scores=True, **call)
    assert len(seen) == 1  # the kernels keep their scores to themselves
    np.testing.assert_allclose(out, ops.convert_to_numpy(plain), rtol=1e-5, atol=2e-6)
    layer(X, X, training=True, **call)
    assert len(seen) == 1  # nor do they take our seeds


def test_causal_attention_alone_needs_no_mask(backend, seen):
    attention_layer()(X, X, use_causal_mask=True)
    assert seen[0]["is_causal"] and seen[0]["mask"] is None


def test_torch_calls_its_kernel(monkeypatch):
    torch = pytest.importorskip("torch")
    native, calls = torch.nn.functional.scaled_dot_product_attention, []
    monkeypatch.setattr(
        torch.nn.functional, "scaled_dot_product_attention", lambda *a, **k: calls.append(k) or native(*a, **k)
    )
    with triceras.use_backend("torch"):
        attention_layer()(X, X)
        attention_layer(flash_attention=False)(X, X, use_causal_mask=True)
    assert [k["is_causal"] for k in calls] == [False, True]


def test_jax_calls_its_kernel(monkeypatch):
    jax = pytest.importorskip("jax")
    native, calls = jax.nn.dot_product_attention, []
    monkeypatch.setattr(
        jax.nn, "dot_product_attention", lambda *args, **more: calls.append(more["implementation"]) or native(*args)
    )
    with triceras.use_backend("jax"):
        attention_layer()(X, X)
        attention_layer(flash_attention=True)(X, X)
    assert calls == [None, "cudnn"]
