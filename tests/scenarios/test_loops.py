"""Loops of the user's own: the agnostic one on every backend, and those that Keras has for one backend each."""

import numpy as np
import pytest

import triceras as keras
from tests.scenarios.common import blobs, fill
from triceras import layers, ops
from triceras.core import registry

NOISE = np.random.default_rng(3).normal(size=(24, 2)).astype("float32")


def needs(name):
    return pytest.mark.skipif(name not in registry.installed(), reason=f"{name} is not installed")


class VAE(keras.Model):
    """As in Keras's guide, with the noise as a second input so that backends agree."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.encoder = keras.Sequential([layers.Dense(5, activation="relu"), layers.Dense(4)], name="encoder")
        self.decoder = keras.Sequential([layers.Dense(5, activation="relu"), layers.Dense(6)], name="decoder")
        self.total_loss_tracker = keras.metrics.Mean(name="total_loss")
        self.reconstruction_loss_tracker = keras.metrics.Mean(name="reconstruction_loss")
        self.kl_loss_tracker = keras.metrics.Mean(name="kl_loss")

    @property
    def metrics(self):
        return [self.total_loss_tracker, self.reconstruction_loss_tracker, self.kl_loss_tracker]

    def call(self, inputs, training=None):
        x, noise = inputs
        mean, log_var = ops.split(self.encoder(x), 2, axis=-1)
        return self.decoder(mean + ops.exp(0.5 * log_var) * noise), mean, log_var

    def losses_of(self, inputs):
        reconstruction, mean, log_var = self(inputs, training=True)
        error = ops.mean(ops.sum(ops.square(inputs[0] - reconstruction), axis=1))
        divergence = ops.mean(ops.sum(-0.5 * (1 + log_var - ops.square(mean) - ops.exp(log_var)), axis=1))
        return error + divergence, error, divergence

    def track(self, total, error, divergence):
        self.total_loss_tracker.update_state(total)
        self.reconstruction_loss_tracker.update_state(error)
        self.kl_loss_tracker.update_state(divergence)
        return {m.name: m.result() for m in self.metrics}


class AgnosticVAE(VAE):
    def train_step(self, data):
        (inputs,) = data if isinstance(data, tuple) and len(data) == 1 else (data,)

        def objective():
            total, error, divergence = self.losses_of(inputs)
            return total, (error, divergence)

        (total, (error, divergence)), grads = keras.value_and_grad(objective, self.trainable_weights, has_aux=True)()
        self.optimizer.apply_gradients(zip(grads, self.trainable_weights, strict=True))
        return self.track(total, error, divergence)


class TorchVAE(VAE):
    def train_step(self, data):
        import torch

        (inputs,) = data if isinstance(data, tuple) and len(data) == 1 else (data,)
        self.zero_grad()
        losses = self.losses_of(inputs)
        losses[0].backward()
        trainable_weights = list(self.trainable_weights)
        gradients = [v.value.grad for v in trainable_weights]
        with torch.no_grad():
            self.optimizer.apply(gradients, trainable_weights)
        return self.track(*losses)


class TensorFlowVAE(VAE):
    def train_step(self, data):
        import tensorflow as tf

        (inputs,) = data if isinstance(data, tuple) and len(data) == 1 else (data,)
        with tf.GradientTape() as tape:
            losses = self.losses_of(inputs)
        grads = tape.gradient(losses[0], self.trainable_weights)
        self.optimizer.apply_gradients(zip(grads, self.trainable_weights, strict=True))
        return self.track(*losses)


class JaxVAE(VAE):
    def compute_loss_and_updates(self, trainable, non_trainable, inputs):
        (reconstruction, mean, log_var), non_trainable = self.stateless_call(
            trainable, non_trainable, inputs, training=True
        )
        error = ops.mean(ops.sum(ops.square(inputs[0] - reconstruction), axis=1))
        divergence = ops.mean(ops.sum(-0.5 * (1 + log_var - ops.square(mean) - ops.exp(log_var)), axis=1))
        return error + divergence, (error, divergence, non_trainable)

    def train_step(self, state, data):
        import jax

        (inputs,) = data if isinstance(data, tuple) and len(data) == 1 else (data,)
        trainable, non_trainable, optimizer_variables, metrics_variables = state
        grad_fn = jax.value_and_grad(self.compute_loss_and_updates, has_aux=True)
        (total, (error, divergence, non_trainable)), grads = grad_fn(trainable, non_trainable, inputs)
        trainable, optimizer_variables = self.optimizer.stateless_apply(optimizer_variables, grads, trainable)
        new, logs, at = [], {}, 0
        for metric, value in zip(self.metrics, (total, error, divergence), strict=True):
            mine = metrics_variables[at : at + len(metric.variables)]
            at += len(mine)
            mine = metric.stateless_update_state(mine, value)
            logs[metric.name] = metric.stateless_result(mine)
            new += mine
        return logs, (trainable, non_trainable, optimizer_variables, new)


def train_vae(kind, **compiled):
    x, _ = blobs()
    model = kind()
    model((x[:2], NOISE[:2]))
    fill(model).compile(optimizer=keras.optimizers.Adam(1e-2), **compiled)
    history = model.fit([x, NOISE], epochs=2, batch_size=8, shuffle=False, verbose=0).history
    assert list(history) == ["kl_loss", "reconstruction_loss", "total_loss"]
    assert history["total_loss"][1] < history["total_loss"][0]
    assert [tuple(o.shape) for o in model.predict([x, NOISE], batch_size=7, verbose=0)] == [(24, 6), (24, 2), (24, 2)]
    return history["total_loss"]


@pytest.fixture(scope="module")
def vae_losses():
    name = next(n for n in registry.installed() if registry.get(n).has_gradients)
    with keras.use_backend(name):
        return train_vae(AgnosticVAE, run_eagerly=True)


@pytest.mark.parametrize("compiled", [{}, {"jit_compile": False}], ids=["compiled", "plain"])
def test_a_vae_in_the_agnostic_style(trainable_backend, compiled, vae_losses):
    np.testing.assert_allclose(train_vae(AgnosticVAE, **compiled), vae_losses, rtol=1e-4)


@pytest.mark.parametrize(
    "name, kind",
    [
        pytest.param("torch", TorchVAE, marks=needs("torch")),
        pytest.param("tensorflow", TensorFlowVAE, marks=needs("tensorflow")),
        pytest.param("jax", JaxVAE, marks=needs("jax")),
    ],
)
def test_a_vae_in_the_style_of_one_backend(name, kind, vae_losses):
    with keras.use_backend(name):
        np.testing.assert_allclose(train_vae(kind), vae_losses, rtol=1e-4)


class GAN(keras.Model):
    """Two optimizers in one `train_step`, compiled with arguments of its own."""

    def __init__(self, discriminator, generator):
        super().__init__()
        self.discriminator, self.generator = discriminator, generator

    def compile(self, d_optimizer, g_optimizer, loss_fn):
        super().compile()
        self.d_optimizer, self.g_optimizer, self.loss_fn = d_optimizer, g_optimizer, loss_fn
        self.d_loss_metric = keras.metrics.Mean(name="d_loss")
        self.g_loss_metric = keras.metrics.Mean(name="g_loss")

    @property
    def metrics(self):
        return [self.d_loss_metric, self.g_loss_metric]

    def train_step(self, data):
        real, latent = data
        size = ops.shape(real)[0]
        labels = ops.concatenate([ops.ones((size, 1)), ops.zeros((size, 1))], axis=0)
        combined = ops.concatenate([self.generator(latent), real], axis=0)

        def d_objective():
            return self.loss_fn(labels, self.discriminator(combined))

        d_loss, grads = keras.value_and_grad(d_objective, self.discriminator.trainable_weights)()
        self.d_optimizer.apply(grads, self.discriminator.trainable_weights)

        def g_objective():
            return self.loss_fn(ops.zeros((size, 1)), self.discriminator(self.generator(latent)))

        g_loss, grads = keras.value_and_grad(g_objective, self.generator.trainable_weights)()
        self.g_optimizer.apply(grads, self.generator.trainable_weights)
        self.d_loss_metric.update_state(d_loss)
        self.g_loss_metric.update_state(g_loss)
        return {m.name: m.result() for m in self.metrics}


def gan_parts():
    critic = keras.Sequential([keras.Input((6,)), layers.Dense(4), layers.LeakyReLU(0.2), layers.Dense(1)])
    maker = keras.Sequential([keras.Input((2,)), layers.Dense(4, activation="relu"), layers.Dense(6)])
    return fill(critic, 1), fill(maker, 2)


GAN_LOSSES = {}


def test_a_gan_with_two_optimizers(trainable_backend):
    x, _ = blobs()
    critic, maker = gan_parts()
    gan = GAN(critic, maker)
    gan.compile(keras.optimizers.Adam(0.02), keras.optimizers.Adam(0.01), keras.losses.BinaryCrossentropy(True))
    found = gan.fit(x, NOISE, epochs=2, batch_size=8, shuffle=False, verbose=0).history
    expected = GAN_LOSSES.setdefault("fit", found)
    for key in ("d_loss", "g_loss"):
        np.testing.assert_allclose(found[key], expected[key], rtol=1e-3)
    by_hand = hand_written_gan()
    np.testing.assert_allclose(by_hand, GAN_LOSSES.setdefault("hand", by_hand), rtol=1e-3)
    np.testing.assert_allclose(np.mean(by_hand[-3:]), found["g_loss"][-1], rtol=1e-3)


def hand_written_gan():
    """The same as a plain Python loop over compiled functions: the generator's loss of each batch."""
    x, _ = blobs()
    critic, maker = gan_parts()
    loss_fn = keras.losses.BinaryCrossentropy(from_logits=True)
    d_optimizer, g_optimizer = keras.optimizers.Adam(0.02), keras.optimizers.Adam(0.01)
    d_optimizer.build(critic.trainable_variables)
    g_optimizer.build(maker.trainable_variables)

    @keras.jit
    def step(real, latent):
        labels = ops.concatenate([ops.ones((8, 1)), ops.zeros((8, 1))], axis=0)
        combined = ops.concatenate([maker(latent), real], axis=0)
        _, grads = keras.value_and_grad(lambda: loss_fn(labels, critic(combined)), critic.trainable_variables)()
        d_optimizer.apply(grads, critic.trainable_variables)
        g_loss, grads = keras.value_and_grad(
            lambda: loss_fn(ops.zeros((8, 1)), critic(maker(latent))), maker.trainable_variables
        )()
        g_optimizer.apply(grads, maker.trainable_variables)
        return g_loss

    batches = [(x[i : i + 8], NOISE[i : i + 8]) for _ in range(2) for i in (0, 8, 16)]
    return [float(step(keras.ops.convert_to_tensor(a), keras.ops.convert_to_tensor(b))) for a, b in batches]


