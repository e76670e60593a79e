"""By hand in TensorFlow: a `tf.function` with a `GradientTape`; Adam by its kernel. Weights are laid out as Keras's."""

from functools import partial

import numpy as np
import tensorflow as tf

from benchmarks.workloads import BATCH, DROPOUT, SHAPES, random_weights

tf.zeros(())  # the framework starts up before any clock runs


def dense(x, kernel, bias):
    return tf.matmul(x, kernel) + bias


def mlp(weights, x, rate):
    a, b, c, d, e, f = weights
    return dense(tf.nn.relu(dense(tf.nn.relu(dense(x, a, b)), c, d)), e, f)


def cnn(weights, x, rate):
    a, b, c, d, e, f = weights
    x = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, a, 1, "VALID"), b))
    x = tf.nn.max_pool2d(x, 2, 2, "VALID")
    x = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, c, 1, "VALID"), d))
    x = tf.nn.max_pool2d(x, 2, 2, "VALID")
    return dense(tf.reshape(x, (-1, 1600)), e, f)


def lstm(weights, x, rate):
    kernel, recurrent, bias, a, b = weights
    x = tf.transpose(x, (1, 0, 2))

    def cell(t, h, c):
        i, f, g, o = tf.split(x[t] @ kernel + h @ recurrent + bias, 4, axis=-1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        return t + 1, tf.sigmoid(o) * tf.tanh(c), c

    zeros = tf.zeros((x.shape[1], recurrent.shape[0]))
    _, h, _ = tf.while_loop(lambda t, *_: t < x.shape[0], cell, (0, zeros, zeros), maximum_iterations=x.shape[0])
    return dense(h, a, b)


def normalized(x, scale, shift):
    mean, variance = tf.nn.moments(x, -1, keepdims=True)
    return tf.nn.batch_normalization(x, mean, variance, shift, scale, 1e-5)


def dropped(x, rate):
    return tf.nn.dropout(x, rate) if rate else x


def block(weights, x, rate):
    g1, b1, qk, qb, kk, kb, vk, vb, ok, ob, g2, b2, w1, c1, w2, c2 = weights
    h = normalized(x, g1, b1)
    q, k, v = (tf.einsum("btd,dhe->bthe", h, w) + b for w, b in ((qk, qb), (kk, kb), (vk, vb)))
    scores = tf.nn.softmax(tf.einsum("bqhe,bkhe->bhqk", q, k) / q.shape[-1] ** 0.5)
    h = tf.einsum("bhqk,bkhe->bqhe", dropped(scores, rate), v)
    x = x + dropped(tf.einsum("bqhe,hed->bqd", h, ok) + ob, rate)
    h = dense(tf.nn.relu(dense(normalized(x, g2, b2), w1, c1)), w2, c2)
    return x + dropped(h, rate)


def transformer(weights, x, rate):
    for i in range(2):
        x = block(weights[16 * i : 16 * (i + 1)], x, rate)
    return dense(tf.reduce_mean(x, 1), *weights[32:])


FORWARD = {"mlp": mlp, "cnn": cnn, "lstm": lstm, "transformer": transformer}


class Adam:
    """The update of Kingma and Ba by TensorFlow's own kernel."""

    def __init__(self, weights):
        self.weights = weights
        self.slots = [(tf.Variable(tf.zeros_like(w)), tf.Variable(tf.zeros_like(w))) for w in weights]
        self.powers = tf.Variable(0.9), tf.Variable(0.999)

    def apply(self, gradients):
        one, two = (power.read_value() for power in self.powers)
        for weight, (m, v), gradient in zip(self.weights, self.slots, gradients, strict=True):
            tf.raw_ops.ResourceApplyAdam(
                var=weight.handle,
                m=m.handle,
                v=v.handle,
                beta1_power=one,
                beta2_power=two,
                lr=1e-3,
                beta1=0.9,
                beta2=0.999,
                epsilon=1e-8,
                grad=gradient,
            )
        self.powers[0].assign(one * 0.9)
        self.powers[1].assign(two * 0.999)


class Side:
    def __init__(self, name, weights=None, rate=None):
        self.batch, weights = SHAPES[name][0], weights or random_weights(name)
        rate = DROPOUT.get(name, 0.0) if rate is None else rate
        self.weights = [tf.Variable(w) for w in weights]
        self.totals = tf.Variable(tf.zeros(3))
        self.adam = Adam(self.weights)
        self.step = tf.function(partial(self._step, partial(FORWARD[name], rate=rate)))
        self.forward = partial(FORWARD[name], rate=0.0)
        self.compiled = tf.function(lambda x: self.forward(self.weights, x))

    def _step(self, forward, x, y):
        with tf.GradientTape() as tape:
            logits = forward(self.weights, x)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))
        self.adam.apply(tape.gradient(loss, self.weights))
        rows = tf.cast(len(y), "float32")
        right = tf.reduce_sum(tf.cast(tf.argmax(logits, -1) == y, "float32"))
        self.totals.assign_add(tf.stack([loss * rows, right, rows]))
        return loss

    def ready(self, x, y):
        return tf.constant(x), tf.constant(y)

    def train(self, batch):
        return self.step(*batch)

    def call(self, x):
        return self.forward(self.weights, x)

    def predict(self, x):
        batches = (tf.constant(x[i : i + BATCH]) for i in range(0, len(x), BATCH))
        return np.concatenate([self.compiled(batch).numpy() for batch in batches])

    def fit(self, x, y):
        self.totals.assign(tf.zeros(3))
        order = np.random.permutation(len(x))
        for i in range(0, len(x), self.batch):
            rows = order[i : i + self.batch]
            self.step(tf.constant(x[rows]), tf.constant(y[rows]))
        loss, right, seen = self.totals.numpy()
        return float(loss / seen), float(right / seen)

    def loss(self, x, y):
        return float(self.train(self.ready(x, y)))
