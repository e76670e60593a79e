"""Steps of one's own: the agnostic one on every backend, and Keras's three styles, each on its own backend."""

import numpy as np
import pytest

import triceras as keras
from tests.training.helpers import X, Y, linear
from triceras import ops

EXPECTED = {}


def expected_losses():
    """What the default step gives."""
    if not EXPECTED:
        with keras.use_backend("jax"):
            EXPECTED.update(linear(metrics=["mae"]).fit(X, Y, epochs=3, batch_size=5, shuffle=False, verbose=0).history)
    return EXPECTED


class Net(keras.Model):
    """The linear model of the helpers, as a subclass."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1)
        self.traced = 0

    def call(self, inputs):
        return self.dense(inputs)


def check(net, **compiled):
    """Its training goes as with the default step."""
    net.build((None, 4))
    net.set_weights(linear().get_weights())
    net.compile(keras.optimizers.SGD(0.1), "mse", metrics=["mae"], **compiled)
    found = net.fit(X, Y, epochs=3, batch_size=5, shuffle=False, verbose=0, validation_data=(X, Y)).history
    for name, values in expected_losses().items():
        np.testing.assert_allclose(found[name], values, rtol=1e-4, err_msg=name)
    return found


class Agnostic(Net):
    def train_step(self, data):
        x, y = data

        def loss_of():
            y_pred = self(x, training=True)
            return self.compute_loss(x, y, y_pred), y_pred

        (loss, y_pred), grads = keras.value_and_grad(loss_of, self.trainable_variables, has_aux=True)()
        self.optimizer.apply(grads, self.trainable_variables)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss, sample_weight=ops.shape(x)[0])
            else:
                metric.update_state(y, y_pred)
        return {metric.name: metric.result() for metric in self.metrics}


def test_the_agnostic_step(trainable_backend):
    check(Agnostic())


@pytest.mark.parametrize("options", [{"run_eagerly": True}, {"steps_per_execution": 2}])
def test_the_agnostic_step_with_options(trainable_backend, options):
    check(Agnostic(), **options)


class Counts(Net):
    def train_step(self, data):
        return {"loss": super().train_step(data)["loss"], "count": 3, "share": 0.5, "flag": True}


def test_a_step_may_report_python_numbers(trainable_backend):
    net = Counts()
    net.compile("sgd", "mse", run_eagerly=True)
    history = net.fit(X, Y, epochs=1, verbose=0).history
    assert (history["count"], history["share"], history["flag"]) == ([3.0], [0.5], [1.0])


class TorchStyle(Net):
    def train_step(self, data):
        import torch

        x, y = data
        self.zero_grad()
        y_pred = self(x, training=True)
        loss = self.compute_loss(y=y, y_pred=y_pred)
        loss.backward()
        weights = list(self.trainable_weights)
        gradients = [v.value.grad for v in weights]
        with torch.no_grad():
            self.optimizer.apply(gradients, weights)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss, sample_weight=len(x))
            else:
                metric.update_state(y, y_pred)
        return {m.name: m.result() for m in self.metrics}

    def test_step(self, data):
        x, y = data
        y_pred = self(x, training=False)
        self.compute_loss(y=y, y_pred=y_pred)
        return self.compute_metrics(x, y, y_pred)


def test_the_torch_style():
    pytest.importorskip("torch")
    with keras.use_backend("torch"):
        check(TorchStyle())


class TensorflowStyle(Net):
    def train_step(self, data):
        import tensorflow as tf

        x, y = data
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=y_pred)
        variables = self.trainable_variables
        gradients = tape.gradient(loss, variables)
        self.optimizer.apply(gradients, variables)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss, sample_weight=tf.shape(x)[0])
            else:
                metric.update_state(y, y_pred)
        return {m.name: m.result() for m in self.metrics}


@pytest.mark.parametrize("options", [{}, {"run_eagerly": True}])
def test_the_tensorflow_style(options):
    pytest.importorskip("tensorflow")
    with keras.use_backend("tensorflow"):
        check(TensorflowStyle(), **options)


class JaxStyle(Net):
    def loss_and_updates(self, trainable, non_trainable, x, y):
        y_pred, non_trainable = self.stateless_call(trainable, non_trainable, x, training=True)
        return self.compute_loss(x, y, y_pred), (y_pred, non_trainable)

    def train_step(self, state, data):
        import jax

        trainable, non_trainable, optimizer_variables, metrics_variables = state
        x, y = data
        (loss, (y_pred, non_trainable)), grads = jax.value_and_grad(self.loss_and_updates, has_aux=True)(
            trainable, non_trainable, x, y
        )
        trainable, optimizer_variables = self.optimizer.stateless_apply(optimizer_variables, grads, trainable)
        logs, new, at = {}, [], 0
        for metric in self.metrics:
            mine = metrics_variables[at : at + len(metric.variables)]
            at += len(mine)
            if metric.name == "loss":
                mine = metric.stateless_update_state(mine, loss, sample_weight=x.shape[0])
            else:
                mine = metric.stateless_update_state(mine, y, y_pred)
            logs[metric.name] = metric.stateless_result(mine)
            new += mine
        return logs, (trainable, non_trainable, optimizer_variables, new)

    def test_step(self, state, data):
        trainable, non_trainable, metrics_variables = state
        x, y = data
        y_pred, non_trainable = self.stateless_call(trainable, non_trainable, x, training=False)
        with keras.StatelessScope(list(zip(self.metrics_variables, metrics_variables, strict=True))) as scope:
            logs = self.compute_metrics(x, y, y_pred)
        new = [scope.get_current_value(v) for v in self.metrics_variables]
        return logs, (trainable, non_trainable, new)

    def predict_step(self, state, data):
        trainable, non_trainable = state
        return self.stateless_call(trainable, non_trainable, data[0] if isinstance(data, tuple) else data)


@pytest.mark.parametrize("options", [{}, {"run_eagerly": True}])
def test_the_jax_style(options):
    pytest.importorskip("jax")
    with keras.use_backend("jax"):
        net = JaxStyle()
        check(net, **options)
        np.testing.assert_allclose(net.predict(X, verbose=0), net.predict_on_batch(X), rtol=1e-5)


def test_other_methods_can_be_overridden(trainable_backend):
    class Doubled(Net):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
            return 2.0 * super().compute_loss(x, y, y_pred, sample_weight)

        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            return {**super().compute_metrics(x, y, y_pred, sample_weight), "bias": ops.mean(y_pred - y)}

        def predict_step(self, data):
            return -super().predict_step(data)

    net = Doubled()
    net.compile(keras.optimizers.SGD(0.0), "mse", metrics=["mse"])
    found = net.fit(X, Y, verbose=0, batch_size=20).history
    assert list(found) == ["bias", "loss", "mse"] and found["loss"][0] == pytest.approx(2 * found["mse"][0], rel=1e-5)
    np.testing.assert_allclose(net.predict(X, verbose=0), -ops.convert_to_numpy(net(X)), rtol=1e-5)


def test_metrics_of_one_s_own_are_found_and_reset(trainable_backend):
    class Own(Net):
        def __init__(self):
            super().__init__()
            self.seen = keras.metrics.Sum(name="seen")

        def train_step(self, data):
            logs = super().train_step(data)
            self.seen.update_state(ops.ones((4,)))
            return {**logs, "seen": self.seen.result()}

    net = Own()
    net.compile("sgd", "mse")
    assert net.metrics_names == ["loss", "seen"]
    assert net.fit(X, Y, batch_size=5, epochs=2, verbose=0).history["seen"] == [16.0, 16.0]


def test_a_model_without_call_trains_by_its_step(trainable_backend):
    class Pair(keras.Model):
        """Two models that are trained by two optimizers, as in adversarial training."""

        def __init__(self):
            super().__init__()
            self.first, self.second = (keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)]) for _ in range(2))
            self.tracker = keras.metrics.Mean(name="gap")

        def compile(self, first, second):
            super().compile(optimizer=None)
            self.optimizers = (first, second)

        def train_step(self, data):
            x, y = data
            for model, optimizer in zip((self.first, self.second), self.optimizers, strict=True):

                def loss_of(model=model):
                    return ops.mean(ops.square(model(x, training=True) - y))

                loss, grads = keras.value_and_grad(loss_of, model.trainable_variables)()
                optimizer.apply(grads, model.trainable_variables)
            self.tracker.update_state(loss)
            return {"gap": self.tracker.result()}

    pair = Pair()
    pair.compile(keras.optimizers.SGD(0.1), keras.optimizers.Adam(0.1))
    before = pair.get_weights()
    gaps = pair.fit(X, Y, epochs=3, verbose=0).history["gap"]
    assert gaps[-1] < gaps[0]
    assert not any(np.array_equal(a, b) for a, b in zip(before, pair.get_weights(), strict=True))


def test_one_trace_serves_all_full_batches():
    with keras.use_backend("jax"):

        class Counted(Net):
            def train_step(self, data):
                self.__dict__["traced"] += 1
                return super().train_step(data)

        net = Counted()
        net.compile("adam", "mse", metrics=["mae"])
        net.fit(X, Y, batch_size=5, epochs=3, verbose=0)
        assert net.traced <= 2
        net.fit(X, Y, batch_size=5, epochs=3, verbose=0)
        assert net.traced <= 2
