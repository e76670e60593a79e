"""The large transformer by hand in JAX: see `gpu.py`."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax


def has_gpu():
    return jax.default_backend() == "gpu"


def device():
    return jax.devices()[0].device_kind


def weights_of(size):
    rng = np.random.default_rng(0)

    def normal(*shape):
        return jnp.asarray(0.02 * rng.normal(size=shape).astype("float32"))

    def norm():
        return jnp.ones(size.width), jnp.zeros(size.width)

    d, h = size.width, size.heads
    blocks = [
        {
            "norms": (norm(), norm()),
            "in": (normal(3, d, h, d // h), jnp.zeros((3, 1, 1, h, d // h))),
            "out": (normal(h, d // h, d), jnp.zeros(d)),
            "up": (normal(d, 4 * d), jnp.zeros(4 * d)),
            "down": (normal(4 * d, d), jnp.zeros(d)),
        }
        for _ in range(size.blocks)
    ]
    tables = normal(size.vocabulary, d), normal(size.length, d)
    return {"tables": tables, "blocks": blocks, "norm": norm(), "head": normal(d, size.vocabulary)}


def normalized(x, scale, shift):
    y = x.astype("float32")
    mean, variance = y.mean(-1, keepdims=True), y.var(-1, keepdims=True)
    return ((y - mean) * jax.lax.rsqrt(variance + 1e-5)).astype(x.dtype) * scale + shift


def block(weights, x):
    kernel, bias = weights["in"]
    q, k, v = jnp.einsum("btd,pdhe->pbthe", normalized(x, *weights["norms"][0]), kernel) + bias
    kernel, bias = weights["out"]
    attended = jax.nn.dot_product_attention(q, k, v, is_causal=True)
    x = x + jnp.einsum("bthe,hed->btd", attended, kernel) + bias
    (up, a), (down, b) = weights["up"], weights["down"]
    return x + jax.nn.gelu(normalized(x, *weights["norms"][1]) @ up + a, approximate=False) @ down + b


def loss_of(weights, inputs, targets):
    weights = jax.tree.map(lambda w: w.astype("bfloat16"), weights)
    x = weights["tables"][0][inputs] + weights["tables"][1]
    for part in weights["blocks"]:
        x = block(part, x)
    logits = (normalized(x, *weights["norm"]) @ weights["head"]).astype("float32")
    return optax.softmax_cross_entropy_with_integer_labels(logits, targets).mean()


def step(size, tokens):
    """A function that trains one step on the tokens and gives the loss."""
    adam, weights = optax.adam(1e-4), weights_of(size)
    state, tokens = (weights, adam.init(weights)), jnp.asarray(tokens)
    inputs, targets = tokens[:, :-1], tokens[:, 1:]

    @partial(jax.jit, donate_argnums=0)
    def update(state, inputs, targets):
        weights, slots = state
        loss, gradients = jax.value_and_grad(loss_of)(weights, inputs, targets)
        updates, slots = adam.update(gradients, slots)
        return (optax.apply_updates(weights, updates), slots), loss

    def run():
        nonlocal state
        state, loss = update(state, inputs, targets)
        return loss

    return run