# --- native loops: each framework's own way around a model ------------------------------------------------------------


def small_classifier():
    net = keras.Sequential(
        [keras.Input((6,)), layers.Dense(8, activation="relu"), layers.BatchNormalization(), layers.Dense(3)]
    )
    return fill(net)


@pytest.fixture(scope="module")
def fitted_losses():
    """What `fit` gives: the losses of six batches."""
    name = next(n for n in registry.installed() if registry.get(n).has_gradients)
    with keras.use_backend(name):
        x, y = blobs()
        net = small_classifier()
        net.compile(keras.optimizers.SGD(0.2), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        return [net.train_on_batch(x[i : i + 8], y[i : i + 8]) for _ in range(2) for i in (0, 8, 16)]


@needs("jax")
def test_a_stateless_loop_in_jax(fitted_losses):
    import jax

    with keras.use_backend("jax"):
        x, y = blobs()
        model, optimizer = small_classifier(), keras.optimizers.SGD(0.2)
        loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        metric = keras.metrics.SparseCategoricalAccuracy()
        optimizer.build(model.trainable_variables)

        def compute(trainable, non_trainable, x, y):
            y_pred, non_trainable = model.stateless_call(trainable, non_trainable, x, training=True)
            return loss_fn(y, y_pred), (y_pred, non_trainable)

        grad_fn = jax.value_and_grad(compute, has_aux=True)

        @jax.jit
        def step(state, x, y):
            trainable, non_trainable, opt, met = state
            (loss, (y_pred, non_trainable)), grads = grad_fn(trainable, non_trainable, x, y)
            trainable, opt = optimizer.stateless_apply(opt, grads, trainable)
            met = metric.stateless_update_state(met, y, y_pred)
            return loss, (trainable, non_trainable, opt, met)

        state = (model.trainable_variables, model.non_trainable_variables, optimizer.variables, metric.variables)
        state = tuple([v.value for v in part] for part in state)
        losses = []
        for _ in range(2):
            for i in (0, 8, 16):
                loss, state = step(state, x[i : i + 8], y[i : i + 8])
                losses.append(float(loss))
        np.testing.assert_allclose(losses, fitted_losses, rtol=1e-3)
        accuracy = float(metric.stateless_result(state[3]))
        assert 0 <= accuracy <= 1 and accuracy * 48 == pytest.approx(round(accuracy * 48), abs=1e-3)
        for variable, value in zip(model.trainable_variables, state[0], strict=True):
            variable.assign(value)
        for variable, value in zip(model.non_trainable_variables, state[1], strict=True):
            variable.assign(value)
        assert int(state[2][0]) == 6  # the optimizer's iterations
        assert model.predict(x, verbose=0).shape == (24, 3)


@needs("torch")
def test_a_torch_loop_with_a_torch_optimizer(fitted_losses):
    import torch

    with keras.use_backend("torch"):
        x, y = blobs()
        model = small_classifier()
        assert isinstance(model, torch.nn.Module)
        loader = torch.utils.data.DataLoader(
            torch.utils.data.TensorDataset(torch.from_numpy(x), torch.from_numpy(y)), batch_size=8, shuffle=False
        )
        optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
        loss_fn = torch.nn.CrossEntropyLoss()
        losses = []
        for _ in range(2):
            for inputs, targets in loader:
                logits = model(inputs, training=True)
                loss = loss_fn(logits, targets.long())
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
        np.testing.assert_allclose(losses, fitted_losses, rtol=1e-3)
        with torch.no_grad():
            assert tuple(model(torch.from_numpy(x)).shape) == (24, 3)


@needs("torch")
def test_a_torch_module_around_layers():
    import torch

    class Wrapped(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.body = keras.Sequential([keras.Input((6,)), layers.Dense(4, activation="relu", name="hidden")])
            self.head = torch.nn.Linear(4, 3)

        def forward(self, x):
            return self.head(self.body(x))

    with keras.use_backend("torch"):
        x, y = blobs()
        net = Wrapped()
        assert len(list(net.parameters())) == 4
        optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
        losses = []
        for _ in range(10):
            loss = torch.nn.functional.cross_entropy(net(torch.from_numpy(x)), torch.from_numpy(y).long())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert losses[-1] < losses[0] * 0.8
        other = Wrapped()
        other.load_state_dict(net.state_dict())
        torch.testing.assert_close(other(torch.from_numpy(x)), net(torch.from_numpy(x)))


@needs("tensorflow")
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "function"])
def test_a_gradient_tape_loop(compiled, fitted_losses):
    import tensorflow as tf

    with keras.use_backend("tensorflow"):
        x, y = blobs()
        model, optimizer = small_classifier(), keras.optimizers.SGD(learning_rate=0.2)
        loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        accuracy = keras.metrics.SparseCategoricalAccuracy()

        def train_step(inputs, targets):
            with tf.GradientTape() as tape:
                logits = model(inputs, training=True)
                loss = loss_fn(targets, logits)
            grads = tape.gradient(loss, model.trainable_weights)
            optimizer.apply(grads, model.trainable_weights)
            accuracy.update_state(targets, logits)
            return loss

        optimizer.build(model.trainable_variables)
        step = tf.function(train_step) if compiled else train_step
        dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(8)
        losses = [float(step(inputs, targets)) for _ in range(2) for inputs, targets in dataset]
        np.testing.assert_allclose(losses, fitted_losses, rtol=1e-3)
        assert 0 <= float(accuracy.result()) <= 1
