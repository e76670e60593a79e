"""By hand in JAX: a jitted `value_and_grad` with optax's Adam, its state donated. Weights are laid out as Keras's."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.workloads import BATCH, DROPOUT, SHAPES, random_weights

jnp.zeros(())  # the framework starts up before any clock runs


def dense(x, kernel, bias):
    return x @ kernel + bias


def mlp(weights, x, key, rate):
    a, b, c, d, e, f = weights
    return dense(jax.nn.relu(dense(jax.nn.relu(dense(x, a, b)), c, d)), e, f)


def convolution(x, kernel, bias):
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")) + bias


def pool(x):
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def cnn(weights, x, key, rate):
    a, b, c, d, e, f = weights
    x = pool(jax.nn.relu(convolution(x, a, b)))
    x = pool(jax.nn.relu(convolution(x, c, d)))
    return dense(x.reshape(len(x), -1), e, f)


def lstm(weights, x, key, rate):
    kernel, recurrent, bias, a, b = weights

    def cell(state, x):
        h, c = state
        i, f, g, o = jnp.split(x @ kernel + h @ recurrent + bias, 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), None

    zeros = jnp.zeros((x.shape[0], recurrent.shape[0]))
    (h, _), _ = jax.lax.scan(cell, (zeros, zeros), x.swapaxes(0, 1))
    return dense(h, a, b)


def normalized(x, scale, shift):
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(variance + 1e-5) * scale + shift


def dropped(x, key, rate):
    return x if key is None else jnp.where(jax.random.bernoulli(key, 1 - rate, x.shape), x / (1 - rate), 0.0)


def block(weights, x, keys, rate):
    g1, b1, qk, qb, kk, kb, vk, vb, ok, ob, g2, b2, w1, c1, w2, c2 = weights
    h = normalized(x, g1, b1)
    q, k, v = (jnp.einsum("btd,dhe->bthe", h, w) + b for w, b in ((qk, qb), (kk, kb), (vk, vb)))
    scores = jax.nn.softmax(jnp.einsum("bqhe,bkhe->bhqk", q, k) / q.shape[-1] ** 0.5)
    h = jnp.einsum("bhqk,bkhe->bqhe", dropped(scores, keys[0], rate), v)
    x = x + dropped(jnp.einsum("bqhe,hed->bqd", h, ok) + ob, keys[1], rate)
    h = dense(jax.nn.relu(dense(normalized(x, g2, b2), w1, c1)), w2, c2)
    return x + dropped(h, keys[2], rate)


def transformer(weights, x, key, rate):
    keys = [None] * 6 if key is None else jax.random.split(key, 6)
    for i in range(2):
        x = block(weights[16 * i : 16 * (i + 1)], x, keys[3 * i : 3 * (i + 1)], rate)
    return dense(x.mean(1), *weights[32:])


FORWARD = {"mlp": mlp, "cnn": cnn, "lstm": lstm, "transformer": transformer}


def make_step(forward, adam, rate):
    @partial(jax.jit, donate_argnums=0)
    def step(state, x, y):
        weights, slots, totals, key = state
        key, drawn = jax.random.split(key) if rate else (key, None)

        def objective(weights):
            logits = forward(weights, x, drawn, rate)
            return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), logits

        (loss, logits), gradients = jax.value_and_grad(objective, has_aux=True)(weights)
        updates, slots = adam.update(gradients, slots)
        right = (logits.argmax(-1) == y).sum()
        totals = totals + jnp.stack([loss * len(y), right, len(y)])
        return (optax.apply_updates(weights, updates), slots, totals, key), loss

    return step


class Side:
    def __init__(self, name, weights=None, rate=None):
        self.batch, weights = SHAPES[name][0], weights or random_weights(name)
        rate = DROPOUT.get(name, 0.0) if rate is None else rate
        forward, adam = FORWARD[name], optax.adam(1e-3)
        weights = [jnp.array(w) for w in weights]
        self.state = (weights, adam.init(weights), jnp.zeros(3), jax.random.key(0))
        self.step = make_step(forward, adam, rate)
        self.forward = partial(forward, key=None, rate=0.0)
        self.compiled = jax.jit(self.forward)

    def ready(self, x, y):
        return jnp.asarray(x), jnp.asarray(y)

    def train(self, batch):
        self.state, loss = self.step(self.state, *batch)
        return loss

    def call(self, x):
        return self.forward(self.state[0], x)

    def predict(self, x):
        return np.concatenate([self.compiled(self.state[0], x[i : i + BATCH]) for i in range(0, len(x), BATCH)])

    def fit(self, x, y):
        weights, slots, _, key = self.state
        self.state = (weights, slots, jnp.zeros(3), key)
        order = np.random.permutation(len(x))
        for i in range(0, len(x), self.batch):
            rows = order[i : i + self.batch]
            self.state, _ = self.step(self.state, x[rows], y[rows])
        loss, right, seen = np.asarray(self.state[2])
        return float(loss / seen), float(right / seen)

    def loss(self, x, y):
        return float(self.train(self.ready(x, y)))
